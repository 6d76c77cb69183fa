package org.openface.core.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.internal.batch.BatchPlan;

class FaceDatasetTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    @Test
    void indexesOneFolderPerPerson() throws IOException {
        Folders.named(folder, 2, 0, 3);
        FaceDataset dataset = FaceDataset.index(folder);
        assertThat(dataset.identities()).containsExactly("p0", "p2");
        assertThat(dataset.size()).isEqualTo(5);
        assertThat(dataset.faces(0))
                .containsExactly(
                        new Face("p0", folder.resolve("p0").resolve("0.png")),
                        new Face("p0", folder.resolve("p0").resolve("1.png")));
        assertThat(dataset.faces(1)).hasSize(3).isEqualTo(dataset.faces().subList(2, 5));
        assertThat(dataset).hasToString("FaceDataset of 2 identities, 5 faces");
        assertThatIllegalArgumentException().isThrownBy(() -> dataset.faces(2)).withMessageContaining("no identity 2");
    }

    @Test
    void knowsTheIdentityOfEveryFace() {
        FaceDataset dataset = Folders.imagined(1, 4, 2, 1);
        for (int i = 0; i < dataset.size(); i++) {
            assertThat(dataset.identities().get(dataset.identityOf(i)))
                    .isEqualTo(dataset.faces().get(i).identity());
        }
        assertThatIllegalArgumentException().isThrownBy(() -> dataset.identityOf(8));
        assertThatIllegalArgumentException().isThrownBy(() -> dataset.identityOf(-1));
    }

    @Test
    void passesOverWhatIsNoVisibleImage() throws IOException {
        Folders.named(folder, 1);
        Files.createFile(folder.resolve("notes.txt"));
        Files.createFile(folder.resolve(".hidden.jpg"));
        Files.createFile(folder.resolve("p0").resolve("notes.txt"));
        Files.createFile(folder.resolve("p0").resolve("._0.png"));
        Files.createFile(folder.resolve("p0").resolve("Thumbs.db"));
        Files.createDirectories(folder.resolve("p0").resolve("looks-like.png"));
        Files.createFile(
                Files.createDirectories(folder.resolve("p0").resolve("deeper")).resolve("a.jpg"));
        Files.createFile(Files.createDirectories(folder.resolve(".cache")).resolve("a.jpg"));
        Files.createFile(folder.resolve("p0").resolve("UPPER.JPEG"));
        assertThat(FaceDataset.index(folder).faces())
                .extracting(face -> FileNames.name(face.file()))
                .containsExactly("0.png", "UPPER.JPEG");
    }

    @Test
    void theContentOfOtherPicturesDecides() throws IOException {
        Path ann = Files.createDirectories(folder.resolve("ann"));
        byte[] jpeg = {(byte) 0xff, (byte) 0xd8, (byte) 0xff, (byte) 0xe0, 0, 16};
        for (String name : List.of("a.jfif", "b.heic", "c.JPE", "d.webp", "e.TIF", "f.dng", "no ending")) {
            Files.write(ann.resolve(name), jpeg);
        }
        Files.writeString(ann.resolve("g.gif"), "P5 1 1 255 a");
        for (String name : List.of("a.jpg.part", "b.jpg~", "c.txt", ".d.heic", ".e")) { // no pictures by their names
            Files.write(ann.resolve(name), jpeg);
        }
        FaceDataset dataset = FaceDataset.index(folder);
        assertThat(dataset.faces())
                .extracting(Face::fileName)
                .containsExactly("a.jfif", "b.heic", "c.JPE", "d.webp", "e.TIF", "f.dng", "g.gif", "no ending");
        assertThat(dataset.passedOver()).isEmpty();
        assertThat(DatasetPruner.minimumImages(1).prune(dataset).kept().faces()).isEqualTo(dataset.faces());
    }

    @Test
    void picturesOfOtherKindsAndDeeperFoldersAreNoted() throws IOException {
        Path ann = Folders.named(folder, 1).resolve("p0");
        Map<String, String> heads = new TreeMap<>();
        heads.put("a.heic", "\0\0\0\u0018ftypheic");
        heads.put("b.HEIF", "\0\0\0\u0018ftypmif1");
        heads.put("c.jpx", "\0\0\0 ftypavif");
        heads.put("d", "RIFF\1\2\3\4WEBPVP8 ");
        heads.put("e.tiff", "II*\0");
        heads.put("f.NEF", "MM\0*");
        heads.put("g.tif", "GIF89a");
        heads.put("h.cr3", "");
        heads.put("i.gif", "not a picture");
        heads.put("j.jxl", "\u00ff\n");
        heads.put("README", "BMW is a brand");
        heads.put("Makefile", "P2P networks");
        for (Map.Entry<String, String> file : heads.entrySet()) {
            Files.write(ann.resolve(file.getKey()), file.getValue().getBytes(StandardCharsets.ISO_8859_1));
        }
        Files.write(folder.resolve("above.heic"), new byte[10]);
        Files.createDirectories(ann.resolve("deeper"));
        Files.createDirectories(ann.resolve(".hidden"));
        FaceDataset dataset = FaceDataset.index(folder);
        assertThat(dataset.faces()).extracting(Face::fileName).containsExactly("0.png");
        Map<String, Set<String>> found = new TreeMap<>();
        for (FaceDataset.PassedOver kind : dataset.passedOver()) {
            Set<String> names = new TreeSet<>();
            kind.files().forEach(file -> names.add(String.valueOf(file.getFileName())));
            found.put(kind.kind(), names);
        }
        assertThat(found)
                .isEqualTo(Map.of(
                        "HEIC", Set.of("a.heic", "b.HEIF", "above.heic"),
                        "AVIF", Set.of("c.jpx"),
                        "WebP", Set.of("d"),
                        "TIFF", Set.of("e.tiff"),
                        "camera raw", Set.of("f.NEF", "h.cr3"),
                        "GIF", Set.of("g.tif", "i.gif"),
                        "JPEG XL", Set.of("j.jxl"),
                        "folder", Set.of("deeper")));
        assertThat(dataset.passedOver())
                .extracting(FaceDataset.PassedOver::summary)
                .contains(
                        "1 AVIF file (such as " + ann.resolve("c.jpx") + ") not read: convert to JPEG or PNG",
                        "1 folder (such as " + ann.resolve("deeper")
                                + ") inside people's folders not looked into: put the"
                                + " images into the person's folder itself");
    }

    @Test
    void aFolderOfOtherPicturesOnlySaysSo() throws IOException {
        Path ann = Files.createDirectories(folder.resolve("ann"));
        Files.write(ann.resolve("a.heic"), new byte[10]);
        Files.write(ann.resolve("b.heic"), new byte[10]);
        assertThatIOException()
                .isThrownBy(() -> FaceDataset.index(folder))
                .withMessageContaining("no images in " + folder)
                .withMessageContaining("2 HEIC files (such as " + ann)
                .withMessageContaining("convert to JPEG or PNG");
    }

    @Test
    void wellNamedFilesAreNotOpened() throws IOException {
        assumeTrue(folder.getFileSystem().supportedFileAttributeViews().contains("posix"));
        Path image = Folders.named(folder, 1).resolve("p0").resolve("0.png");
        FileTime before = FileTime.fromMillis(1_000_000_000_000L);
        Files.getFileAttributeView(image, BasicFileAttributeView.class).setTimes(null, before, null);
        FaceDataset.index(folder);
        assertThat(Files.readAttributes(image, BasicFileAttributes.class).lastAccessTime())
                .isEqualTo(before);
    }

    @Test
    void namesThatAreTheSameElsewhereAreKeptApartAndReported() {
        List<Face> faces = new ArrayList<>();
        for (String identity : List.of("Ann", "ann", "Bob", "\u00c9ric", "e\u0301ric", "E\u0301ric", "Eric")) {
            faces.add(new Face(identity, Path.of("somewhere", "1.png")));
        }
        FaceDataset dataset = FaceDataset.of(faces);
        assertThat(dataset.identities()).hasSize(7);
        assertThat(dataset.alikeIdentities())
                .containsExactly(List.of("Ann", "ann"), List.of("E\u0301ric", "e\u0301ric", "\u00c9ric"));
        assertThat(Folders.imagined(1, 2).alikeIdentities()).isEmpty();
    }

    @Test
    void takesFoldersAndFilesThatAreLinks() throws IOException {
        Path real = Folders.named(folder.resolve("real"), 2);
        Path links = Files.createDirectories(folder.resolve("links").resolve("q"));
        try {
            Files.createSymbolicLink(links.resolveSibling("p"), real.resolve("p0"));
            Files.createSymbolicLink(links.resolve("a.png"), real.resolve("p0").resolve("0.png"));
            Files.createSymbolicLink(links.resolve("broken.png"), real.resolve("nothing"));
        } catch (IOException | UnsupportedOperationException e) {
            assumeTrue(false, "no symbolic links here");
        }
        FaceDataset dataset = FaceDataset.index(folder.resolve("links"));
        assertThat(dataset.identities()).containsExactly("p", "q");
        assertThat(dataset.size()).isEqualTo(3);
    }

    @Test
    void saysWhatIsWrongWithAFolder() throws IOException {
        assertThatIOException()
                .isThrownBy(() -> FaceDataset.index(folder.resolve("missing")))
                .withMessageContaining("missing: no such folder");
        Path file = Files.createFile(folder.resolve("file"));
        assertThatIOException().isThrownBy(() -> FaceDataset.index(file)).withMessageContaining("is not a folder");
        assertThatIOException()
                .isThrownBy(() -> FaceDataset.index(folder))
                .withMessageContaining("no images in")
                .withMessageContaining("one sub-folder per person");
        Files.createDirectories(folder.resolve("empty person"));
        assertThatIOException().isThrownBy(() -> FaceDataset.index(folder)).withMessageContaining("no images in");
        Files.createFile(folder.resolve("a.jpg"));
        assertThatIOException()
                .isThrownBy(() -> FaceDataset.index(folder))
                .withMessageContaining("a.jpg lies directly in")
                .withMessageContaining("one sub-folder per person");
    }

    @Test
    void helpsWhoPointsOneFolderTooHigh() throws IOException {
        Folders.named(folder.resolve("train"), 2);
        assertThatIOException()
                .isThrownBy(() -> FaceDataset.index(folder))
                .withMessageContaining("did you mean " + folder.resolve("train"));
    }

    @Test
    void aPersonsFolderThatCannotBeReadIsNamed() throws IOException {
        Path locked = Folders.named(folder, 1).resolve("p0");
        assumeTrue(locked.getFileSystem().supportedFileAttributeViews().contains("posix"));
        Files.setPosixFilePermissions(locked, PosixFilePermissions.fromString("---------"));
        assumeTrue(!Files.isReadable(locked), "the super-user may read everything");
        assertThatIOException().isThrownBy(() -> FaceDataset.index(folder)).withMessageContaining(locked.toString());
    }

    @Test
    void sortsByCodeUnitsWhateverTheOrderOfTheInput() {
        List<Face> faces = new ArrayList<>();
        for (String identity : List.of("b", "a", "B", "é", "z", "a b", "10", "9")) {
            faces.add(new Face(identity, Path.of(identity, "2.png")));
            faces.add(new Face(identity, Path.of(identity, "10.png")));
        }
        Collections.shuffle(faces, new Random(1));
        FaceDataset dataset = FaceDataset.of(faces);
        assertThat(dataset.identities()).containsExactly("10", "9", "B", "a", "a b", "b", "z", "é");
        assertThat(dataset.faces(0))
                .extracting(face -> face.file().getFileName().toString())
                .containsExactly("10.png", "2.png");
    }

    @Test
    void refusesAFaceThatOccursTwice() {
        Face face = new Face("a", Path.of("a", "1.png"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> FaceDataset.of(List.of(face, face)))
                .withMessageContaining("twice");
    }

    @Test
    void namesMayBeInAnyScript() throws IOException {
        for (String name : List.of("%E5%BC%A0%E4%BC%9F", "Jos%C3%A9", "Jos%C3%A8", "a+b%20c%25")) {
            Path person = Files.createDirectories(Path.of(URI.create(folder.toUri() + name)));
            Files.createFile(person.resolve("1.png"));
        }
        assertThat(FaceDataset.index(folder).identities())
                .containsExactly("Jos\u00e8", "Jos\u00e9", "a+b c%", "\u5f20\u4f1f");
    }

    /** Containers often have no locale set; Java 17 then sees other letters than ASCII as replacement characters. */
    @Test
    void namesSurviveARuntimeInThePosixLocale() throws Exception {
        assumeTrue(File.separatorChar == '/');
        for (String name : List.of("Jos%C3%A9", "Jos%C3%A8", "latin1-%E9", "a+b%20c%25%C3%A9")) {
            Path person = Files.createDirectories(Path.of(URI.create(folder.toUri() + name)));
            Files.createFile(person.resolve("1.png"));
        }
        ProcessBuilder java = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                PosixLocale.class.getName(),
                folder.toString());
        java.environment().put("LC_ALL", "C");
        java.redirectErrorStream(true);
        Process process = java.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        assertThat(process.waitFor()).as(output).isZero();
        // Latin-1 is no UTF-8: its bytes are kept as they are in the URI.
        assertThat(output.lines()).containsExactly("Jos\\u00e8", "Jos\\u00e9", "a+b c%\\u00e9", "latin1-%E9", "split");
    }

    /** Runs in a Java runtime of its own; prints identities in ASCII. */
    static final class PosixLocale {
        private PosixLocale() {}

        public static void main(String[] arguments) throws IOException {
            FaceDataset dataset = FaceDataset.index(Path.of(arguments[0]));
            for (String identity : dataset.identities()) {
                StringBuilder ascii = new StringBuilder();
                identity.chars().forEach(c -> ascii.append(c < 128 ? "" + (char) c : String.format("\\u%04x", c)));
                System.out.println(ascii);
            }
            DatasetSplitter.Split split =
                    DatasetSplitter.builder().validationFraction(0.5).build().split(dataset);
            Path out = Path.of(arguments[0]).resolve("split");
            split.writeTo(out);
            split.writeTo(out);
            if (FaceDataset.index(out.resolve("train"))
                    .identities()
                    .equals(split.training().identities())) {
                System.out.println("split");
            }
        }
    }

    @Test
    void fingerprintTellsNamesAndContent() throws IOException {
        Path one = Folders.named(folder.resolve("one"), 2, 3);
        Path copy = Folders.named(folder.resolve("copy"), 2, 3);
        String fingerprint = FaceDataset.index(one).fingerprint();
        assertThat(fingerprint).matches("[0-9a-f]{64}");
        assertThat(FaceDataset.index(copy).fingerprint()).isEqualTo(fingerprint);

        Path image = copy.resolve("p1").resolve("2.png");
        FileTime time = Files.getLastModifiedTime(image);
        Files.write(image, new byte[] {1, 99}); // the same size and time
        Files.setLastModifiedTime(image, time);
        assertThat(FaceDataset.index(copy).fingerprint()).isNotEqualTo(fingerprint);
        Files.write(image, new byte[] {1, 2});
        assertThat(FaceDataset.index(copy).fingerprint()).isEqualTo(fingerprint);

        Files.move(image, image.resolveSibling("3.png"));
        assertThat(FaceDataset.index(copy).fingerprint()).isNotEqualTo(fingerprint);
        Files.move(image.resolveSibling("3.png"), image);
        Files.move(copy.resolve("p1"), copy.resolve("p2"));
        assertThat(FaceDataset.index(copy).fingerprint()).isNotEqualTo(fingerprint);
        Files.move(copy.resolve("p2"), copy.resolve("p1"));
        assertThat(FaceDataset.index(copy).fingerprint()).isEqualTo(fingerprint);
        Files.delete(image);
        assertThat(FaceDataset.index(copy).fingerprint()).isNotEqualTo(fingerprint);
    }

    @Test
    void fingerprintNamesTheFileThatCannotBeRead() throws IOException {
        Folders.named(folder, 1);
        FaceDataset dataset = FaceDataset.index(folder);
        Path image = folder.resolve("p0").resolve("0.png");
        Files.delete(image);
        Files.createDirectory(image);
        assertThatIOException().isThrownBy(dataset::fingerprint).withMessageContaining(image.toString());
    }

    @Test
    void anImageThatVanishedAfterTheIndexHasItsPlaceInTheFingerprint() throws IOException {
        Folders.named(folder, 3);
        String whole = FaceDataset.index(folder).fingerprint();
        FaceDataset before = FaceDataset.index(folder);
        FaceDataset again = FaceDataset.index(folder);
        Files.delete(folder.resolve("p0").resolve("1.png"));
        String fingerprint = before.fingerprint();
        assertThat(fingerprint).isNotEqualTo(whole).isEqualTo(again.fingerprint());
        assertThat(FaceDataset.index(folder).fingerprint()).isNotEqualTo(fingerprint);
    }

    @Test
    void aHundredThousandIdentitiesAreNoTrouble() {
        int[] counts = new int[100_000];
        Arrays.fill(counts, 3);
        FaceDataset dataset = Folders.imagined(counts);
        assertThat(dataset.identities()).hasSize(100_000);
        DatasetSplitter.Split split = DatasetSplitter.builder().build().split(dataset);
        assertThat(split.validation().identities()).hasSize(10_000);
        BatchPlan sampler = BatchPlan.builder(split.training()).build();
        assertThat(sampler.maximumBatchSize()).isEqualTo(45);
        for (int batch = 0; batch < 1000; batch++) {
            assertThat(sampler.sample(1, batch).size()).isEqualTo(45);
        }
    }

    @Test
    void leavesPeopleAndImagesOut() throws IOException {
        FaceDataset dataset = FaceDataset.index(Folders.named(folder, 2, 3, 1));
        assertThat(dataset.without(Set.of("p1", "nobody")).identities()).containsExactly("p0", "p2");
        BitSet numbers = new BitSet();
        numbers.set(1, 3);
        numbers.set(5);
        FaceDataset left = dataset.withoutFaces(numbers);
        assertThat(left.identities()).containsExactly("p0", "p1");
        assertThat(left.faces())
                .containsExactly(
                        dataset.faces().get(0),
                        dataset.faces().get(3),
                        dataset.faces().get(4));
        assertThat(left.numberOf(dataset.faces().get(4))).hasValue(2);
        assertThat(left.numberOf(dataset.faces().get(5))).isEmpty();
        assertThat(left.numberOf("p1", "1.png")).hasValue(1);
        assertThat(left.identityOf(2)).isEqualTo(1);
        assertThatIllegalArgumentException().isThrownBy(() -> dataset.without(Set.of("p0", "p1", "p2")));
        numbers.set(6);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> dataset.withoutFaces(numbers))
                .withMessageContaining("no face 6");
    }

    @Test
    void countsTheFacesThatTwoHave() throws IOException {
        FaceDataset dataset = FaceDataset.index(Folders.named(folder.resolve("one"), 2, 3, 1));
        FaceDataset part = dataset.without(Set.of("p1"));
        assertThat(dataset.sharedFaces(part)).isEqualTo(3);
        assertThat(part.sharedFaces(dataset.without(Set.of("p0")))).isEqualTo(1);
        assertThat(dataset.sharedFaces(FaceDataset.index(folder.resolve("one"))))
                .isEqualTo(6);
        assertThat(dataset.sharedFaces(FaceDataset.index(Folders.named(folder.resolve("two"), 2, 3, 1))))
                .isZero();
        assertThat(dataset.sharedFaces(FaceDataset.of(part.faces()))).isEqualTo(3);
    }
}
