package org.openface.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.align.face.DetectedFace;
import org.openface.align.face.FaceBox;
import org.openface.align.face.LandmarkSet;
import org.openface.align.face.Point;
import org.openface.align.face.SkipReason;
import org.openface.align.face.Stage;
import org.openface.align.internal.directory.FaceNote;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/** What becomes of a folder: reports, profiles, fallbacks, several processes, and kills. */
class DirectoryJobTest {
    @TempDir
    Path folder;

    private static final int SIZE = 32;

    /** As many faces as the red of the first pixel says, the largest last; no native code. */
    private static List<DetectedFace> count(RgbImage photograph) {
        List<DetectedFace> faces = new ArrayList<>();
        for (int i = 1; i <= photograph.red(0, 0); i++) {
            faces.add(new DetectedFace(new FaceBox(1, 2, 10 * i, 10.5 * i), new Point(5, 5), new Point(5 + i, 5)));
        }
        return faces;
    }

    private static Aligner.Builder builder() {
        return Aligner.builder().size(SIZE).threads(3).detector("counting", DirectoryJobTest::count);
    }

    private Path raw() {
        return folder.resolve("raw");
    }

    private Path out() {
        return folder.resolve("out");
    }

    private static RgbImage photograph(int faces, int seed) {
        byte[] rgb = new byte[3 * 20 * 20];
        new Random(seed).nextBytes(rgb);
        rgb[0] = (byte) faces;
        return RgbImage.of(20, 20, rgb);
    }

    private Path add(String name, int faces, int seed) throws IOException {
        Path file = raw().resolve(name);
        Files.createDirectories(file.getParent());
        ImageFiles.writePng(photograph(faces, seed), file);
        setTime(file, 10 * seed + faces);
        return file;
    }

    /** Of long ago, so that it is in no doubt, and another for another photograph. */
    private static void setTime(Path file, int number) throws IOException {
        Files.setLastModifiedTime(file, FileTime.fromMillis(1_500_000_000_000L + 10_000L * number));
    }

    private AlignReport align(Aligner.Builder builder) throws IOException {
        try (Aligner aligner = builder.build()) {
            return aligner.alignDirectory(raw(), out());
        }
    }

    private static Map<String, List<Byte>> content(Path directory) throws IOException {
        Map<String, List<Byte>> content = new TreeMap<>();
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path file : all.filter(Files::isRegularFile).toList()) {
                List<Byte> bytes = new ArrayList<>();
                for (byte b : Files.readAllBytes(file)) {
                    bytes.add(b);
                }
                content.put(directory.relativize(file).toString().replace('\\', '/'), bytes);
            }
        }
        return content;
    }

    // ------------------------------------------------------------------ the report on disk

    @Test
    void theReportHasARowForEachPhotograph() throws IOException {
        add("ann/1.jpg", 2, 1);
        add("ann/1.png", 1, 2);
        add("ann/2, the \"other\".png", 0, 3);
        Files.writeString(raw().resolve("ann/3.png"), "no picture");
        align(builder());

        assertThat(Files.readAllLines(out().resolve(AlignReport.FILE_NAME)))
                .hasSize(5)
                .startsWith(
                        "photograph,result,face,faces,left,top,width,height,landmarks,detail",
                        "\"ann/2, the \"\"other\"\".png\",NO_FACE,,,,,,,,no face in 20 x 20 pixels",
                        "ann/1.jpg,ALIGNED,ann/1.png,2,1.00,2.00,20.00,21.00,5.00 5.00 7.00 5.00,")
                .anySatisfy(row -> assertThat(row)
                        .startsWith("ann/1.png,NAME_COLLISION,,,,,,,,its face would have the name of ann/1.jpg's;"))
                .anySatisfy(row -> assertThat(row).startsWith("ann/3.png,UNREADABLE,,,,,,,,\"3.png: not an image"));
    }

    @Test
    void reportsOfSeveralRunsAreJoined() throws IOException {
        add("ann/1.png", 1, 1);
        add("bob/1.png", 0, 2);
        align(builder());
        Map<String, List<Byte>> first = content(out());
        align(builder());
        assertThat(content(out())).isEqualTo(first);

        Path other = Files.createDirectories(folder.resolve("other/cid"));
        ImageFiles.writePng(photograph(1, 3), other.resolve("1.png"));
        try (Aligner aligner = builder().build()) {
            aligner.alignDirectory(folder.resolve("other"), out());
        }
        assertThat(Files.readAllLines(out().resolve(AlignReport.FILE_NAME)))
                .extracting(row -> row.substring(0, row.indexOf(',', row.indexOf(',') + 1)))
                .containsExactly("photograph,result", "ann/1.png,ALIGNED", "bob/1.png,NO_FACE", "cid/1.png,ALIGNED");
    }

    @Test
    void theTimeOfEachStageIsKnown() throws IOException {
        add("ann/1.png", 1, 1);
        AlignReport report = align(builder());
        assertThat(report.time()).containsOnlyKeys(Stage.values());
        assertThat(report.time().get(Stage.WARP)).isPositive();
        assertThat(report.time().get(Stage.VERIFY)).isZero();
        assertThat(align(builder()).time().get(Stage.VERIFY)).isPositive();
    }

    // ------------------------------------------------------------------ what is done and what is not

    @Test
    void aPhotographThatWasReplacedIsAlignedAnew() throws IOException {
        add("ann/1.png", 1, 1);
        add("ann/2.png", 1, 2);
        align(builder());
        byte[] before = Files.readAllBytes(out().resolve("ann/1.png"));
        long size = Files.size(raw().resolve("ann/1.png"));
        add("ann/1.png", 1, 9); // another picture of the same size
        assertThat(Files.size(raw().resolve("ann/1.png"))).isEqualTo(size);
        add("ann/2.png", 0, 2); // no face any more

        AlignReport report = align(builder());

        assertThat(report.aligned()).isEqualTo(1);
        assertThat(Files.readAllBytes(out().resolve("ann/1.png"))).isNotEqualTo(before);
        assertThat(report.skippedByReason()).containsOnlyKeys(SkipReason.NO_FACE);
        assertThat(out().resolve("ann/2.png")).doesNotExist();
    }

    @Test
    void skippingPhotographsOfSeveralHoldsForEarlierFacesToo() throws IOException {
        add("ann/1.png", 1, 1);
        add("ann/2.png", 2, 2);
        align(builder());
        AlignReport report = align(builder().skipMulti(true));
        assertThat(report.alreadyDone()).isEqualTo(1);
        assertThat(report.skippedByReason()).isEqualTo(Map.of(SkipReason.SEVERAL_FACES, 1));
        assertThat(content(out())).doesNotContainKey("ann/2.png");
    }

    @Test
    void aFaceThatSomebodyElsePutThereStays() throws IOException {
        add("ann/1.png", 1, 1);
        align(builder());
        add("ann/2.png", 0, 2);
        RgbImage byHand = photograph(5, 5).resized(SIZE, SIZE);
        ImageFiles.writePng(byHand, out().resolve("ann/2.png"));

        assertThat(align(builder()).alreadyDone()).isEqualTo(2);
        assertThat(ImageFiles.read(out().resolve("ann/2.png"))).isEqualTo(byHand);
        assertThat(Files.readString(out().resolve(AlignReport.FILE_NAME)))
                .contains("\nann/2.png,ALIGNED,ann/2.png,,,,,,,\n");
    }

    @Test
    void theNoteHoldsWhatTheReportSays() {
        FaceNote note = new FaceNote(
                "a=b.jpg",
                12,
                345,
                1_700_000_000_123L,
                2,
                new FaceBox(-1, 2.25, 3, 4),
                List.of(new Point(1, 2), new Point(3.5, 4)),
                null,
                "");
        assertThat(FaceNote.parse(note.text())).contains(note);
        FaceNote fallback = new FaceNote(
                "a\nb\\u000a.jpg", 12, 345, FaceNote.NO_TIME, 0, null, List.of(), SkipReason.NO_FACE, "no\nface");
        assertThat(FaceNote.parse(fallback.text())).contains(fallback);
        for (String bad :
                new String[] {"", "x", "photograph=1\nbytes=a\n", note.text().replace("faces=2", "faces=")}) {
            assertThat(FaceNote.parse(bad)).isEmpty();
        }
        assertThat(FaceNote.parse(note.text().replace("box=-1.00", "box="))).isEmpty();
    }

    // ------------------------------------------------------------------ fallbacks

    @Test
    void theFallbackFolderFillsTheGaps() throws IOException {
        add("ann/1.png", 1, 1);
        Path none = add("ann/2.png", 0, 2);
        Path without = add("ann/3.png", 0, 3);
        Files.writeString(raw().resolve("ann/4.png"), "no picture");
        Path pictures = Files.createDirectories(folder.resolve("fallback/ann"));
        // 60 wide, 30 high: black, white, black. The middle square is white.
        byte[] stripes = new byte[3 * 60 * 30];
        for (int i = 0; i < stripes.length; i++) {
            int x = i / 3 % 60;
            stripes[i] = (byte) (x >= 15 && x < 45 ? 255 : 0);
        }
        ImageFiles.writePng(RgbImage.of(60, 30, stripes), pictures.resolve("2.JPG"));
        ImageFiles.writePng(photograph(7, 7), pictures.resolve("1.png"));
        Files.writeString(pictures.resolve("4.png"), "no picture either");

        for (int run = 0; run < 2; run++) {
            AlignReport report = align(builder().fallback(folder.resolve("fallback")));
            assertThat(report.aligned() + report.alreadyDone()).isEqualTo(1);
            assertThat(report.fallbacks()).singleElement().satisfies(f -> {
                assertThat(f.source()).isEqualTo(none);
                assertThat(f.reason()).isEqualTo(SkipReason.NO_FACE);
            });
            assertThat(report.skipped()).hasSize(2);
            assertThat(report.skipped().get(0).source()).isEqualTo(without);
            assertThat(report.skipped().get(1).detail())
                    .contains("its fallback:")
                    .contains("4.png");
            assertThat(report.total()).isEqualTo(4);
            assertThat(report.summary()).contains("; from the fallback folder: 1; skipped: NO_FACE 1, UNREADABLE 1");
            byte[] white = new byte[3 * SIZE * SIZE];
            Arrays.fill(white, (byte) 255);
            assertThat(ImageFiles.read(out().resolve("ann/2.png"))).isEqualTo(RgbImage.of(SIZE, SIZE, white));
            assertThat(Files.readString(out().resolve(AlignReport.FILE_NAME)))
                    .contains("ann/2.png,FALLBACK,ann/2.png,,,,,,,NO_FACE: no face in");
        }
    }

    @Test
    void theFallbackFolderMustBeThereAndFit() throws IOException {
        add("ann/1.png", 1, 1);
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> align(builder().fallback(folder.resolve("absent"))))
                .withMessageContaining("absent");
        align(builder());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> {
                    try (Aligner other = builder().size(48).fallback(out()).build()) {
                        other.alignDirectory(raw(), folder.resolve("out48"));
                    }
                })
                .withMessageContaining("fallback")
                .withMessageContaining("size is 32 instead of 48");
        assertThat(folder.resolve("out48")).doesNotExist();
    }

    // ------------------------------------------------------------------ profiles

    @Test
    void facesOfTwoProfilesDoNotMix() throws IOException {
        add("ann/1.png", 1, 1);
        align(builder());
        Map<String, List<Byte>> before = content(out());

        assertThat(FaceDataset.index(out()).alignmentProfile()).hasValueSatisfying(profile -> {
            assertThat(profile.detector()).isEqualTo("custom counting");
            assertThat(profile.landmarkSet()).isEqualTo("EYE_CENTRES");
            assertThat(profile.size()).isEqualTo(SIZE);
        });
        for (Aligner.Builder other : List.of(
                builder().size(48),
                builder().detector("other", DirectoryJobTest::count),
                builder()
                        .landmarks("mine", (photograph, box) -> List.of(new Point(1, 1), new Point(9, 1)))
                        .landmarkSet(LandmarkSet.EYE_CENTRES))) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> align(other))
                    .withMessageContaining("aligned otherwise")
                    .withMessageContaining(out().toString());
        }
        assertThat(content(out())).isEqualTo(before);
    }

    @Test
    void facesOfUnknownOriginAreRefused() throws IOException {
        add("ann/1.png", 1, 1);
        Files.createDirectories(out().resolve("bob"));
        ImageFiles.writePng(photograph(1, 1), out().resolve("bob/1.png"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> align(builder()))
                .withMessageContaining("bob")
                .withMessageContaining(AlignmentProfile.FILE_NAME);
        try (Aligner aligner = builder().build()) {
            aligner.profile().claim(out());
            assertThat(aligner.alignDirectory(raw(), out()).aligned()).isEqualTo(1);
        }
    }

    @Test
    void anEmbedderOfAnotherProfileIsRefused() throws IOException {
        Path photograph = add("ann/1.png", 1, 1);
        try (Aligner aligner = builder().build();
                Aligner other = builder().size(48).build()) {
            assertThat(aligner.embed(photograph, embedder(Optional.empty())).dimension())
                    .isEqualTo(1);
            assertThat(aligner.embed(photograph, embedder(Optional.of(aligner.profile())))
                            .dimension())
                    .isEqualTo(1);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> other.embed(photograph, embedder(Optional.of(aligner.profile()))))
                    .withMessageContaining("size is 48 instead of 32");
        }
    }

    private static FaceEmbedder embedder(Optional<AlignmentProfile> profile) {
        return new FaceEmbedder() {
            @Override
            public int imageSize() {
                return SIZE;
            }

            @Override
            public int dimension() {
                return 1;
            }

            @Override
            public Optional<AlignmentProfile> alignmentProfile() {
                return profile;
            }

            @Override
            public EmbeddingBatch embed(List<RgbImage> faces) {
                return new EmbeddingBatch(1, new float[faces.size()]);
            }
        };
    }

    // ------------------------------------------------------------------ large photographs

    /** Photographs whose sizes add up to more than the memory for them wait for each other, and none waits for ever. */
    @Test
    void largePhotographsAreAlignedInTurn() throws IOException {
        Files.createDirectories(raw().resolve("ann"));
        byte[] rgb = new byte[3 * 2000 * 1500];
        rgb[0] = 1;
        ImageFiles.writePng(RgbImage.of(2000, 1500, rgb), raw().resolve("ann/0.png"));
        for (int i = 1; i < 6; i++) {
            Files.copy(raw().resolve("ann/0.png"), raw().resolve("ann/" + i + ".png"));
        }
        // A bomb: it declares far more than it holds.
        Files.writeString(raw().resolve("ann/9.ppm"), "P6 60000 60000 255\n");
        AlignReport report = align(builder().threads(6));
        assertThat(report.aligned()).isEqualTo(6);
        assertThat(report.skipped()).singleElement().satisfies(s -> assertThat(s.detail())
                .contains("60000 x 60000"));
    }

    // ------------------------------------------------------------------ several processes, and kills

    /** Aligns in a JVM of its own, with a detector that takes a while. */
    public static final class Program {
        private Program() {}

        /** Arguments: raw, out, threads, milliseconds per photograph. */
        public static void main(String... arguments) throws IOException {
            int pause = Integer.parseInt(arguments[3]);
            try (Aligner aligner = builder()
                    .threads(Integer.parseInt(arguments[2]))
                    .detector("counting", photograph -> {
                        try {
                            Thread.sleep(pause);
                        } catch (InterruptedException e) {
                            throw new IllegalStateException(e);
                        }
                        return count(photograph);
                    })
                    .build()) {
                System.out.println(aligner.alignDirectory(Path.of(arguments[0]), Path.of(arguments[1]))
                        .summary());
            }
        }
    }

    private Process start(int threads, int milliseconds) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx64m",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Program.class.getName(),
                        raw().toString(),
                        out().toString(),
                        Integer.toString(threads),
                        Integer.toString(milliseconds))
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("log").toFile())
                .start();
    }

    /** Some faces, some photographs of nobody, some damaged. */
    private void photographs(int count) throws IOException {
        for (int i = 0; i < count; i++) {
            String name = "p" + i % 13 + "/" + i + (i % 11 == 0 ? ".jpg" : ".png");
            Path file = add(name, i % 7 == 0 ? 0 : 1 + i % 3, i);
            if (i % 17 == 0) {
                Files.write(file, Arrays.copyOf(Files.readAllBytes(file), 200));
                setTime(file, -i);
            }
        }
    }

    private Map<String, List<Byte>> uninterrupted() throws IOException {
        Path whole = folder.resolve("whole");
        try (Aligner aligner = builder().build()) {
            aligner.alignDirectory(raw(), whole);
        }
        return content(whole);
    }

    private void killed(int kills, int count, long seed) throws Exception {
        photographs(count);
        Map<String, List<Byte>> expected = uninterrupted();
        Random random = new Random(seed);
        int before = 0;
        for (int kill = 0; kill < kills; kill++) {
            Process process = start(2, 4);
            // Not at once: until the process has done something, and then a moment more.
            while (process.isAlive() && faces() <= before) {
                Thread.sleep(1);
            }
            Thread.sleep(random.nextInt(40));
            process.destroyForcibly().waitFor();
            assertThat(process.exitValue())
                    .as(Files.readString(folder.resolve("log")))
                    .isNotZero();
            before = faces();
        }
        Process last = start(2, 0);
        assertThat(last.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(last.exitValue()).as(Files.readString(folder.resolve("log"))).isZero();
        assertThat(content(out())).isEqualTo(expected);
    }

    private int faces() throws IOException {
        int count = 0;
        for (int i = 0; i < 13; i++) {
            Path person = out().resolve("p" + i);
            if (Files.isDirectory(person)) {
                try (Stream<Path> files = Files.list(person)) {
                    count += (int) files.filter(ImageFiles::isImage).count();
                }
            }
        }
        return count;
    }

    @Test
    void killedAndRestartedTheFolderEndsTheSame() throws Exception {
        killed(2, 400, 1);
    }

    @Test
    @Tag("soak")
    void killedManyTimesTheFolderEndsTheSame() throws Exception {
        killed(10, 3000, 2);
    }

    @Test
    void twoProcessesAtOnceGiveTheSameFolder() throws Exception {
        photographs(400);
        Map<String, List<Byte>> expected = uninterrupted();
        Process one = start(1, 2);
        Process two = start(2, 2);
        assertThat(one.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(two.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(one.exitValue()).as(Files.readString(folder.resolve("log"))).isZero();
        assertThat(two.exitValue()).isZero();
        assertThat(content(out())).isEqualTo(expected);
    }

    /** Each does a part: what one has done the other passes over. */
    @Test
    void severalRunsShareTheWork() throws Exception {
        for (int i = 0; i < 300; i++) {
            add("p" + i % 5 + "/" + i + ".png", 1, i);
        }
        ExecutorService threads = Executors.newFixedThreadPool(3);
        try {
            List<Callable<AlignReport>> runs = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                runs.add(() -> align(builder().threads(1).detector("counting", photograph -> {
                    try {
                        Thread.sleep(2);
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                    return count(photograph);
                })));
            }
            int aligned = 0;
            for (Future<AlignReport> run : threads.invokeAll(runs)) {
                assertThat(run.get().total()).isEqualTo(300);
                assertThat(run.get().aligned()).isLessThan(250);
                aligned += run.get().aligned();
            }
            assertThat(aligned).isBetween(300, 400);
        } finally {
            threads.shutdown();
        }
    }

    /** Heap in use after a collection: the last thousand photographs need no more than the first. */
    @Test
    @Tag("soak")
    void memoryIsFlatOverTenThousandPhotographs() throws IOException {
        Path first = add("p0/0.png", 1, 1);
        for (int i = 1; i < 10_000; i++) {
            Path link = raw().resolve("p" + i % 100 + "/" + i + ".png");
            Files.createDirectories(link.getParent());
            Files.createLink(link, first);
        }
        List<Long> used = new ArrayList<>();
        align(builder().onProgress(progress -> {
            if (progress.done() % 1000 == 0) {
                System.gc();
                used.add(Runtime.getRuntime().totalMemory()
                        - Runtime.getRuntime().freeMemory());
            }
        }));
        System.out.println("heap in use after each 1,000 photographs: " + used);
        // What the threads hold at that moment comes and goes, and so do the photographs listed at a time.
        long before = Collections.min(used.subList(0, 3));
        long after = Collections.min(used.subList(7, 10));
        assertThat(after - before).isLessThan(7_000 * 200L);
    }
}
