package org.openface.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.drawn.DrawnFaces;

/** TrainFaces in a process of its own, from photographs to figures, killed at random moments as {@code kill -9} does. */
@Tag("native")
@Tag("soak")
class KilledProgramTest {
    private static final int KILLS = 20;

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path folder;

    /** Runs until killed or through; returns its last lines, or none where it was killed. */
    private List<String> run(String work, long killAfter) throws IOException, InterruptedException {
        Path log = folder.resolve("log.txt");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx1g",
                        "-cp",
                        System.getProperty("java.class.path"),
                        TrainFaces.class.getName(),
                        "--data",
                        folder.resolve("raw").toString(),
                        "--work",
                        folder.resolve(work).toString(),
                        "--epochs",
                        "4",
                        "--batches-per-epoch",
                        "8",
                        "--identities-per-batch",
                        "4",
                        "--images-per-identity",
                        "4",
                        "--checkpoint-batches",
                        "1")
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try {
            if (!process.waitFor(killAfter, TimeUnit.MILLISECONDS)) {
                return List.of();
            }
            List<String> lines = Files.readAllLines(log);
            assertThat(process.exitValue()).as("%s", lines).isZero();
            return lines.subList(lines.size() - 2, lines.size());
        } finally {
            process.destroyForcibly().waitFor();
        }
    }

    @Test
    void killedTwentyTimesItEndsWithTheSameLines() throws IOException, InterruptedException {
        DrawnFaces.of(1).writeTo(folder.resolve("raw"), 8, 5);
        String photographs = TreeHash.of(folder.resolve("raw"));
        long begin = System.nanoTime();
        List<String> whole = run("whole", TimeUnit.MINUTES.toMillis(10));
        long milliseconds = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);
        assertThat(whole.get(0)).matches("weights: sha256 [0-9a-f]{64}");

        Random random = new Random(7);
        int kills = 0;
        int throughs = 0;
        while (kills < KILLS) {
            String work = "killed-" + throughs;
            List<String> lines = run(work, random.nextInt((int) (milliseconds / 2)));
            if (lines.isEmpty()) {
                kills++;
            } else {
                assertThat(lines).isEqualTo(whole);
                throughs++; // and on with a new folder
            }
        }
        assertThat(run("killed-" + throughs, TimeUnit.MINUTES.toMillis(10))).isEqualTo(whole);
        assertThat(TreeHash.of(folder.resolve("raw"))).isEqualTo(photographs);
        System.out.printf("killed %d times, run through %d times, each time: %s%n", kills, throughs + 1, whole.get(0));
    }
}
