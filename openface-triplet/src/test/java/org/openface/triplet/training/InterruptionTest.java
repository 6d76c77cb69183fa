package org.openface.triplet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A training whose thread is interrupted. */
@Timeout(60)
class InterruptionTest {
    private Runs runs;

    @BeforeEach
    void drawPeople(@TempDir Path temp) throws IOException {
        runs = new Runs(temp);
    }

    @AfterEach
    void forget() {
        Thread.interrupted();
    }

    private static Consumer<TrainingEvent> after(int epoch, int batch, Runnable action) {
        return event -> {
            if (event instanceof TrainingEvent.StepCompleted step && step.epoch() == epoch && step.batch() == batch) {
                action.run();
            }
        };
    }

    private static void interrupt() {
        Thread.currentThread().interrupt();
    }

    @Test
    void theLastCheckpointOfACancelledRunIsWritten() throws Exception {
        CompletableFuture<Training> handle = new CompletableFuture<>();
        Training training = runs.trainer()
                .listener(after(2, 3, () -> {
                    handle.join().cancel();
                    interrupt();
                }))
                .start();
        handle.complete(training);
        assertThatThrownBy(training::await)
                .isInstanceOf(CancellationException.class)
                .hasMessageContaining("after 1 epochs and 3 batches");
        assertThat(runs.work.resolve("model-0001+000003.nn4")).exists();
    }

    @Test
    void anInterruptedRunSaysSoAndLosesNothing() throws IOException {
        String whole = runs.trainer().fit().weightsHash();
        runs.work = runs.work.resolveSibling("interrupted");
        assertThatThrownBy(() -> runs.trainer()
                        .listener(after(2, 3, InterruptionTest::interrupt))
                        .fit())
                .isInstanceOf(InterruptedIOException.class)
                .hasMessageContaining("interrupted while loading");
        assertThat(Thread.interrupted()).isTrue();
        assertThat(runs.work.resolve("model-0001+000003.nn4")).exists();
        assertThat(runs.trainer().fit().weightsHash()).isEqualTo(whole);
    }

    @Test
    void anEpochThatIsThroughIsSavedThoughItsThreadIsInterrupted() throws IOException {
        assertThatThrownBy(() -> runs.trainer()
                        .listener(after(1, 5, InterruptionTest::interrupt))
                        .fit())
                .isInstanceOf(InterruptedIOException.class)
                .hasMessageStartingWith("interrupted while writing ");
        assertThat(Thread.interrupted()).isTrue();
        assertThat(runs.work.resolve("checkpoint-0001.properties")).exists();
    }

    @Test
    void anInterruptedEvaluationIsMadeUpFor() throws IOException {
        assertThatThrownBy(() -> runs.trainer()
                        .epochs(1)
                        .evaluateEachEpoch("lfw", model -> {
                            interrupt();
                            throw new IllegalStateException("a subset only");
                        })
                        .fit())
                .isInstanceOf(InterruptedIOException.class)
                .hasMessage("interrupted while evaluating lfw");
        assertThat(runs.events(TrainingEvent.EvaluationFailed.class)).isEmpty();
        assertThat(Thread.interrupted()).isTrue();
        assertThat(runs.trainer()
                        .epochs(1)
                        .evaluateEachEpoch("lfw", model -> Map.of("accuracy", 0.75))
                        .fit()
                        .last()
                        .evaluation())
                .containsEntry("lfw.accuracy", 0.75);
    }
}
