package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.drawn.DrawnFaces;
import org.openface.triplet.training.Trainer;
import org.openface.triplet.training.TrainingEvent;

/**
 * 2,000 steps of nn4.small2 with checkpoints, evaluations, plots and reports, in a process of its own: its resident memory
 * and open files stay flat, and its steps as fast as they were. What it measured is printed.
 */
@Tag("native")
@Tag("soak")
@EnabledOnOs(OS.LINUX)
class LongTrainingTest {
    private static final int EPOCHS = 20;
    private static final int BATCHES = 100;
    /** Epochs in which Java compiles and caches fill. */
    private static final int WARM_UP = 5;

    /** The training: faces, work folder. Prints a line per epoch: steps, megabytes, open files, milliseconds per step. */
    public static final class Program {
        private Program() {}

        public static void main(String... arguments) throws IOException {
            List<Double> milliseconds = new ArrayList<>();
            try (Nn4Model model =
                    Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).seed(3).build()) {
                FaceDataset faces = FaceDataset.index(Path.of(arguments[0]));
                Trainer.builder()
                        .model(model)
                        .trainingSet(faces)
                        .validationSet(faces)
                        .identitiesPerBatch(3)
                        .imagesPerIdentity(2)
                        .memoryBank(200)
                        .batchesPerEpoch(BATCHES)
                        .epochs(EPOCHS)
                        .workDirectory(Path.of(arguments[1]))
                        .listener(event -> {
                            if (event instanceof TrainingEvent.StepCompleted step) {
                                milliseconds.add(1000 * step.images() / step.imagesPerSecond());
                            } else if (event instanceof TrainingEvent.EpochCompleted epoch) {
                                say(epoch.metrics().epoch() * BATCHES, milliseconds);
                                milliseconds.clear();
                            }
                        })
                        .fit();
            }
        }

        private static void say(int steps, List<Double> milliseconds) {
            double[] sorted = milliseconds.stream().mapToDouble(x -> x).sorted().toArray();
            try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"));
                    Stream<String> status = Files.lines(Path.of("/proc/self/status"))) {
                long kilobytes = status.filter(line -> line.startsWith("VmRSS:"))
                        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                        .sum();
                System.out.printf(
                        Locale.ROOT,
                        "steps %d megabytes %d files %d milliseconds %.1f%n",
                        steps,
                        kilobytes / 1024,
                        files.count(),
                        sorted.length == 0 ? Double.NaN : sorted[sorted.length / 2]);
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    @Test
    void memoryAndFilesStayFlat(@TempDir Path temp) throws Exception {
        DrawnFaces.of(1).writeTo(temp.resolve("faces"), 8, 4);
        Path log = temp.resolve("log.txt");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        // All of Java's heap is there from the start, so that what grows is not Java's.
                        "-Xms512m",
                        "-Xmx512m",
                        "-XX:+AlwaysPreTouch",
                        "-Djava.awt.headless=true",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Program.class.getName(),
                        temp.resolve("faces").toString(),
                        temp.resolve("work").toString())
                .redirectError(temp.resolve("errors.txt").toFile())
                .redirectOutput(log.toFile())
                .start();
        try {
            assertThat(process.waitFor(40, TimeUnit.MINUTES)).isTrue();
            assertThat(process.exitValue())
                    .as(Files.readString(temp.resolve("errors.txt")))
                    .isZero();
        } finally {
            process.destroyForcibly().waitFor();
        }
        System.out.println(Files.readString(log));
        List<double[]> epochs = Files.readAllLines(log).stream()
                .map(line -> Arrays.stream(line.replaceAll("[a-z]+ ", "").split(" "))
                        .mapToDouble(Double::parseDouble)
                        .toArray())
                .toList();
        assertThat(epochs).hasSize(EPOCHS);
        double[] early = epochs.get(WARM_UP - 1);
        double[] last = epochs.get(EPOCHS - 1);
        assertThat(last[0]).isEqualTo(2000);
        assertThat(last[1]).as("megabytes").isLessThan(early[1] + 40);
        assertThat(last[2]).as("open files").isLessThanOrEqualTo(early[2]);
        System.out.printf(
                Locale.ROOT,
                "from step %.0f to step %.0f: resident memory %+.0f MB, open files %+.0f, time of a step x %.3f%n",
                early[0],
                last[0],
                last[1] - early[1],
                last[2] - early[2],
                last[3] / early[3]);
    }
}
