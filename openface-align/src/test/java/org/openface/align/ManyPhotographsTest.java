package org.openface.align;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.align.face.DetectedFace;
import org.openface.align.face.FaceBox;
import org.openface.align.face.Point;
import org.openface.align.face.SkipReason;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/** Many photographs, many damaged ones among them, and what a run over them needs and leaves. */
class ManyPhotographsTest {
    private static final int SIZE = 32;

    @TempDir
    Path folder;

    private Path raw() {
        return folder.resolve("raw");
    }

    /** As many faces as the red of the first pixel says, at most two. */
    private static List<DetectedFace> count(RgbImage photograph) {
        List<DetectedFace> faces = new ArrayList<>();
        for (int i = 1; i <= Math.min(2, photograph.red(0, 0)); i++) {
            faces.add(new DetectedFace(new FaceBox(1, 2, 10 * i, 10.5 * i), new Point(5, 5), new Point(5 + i, 5)));
        }
        return faces;
    }

    private static Aligner.Builder builder() {
        return Aligner.builder().size(SIZE).threads(2).detector("counting", ManyPhotographsTest::count);
    }

    private static byte[] photograph(int faces, int seed) throws IOException {
        byte[] rgb = new byte[3 * 20 * 20];
        new Random(seed).nextBytes(rgb);
        rgb[0] = (byte) faces;
        Path file = Files.createTempFile("photograph", ".png");
        try {
            ImageFiles.writePng(RgbImage.of(20, 20, rgb), file);
            return Files.readAllBytes(file);
        } finally {
            Files.delete(file);
        }
    }

    private void put(String name, byte[] content) throws IOException {
        Path file = raw().resolve(name);
        Files.createDirectories(file.getParent());
        Files.write(file, content);
        Files.setLastModifiedTime(file, FileTime.fromMillis(1_500_000_000_000L));
    }

    private static String hash(Path directory) throws IOException {
        Hasher hash = Hashing.sha256().newHasher();
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path file : all.sorted().toList()) {
                hash.putString(directory.relativize(file).toString(), StandardCharsets.UTF_8)
                        .putLong(Files.getLastModifiedTime(file).toMillis())
                        .putBytes(Files.isRegularFile(file) ? Files.readAllBytes(file) : new byte[0]);
            }
        }
        return hash.hash().toString();
    }

    // ------------------------------------------------------------------ damaged photographs

    /** What the table must say; of a mutated file that may be whole still, only that it is there. */
    private static final String ANY = "any";

    /** Cut, mutated, of wrong kinds; each between two good ones of the same person. */
    private Map<String, String> damaged(int count) throws IOException {
        List<byte[]> good = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            good.add(photograph(i % 5 == 0 ? 0 : 1, i));
        }
        List<String> wrong =
                List.of("", "no picture", "<html>not found</html>", "%PDF-1.4", "GIF89a\1\0\1\0", "P6 9 9 255\n");
        Random random = new Random(7);
        Map<String, String> expected = new TreeMap<>();
        for (int i = 0; i < count; i++) {
            int which = random.nextInt(good.size());
            byte[] bytes = good.get(which).clone();
            String person = "p" + i % 37 + "/";
            put(person + i + "-good.png", bytes);
            expected.put(person + i + "-good.png", which % 5 == 0 ? "NO_FACE" : "ALIGNED");
            String bad = person + i + (i % 2 == 0 ? ".png" : ".jpg");
            switch (i % 3) {
                case 0 -> {
                    // the last bytes are the end and checksums, and hold no pixel
                    put(bad, Arrays.copyOf(bytes, random.nextInt(bytes.length - 40)));
                    expected.put(bad, "UNREADABLE");
                }
                case 1 -> {
                    for (int k = 0; k < 8; k++) {
                        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
                    }
                    put(bad, bytes);
                    expected.put(bad, ANY);
                }
                default -> {
                    put(bad, wrong.get(random.nextInt(wrong.size())).getBytes(StandardCharsets.ISO_8859_1));
                    expected.put(bad, "UNREADABLE");
                }
            }
        }
        return expected;
    }

    private void damagedAmongGood(int count) throws IOException {
        Map<String, String> expected = damaged(count);
        String before = hash(raw());
        Path out = folder.resolve("out");
        AlignReport report;
        try (Aligner aligner = builder().build()) {
            report = aligner.alignDirectory(raw(), out);
        }
        assertThat(hash(raw())).isEqualTo(before);
        assertThat(report.total()).isEqualTo(expected.size());

        Map<String, AlignReport.Row> rows = new HashMap<>();
        AlignReport.readTable(out, row -> assertThat(rows.put(row.photograph(), row))
                .as("rows of " + row.photograph())
                .isNull());
        assertThat(rows.keySet()).isEqualTo(expected.keySet());
        Map<String, Integer> counts = new HashMap<>();
        expected.forEach((photograph, result) -> {
            AlignReport.Row row = rows.get(photograph);
            counts.merge(row.result(), 1, Integer::sum);
            if (!result.equals(ANY)) {
                assertThat(row.result()).as(row.toString()).isEqualTo(result);
            }
            assertThat(row.result()).as(row.toString()).isIn("ALIGNED", "NO_FACE", "UNREADABLE");
            if (row.result().equals("UNREADABLE")) {
                assertThat(row.detail())
                        .startsWith(photograph.substring(photograph.indexOf('/') + 1) + ": ")
                        .doesNotContain(folder.toString());
            }
            boolean aligned = row.result().equals("ALIGNED");
            assertThat(row.face().isEmpty()).isEqualTo(!aligned);
            assertThat(!aligned || Files.exists(out.resolve(row.face()))).isTrue();
        });
        assertThat(counts.get("ALIGNED")).isEqualTo(report.aligned());
        assertThat(report.skippedByReason())
                .isEqualTo(Map.of(
                        SkipReason.NO_FACE, counts.get("NO_FACE"), SkipReason.UNREADABLE, counts.get("UNREADABLE")));
        Set<Path> listed = new HashSet<>();
        report.skipped().forEach(skipped -> assertThat(listed.add(skipped.source()))
                .as(skipped.toString())
                .isTrue());
        assertThat(listed).hasSize(Math.min(AlignReport.MOST_LISTED, report.skippedCount()));
        assertThat(report.skipped()).isSortedAccordingTo((a, b) -> {
            int people = a.source().getParent().compareTo(b.source().getParent());
            return people != 0 ? people : a.source().compareTo(b.source());
        });

        try (Aligner aligner = builder().build()) {
            assertThat(aligner.alignDirectory(raw(), out).skippedByReason()).isEqualTo(report.skippedByReason());
            aligner.alignDirectory(raw(), folder.resolve("again"));
        }
        assertThat(contentHash(out)).isEqualTo(contentHash(folder.resolve("again")));
        assertThat(hash(raw())).isEqualTo(before);
    }

    private static Map<String, String> contentHash(Path directory) throws IOException {
        Map<String, String> content = new TreeMap<>();
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path file : all.filter(Files::isRegularFile).toList()) {
                content.put(
                        directory.relativize(file).toString(),
                        Hashing.sha256().hashBytes(Files.readAllBytes(file)).toString());
            }
        }
        return content;
    }

    @Test
    void eachDamagedPhotographIsReportedOnceAndNoOtherIsLost() throws IOException {
        damagedAmongGood(300);
    }

    @Test
    @Tag("soak")
    void tenThousandDamagedPhotographsAreReportedOnceEach() throws IOException {
        damagedAmongGood(10_000);
    }

    // ------------------------------------------------------------------ memory

    /** By how much the heap in use after a collection grows from the first quarter of a run to its end, per photograph. */
    private double heapPerPhotograph(int count, int people, byte[] photograph) throws IOException {
        Path first = raw();
        for (int i = 0; i < count; i++) {
            String name = "p" + i % people + "/photograph-" + i + ".png";
            if (i % 50_000 == 0) { // file systems have a limit to the links of a file
                put(name, photograph);
                first = raw().resolve(name);
            } else {
                Path link = raw().resolve(name);
                Files.createDirectories(link.getParent());
                Files.createLink(link, first);
            }
        }
        long before = used();
        List<Long> used = new ArrayList<>();
        AlignReport report;
        long start = System.nanoTime();
        try (Aligner aligner = builder()
                .onProgress(progress -> {
                    if (progress.done() % (count / 4) == 0) {
                        used.add(used() - before);
                    }
                })
                .build()) {
            report = aligner.alignDirectory(raw(), folder.resolve("out"));
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        long after = used() - before;
        System.out.printf(
                "%d photographs of %d people: heap over that before the run %s, with the report at the end %d bytes; %.1f s%n",
                count, people, used, after, seconds);
        assertThat(report.total()).isEqualTo(count);
        return (Math.max(used.get(3), after) - used.get(0)) / (0.75 * count);
    }

    /** The least of some, as another thread goes on meanwhile. */
    private static long used() {
        long least = Long.MAX_VALUE;
        for (int i = 0; i < 3; i++) {
            System.gc();
            least = Math.min(
                    least,
                    Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory());
        }
        return least;
    }

    @Test
    @Tag("soak")
    void heapDoesNotGrowWithPhotographsWithoutAFace() throws IOException {
        double bytes = heapPerPhotograph(100_000, 1000, photograph(0, 1));
        assertThat(bytes).isLessThan(50);
    }

    @Test
    @Tag("soak")
    void heapDoesNotGrowWithFaces() throws IOException {
        double bytes = heapPerPhotograph(8_000, 200, photograph(1, 1));
        assertThat(bytes).isLessThan(50);
    }
}
