package org.openface.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.align.face.Alignment;
import org.openface.align.face.DetectedFace;
import org.openface.align.face.FaceBox;
import org.openface.align.face.Point;
import org.openface.align.face.SkipReason;
import org.openface.align.internal.detect.NativeDetector;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.core.internal.image.Png;

/** Everything around the detector, with a detector that reads the number of faces from the first pixel. */
class AlignerTest {
    @TempDir
    Path folder;

    private Path raw;
    private Path out;

    @BeforeEach
    void folders() {
        raw = folder.resolve("raw");
        out = folder.resolve("out");
    }

    /** As many faces as the red of the first pixel says. */
    private static class CountingDetector implements NativeDetector {
        private final AtomicInteger open;

        CountingDetector(AtomicInteger open) {
            this.open = open;
            open.incrementAndGet();
        }

        @Override
        public List<DetectedFace> detect(RgbImage photograph) {
            List<DetectedFace> faces = new ArrayList<>();
            for (int i = photograph.red(0, 0); i > 0; i--) {
                faces.add(new DetectedFace(new FaceBox(0, 0, 10 * i, 10 * i), new Point(5, 5), new Point(5 + i, 5)));
            }
            return faces;
        }

        @Override
        public void close() {
            open.decrementAndGet();
        }
    }

    private final AtomicInteger detectorsOpen = new AtomicInteger();

    private Aligner.Builder builder() {
        return Aligner.builder().size(32).threads(3).detector(() -> new CountingDetector(detectorsOpen));
    }

    private static RgbImage photograph(int faces, int seed) {
        byte[] rgb = new byte[3 * 20 * 20];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) (seed * 31 + i * 7);
        }
        rgb[0] = (byte) faces;
        return RgbImage.of(20, 20, rgb);
    }

    private Path add(String name, int faces, int seed) throws IOException {
        Path file = raw.resolve(name);
        Files.createDirectories(file.getParent());
        // The content decides, so that a file named .jpg may hold a PNG.
        ImageFiles.writePng(photograph(faces, seed), file);
        return file;
    }

    private Map<String, byte[]> files(Path directory) throws IOException {
        Map<String, byte[]> content = new TreeMap<>();
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path file : all.toList()) {
                String name = directory.relativize(file).toString().replace('\\', '/');
                content.put(name, Files.isDirectory(file) ? new byte[0] : Files.readAllBytes(file));
            }
        }
        return content;
    }

    @Test
    void theResultIsAFaceOrAReason() {
        try (Aligner aligner = builder().build()) {
            Alignment found = aligner.align(photograph(2, 1));
            assertThat(found).isInstanceOfSatisfying(Alignment.Aligned.class, aligned -> {
                assertThat(aligned.face().width()).isEqualTo(32);
                assertThat(aligned.face().height()).isEqualTo(32);
                assertThat(aligned.box()).isEqualTo(new FaceBox(0, 0, 20, 20));
                assertThat(aligned.leftEye()).isEqualTo(new Point(5, 5));
                assertThat(aligned.rightEye()).isEqualTo(new Point(7, 5));
                assertThat(aligned.facesFound()).isEqualTo(2);
                assertThat(aligned.orElseThrow()).isSameAs(aligned.face());
            });

            Alignment none = aligner.align(photograph(0, 1));
            assertThat(none).isInstanceOfSatisfying(Alignment.NotAligned.class, no -> assertThat(no.reason())
                    .isEqualTo(SkipReason.NO_FACE));
            assertThatIllegalStateException()
                    .isThrownBy(none::orElseThrow)
                    .withMessageContaining("NO_FACE")
                    .withMessageContaining("20 x 20");
        }
    }

    @Test
    void photographsOfSeveralPeopleAreSkippedOnRequest() {
        try (Aligner aligner = builder().skipMulti(true).build()) {
            assertThat(aligner.align(photograph(2, 1)))
                    .isEqualTo(new Alignment.NotAligned(SkipReason.SEVERAL_FACES, "2 faces"));
            assertThat(aligner.align(photograph(1, 1))).isInstanceOf(Alignment.Aligned.class);
        }
    }

    @Test
    void wrongSettingsAreRefusedAtOnce() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Aligner.builder().size(0))
                .withMessageContaining("got 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Aligner.builder().threads(0))
                .withMessageContaining("got 0");
    }

    @Test
    void closingFreesTheDetectorsAndEndsUse() {
        Aligner aligner = builder().build();
        assertThat(detectorsOpen).hasValue(1);

        aligner.close();
        aligner.close();

        assertThat(detectorsOpen).hasValue(0);
        assertThatIllegalStateException()
                .isThrownBy(() -> aligner.align(photograph(1, 1)))
                .withMessageContaining("closed");
        assertThatIllegalStateException().isThrownBy(() -> aligner.align(folder.resolve("x.png")));
        assertThatIllegalStateException().isThrownBy(() -> aligner.alignDirectory(raw, out));
    }

    @Test
    void aDirectoryIsAlignedAndEveryPhotographAccountedFor() throws IOException {
        add("ann/1.jpg", 1, 1);
        add("ann/2.v1.PNG", 2, 2);
        Path faceless = add("ann/3.png", 0, 3);
        Path nobody = add("bob/1.png", 0, 4);
        Map<String, byte[]> before = files(raw);
        List<AlignProgress> progress = new ArrayList<>();

        AlignReport report;
        try (Aligner aligner = builder().onProgress(progress::add).build()) {
            report = aligner.alignDirectory(raw, out);
        }

        assertThat(files(out))
                .containsOnlyKeys(
                        "",
                        ".alignment.lock",
                        "alignment.csv",
                        "alignment.properties",
                        "alignment.skipped.csv",
                        "ann",
                        "ann/1.png",
                        "ann/2.v1.png");
        assertThat(report.aligned()).isEqualTo(2);
        assertThat(report.alreadyDone()).isZero();
        assertThat(report.total()).isEqualTo(4);
        assertThat(report.skipped()).extracting(AlignReport.Skipped::source).containsExactly(faceless, nobody);
        assertThat(report.skippedByReason()).isEqualTo(Map.of(SkipReason.NO_FACE, 2));
        assertThat(report.summary())
                .matches("aligned 2 of 4 photographs in \\d+\\.\\d s, \\d+\\.\\d images/s; skipped: NO_FACE 2");
        assertThat(progress).extracting(AlignProgress::done).containsExactly(1, 2, 3, 4);
        assertThat(progress).allMatch(p -> p.total() == 4 && p.imagesPerSecond() > 0);
        assertThat(progress.get(3).remaining()).isZero();
        assertThat(files(raw)).usingRecursiveComparison().isEqualTo(before);
        assertThat(detectorsOpen).hasValue(0);
    }

    /** Names as bytes, so that this holds in every locale: "José 林 100%" and "über #1". */
    @Test
    void namesMayHoldAnyLetters() throws IOException {
        Path photograph = add("ann/1.png", 1, 1);
        String name = "Jos%C3%A9%20%E6%9E%97%20100%25/%C3%BCber%20%231";
        Path source = Path.of(URI.create(raw.toUri() + name + ".jpg"));
        Path target = Path.of(URI.create(folder.toUri() + "out/" + name + ".png"));
        Files.createDirectories(source.getParent());
        Files.copy(photograph, source);

        try (Aligner aligner = builder().build()) {
            assertThat(aligner.alignDirectory(raw, out).aligned()).isEqualTo(2);
            assertThat(ImageFiles.read(target)).isEqualTo(ImageFiles.read(out.resolve("ann/1.png")));
            assertThat(aligner.alignDirectory(raw, out).alreadyDone()).isEqualTo(2);
        }
    }

    @Test
    void theFaceOnDiskIsTheFaceInMemory() throws IOException {
        Path photograph = add("ann/1.png", 1, 1);
        try (Aligner aligner = builder().build()) {
            aligner.alignDirectory(raw, out);

            assertThat(ImageFiles.read(out.resolve("ann/1.png")))
                    .isEqualTo(aligner.align(photograph).orElseThrow());
        }
    }

    @Test
    void theNumberOfThreadsMakesNoDifference() throws IOException {
        for (int i = 0; i < 60; i++) {
            add("p" + i % 7 + "/" + i + ".png", i % 3, i);
        }
        AlignReport one;
        AlignReport many;
        try (Aligner aligner = builder().threads(1).build()) {
            one = aligner.alignDirectory(raw, out);
        }
        try (Aligner aligner = builder().threads(8).build()) {
            many = aligner.alignDirectory(raw, folder.resolve("other"));
        }

        assertThat(files(folder.resolve("other"))).usingRecursiveComparison().isEqualTo(files(out));
        assertThat(many.skipped()).isEqualTo(one.skipped()).hasSize(20);
    }

    @Test
    void whatIsDoneStaysAndWhatIsDamagedIsDoneAgain() throws IOException {
        for (int i = 0; i < 4; i++) {
            add("ann/" + i + ".png", 1, i);
        }
        try (Aligner aligner = builder().build()) {
            aligner.alignDirectory(raw, out);
            Map<String, byte[]> first = files(out);
            Path kept = out.resolve("ann/0.png");
            FileTime longAgo = FileTime.fromMillis(1_000_000_000_000L);
            Files.setLastModifiedTime(kept, longAgo);
            Path cut = out.resolve("ann/1.png");
            Files.write(cut, Arrays.copyOf(Files.readAllBytes(cut), 60));
            Files.write(out.resolve("ann/2.png"), new byte[0]);
            RgbImage other = photograph(1, 1);
            byte[] otherSize = Png.encode(
                    other.width(),
                    other.height(),
                    other.toBytes(),
                    Png.note(Files.readAllBytes(out.resolve("ann/3.png"))).orElseThrow());
            Files.write(out.resolve("ann/3.png"), otherSize);
            Path leftover = Files.write(out.resolve("ann/.4711-1.tmp"), new byte[10]);
            Files.setLastModifiedTime(leftover, longAgo);

            AlignReport second = aligner.alignDirectory(raw, out);

            assertThat(second.aligned()).isEqualTo(3);
            assertThat(second.alreadyDone()).isEqualTo(1);
            assertThat(second.summary()).startsWith("aligned 4 of 4 photographs (1 of them before)");
            assertThat(Files.getLastModifiedTime(kept)).isEqualTo(longAgo);
            assertThat(FaceDataset.index(out).size()).isEqualTo(4);
            assertThat(leftover).doesNotExist();
            assertThat(files(out)).usingRecursiveComparison().isEqualTo(first);
        }
    }

    @Test
    void photographsThatWouldShareANameAreReported() throws IOException {
        Path first = add("ann/a.jpg", 1, 1);
        Path second = add("ann/a.png", 1, 2);
        add("bob/a.png", 1, 3);
        try (Aligner aligner = builder().build()) {
            for (int run = 0; run < 2; run++) {
                AlignReport report = aligner.alignDirectory(raw, out);

                assertThat(report.skipped()).singleElement().satisfies(s -> {
                    assertThat(s.source()).isEqualTo(second);
                    assertThat(s.reason()).isEqualTo(SkipReason.NAME_COLLISION);
                    assertThat(s.detail()).contains("ann/a.jpg").contains("rename");
                });
                assertThat(ImageFiles.read(out.resolve("ann/a.png")))
                        .isEqualTo(aligner.align(first).orElseThrow());
            }
        }
    }

    @Test
    void namesThatDifferInCaseOnlyCollideOnEverySystem() throws IOException {
        add("ann/A.jpg", 1, 1);
        Path second = add("ann/a.png", 1, 2);
        try (Aligner aligner = builder().build()) {
            assertThat(aligner.alignDirectory(raw, out).skipped())
                    .extracting(AlignReport.Skipped::source)
                    .containsExactly(second);
        }
    }

    @Test
    void filesThatAreNoPicturesAreRowsOfTheReport() throws IOException {
        add("ann/1.png", 1, 1);
        Path ann = raw.resolve("ann");
        Path empty = Files.write(ann.resolve("2.jpg"), new byte[0]);
        Path text = Files.writeString(ann.resolve("3.jpg"), "shopping list");
        byte[] whole = Files.readAllBytes(ann.resolve("1.png"));
        Path cut = Files.write(ann.resolve("4.png"), Arrays.copyOf(whole, whole.length / 2));
        Path huge =
                Files.write(ann.resolve("5.pgm"), "P5 2000000000 2000000000 255\n".getBytes(StandardCharsets.US_ASCII));
        Files.writeString(ann.resolve("notes.txt"), "no photograph, and not named like one");
        Path folderNamedLikeOne = Files.createDirectory(ann.resolve("6.jpg"));

        try (Aligner aligner = builder().build()) {
            AlignReport report = aligner.alignDirectory(raw, out);

            assertThat(report.aligned()).isEqualTo(1);
            assertThat(report.skipped())
                    .extracting(AlignReport.Skipped::source)
                    .containsExactly(empty, text, cut, huge)
                    .doesNotContain(folderNamedLikeOne);
            assertThat(report.skipped()).allSatisfy(s -> {
                assertThat(s.reason()).isEqualTo(SkipReason.UNREADABLE);
                assertThat(s.detail()).contains(s.source().getFileName().toString());
            });
            assertThat(aligner.align(text))
                    .isInstanceOfSatisfying(Alignment.NotAligned.class, no -> assertThat(no.reason())
                            .isEqualTo(SkipReason.UNREADABLE));
            assertThat(aligner.align(folder.resolve("absent.png")))
                    .isInstanceOfSatisfying(Alignment.NotAligned.class, no -> assertThat(no.reason())
                            .isEqualTo(SkipReason.IO_ERROR));
        }
    }

    @Test
    void foldersInsideEachOtherAreRefused() throws IOException {
        add("ann/1.png", 1, 1);
        Path link = folder.resolve("link");
        Files.createSymbolicLink(link, raw);
        try (Aligner aligner = builder().build()) {
            for (Path bad : List.of(
                    raw, raw.resolve("aligned/deep"), raw.resolve("../raw"), folder, link, link.resolve("aligned"))) {
                assertThatIllegalArgumentException()
                        .as("%s", bad)
                        .isThrownBy(() -> aligner.alignDirectory(raw, bad))
                        .withMessageContaining("separate folders")
                        .withMessageContaining(bad.toString());
            }
        }
        assertThat(files(raw)).containsOnlyKeys("", "ann", "ann/1.png");
    }

    @Test
    void aPlaceThatCannotBeWrittenIsAnError() throws IOException {
        add("ann/1.png", 1, 1);
        Path file = Files.writeString(folder.resolve("file"), "x");
        try (Aligner aligner = builder().build()) {
            assertThatExceptionOfType(IOException.class)
                    .isThrownBy(() -> aligner.alignDirectory(raw, file))
                    .withMessageContaining(file + " is a file");
            assertThatExceptionOfType(IOException.class)
                    .isThrownBy(() -> aligner.alignDirectory(raw, file.resolve("out")))
                    .withMessageContaining("cannot make the folder");
            Files.createDirectories(out);
            Files.writeString(out.resolve("ann"), "a file where the person's folder should be");
            assertThatExceptionOfType(IOException.class)
                    .isThrownBy(() -> aligner.alignDirectory(raw, out))
                    .withMessageContaining("cannot write the aligned face")
                    .withMessageContaining("1.png");
        }
    }

    @Test
    void aMissingOrEmptyFolderIsAnErrorAndMakesNothing() throws IOException {
        try (Aligner aligner = builder().build()) {
            assertThatExceptionOfType(IOException.class).isThrownBy(() -> aligner.alignDirectory(raw, out));
            Files.createDirectories(raw);
            assertThatExceptionOfType(IOException.class)
                    .isThrownBy(() -> aligner.alignDirectory(raw, out))
                    .withMessageContaining("no images");
        }
        assertThat(out).doesNotExist();
    }

    @Test
    void whatAListenerThrowsEndsTheJob() throws IOException {
        for (int i = 0; i < 50; i++) {
            add("ann/" + i + ".png", 1, i);
        }
        RuntimeException mine = new RuntimeException("enough");
        try (Aligner aligner = builder()
                .onProgress(p -> {
                    if (p.done() >= 3) {
                        throw mine;
                    }
                })
                .build()) {
            assertThatThrownBy(() -> aligner.alignDirectory(raw, out)).isSameAs(mine);
        }
        assertThat(files(out)).hasSizeBetween(3, 20);
    }

    @Test
    void anInterruptEndsTheJobBetweenPhotographs() throws IOException {
        for (int i = 0; i < 50; i++) {
            add("ann/" + i + ".png", 1, i);
        }
        Thread caller = Thread.currentThread();
        AtomicInteger interrupts = new AtomicInteger();
        try (Aligner aligner = builder()
                .onProgress(p -> {
                    if (p.done() == 3 && interrupts.getAndIncrement() == 0) {
                        caller.interrupt();
                    }
                    pause();
                })
                .build()) {
            assertThatExceptionOfType(InterruptedIOException.class).isThrownBy(() -> aligner.alignDirectory(raw, out));
            assertThat(Thread.interrupted()).isTrue();

            int before = FaceDataset.index(out).size();
            assertThat(before).isLessThan(50);
            assertThat(aligner.alignDirectory(raw, out).alreadyDone()).isEqualTo(before);
        }
    }

    private static void pause() {
        try {
            Thread.sleep(5);
        } catch (InterruptedException e) {
            throw new AssertionError("the workers are not interrupted", e);
        }
    }
}
