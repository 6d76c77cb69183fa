package org.openface.triplet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.FaceDataset;
import org.openface.triplet.internal.checkpoint.WorkLock;
import org.openface.triplet.mining.Patterns;

/**
 * A work directory on a file system of 256 KiB that becomes full, or read-only; needs a Linux on which the test may mount
 * one.
 */
@Tag("soak")
class FullDiskTest {
    private static int run(String... command) throws IOException, InterruptedException {
        return new ProcessBuilder(command).redirectErrorStream(true).start().waitFor();
    }

    private static Trainer.Builder trainer(FaceDataset faces, Path work) {
        return Trainer.builder()
                .model(new LinearEmbedder(1))
                .trainingSet(faces)
                .identitiesPerBatch(3)
                .imagesPerIdentity(3)
                .batchesPerEpoch(5)
                .epochs(6)
                .checkpointEveryBatches(2)
                .plots(false)
                .workDirectory(work);
    }

    /** What happens to the file system in the third epoch, and how it is put right. */
    private interface Trouble {
        void on(Path mounted) throws Exception;
    }

    private static void stopsTheRunAndTheLastCheckpointStaysGood(
            Path temp, String message, Trouble begins, Trouble ends) throws Exception {
        FaceDataset faces = Patterns.write(temp.resolve("faces"), 4, 4);
        TrainingResult whole = trainer(faces, temp.resolve("whole")).fit();

        Path small = Files.createDirectory(temp.resolve("small"));
        boolean mounted;
        try {
            mounted = run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small.toString()) == 0;
        } catch (IOException e) {
            mounted = false;
        }
        assumeThat(mounted).as("a file system can be mounted").isTrue();
        try {
            Trainer.Builder trainer = trainer(faces, small.resolve("work"));
            assertThatThrownBy(() -> trainer.listener(event -> {
                                if (event instanceof TrainingEvent.StepCompleted step
                                        && step.epoch() == 3
                                        && step.batch() == 1) {
                                    try {
                                        begins.on(small);
                                    } catch (Exception e) {
                                        throw new IllegalStateException(e);
                                    }
                                }
                            })
                            .fit())
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("cannot write")
                    .hasMessageContaining(message);
            ends.on(small);
            try (Stream<Path> files = Files.list(small.resolve("work"))) {
                assertThat(files.filter(file -> file.getFileName().toString().startsWith(".")))
                        .containsExactly(small.resolve("work").resolve(WorkLock.FILE));
            }
            TrainingResult resumed = trainer(faces, small.resolve("work")).fit();
            assertThat(resumed.weightsHash()).isEqualTo(whole.weightsHash());
            assertThat(resumed.history()).hasSize(6);
        } finally {
            run("umount", small.toString());
        }
    }

    @Test
    void aFullDisk(@TempDir Path temp) throws Exception {
        stopsTheRunAndTheLastCheckpointStaysGood(
                temp,
                "No space left",
                small -> fill(small.resolve("filler")),
                small -> Files.delete(small.resolve("filler")));
    }

    @Test
    void aDiskThatBecomesReadOnly(@TempDir Path temp) throws Exception {
        stopsTheRunAndTheLastCheckpointStaysGood(
                temp,
                "Read-only file system",
                small -> {
                    // A mount of its own over it: the file system itself stays writable while the run's lock is open.
                    assertThat(run("mount", "--bind", small.toString(), small.toString()))
                            .isZero();
                    assertThat(run("mount", "-o", "remount,bind,ro", small.toString()))
                            .isZero();
                },
                small -> {
                    // Nor does a run begin there.
                    FaceDataset faces = FaceDataset.index(temp.resolve("faces"));
                    assertThatThrownBy(
                                    () -> trainer(faces, small.resolve("work")).fit())
                            .isInstanceOf(IOException.class)
                            .hasMessageContaining("cannot write to the work directory " + small.resolve("work"));
                    assertThat(run("umount", small.toString())).isZero();
                });
    }

    private static void fill(Path file) {
        try (OutputStream out = Files.newOutputStream(file)) {
            while (true) {
                out.write(new byte[512]);
            }
        } catch (IOException e) {
            // That is what it is for.
        }
    }
}
