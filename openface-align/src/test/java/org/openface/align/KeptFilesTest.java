package org.openface.align;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.align.face.DetectedFace;
import org.openface.align.face.FaceBox;
import org.openface.align.face.FaceDetector;
import org.openface.align.face.Point;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.core.internal.image.Png;

/** What a job over a folder leaves alone, whatever is in its way and whatever fails. */
class KeptFilesTest {
    private static final int SIZE = 32;
    private static final long LONG_AGO = 1_500_000_000_000L;

    @TempDir
    Path folder;

    private Path raw() {
        return folder.resolve("raw");
    }

    private Path out() {
        return folder.resolve("out");
    }

    /** As many faces as the red of the first pixel says. */
    private static List<DetectedFace> count(RgbImage photograph) {
        List<DetectedFace> faces = new ArrayList<>();
        for (int i = 1; i <= photograph.red(0, 0); i++) {
            faces.add(new DetectedFace(new FaceBox(1, 2, 10 * i, 10.5 * i), new Point(5, 5), new Point(5 + i, 5)));
        }
        return faces;
    }

    private static Aligner.Builder builder() {
        return Aligner.builder().size(SIZE).threads(2).detector("counting", KeptFilesTest::count);
    }

    private static RgbImage photograph(int faces, int seed) {
        byte[] rgb = new byte[3 * 20 * 20];
        new Random(seed).nextBytes(rgb);
        rgb[0] = (byte) faces;
        return RgbImage.of(20, 20, rgb);
    }

    /** A photograph of long ago, so that its time is in no doubt; of another time if it is another. */
    private static Path add(Path file, int faces, int seed) throws IOException {
        Files.createDirectories(file.getParent());
        ImageFiles.writePng(photograph(faces, seed), file);
        Files.setLastModifiedTime(file, FileTime.fromMillis(LONG_AGO + 10_000L * seed));
        return file;
    }

    private Path add(String name, int faces, int seed) throws IOException {
        return add(raw().resolve(name), faces, seed);
    }

    private AlignReport align(Aligner.Builder builder) throws IOException {
        try (Aligner aligner = builder.build()) {
            return aligner.alignDirectory(raw(), out());
        }
    }

    /** A file whose beginning cannot be read: an I/O error, on Linux. */
    private Path unreadable() throws IOException {
        Path memory = Path.of("/proc/self/mem");
        assumeThat(memory).exists();
        Path link = folder.resolve("unreadable");
        return Files.exists(link) ? link : Files.createSymbolicLink(link, memory);
    }

    @AfterEach
    void leavesNoLinkOutside() throws IOException {
        Files.deleteIfExists(folder.resolve("unreadable"));
    }

    private static String reasons(AlignReport report) {
        return report.skippedByReason().toString();
    }

    /** Every file, folder and link: its name, time, mode, and content or where it leads. */
    private static Map<String, String> tree(Path directory) throws IOException {
        Map<String, String> tree = new TreeMap<>();
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path file : all.toList()) {
                String content = Files.isSymbolicLink(file)
                        ? "-> " + Files.readSymbolicLink(file)
                        : Files.isDirectory(file) ? "" : HexFormat.of().formatHex(Files.readAllBytes(file));
                tree.put(
                        directory.relativize(file).toString(),
                        Files.getLastModifiedTime(file, LinkOption.NOFOLLOW_LINKS)
                                + " "
                                + Files.getAttribute(file, "unix:mode", LinkOption.NOFOLLOW_LINKS)
                                + " " + content);
            }
        }
        return tree;
    }

    // ------------------------------------------------------------------ photographs

    /** The photographs' tree is the same after every kind of run, with links, odd names, collisions and damaged files. */
    @Test
    void photographsAreNeverTouched() throws IOException {
        add("ann/1.png", 1, 1);
        add("ann/1.jpg", 1, 2);
        add("ann/A.png", 2, 3);
        add("ann/a.png", 1, 4);
        add("Ann/9.png", 1, 5);
        add("bob/ line\nbreak, \"quoted\".png", 1, 6);
        add("bob/=1+1.png", 1, 7);
        add("bob/none.png", 0, 8);
        Path strange = Path.of(URI.create(raw().toUri() + "Jos%C3%A9%20%FF/%C3%A9%FF.png"));
        add(strange, 1, 9);
        add(Path.of(URI.create(raw().toUri() + "Jose%CC%81%20%FF/1.png")), 1, 10);
        Files.write(raw().resolve("bob/empty.jpg"), new byte[0]);
        Files.writeString(raw().resolve("bob/text.jpg"), "no picture");
        Path whole = add("bob/whole.png", 1, 11);
        Files.write(raw().resolve("bob/cut.png"), Arrays.copyOf(Files.readAllBytes(whole), 300));
        Files.writeString(raw().resolve("bob/bomb.ppm"), "P6 60000 60000 255\n");
        Files.writeString(raw().resolve("bob/notes.txt"), "notes");
        Files.createDirectories(raw().resolve("bob/nested.png"));
        Path elsewhere = add(folder.resolve("elsewhere/cid/1.png"), 1, 12);
        Files.createSymbolicLink(raw().resolve("cid"), elsewhere.getParent());
        Files.createSymbolicLink(raw().resolve("bob/link.png"), whole);
        Files.createSymbolicLink(raw().resolve("bob/dangling.png"), folder.resolve("nowhere.png"));
        Files.createLink(raw().resolve("bob/second.png"), whole);
        Files.createSymbolicLink(raw().resolve("loop"), raw());
        Files.setPosixFilePermissions(raw().resolve("bob"), PosixFilePermissions.fromString("rwxr-x---"));
        Map<String, String> before = tree(raw());
        Map<String, String> beforeElsewhere = tree(elsewhere.getParent());

        align(builder());
        align(builder().fallback(raw()));
        align(builder().skipMulti(true));
        // Links among the faces: a file, a hard link, and a folder, each to photographs.
        Files.delete(out().resolve("bob/whole.png"));
        Files.createSymbolicLink(out().resolve("bob/whole.png"), whole);
        Files.delete(out().resolve("bob/none.png"));
        Files.createLink(out().resolve("bob/none.png"), raw().resolve("bob/none.png"));
        align(builder());
        for (String person : List.of("bob", "cid")) {
            Path faces = out().resolve(person);
            Path aside = folder.resolve("aside-" + person);
            Files.move(faces, aside);
            Files.createSymbolicLink(faces, raw().resolve(person));
            assertThatThrownBy(() -> align(builder())).hasMessageContaining("is really");
            Files.delete(faces);
            Files.move(aside, faces);
        }
        align(builder());

        assertThat(tree(raw())).isEqualTo(before);
        assertThat(tree(elsewhere.getParent())).isEqualTo(beforeElsewhere);
    }

    @Test
    void aPersonsFolderThatLeadsToThePhotographsIsRefused() throws IOException {
        for (int i = 0; i < 4; i++) {
            add("ann/" + i + ".png", i == 3 ? 0 : 1, i);
        }
        Map<String, String> before = tree(raw());
        Files.createDirectories(out());
        Files.createSymbolicLink(out().resolve("ann"), raw().resolve("ann"));

        assertThatIllegalArgumentException()
                .isThrownBy(() -> align(builder()))
                .withMessageContaining(out().resolve("ann").toString())
                .withMessageContaining(raw().resolve("ann").toRealPath().toString());

        assertThat(tree(raw())).isEqualTo(before);
        assertThat(out().resolve("alignment.properties")).doesNotExist();
    }

    @Test
    void aPersonsFolderThatLeadsToAnotherPlaceIsRefused() throws IOException {
        add("ann/1.png", 1, 1);
        add("bob/1.png", 1, 2);
        align(builder());
        Path other = folder.resolve("other");
        Files.move(out().resolve("ann"), other);
        for (Path place : List.of(other, out().resolve("bob"))) {
            Map<String, String> before = tree(place);
            Files.createSymbolicLink(out().resolve("ann"), place);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> align(builder().skipMulti(true)));
            assertThat(tree(place)).isEqualTo(before);
            Files.delete(out().resolve("ann"));
        }
    }

    /** The other way round: photographs that are links into the folder of faces. */
    @Test
    void photographsThatLieAmongTheFacesAreRefused() throws IOException {
        add("ann/1.png", 1, 1);
        align(builder());
        Files.createDirectories(raw().resolve("bob"));
        for (String link : List.of("bob/1.png", "cid")) {
            Path face = out().resolve("ann").resolve(link.equals("cid") ? "" : "1.png");
            Files.createSymbolicLink(raw().resolve(link), face);
            assertThatIllegalArgumentException()
                    .as(link)
                    .isThrownBy(() -> align(builder()))
                    .withMessageContaining("separate folders")
                    .withMessageContaining(raw().resolve(link).toString());
            Files.delete(raw().resolve(link));
        }
    }

    // ------------------------------------------------------------------ what is not ours

    @Test
    void whatIsNotOursIsNeitherReplacedNorDeleted() throws IOException {
        for (int i = 0; i < 5; i++) {
            add("ann/" + i + ".png", i % 2, i);
        }
        try (Aligner aligner = builder().build()) {
            Files.createDirectories(out());
            aligner.profile().claim(out());
        }
        Files.createDirectories(out().resolve("ann/2.png"));
        ImageFiles.writePng(photograph(1, 77).resized(120, 120), out().resolve("ann/0.png"));
        ImageFiles.writePng(photograph(1, 78).resized(120, 120), out().resolve("ann/1.png"));
        Files.writeString(out().resolve("ann/3.png"), "my notes");
        Files.createSymbolicLink(out().resolve("ann/4.png"), folder.resolve("nowhere"));
        Map<String, String> before = tree(out().resolve("ann"));

        AlignReport report = align(builder().fallback(raw()));

        assertThat(tree(out().resolve("ann"))).isEqualTo(before);
        assertThat(reasons(report)).isEqualTo("{IN_THE_WAY=5}");
        assertThat(report.skipped().get(0).detail()).contains("0.png").contains("move it away");
    }

    @Test
    void aTableThatIsNotOursIsRefusedBeforeTheWork() throws IOException {
        add("ann/1.png", 1, 1);
        Files.createDirectories(out());
        String latin1 =
                "photograph,result,face,faces,left,top,width,height,landmarks,detail\nJos\u00e9/1.png,ALIGNED,,,,,,,,\n";
        for (byte[] content : List.of("my own table\n".getBytes(UTF_8), latin1.getBytes(ISO_8859_1))) {
            Path table = Files.write(out().resolve("alignment.csv"), content);
            assertThatExceptionOfType(IOException.class)
                    .isThrownBy(() -> align(builder()))
                    .withMessageContaining(table.toString())
                    .withMessageContaining("move it away");
            assertThat(Files.readAllBytes(table)).isEqualTo(content);
            assertThat(out().resolve("ann")).doesNotExist();
        }
    }

    // ------------------------------------------------------------------ failures

    @Test
    void aPhotographThatTheDiskDoesNotGiveKeepsItsFace() throws IOException {
        Path first = add("ann/1.png", 1, 1);
        add("ann/2.png", 1, 2);
        align(builder());
        Path face = out().resolve("ann/1.png");
        byte[] before = Files.readAllBytes(face);
        Files.delete(first);
        Files.createSymbolicLink(first, unreadable());

        AlignReport report = align(builder().fallback(raw()));

        assertThat(Files.readAllBytes(face)).isEqualTo(before);
        assertThat(reasons(report)).isEqualTo("{IO_ERROR=1}");
        assertThat(report.skipped().get(0).detail()).contains("ann/1.png").contains("error");
    }

    /** Many photographs that cannot be read do not end a run in which others can, or have been. */
    @Test
    void photographsThatAreNotGivenMayBeMany() throws IOException {
        Files.createDirectories(raw().resolve("bob"));
        for (int i = 0; i < 60; i++) {
            add("ann/" + i + ".png", 1, i);
            if (i % 2 == 0) {
                Files.createSymbolicLink(raw().resolve("bob/" + i + ".png"), unreadable());
            }
        }
        for (int run = 0; run < 2; run++) {
            AlignReport report = align(builder());
            assertThat(reasons(report)).isEqualTo("{IO_ERROR=30}");
            assertThat(report.aligned() + report.alreadyDone()).isEqualTo(60);
        }
    }

    /** The disk goes in the middle of a run. */
    @Test
    void manyInARowEndTheJobAndNoFaceIsLost() throws IOException {
        for (int i = 0; i < 60; i++) {
            add("ann/" + i + ".png", 1, i);
        }
        align(builder());
        for (int i = 0; i < 60; i++) { // so that each has to be read
            Files.setLastModifiedTime(raw().resolve("ann/" + i + ".png"), FileTime.fromMillis(1_400_000_000_000L));
        }
        Path gone = folder.resolve("gone");
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> align(builder().threads(1).onProgress(progress -> {
                    if (progress.done() == 5) {
                        try {
                            Files.move(raw(), gone);
                        } catch (IOException e) {
                            throw new IllegalStateException(e);
                        }
                    }
                })))
                .withMessageContaining("25 photographs in a row")
                .withMessageContaining(raw().toString())
                .withMessageContaining("No face was deleted")
                .withMessageContaining("the same command goes on");

        try (Stream<Path> faces = Files.list(out().resolve("ann"))) {
            assertThat(faces).hasSize(60);
        }
        Files.move(gone, raw());
        assertThat(align(builder()).alreadyDone()).isEqualTo(60);
    }

    /** A photograph that has been replaced by what is none says nothing about the face. */
    @Test
    void aDamagedPhotographKeepsItsFace() throws IOException {
        Path first = add("ann/1.png", 1, 1);
        align(builder());
        byte[] before = Files.readAllBytes(out().resolve("ann/1.png"));
        Files.writeString(first, "half a photo");
        Path pictures = add(folder.resolve("pictures/ann/1.png"), 3, 3);

        for (int run = 0; run < 2; run++) {
            AlignReport report = align(builder().fallback(pictures.getParent().getParent()));
            assertThat(reasons(report)).isEqualTo("{UNREADABLE=1}");
            assertThat(Files.readAllBytes(out().resolve("ann/1.png"))).isEqualTo(before);
        }
    }

    @Test
    void whatIsNotReadIsReportedByKind() throws IOException {
        add("ann/1.png", 1, 1);
        Files.move(add("ann/2.png", 1, 2), raw().resolve("ann/2.heic")); // a PNG by its content
        Files.write(raw().resolve("ann/3.heic"), new byte[10]);
        Files.write(raw().resolve("ann/4.webp"), new byte[10]);
        add("ann/deeper/5.png", 1, 5);
        AlignReport report = align(builder());
        assertThat(report.aligned()).isEqualTo(2);
        assertThat(report.total()).isEqualTo(2);
        assertThat(report.passedOver())
                .extracting(kind -> kind.kind() + " " + kind.files())
                .containsExactly(
                        "HEIC [" + raw().resolve("ann/3.heic") + "]",
                        "WebP [" + raw().resolve("ann/4.webp") + "]",
                        "folder [" + raw().resolve("ann/deeper") + "]");
        assertThat(report.summary())
                .contains("; 1 HEIC file (such as ", "convert to JPEG or PNG; 1 WebP file", "; 1 folder (such as ");
        assertThat(out().resolve("ann/2.png")).exists();
    }

    @Test
    void oneFailureIsARowOfTheReport() throws IOException {
        for (int i = 1; i <= 5; i++) {
            add("ann/" + i + ".png", i, i);
        }
        align(builder());
        byte[] before = Files.readAllBytes(out().resolve("ann/4.png"));
        for (int i = 1; i <= 5; i++) {
            add("ann/" + i + ".png", i, 10 + i);
        }
        AlignReport report = align(builder().detector("counting", photograph -> {
            switch (photograph.red(0, 0)) {
                case 2 -> throw new IllegalArgumentException("a wish");
                case 3 -> throw new OutOfMemoryError("a lot");
                case 4 -> throw new ArithmeticException();
                default -> {
                    return count(photograph);
                }
            }
        }));

        assertThat(report.aligned()).isEqualTo(2);
        assertThat(reasons(report)).isEqualTo("{FAILED=3}");
        assertThat(report.skipped())
                .extracting(AlignReport.Skipped::detail)
                .containsExactly(
                        "ann/2.png: java.lang.IllegalStateException: detector custom counting failed on RgbImage 20 x 20:"
                                + " java.lang.IllegalArgumentException: a wish",
                        "ann/3.png: java.lang.OutOfMemoryError: a lot",
                        "ann/4.png: java.lang.IllegalStateException: detector custom counting failed on RgbImage 20 x 20:"
                                + " java.lang.ArithmeticException");
        assertThat(Files.readAllBytes(out().resolve("ann/4.png"))).isEqualTo(before);
        assertThat(align(builder()).aligned()).as("tried again").isEqualTo(3);
    }

    @Test
    void whatIsWrongWithTheProgramEndsTheJob() throws IOException {
        add("ann/1.png", 1, 1);
        InternalError broken = new InternalError("broken");
        assertThatThrownBy(() -> align(builder().detector("counting", photograph -> {
                    throw broken;
                })))
                .isSameAs(broken);
        Aligner[] closing = {null};
        try (Aligner aligner =
                builder().onProgress(progress -> closing[0].close()).threads(1).build()) {
            closing[0] = aligner;
            add("ann/2.png", 1, 2);
            assertThatIllegalStateException()
                    .isThrownBy(() -> aligner.alignDirectory(raw(), out()))
                    .withMessageContaining("closed");
        }
    }

    @Test
    void anInterruptInADetectorEndsTheJob() throws IOException {
        for (int i = 0; i < 30; i++) {
            add("ann/" + i + ".png", 1, i);
        }
        align(builder());
        for (int i = 0; i < 30; i++) {
            add("ann/" + i + ".png", 1, 100 + i);
        }
        for (FaceDetector interrupted : List.<FaceDetector>of(
                photograph -> {
                    Thread.currentThread().interrupt();
                    return List.of();
                },
                photograph -> {
                    throw new IllegalStateException(new InterruptedException("enough"));
                })) {
            assertThatExceptionOfType(InterruptedIOException.class)
                    .isThrownBy(() -> align(builder().threads(1).detector("counting", interrupted)));
        }
        assertThat(Thread.interrupted()).isFalse();
        Thread.currentThread().interrupt();
        assertThatExceptionOfType(InterruptedIOException.class).isThrownBy(() -> align(builder()));
        assertThat(Thread.interrupted()).isTrue();
        try (Stream<Path> faces = Files.list(out().resolve("ann"))) {
            assertThat(faces).hasSizeGreaterThanOrEqualTo(29);
        }
        assertThat(align(builder()).total()).isEqualTo(30);
    }

    // ------------------------------------------------------------------ owners only

    @Test
    void whatIsWrittenIsForItsOwnerOnly() throws IOException {
        add("ann/1.png", 1, 1);
        Path out = folder.resolve("work/deep/out");
        List<String> meanwhile = new ArrayList<>();
        try (Aligner aligner = builder()
                .onProgress(progress -> {
                    try {
                        meanwhile.addAll(modes(folder.resolve("work")));
                    } catch (IOException e) {
                        throw new IllegalStateException(e);
                    }
                })
                .build()) {
            aligner.alignDirectory(raw(), out);
        }
        assertThat(meanwhile).isNotEmpty().allMatch(mode -> mode.endsWith("------"));
        assertThat(modes(folder.resolve("work"))).hasSize(9).allMatch(mode -> mode.endsWith("------"));
    }

    private static List<String> modes(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            List<String> modes = new ArrayList<>();
            for (Path file : all.toList()) {
                modes.add(directory.relativize(file) + " "
                        + PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
            }
            return modes;
        }
    }

    // ------------------------------------------------------------------ names

    /** Folders and files that are one and the same on other file systems. */
    @Test
    void namesThatCollideElsewhereAreReportedAndLoseNothing() throws IOException {
        add("Ann/1.png", 1, 1);
        add("ann/2.png", 1, 2);
        add("bob/\u00e9.jpg", 1, 3);
        add("bob/e\u0301.png", 1, 4);
        add("bob/STRASSE.png", 1, 5);
        add("bob/stra\u00dfe.png", 1, 6);
        AlignReport report = align(builder());

        assertThat(report.skipped())
                .extracting(skipped -> raw().relativize(skipped.source()).toString())
                .containsExactly("ann/2.png", "bob/stra\u00dfe.png", "bob/\u00e9.jpg");
        assertThat(reasons(report)).isEqualTo("{NAME_COLLISION=3}");
        assertThat(report.skipped().get(0).detail()).contains("Ann").contains("rename");
        assertThat(report.aligned()).isEqualTo(3);
        assertThat(out().resolve("ann")).doesNotExist();
    }

    /** Who has a folder already keeps it. */
    @Test
    void ofPeopleWhoseNamesCollideTheOneWithFacesStays() throws IOException {
        add("ann/1.png", 1, 1);
        align(builder());
        add("Ann/1.png", 1, 2);
        Map<String, String> before = tree(out().resolve("ann"));

        AlignReport report = align(builder());

        assertThat(report.alreadyDone()).isEqualTo(1);
        assertThat(reasons(report)).isEqualTo("{NAME_COLLISION=1}");
        assertThat(tree(out().resolve("ann"))).isEqualTo(before);
        assertThat(out().resolve("Ann")).doesNotExist();
    }

    /** The other folder may be there from another run. */
    @Test
    void aFolderOfFacesThatIsTheSameElsewhereIsReported() throws IOException {
        add("Ann/1.png", 1, 1);
        align(builder());
        Map<String, String> before = tree(out().resolve("Ann"));
        Path other = add(folder.resolve("other/ann/1.png"), 1, 2);
        try (Aligner aligner = builder().build()) {
            AlignReport report = aligner.alignDirectory(folder.resolve("other"), out());
            assertThat(reasons(report)).isEqualTo("{NAME_COLLISION=1}");
            assertThat(report.skipped().get(0).source()).isEqualTo(other);
        }
        assertThat(tree(out().resolve("Ann"))).isEqualTo(before);
        assertThat(out().resolve("ann")).doesNotExist();
    }

    @Test
    void aFallbackIsTheSamePersonsAndTheSameName() throws IOException {
        add("ann/a.png", 0, 1);
        add("ann/b.png", 0, 2);
        Path pictures = folder.resolve("pictures");
        RgbImage right = photograph(5, 55).resized(SIZE, SIZE);
        add(pictures.resolve("ann/A.jpg"), 1, 3);
        Files.createDirectories(pictures.resolve("ann"));
        ImageFiles.writePng(right, pictures.resolve("ann/a.png"));
        add(pictures.resolve("ANN/b.png"), 1, 4);

        AlignReport report = align(builder().fallback(pictures));

        assertThat(report.fallbacks()).hasSize(1);
        assertThat(ImageFiles.read(out().resolve("ann/a.png"))).isEqualTo(right);
        assertThat(out().resolve("ann/b.png")).doesNotExist();
    }

    // ------------------------------------------------------------------ changed or not

    @Test
    void aPhotographReplacedByAnOlderOneOfTheSameSizeIsAlignedAnew() throws IOException {
        Path file = add("ann/1.png", 1, 1);
        align(builder());
        byte[] before = Files.readAllBytes(out().resolve("ann/1.png"));
        long size = Files.size(file);
        add("ann/1.png", 1, 9);
        Files.setLastModifiedTime(file, FileTime.fromMillis(1_400_000_000_000L));
        assertThat(Files.size(file)).isEqualTo(size);

        assertThat(align(builder()).aligned()).isEqualTo(1);
        assertThat(Files.readAllBytes(out().resolve("ann/1.png"))).isNotEqualTo(before);
        assertThat(align(builder()).alreadyDone()).isEqualTo(1);
    }

    /** Another picture in a photograph's file, of the same size and time: who does not read it does not see it. */
    private void swap(Path file, int seed) throws IOException {
        FileTime time = Files.getLastModifiedTime(file);
        long size = Files.size(file);
        ImageFiles.writePng(photograph(1, seed), file);
        Files.setLastModifiedTime(file, time);
        assertThat(Files.size(file)).isEqualTo(size);
    }

    @Test
    void aPhotographOfAnotherTimeIsReadOnce() throws IOException {
        Path file = add("ann/1.png", 1, 1);
        align(builder());
        for (long hours : new long[] {-1, 1}) {
            Files.setLastModifiedTime(file, FileTime.fromMillis(System.currentTimeMillis() + 3_600_000 * hours));
            assertThat(align(builder()).alreadyDone()).isEqualTo(1);
            Map<String, String> before = tree(out().resolve("ann"));
            swap(file, 2);
            assertThat(align(builder()).alreadyDone()).as("not read again").isEqualTo(1);
            assertThat(tree(out().resolve("ann"))).isEqualTo(before);
            swap(file, 1);
        }
    }

    /** It may have been written again within the tick of a clock in which it was read. */
    @Test
    void aPhotographAsYoungAsItsFaceIsReadAgainUntilItIsOld() throws IOException {
        Path file = add("ann/1.png", 1, 1);
        FileTime now = FileTime.fromMillis(System.currentTimeMillis() + 1);
        Files.setLastModifiedTime(file, now);
        align(builder());
        swap(file, 2);
        assertThat(align(builder()).aligned()).isEqualTo(1);

        // As if all of this had been a minute ago.
        FileTime before = FileTime.fromMillis(now.toMillis() - 60_000);
        Files.setLastModifiedTime(file, before);
        align(builder());
        Path face = out().resolve("ann/1.png");
        Files.setLastModifiedTime(face, before);
        byte[] bytes = Files.readAllBytes(face);
        assertThat(align(builder()).alreadyDone()).isEqualTo(1);
        assertThat(Files.getLastModifiedTime(face)).as("remembered").isGreaterThan(before);
        assertThat(Files.readAllBytes(face)).isEqualTo(bytes);
        swap(file, 3);
        assertThat(align(builder()).alreadyDone()).as("not read again").isEqualTo(1);
    }

    /** A note of the first version has no time: the photograph is read, once. */
    @Test
    void facesOfEarlierVersionsAreKept() throws IOException {
        Path file = add("ann/1.png", 1, 1);
        align(builder());
        Path face = out().resolve("ann/1.png");
        byte[] now = Files.readAllBytes(face);
        String earlier = Png.note(now)
                .orElseThrow()
                .lines()
                .filter(line -> !line.startsWith("format=") && !line.startsWith("modified="))
                .reduce("", (all, line) -> all + line + "\n");
        assertThat(earlier).startsWith("photograph=1.png\nbytes=");
        RgbImage aligned = ImageFiles.read(face);
        Files.write(face, Png.encode(aligned.width(), aligned.height(), aligned.toBytes(), earlier));

        assertThat(align(builder()).alreadyDone()).isEqualTo(1);
        assertThat(Files.readAllBytes(face)).isEqualTo(now);
        swap(file, 2);
        assertThat(align(builder()).alreadyDone()).as("not read again").isEqualTo(1);
    }

    @Test
    void namesThatAreNoLinesAreKnownAgain() throws IOException {
        add("ann/a\nbytes=7\\u000a.png", 1, 1);
        align(builder());
        assertThat(align(builder()).alreadyDone()).isEqualTo(1);
    }

    // ------------------------------------------------------------------ the table

    /** Runs that end at the same time, on one folder of faces. */
    @Test
    void runsAtOnceLoseNoRow() throws Exception {
        int runs = 6;
        for (int run = 0; run < runs; run++) {
            for (int i = 0; i < 4; i++) {
                add(folder.resolve("raw" + run + "/p" + run + "/" + i + ".png"), i % 2, i);
            }
        }
        CyclicBarrier together = new CyclicBarrier(runs);
        ExecutorService threads = Executors.newFixedThreadPool(runs);
        try {
            for (int round = 0; round < 3; round++) {
                Path out = folder.resolve("out" + round);
                List<Callable<AlignReport>> jobs = new ArrayList<>();
                for (int run = 0; run < runs; run++) {
                    Path raw = folder.resolve("raw" + run);
                    jobs.add(() -> {
                        try (Aligner aligner = builder()
                                .threads(1)
                                .onProgress(progress -> {
                                    if (progress.done() == progress.total()) {
                                        meet(together);
                                    }
                                })
                                .build()) {
                            return aligner.alignDirectory(raw, out);
                        }
                    });
                }
                for (Future<AlignReport> job : threads.invokeAll(jobs)) {
                    job.get();
                }
                assertThat(Files.readAllLines(out.resolve("alignment.csv"))).hasSize(1 + 4 * runs);
            }
        } finally {
            threads.shutdown();
        }
    }

    private static void meet(CyclicBarrier barrier) {
        try {
            barrier.await();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    // ------------------------------------------------------------------ photographs that are gone

    @Test
    void facesWithoutAPhotographAreListedAndDeletedOnRequestOnly() throws IOException {
        add("ann/1.png", 1, 1);
        Path second = add("ann/2.jpg", 1, 2);
        Path third = add("bob/3.png", 1, 3);
        align(builder());
        Files.delete(second);
        Files.delete(third);
        Files.delete(third.getParent());
        Path mine = out().resolve("bob/mine.png");
        ImageFiles.writePng(photograph(1, 4), mine);
        Path link = Files.createSymbolicLink(out().resolve("bob/link.png"), out().resolve("ann/1.png"));
        List<Path> gone = List.of(out().resolve("ann/2.png"), out().resolve("bob/3.png"));

        AlignReport report = align(builder());
        assertThat(report.withoutPhotograph()).containsExactlyElementsOf(gone);
        assertThat(report.summary()).contains("; faces there without a photograph: 2");
        assertThat(gone).allMatch(Files::exists);

        try (Aligner aligner = builder().build()) {
            assertThat(aligner.purge(raw(), out())).containsExactlyElementsOf(gone);
            assertThat(gone).noneMatch(Files::exists);
            assertThat(mine).exists();
            assertThat(link).isSymbolicLink();
            assertThat(out().resolve("ann/1.png")).exists();
            assertThat(aligner.purge(raw(), out())).isEmpty();
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> aligner.purge(raw(), folder))
                    .withMessageContaining("separate folders");
            assertThatExceptionOfType(IOException.class).isThrownBy(() -> aligner.purge(folder.resolve("no"), out()));
        }
        List<String> rows = new ArrayList<>();
        AlignReport.readTable(out(), row -> rows.add(row.photograph()));
        assertThat(rows).containsExactly("ann/1.png");
        assertThat(align(builder()).withoutPhotograph()).isEmpty();
    }
}
