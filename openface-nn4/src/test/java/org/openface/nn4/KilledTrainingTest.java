package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.drawn.DrawnFaces;
import org.openface.core.embedding.Optimizer;
import org.openface.triplet.training.Trainer;

/** A training of nn4.small2 in a process of its own that is killed and started again, as {@code kill -9} does. */
@Tag("native")
@Tag("soak")
class KilledTrainingTest {
    private static final int KILLS = 4;

    /** The training: faces, work folder. */
    public static final class Program {
        private Program() {}

        public static void main(String... arguments) throws IOException {
            try (Nn4Model model =
                    Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).seed(3).build()) {
                Trainer.builder()
                        .model(model)
                        .trainingSet(FaceDataset.index(Path.of(arguments[0])))
                        .identitiesPerBatch(4)
                        .imagesPerIdentity(3)
                        .batchesPerEpoch(6)
                        .epochs(3)
                        .optimizer(Optimizer.adam(1e-3).averaged(0.9))
                        .checkpointEveryBatches(1)
                        .workDirectory(Path.of(arguments[1]))
                        .plots(false)
                        .fit();
            }
        }
    }

    /** Runs until killed or through; returns whether it was through. */
    private static boolean run(Path temp, String work, long killAfter) throws Exception {
        Path log = temp.resolve("log.txt");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx1g",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Program.class.getName(),
                        temp.resolve("faces").toString(),
                        temp.resolve(work).toString())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
        try {
            if (process.waitFor(killAfter, TimeUnit.MILLISECONDS)) {
                assertThat(process.exitValue()).as(Files.readString(log)).isZero();
                return true;
            }
            return false;
        } finally {
            process.destroyForcibly().waitFor();
        }
    }

    @Test
    void killedAtRandomMomentsItIsTheSame(@TempDir Path temp) throws Exception {
        DrawnFaces.of(1).writeTo(temp.resolve("faces"), 5, 4);
        long begin = System.nanoTime();
        assertThat(run(temp, "whole", TimeUnit.MINUTES.toMillis(10))).isTrue();
        long whole = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);

        Random random = new Random(5);
        int kills = 0;
        while (kills < KILLS && !run(temp, "killed", whole / 4 + random.nextInt((int) (whole / 3)))) {
            kills++;
        }
        assertThat(kills).isPositive();
        assertThat(run(temp, "killed", TimeUnit.MINUTES.toMillis(10))).isTrue();
        assertThat(temp.resolve("killed/model-0003.nn4")).hasSameBinaryContentAs(temp.resolve("whole/model-0003.nn4"));
        assertThat(temp.resolve("killed/train.log")).hasSameBinaryContentAs(temp.resolve("whole/train.log"));
        System.getLogger("test").log(System.Logger.Level.INFO, "killed {0} times", kills);
    }
}
