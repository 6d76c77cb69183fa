package org.openface.align;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.align.face.DetectedFace;
import org.openface.align.face.FaceBox;
import org.openface.align.face.Point;
import org.openface.align.face.SkipReason;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/** Photographs that gave no face are not searched again, as long as they and the settings are the same. */
class RememberedPhotographsTest {
    private static final String RECORD = "alignment.skipped.csv";

    @TempDir
    Path folder;

    private final AtomicInteger searches = new AtomicInteger();

    /** As many faces as the red of the first pixel says. */
    private List<DetectedFace> count(RgbImage photograph) {
        searches.incrementAndGet();
        if (photograph.red(0, 0) == 99) {
            throw new IllegalStateException("99 faces");
        }
        List<DetectedFace> faces = new ArrayList<>();
        for (int i = 1; i <= photograph.red(0, 0); i++) {
            faces.add(new DetectedFace(new FaceBox(1, 2, 10 * i, 10.5 * i), new Point(5, 5), new Point(5 + i, 5)));
        }
        return faces;
    }

    private Aligner.Builder builder() {
        return Aligner.builder().size(32).threads(2).detector("counting", this::count);
    }

    private Path raw() {
        return folder.resolve("raw");
    }

    private Path out() {
        return folder.resolve("out");
    }

    private Path add(String name, int faces, long modified) throws IOException {
        byte[] rgb = new byte[3 * 20 * 20];
        new Random(faces).nextBytes(rgb);
        rgb[0] = (byte) faces;
        Path file = raw().resolve(name);
        Files.createDirectories(file.getParent());
        ImageFiles.writePng(RgbImage.of(20, 20, rgb), file);
        return at(file, modified);
    }

    private static Path at(Path file, long modified) throws IOException {
        return Files.setLastModifiedTime(file, FileTime.fromMillis(1_500_000_000_000L + modified));
    }

    /** Runs, and says how many photographs were searched. */
    private int align(Aligner.Builder builder, Map<SkipReason, Integer> expected) throws IOException {
        searches.set(0);
        try (Aligner aligner = builder.build()) {
            assertThat(aligner.alignDirectory(raw(), out()).skippedByReason()).isEqualTo(expected);
        }
        return searches.get();
    }

    private int align() throws IOException {
        return align(builder(), Map.of(SkipReason.NO_FACE, 3));
    }

    private void photographs() throws IOException {
        add("ann/1.png", 1, 0);
        add("ann/2, \"none\".png", 0, 0);
        add("=bob/2.png", 0, 0);
        add("cid\u6797/3.png", 0, 0);
    }

    private byte[] table() throws IOException {
        return Files.readAllBytes(out().resolve(AlignReport.FILE_NAME));
    }

    private byte[] record() throws IOException {
        return Files.readAllBytes(out().resolve(RECORD));
    }

    @Test
    void aPhotographWithoutAFaceIsSearchedOnce() throws IOException {
        photographs();
        assertThat(align()).isEqualTo(4);
        byte[] table = table();
        byte[] record = record();
        for (int run = 0; run < 2; run++) {
            assertThat(align()).isZero();
            assertThat(table()).isEqualTo(table);
            assertThat(record()).isEqualTo(record);
        }
        assertThat(new String(table, UTF_8)).contains("no face in 20 x 20 pixels");
    }

    @Test
    void aPhotographThatHasChangedIsSearchedAgain() throws IOException {
        photographs();
        align();
        Path changed = add("=bob/2.png", 0, 5000);
        byte[] bytes = Files.readAllBytes(changed);
        bytes[bytes.length - 1] ^= 1; // of the same size; what is behind the last pixels does not count
        Files.write(changed, bytes);
        at(changed, 5000);
        assertThat(align()).isEqualTo(1);
        assertThat(align()).isZero();

        add("=bob/2.png", 1, 7000);
        assertThat(align(builder(), Map.of(SkipReason.NO_FACE, 2))).isEqualTo(1);
        assertThat(new String(record(), UTF_8)).doesNotContain("bob");
        add("=bob/2.png", 0, 9000);
        assertThat(align()).as("its face was there").isEqualTo(1);
        assertThat(out().resolve("=bob/2.png")).doesNotExist();
        assertThat(align()).isZero();
    }

    /** A copy, or what an archive has put there again. */
    @Test
    void anotherTimeAloneIsNoChange() throws IOException {
        photographs();
        align();
        at(raw().resolve("=bob/2.png"), 77_000);
        assertThat(align()).isZero();
        assertThat(new String(record(), UTF_8)).contains("," + 1_500_000_077_000L + ",");
    }

    /** It may be written again in the same tick of a clock, with the same size. */
    @Test
    void aPhotographOfThisMomentIsReadAgainAndNotSearched() throws IOException {
        photographs();
        Path bob = raw().resolve("=bob/2.png");
        Files.setLastModifiedTime(bob, FileTime.fromMillis(System.currentTimeMillis() + 500));
        FileTime time = Files.getLastModifiedTime(bob);
        assertThat(align()).isEqualTo(4);
        assertThat(align()).isZero();
        byte[] bytes = Files.readAllBytes(bob);
        bytes[bytes.length - 1] ^= 1;
        Files.write(bob, bytes);
        Files.setLastModifiedTime(bob, time);
        assertThat(align()).isEqualTo(1);
    }

    @Test
    void otherSettingsSearchAgain() throws IOException {
        photographs();
        add("ann/4.png", 2, 0);
        Map<SkipReason, Integer> several = Map.of(SkipReason.NO_FACE, 3, SkipReason.SEVERAL_FACES, 1);
        assertThat(align(builder().skipMulti(true), several)).isEqualTo(5);
        assertThat(align(builder().skipMulti(true), several)).isZero();
        assertThat(align()).isEqualTo(4);
        assertThat(align()).isZero();
        assertThat(align(builder().limits(new ImageFiles.Limits(1000, 100_000)), Map.of(SkipReason.NO_FACE, 3)))
                .isEqualTo(3);

        Files.delete(out().resolve(AlignmentProfile.FILE_NAME));
        Aligner.Builder other = builder().detector("other", this::count);
        try (Aligner aligner = other.build()) {
            aligner.profile().claim(out());
        }
        assertThat(align(other, Map.of(SkipReason.NO_FACE, 3))).isEqualTo(3);
    }

    /** A picture of the fallback folder may have come meanwhile. */
    @Test
    void theFallbackFolderIsLookedIntoEachTime() throws IOException {
        photographs();
        align();
        Path pictures = Files.createDirectories(folder.resolve("pictures/=bob"));
        Files.copy(raw().resolve("ann/1.png"), pictures.resolve("2.png"));
        assertThat(align(builder().fallback(folder.resolve("pictures")), Map.of(SkipReason.NO_FACE, 2)))
                .isZero();
        assertThat(out().resolve("=bob/2.png")).exists();
        assertThat(align(builder().fallback(folder.resolve("pictures")), Map.of(SkipReason.NO_FACE, 2)))
                .isZero();
    }

    @Test
    void damagedPhotographsAreReportedEachTimeAndReadWhenTheyHaveChanged() throws IOException {
        photographs();
        Path cut = raw().resolve("ann/cut.png");
        byte[] whole = Files.readAllBytes(raw().resolve("ann/1.png"));
        Files.write(cut, Arrays.copyOf(whole, 300));
        at(cut, 0);
        at(Files.write(raw().resolve("ann/empty.jpg"), new byte[0]), 0);
        Map<SkipReason, Integer> expected = Map.of(SkipReason.NO_FACE, 3, SkipReason.UNREADABLE, 2);
        assertThat(align(builder(), expected)).isEqualTo(4);
        byte[] table = table();
        assertThat(align(builder(), expected)).isZero();
        assertThat(table()).isEqualTo(table);
        at(Files.write(cut, whole), 0);
        assertThat(align(builder(), Map.of(SkipReason.NO_FACE, 3, SkipReason.UNREADABLE, 1)))
                .isEqualTo(1);
        assertThat(out().resolve("ann/cut.png")).exists();
    }

    @Test
    void whatSaysNothingAboutThePhotographIsNotRemembered() throws IOException {
        photographs();
        add("ann/fails.png", 99, 0);
        Map<SkipReason, Integer> expected = Map.of(SkipReason.NO_FACE, 3, SkipReason.FAILED, 1);
        assertThat(align(builder(), expected)).isEqualTo(5);
        assertThat(align(builder(), expected)).isEqualTo(1);
    }

    @Test
    void aKilledRunHasNotSearchedInVain() throws IOException {
        for (int i = 0; i < 40; i++) {
            add("p" + i % 3 + "/" + i + ".png", 0, 0);
        }
        searches.set(0);
        assertThatExceptionOfType(StackOverflowError.class)
                .isThrownBy(() -> align(
                        builder().onProgress(done -> {
                            if (done.done() == 20) {
                                throw new StackOverflowError("as if killed");
                            }
                        }),
                        Map.of()));
        int before = searches.get();
        assertThat(before).isBetween(20, 22);
        assertThat(align(builder(), Map.of(SkipReason.NO_FACE, 40))).isEqualTo(40 - before);
        try (Stream<Path> files = Files.list(out())) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder(
                            ".alignment.lock", AlignmentProfile.FILE_NAME, AlignReport.FILE_NAME, RECORD);
        }
    }

    /** A record that somebody has damaged costs a search, and gives no wrong answer. */
    @Test
    void aDamagedRecordIsNoAnswer() throws IOException {
        photographs();
        align();
        byte[] record = record();
        int header = new String(record, UTF_8).indexOf('\n');
        Random random = new Random(5);
        for (int i = 0; i < 60; i++) {
            byte[] damaged = random.nextBoolean() ? record.clone() : Arrays.copyOf(record, record.length - i);
            for (int k = 0; k < 3; k++) {
                int at = header + 1 + random.nextInt(damaged.length - header - 1);
                damaged[at] = (byte) (' ' + random.nextInt(95));
            }
            Files.write(out().resolve(RECORD), damaged);
            assertThat(align()).isBetween(0, 3);
        }
        Files.writeString(out().resolve(RECORD), "my own\n");
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(this::align)
                .withMessageContaining(RECORD)
                .withMessageContaining("move it away");
    }
}
