package org.openface.triplet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.image.RgbImage;
import org.openface.triplet.mining.Patterns;

/** Control of a training under way. */
@Timeout(60)
class TrainingTest {
    private final List<TrainingEvent> events = Collections.synchronizedList(new ArrayList<>());
    private final CountDownLatch begun = new CountDownLatch(3);
    private Path work;
    private Trainer.Builder trainer;

    @BeforeEach
    void preparePeople(@TempDir Path temp) throws IOException {
        work = temp.resolve("work");
        FaceDataset dataset = Patterns.write(temp.resolve("faces"), 4, 4);
        trainer = Trainer.builder()
                .model(new LinearEmbedder(1))
                .trainingSet(dataset)
                .identitiesPerBatch(3)
                .imagesPerIdentity(3)
                .batchesPerEpoch(100_000)
                .epochs(1)
                .workDirectory(work)
                .plots(false)
                .evaluateEachEpoch("now", model -> Map.of("accuracy", 0.5))
                .listener(event -> {
                    events.add(event);
                    if (event instanceof TrainingEvent.StepCompleted || event instanceof TrainingEvent.EmptyBatch) {
                        begun.countDown();
                    }
                });
    }

    private long batches() {
        synchronized (events) {
            return events.stream()
                    .filter(event ->
                            event instanceof TrainingEvent.StepCompleted || event instanceof TrainingEvent.EmptyBatch)
                    .count();
        }
    }

    @Test
    void cancelEndsWithACheckpointThatTheNextRunGoesOnFrom() throws Exception {
        Training training = trainer.start();
        begun.await();
        training.cancel();
        assertThatThrownBy(training::await)
                .isInstanceOf(CancellationException.class)
                .hasMessageContaining("goes on from there");
        long done = batches();
        assertThat(work.resolve(String.format("checkpoint-0000+%06d.properties", done)))
                .exists();
        assertThat(training.progress().orElseThrow().batch()).isEqualTo((int) done);

        events.clear();
        Training again = trainer.start();
        again.cancel();
        assertThatThrownBy(again::await).isInstanceOf(CancellationException.class);
        assertThat(((TrainingEvent.Started) events.get(0)).resumedFrom()).isPresent();
    }

    @Test
    void servesSnapshotsAndEvaluationsWhilePausing() throws Exception {
        Training training = trainer.start();
        begun.await();
        training.pause();
        Path snapshot = training.snapshot().join();
        assertThat(training.evaluate().join()).isEqualTo(Map.of("now.accuracy", 0.5));
        long before = batches();
        assertThat(training.evaluate().join()).containsKey("now.accuracy");
        assertThat(batches()).isEqualTo(before);
        assertThat(snapshot.getFileName().toString()).isEqualTo(String.format("snapshot-0000+%06d.nn4", before));
        assertThat(Files.size(snapshot)).isPositive();
        training.resume();
        training.cancel();
        assertThatThrownBy(training::await).isInstanceOf(CancellationException.class);
        assertThat(events).contains(new TrainingEvent.Paused(true), new TrainingEvent.Paused(false));
    }

    @Test
    void aPauseChangesNothing() throws Exception {
        TrainingResult whole = trainer.batchesPerEpoch(20).fit();
        List<Training> handle = new ArrayList<>();
        CountDownLatch known = new CountDownLatch(1);
        Training training = trainer.workDirectory(work.resolveSibling("paused"))
                .model(new LinearEmbedder(1))
                .listener(event -> {
                    if (event instanceof TrainingEvent.StepCompleted step && step.batch() % 7 == 0) {
                        try {
                            known.await();
                        } catch (InterruptedException e) {
                            throw new IllegalStateException(e);
                        }
                        handle.get(0).pause();
                    } else if (event instanceof TrainingEvent.Paused paused && paused.on()) {
                        handle.get(0).resume();
                    }
                })
                .start();
        handle.add(training);
        known.countDown();
        assertThat(training.await().weightsHash()).isEqualTo(whole.weightsHash());
        assertThat(events).contains(new TrainingEvent.Paused(true));
    }

    @Test
    void afterTheEndNothingIsServedAndTheFailureIsToldAsByFit() throws Exception {
        Training training = trainer.listener(event -> {
                    throw new IllegalStateException("enough");
                })
                .start();
        assertThatThrownBy(training::await)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("enough");
        CompletableFuture<Path> snapshot = training.snapshot();
        assertThatThrownBy(snapshot::join).isInstanceOf(CompletionException.class);
    }

    @Test
    void whoAskedHearsOfAnEvaluationThatEndsTheTraining() throws Exception {
        Training training = trainer.listener(event -> {
                    if (event instanceof TrainingEvent.EvaluationCompleted) {
                        throw new IllegalStateException("the listener's");
                    }
                })
                .start();
        CompletableFuture<Map<String, Double>> figures = training.evaluate();
        assertThatThrownBy(figures::join).hasRootCauseMessage("the listener's");
        assertThatThrownBy(training::await).hasMessage("the listener's");
    }

    @Test
    void cancellingDoesNotWaitForTheRestOfAnEvaluation() throws Exception {
        CountDownLatch embedding = new CountDownLatch(1);
        RgbImage face = Patterns.picture(0, 0);
        Training training = trainer.evaluateEachEpoch("endless", model -> {
                    while (true) {
                        model.embed(face);
                        embedding.countDown();
                    }
                })
                .start();
        begun.await();
        CompletableFuture<Map<String, Double>> figures = training.evaluate();
        embedding.await();
        training.cancel();
        assertThatThrownBy(training::await)
                .isInstanceOf(CancellationException.class)
                .hasMessageContaining("goes on from there");
        assertThat(figures).isCompletedExceptionally();
        assertThat(work.resolve(String.format("checkpoint-0000+%06d.properties", batches())))
                .exists();
        assertThat(events).noneMatch(event -> event instanceof TrainingEvent.EvaluationFailed);
    }

    @Test
    void whatAnEvaluationAtTheEndOfAnEpochWasCancelledInIsMadeUpFor() throws Exception {
        CountDownLatch embedding = new CountDownLatch(1);
        RgbImage face = Patterns.picture(0, 0);
        Training training = trainer.batchesPerEpoch(2)
                .evaluateEachEpoch("later", model -> {
                    while (embedding.getCount() >= 0) {
                        model.embed(face);
                        embedding.countDown();
                    }
                    return Map.of();
                })
                .start();
        embedding.await();
        training.cancel();
        assertThatThrownBy(training::await)
                .isInstanceOf(CancellationException.class)
                .hasMessageContaining("after 1 epochs and 0 batches");
        events.clear();
        TrainingResult result = Trainer.builder()
                .model(new LinearEmbedder(1))
                .trainingSet(FaceDataset.index(work.resolveSibling("faces")))
                .identitiesPerBatch(3)
                .imagesPerIdentity(3)
                .batchesPerEpoch(2)
                .epochs(1)
                .workDirectory(work)
                .plots(false)
                .evaluateEachEpoch("later", model -> Map.of("accuracy", 0.75))
                .fit();
        assertThat(result.last().evaluation()).isEqualTo(Map.of("later.accuracy", 0.75));
    }
}
