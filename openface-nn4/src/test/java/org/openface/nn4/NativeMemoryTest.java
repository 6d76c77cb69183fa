package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.CancellationException;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.drawn.DrawnFaces;
import org.openface.core.embedding.FaceBatch;
import org.openface.nn4.internal.engine.Precision;
import org.openface.nn4.internal.engine.samediff.SameDiffEngine;
import org.openface.triplet.training.Trainer;
import org.openface.triplet.training.Training;
import org.openface.triplet.training.TrainingEvent;

/** After {@link Nn4Model#close} nothing native is left, however the training ended. */
@Tag("native")
class NativeMemoryTest {
    private Path temp;
    private FaceDataset faces;

    @BeforeEach
    void drawPeople(@TempDir Path folder) throws IOException {
        temp = folder;
        DrawnFaces.of(1).writeTo(temp.resolve("faces"), 3, 3);
        faces = FaceDataset.index(temp.resolve("faces"));
    }

    /** What is allocated: JavaCPP's bytes and objects, and threads of ours. */
    private record Held(long bytes, long pointers, long threads) {
        static Held now() {
            return new Held(
                    Pointer.totalBytes(),
                    Pointer.totalCount(),
                    Thread.getAllStackTraces().keySet().stream()
                            .filter(thread -> thread.getName().startsWith("openface"))
                            .count());
        }

        boolean isWithin(Held most) {
            return bytes <= most.bytes && pointers <= most.pointers && threads <= most.threads;
        }
    }

    /**
     * Waits for the threads to end. ND4J leaves the small buffers of its graphs and operations, some thousand bytes, to
     * Java's collector, which may take away what earlier tests have left too.
     */
    private static void awaitHeld(Held most) throws InterruptedException {
        for (int i = 0; i < 100 && !Held.now().isWithin(most); i++) {
            System.gc();
            Thread.sleep(100);
        }
        assertThat(Held.now()).matches(held -> held.isWithin(most), "at most " + most);
    }

    private interface Use {
        void of(Nn4Model model) throws Exception;
    }

    private static void use(Nn4Model.Engine engine, Use use) throws Exception {
        try (Nn4Model model =
                Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).engine(engine).build()) {
            use.of(model);
        }
    }

    private Trainer.Builder trainer(Nn4Model model, String work) {
        return Trainer.builder()
                .model(model)
                .trainingSet(faces)
                .validationSet(faces)
                .identitiesPerBatch(2)
                .imagesPerIdentity(2)
                .batchesPerEpoch(2)
                .epochs(1)
                .workDirectory(temp.resolve(work))
                .plots(false);
    }

    @ParameterizedTest
    @EnumSource(
            value = Nn4Model.Engine.class,
            names = {"ONEDNN", "SAMEDIFF"})
    void isReleasedHoweverTheTrainingEnds(Nn4Model.Engine engine) throws Exception {
        assertThat(new SameDiffEngine().obstacle(Precision.FLOAT32))
                .isNull(); // the libraries keep what they allocate when they are loaded
        use(engine, model -> model.plan(1, 1L << 30));
        System.gc(); // what earlier tests have left
        Thread.sleep(300);
        Held before = new Held(Pointer.totalBytes(), Pointer.totalCount(), 0);
        use(engine, model -> {
            trainer(model, "end").fit();
            if (engine == Nn4Model.Engine.ONEDNN) { // ND4J's own are not all counted
                assertThat(Held.now().pointers()).isGreaterThan(before.pointers() + 1000);
            }
            assertThat(Held.now().threads()).isEqualTo(1);
        });
        awaitHeld(before);
        use(engine, model -> assertThatThrownBy(() -> trainer(model, "listener")
                        .listener(event -> {
                            if (event instanceof TrainingEvent.StepCompleted
                                    || event instanceof TrainingEvent.EmptyBatch) {
                                throw new IllegalStateException("enough");
                            }
                        })
                        .fit())
                .hasMessage("enough"));
        use(engine, model -> assertThatThrownBy(() -> trainer(model, "miner")
                        .miner(in -> {
                            throw new IllegalStateException("between forward and backward");
                        })
                        .fit())
                .hasMessage("between forward and backward"));
        use(engine, model -> {
            Training training = trainer(model, "cancelled").epochs(1000).start();
            training.cancel();
            assertThatThrownBy(training::await).isInstanceOf(CancellationException.class);
        });
        use(engine, model -> {
            int side = model.imageSize();
            FaceBatch batch = FaceBatch.of(side, Reference.pixels(4, side), new int[4]);
            model.forward(batch, model.plan(4, 1L << 30)).close(); // dropped
        });
        awaitHeld(before);
    }
}
