package org.openface.triplet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A second run in a work directory. */
@Timeout(60)
class WorkLockTest {
    private Runs runs;
    private Path temp;

    @BeforeEach
    void drawPeople(@TempDir Path folder) throws IOException {
        temp = folder;
        runs = new Runs(folder);
    }

    @Test
    void aSecondRunOfTheSameProcessIsRefusedAndDisturbsNothing() throws IOException {
        String alone = runs.trainer().fit().weightsHash();
        runs.work = temp.resolve("shared");
        Path link = temp.resolve("link");
        assumeThat(linked(link, runs.work)).isTrue();
        List<Throwable> refusals = new ArrayList<>();
        Trainer.Builder first = runs.trainer();
        String hash = first.listener(event -> {
                    if (event instanceof TrainingEvent.StepCompleted step && step.batch() == 3) {
                        for (Path way : List.of(runs.work, link, runs.work.resolve("../shared"))) {
                            try {
                                Runs second = new Runs(temp.resolve("second"));
                                second.work = way;
                                second.trainer().seed(9).fit();
                            } catch (IOException | RuntimeException e) {
                                refusals.add(e);
                            }
                        }
                    }
                })
                .fit()
                .weightsHash();
        assertThat(hash).isEqualTo(alone);
        assertThat(refusals).hasSize(6).allSatisfy(refusal -> assertThat(refusal)
                .isInstanceOf(IOException.class)
                .hasMessageContaining("is in use by a run of this process, on the thread "
                        + Thread.currentThread().getName())
                .hasMessageContaining("train in another work directory"));
        // Afterwards it is free.
        assertThat(runs.trainer().epochs(3).fit().history()).hasSize(3);
    }

    private static boolean linked(Path link, Path target) throws IOException {
        try {
            Files.createSymbolicLink(link, Files.createDirectory(target));
            return true;
        } catch (UnsupportedOperationException e) {
            return false;
        }
    }

    /** A run in a process of its own that never ends by itself. */
    public static final class Program {
        private Program() {}

        public static void main(String... arguments) throws IOException {
            Runs runs = new Runs(Path.of(arguments[0]));
            runs.trainer()
                    .checkpointEveryBatches(1)
                    .listener(event -> {
                        if (event instanceof TrainingEvent.StepCompleted step && step.batch() == 3) {
                            try {
                                Files.createFile(Path.of(arguments[0], "reached"));
                                Thread.sleep(Long.MAX_VALUE);
                            } catch (IOException | InterruptedException e) {
                                throw new IllegalStateException(e);
                            }
                        }
                    })
                    .fit();
        }
    }

    @Test
    void aRunOfAnotherProcessKeepsOthersOutUntilItIsKilled() throws Exception {
        Runs elsewhere = new Runs(temp.resolve("alone"));
        String alone = elsewhere.trainer().fit().weightsHash();
        Path log = temp.resolve("log.txt");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx128m",
                        "-cp",
                        System.getProperty("java.class.path").replace(File.pathSeparator + File.pathSeparator, ""),
                        Program.class.getName(),
                        temp.toString())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try {
            while (!Files.exists(temp.resolve("reached"))) {
                assertThat(process.isAlive()).as(Files.readString(log)).isTrue();
                Thread.sleep(20);
            }
            Path half = Files.createTempFile(runs.work, ".writing-model-0001.nn4-", "");
            List<String> before = names();
            assertThatThrownBy(() -> runs.trainer().fit())
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("is in use by process " + process.pid())
                    .hasMessageContaining("since 20");
            assertThat(names()).isEqualTo(before);
            process.destroyForcibly().waitFor();
            // Its lock is still written there, and no hindrance.
            assertThat(runs.trainer().fit().weightsHash()).isEqualTo(alone);
            assertThat(half).doesNotExist();
        } finally {
            process.destroyForcibly().waitFor();
        }
    }

    private List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(runs.work)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
