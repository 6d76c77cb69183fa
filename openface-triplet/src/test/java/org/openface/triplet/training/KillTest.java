package org.openface.triplet.training;

import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.Optimizer;
import org.openface.triplet.internal.checkpoint.WorkLock;
import org.openface.triplet.mining.Patterns;

/** A training whose process is killed, as {@code kill -9} does, and started again until it is through. */
class KillTest {
    /** The training in a process of its own: faces, work folder, milliseconds to sleep after a batch, file to count in. */
    public static final class Program {
        private Program() {}

        public static void main(String... arguments) throws IOException {
            long pause = Long.parseLong(arguments[2]);
            TrainingResult result = Trainer.builder()
                    .model(new LinearEmbedder(1))
                    .trainingSet(FaceDataset.index(Path.of(arguments[0])))
                    .identitiesPerBatch(4)
                    .imagesPerIdentity(3)
                    .batchesPerEpoch(12)
                    .epochs(6)
                    .optimizer(Optimizer.adam(0.01))
                    .checkpointEveryBatches(3)
                    .treat(Diagnosis.Condition.STARVATION, Treatment.lowerLearningRate(0.5))
                    .workDirectory(Path.of(arguments[1]))
                    .plots(false)
                    .listener(event -> {
                        if (event instanceof TrainingEvent.StepCompleted) {
                            try {
                                Files.write(Path.of(arguments[3]), new byte[1], CREATE, APPEND);
                                Thread.sleep(pause);
                            } catch (IOException | InterruptedException e) {
                                throw new IllegalStateException(e);
                            }
                        }
                    })
                    .fit();
            System.out.println(WEIGHTS + result.weightsHash());
        }
    }

    private static final String WEIGHTS = "weights: sha256 ";

    /** Runs until killed, some milliseconds after so many batches, or through; returns whether it was through. */
    private static boolean run(Path temp, Path work, long millisecondsPerBatch, int batches, long milliseconds)
            throws Exception {
        Path count = temp.resolve("count");
        Files.write(count, new byte[0]);
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-cp",
                System.getProperty("java.class.path").replace(File.pathSeparator + File.pathSeparator, ""),
                Program.class.getName(),
                temp.resolve("faces").toString(),
                work.toString(),
                Long.toString(millisecondsPerBatch),
                count.toString()));
        Path log = temp.resolve("log.txt");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
        try {
            while (process.isAlive() && Files.size(count) < batches) {
                Thread.sleep(5);
            }
            if (process.waitFor(milliseconds, TimeUnit.MILLISECONDS)) {
                assertThat(process.exitValue()).as(Files.readString(log)).isZero();
                return true;
            }
            return false;
        } finally {
            process.destroyForcibly().waitFor();
        }
    }

    private static void killAndCompare(Path temp, int kills, Random random) throws Exception {
        Patterns.write(temp.resolve("faces"), 6, 5);
        Path whole = temp.resolve("whole");
        assertThat(run(temp, whole, 0, 0, TimeUnit.MINUTES.toMillis(5))).isTrue();
        String weights = lastLine(temp);
        assertThat(weights).startsWith(WEIGHTS);

        Path killed = temp.resolve("killed");
        Set<String> moments = new LinkedHashSet<>();
        for (int kill = 0; kill < kills; kill++) {
            // Within an epoch's time; at times before the first batch.
            int batches = random.nextInt(7);
            boolean through = run(temp, killed, 100, batches, random.nextInt(batches == 0 ? 1500 : 300));
            assertThat(through).as("through after %s kills", kill).isFalse();
            moments.add(newest(killed));
            if (Files.exists(killed.resolve("model-0005.nn4"))) {
                deleteNewest(killed, 2);
            }
        }
        assertThat(moments).hasSizeGreaterThan(kills / 4);
        assertThat(run(temp, killed, 0, 0, TimeUnit.MINUTES.toMillis(5))).isTrue();
        System.getLogger(KillTest.class.getName())
                .log(System.Logger.Level.INFO, "killed {0} times, after {1}; {2}", kills, moments, lastLine(temp));
        assertThat(lastLine(temp)).isEqualTo(weights);
        assertThat(killed.resolve("model-0006.nn4")).hasSameBinaryContentAs(whole.resolve("model-0006.nn4"));
        assertThat(killed.resolve("train.log")).hasSameBinaryContentAs(whole.resolve("train.log"));
        try (Stream<Path> files = Files.list(killed)) {
            assertThat(files.filter(file -> file.getFileName().toString().startsWith(".")))
                    .containsExactly(killed.resolve(WorkLock.FILE));
        }
    }

    private static String lastLine(Path temp) throws IOException {
        List<String> lines = Files.readAllLines(temp.resolve("log.txt"));
        return lines.get(lines.size() - 1);
    }

    /** The newest checkpoint in a folder, whether whole or not. */
    private static String newest(Path work) throws IOException {
        if (!Files.exists(work)) {
            return "nothing";
        }
        try (Stream<Path> files = Files.list(work)) {
            return files.map(file -> file.getFileName().toString().replace(".properties", ""))
                    .filter(name -> name.startsWith("checkpoint-"))
                    .max(Comparator.naturalOrder())
                    .orElse("nothing");
        }
    }

    /** Takes a run that is nearly through back by some checkpoints, so that there is more to interrupt. */
    private static void deleteNewest(Path work, int count) throws IOException {
        List<Path> files = new ArrayList<>();
        try (Stream<Path> all = Files.list(work)) {
            all.filter(file -> file.getFileName().toString().startsWith("checkpoint-"))
                    .forEach(files::add);
        }
        Collections.sort(files);
        for (Path file : files.subList(Math.max(1, files.size() - count), files.size())) {
            Files.delete(file);
        }
    }

    @Test
    void killedTwiceItIsTheSame(@TempDir Path temp) throws Exception {
        killAndCompare(temp, 2, new Random(1));
    }

    @Test
    @Tag("soak")
    void killedTwentyTimesItIsTheSame(@TempDir Path temp) throws Exception {
        killAndCompare(temp, 20, new Random(2));
    }
}
