package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.openface.core.embedding.Embedding;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;
import org.openface.core.image.RgbImage;
import org.openface.nn4.internal.engine.Executor;

/** A model that several threads use: no answer mixes two networks, and nobody waits for ever. */
@Tag("native")
class ConcurrentUseTest {
    /** A deadlock fails a test after so many seconds, in place of stopping the build. */
    private static final int WATCHDOG = 100;

    private Nn4Model model;

    @BeforeEach
    void make() {
        model = Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).embeddingSize(16).build();
        model.setPatience(Duration.ofMillis(500));
    }

    @AfterEach
    void close() throws Exception {
        CompletableFuture.runAsync(model::close).get(WATCHDOG, TimeUnit.SECONDS);
    }

    private static RgbImage face(long seed) {
        byte[] rgb = new byte[96 * 96 * 3];
        new SplittableRandom(seed).nextBytes(rgb);
        return RgbImage.of(96, 96, rgb);
    }

    private ForwardPass pass() {
        FaceBatch batch = FaceBatch.of(96, Reference.pixels(4, 96), new int[4]);
        return model.forward(batch, model.plan(4, Long.MAX_VALUE));
    }

    private static void update(ForwardPass pass) {
        pass.update(new EmbeddingBatch(16, Reference.uniform(5, 4 * 16)), Optimizer.sgd(1e-2));
    }

    private void step() {
        try (ForwardPass pass = pass()) {
            update(pass);
        }
    }

    /** In a thread of its own, which the watchdog can leave behind. */
    private static void watched(Runnable inside) throws Exception {
        CompletableFuture<Void> done = new CompletableFuture<>();
        Thread thread = new Thread(() -> {
            try {
                inside.run();
                done.complete(null);
            } catch (Throwable e) {
                done.completeExceptionally(e);
            }
        });
        thread.setDaemon(true);
        thread.start();
        done.get(WATCHDOG, TimeUnit.SECONDS);
    }

    /** The one face is embedded before and after each training step, by one call. */
    @Test
    void oneAnswerIsOfOneNetwork() throws Exception {
        int calls = 2 * Executor.INFERENCE_BATCH;
        List<RgbImage> faces = new ArrayList<>();
        RgbImage same = face(1);
        for (int i = 0; i < calls; i++) {
            faces.add(same);
        }
        CountDownLatch started = new CountDownLatch(1);
        List<RgbImage> trainsMeanwhile = new java.util.AbstractList<>() {
            @Override
            public RgbImage get(int index) {
                if (index == Executor.INFERENCE_BATCH) { // the first half is done
                    step();
                    started.countDown();
                }
                return faces.get(index);
            }

            @Override
            public int size() {
                return calls;
            }
        };
        watched(() -> {
            EmbeddingBatch batch = model.embed(trainsMeanwhile);
            assertThat(batch.get(calls - 1)).isEqualTo(batch.get(0));
            assertThat(model.embed(same)).isNotEqualTo(batch.get(0)); // it did learn
            List<Embedding> stream = model.embed(trainsMeanwhile.stream()).toList();
            assertThat(stream.get(calls - 1)).isEqualTo(stream.get(0));
            assertThat(started.getCount()).isZero();
        });
    }

    @Test
    void embeddingFromAHelperInsideAPassEndsWithAnError() throws Exception {
        watched(() -> {
            try (ForwardPass pass = pass()) {
                CompletableFuture<Embedding> helper = CompletableFuture.supplyAsync(() -> model.embed(face(1)));
                assertThatThrownBy(helper::join)
                        .hasRootCauseInstanceOf(IllegalStateException.class)
                        .hasMessageContaining(
                                "opened by thread " + Thread.currentThread().getName());
                assertThatThrownBy(() -> Stream.of(face(1), face(2), face(3), face(4))
                                .parallel()
                                .forEach(model::embed))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("pass");
                update(pass); // which is as good as before
                CompletableFuture<Embedding> after = CompletableFuture.supplyAsync(() -> model.embed(face(1)));
                assertThatThrownBy(after::join).hasMessageContaining("opened by thread");
            }
            assertThat(model.embed(face(1)).dimension()).isEqualTo(16);
        });
    }

    @Test
    void closingFromAHelperInsideAPassEndsWithAnError() throws Exception {
        watched(() -> {
            try (ForwardPass pass = pass()) {
                CompletableFuture<Void> helper = CompletableFuture.runAsync(model::close);
                assertThatThrownBy(helper::join)
                        .hasRootCauseInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("close a pass before");
                update(pass);
            }
            assertThat(model.embed(face(1)).dimension()).isEqualTo(16); // it is open still
        });
    }

    @Test
    void closingFromAnotherThreadWaitsForAPassThatGoesOn() throws Exception {
        CountDownLatch opened = new CountDownLatch(1);
        CompletableFuture<Void> closing = CompletableFuture.runAsync(() -> {
            try {
                opened.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            model.close();
        });
        watched(() -> {
            try (ForwardPass pass = pass()) {
                opened.countDown();
                for (int i = 0; i < 3; i++) { // computing, or running, all the time
                    double sum = 0;
                    for (int k = 0; k < 100_000_000; k++) {
                        sum += Math.sqrt(k);
                    }
                    assertThat(sum).isPositive();
                }
                assertThat(closing).isNotDone();
                update(pass);
            }
            closing.orTimeout(WATCHDOG, TimeUnit.SECONDS).join();
            assertThatThrownBy(() -> model.embed(face(1))).hasMessageContaining("closed");
        });
    }

    @Test
    void aPassThatIsNeverClosedHoldsNobodyForEver() throws Exception {
        Thread forgetful = new Thread(() -> {
            @SuppressWarnings("unused")
            ForwardPass forgotten = pass();
        });
        forgetful.start();
        forgetful.join(TimeUnit.SECONDS.toMillis(WATCHDOG));
        watched(() -> assertThatThrownBy(() -> model.embed(face(1)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining(forgetful.getName()));
        model = Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).embeddingSize(16).build(); // for the end of this test
    }
}
