package org.openface.align;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.align.face.DetectedFace;
import org.openface.align.face.FaceBox;
import org.openface.align.face.FaceDetector;
import org.openface.align.face.Point;
import org.openface.align.internal.MemoryBudget;
import org.openface.align.internal.directory.DirectoryJob;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/** Photographs that together are larger than the memory for them wait for each other. */
class PhotographMemoryTest {
    private static final int SIDE = 4096;
    private static final int PHOTOGRAPHS = 6;

    @TempDir
    Path folder;

    /** One file by several names. */
    private Path named(Path file, String extension) throws IOException {
        Path person = Files.createDirectories(folder.resolve("raw/ann"));
        for (int i = 0; i < PHOTOGRAPHS; i++) {
            Files.createLink(person.resolve(i + extension), file);
        }
        return folder.resolve("raw");
    }

    /** Of 16 megapixels. */
    private Path largePhotographs() throws IOException {
        Path file = folder.resolve("large.pgm");
        try (OutputStream out = Files.newOutputStream(file)) {
            out.write(("P5 " + SIDE + " " + SIDE + " 255\n").getBytes(StandardCharsets.US_ASCII));
            for (int y = 0; y < SIDE; y++) {
                out.write(new byte[SIDE]);
            }
        }
        return named(file, ".pgm");
    }

    /** Of 9 megapixels, in small files. */
    private Path compressedPhotographs() throws IOException {
        Path file = folder.resolve("compressed.png");
        ImageFiles.writePng(RgbImage.of(3000, 3000, new byte[3 * 3000 * 3000]), file);
        return named(file, ".png");
    }

    /** Sees a face, and how many photographs are with it at the same time: the first waits a while for the others. */
    private static final class Watching implements FaceDetector {
        private final AtomicInteger now = new AtomicInteger();
        private final AtomicInteger most = new AtomicInteger();
        private final AtomicBoolean begun = new AtomicBoolean();
        private final CountDownLatch all = new CountDownLatch(PHOTOGRAPHS);
        private final CountDownLatch goOn = new CountDownLatch(1);

        @Override
        public List<DetectedFace> detect(RgbImage photograph) {
            most.accumulateAndGet(now.incrementAndGet(), Math::max);
            all.countDown();
            try {
                if (begun.compareAndSet(false, true)) {
                    boolean unused = all.await(1, TimeUnit.SECONDS);
                    goOn.countDown();
                }
                goOn.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            now.decrementAndGet();
            return List.of(new DetectedFace(new FaceBox(0, 0, 9, 9), new Point(1, 1), new Point(3, 1)));
        }
    }

    @Test
    void landmarkStatisticsKeepToTheMemory() throws IOException {
        FaceDataset photographs = FaceDataset.index(largePhotographs());
        Watching watching = new Watching();
        try (Aligner aligner = Aligner.builder()
                .threads(PHOTOGRAPHS)
                .detector("watching", watching)
                .build()) {
            assertThat(aligner.landmarkStatistics(photographs).faces()).isEqualTo(PHOTOGRAPHS);
        }
        long room = Runtime.getRuntime().maxMemory() / 2 / DirectoryJob.BYTES_PER_PIXEL / ((long) SIDE * SIDE);
        assertThat(watching.most.get()).isLessThanOrEqualTo((int) Math.max(1, room));
    }

    /** A heap of 160 MB has room for one or two such photographs at a time, 54 MB each while they are decoded, not for six. */
    public static final class Program {
        private Program() {}

        /** Arguments: raw, out. */
        public static void main(String... arguments) throws IOException {
            try (Aligner aligner = Aligner.builder()
                    .threads(PHOTOGRAPHS)
                    .detector("watching", new Watching())
                    .build()) {
                System.out.println(aligner.alignDirectory(Path.of(arguments[0]), Path.of(arguments[1]))
                        .summary());
            }
        }
    }

    @Test
    void aSmallHeapHoldsFewPhotographsAtATime() throws Exception {
        File log = folder.resolve("log").toFile();
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx160m",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Program.class.getName(),
                        compressedPhotographs().toString(),
                        folder.resolve("out").toString())
                .redirectErrorStream(true)
                .redirectOutput(log)
                .start();
        assertThat(process.waitFor()).as(Files.readString(log.toPath())).isZero();
        assertThat(log).content().contains(PHOTOGRAPHS + " photographs").doesNotContain("skipped");
    }

    @Test
    void noMoreIsTakenThanThereIsAndNobodyWaitsForEver() throws InterruptedException {
        long all = 100L << 16;
        MemoryBudget budget = new MemoryBudget(all);
        AtomicLong taken = new AtomicLong();
        AtomicLong most = new AtomicLong();
        List<Thread> threads = new ArrayList<>();
        for (int t = 0; t < 8; t++) {
            int number = t;
            Thread thread = new Thread(() -> {
                for (int i = 0; i < 500; i++) {
                    // Some ask for nothing, and some for more than there is.
                    long bytes = (long) ((number * 500 + i) * 7919 % 1000) * all / 800;
                    int units = budget.take(bytes);
                    most.accumulateAndGet(taken.addAndGet(Math.min(bytes, all)), Math::max);
                    taken.addAndGet(-Math.min(bytes, all));
                    budget.release(units);
                }
            });
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(most.get()).isBetween(all / 2, all);
    }
}
