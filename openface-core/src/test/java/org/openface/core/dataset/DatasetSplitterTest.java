package org.openface.core.dataset;

import static com.google.common.primitives.Ints.asList;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.openface.core.dataset.DatasetSplitter.Placement;
import org.openface.core.dataset.DatasetSplitter.Split;
import org.openface.core.image.AlignmentProfile;

class DatasetSplitterTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static int[] each(int identities, int images) {
        int[] counts = new int[identities];
        Arrays.fill(counts, images);
        return counts;
    }

    private static void assertIsASplitOf(FaceDataset dataset, Split split) {
        List<Face> together = new ArrayList<>(split.training().faces());
        together.addAll(split.validation().faces());
        assertThat(FaceDataset.of(together).faces()).isEqualTo(dataset.faces());
        assertThat(split.training().size()).isPositive();
        assertThat(split.validation().size()).isPositive();
    }

    @Test
    void byIdentityHoldsOutWholePeople() {
        FaceDataset dataset = Folders.imagined(each(40, 5));
        Split split = DatasetSplitter.builder().validationFraction(0.25).build().split(dataset);
        assertIsASplitOf(dataset, split);
        assertThat(split.validation().identities()).hasSize(10);
        assertThat(split.training().identities())
                .hasSize(30)
                .doesNotContainAnyElementsOf(split.validation().identities());
    }

    @Test
    void dependsOnTheSeedAndNothingElse() {
        FaceDataset dataset = Folders.imagined(each(40, 5));
        for (boolean byImage : new boolean[] {false, true}) {
            Set<List<Face>> seen = new HashSet<>();
            for (int seed = 0; seed < 20; seed++) {
                DatasetSplitter.Builder builder = DatasetSplitter.builder().seed(seed);
                DatasetSplitter splitter = byImage
                        ? builder.byImage().build()
                        : builder.byIdentity().build();
                Split split = splitter.split(dataset);
                assertThat(splitter.split(FaceDataset.of(dataset.faces()))
                                .validation()
                                .faces())
                        .isEqualTo(split.validation().faces());
                seen.add(split.validation().faces());
            }
            assertThat(seen).hasSizeGreaterThan(15);
        }
    }

    @Test
    void everybodyIsAsLikelyToBeHeldOut() {
        FaceDataset dataset = Folders.imagined(each(10, 2));
        int[] heldOut = new int[10];
        for (int seed = 0; seed < 5000; seed++) {
            Split split = DatasetSplitter.builder()
                    .validationFraction(0.2)
                    .seed(seed)
                    .build()
                    .split(dataset);
            for (String identity : split.validation().identities()) {
                heldOut[dataset.identities().indexOf(identity)]++;
            }
        }
        // Standard deviation sqrt(5000 * 0.2 * 0.8) = 28.
        assertThat(asList(heldOut)).allSatisfy(count -> assertThat(count).isCloseTo(1000, within(130)));
    }

    @Test
    void addingAPersonMovesAtMostOneOther() {
        FaceDataset before = Folders.imagined(each(40, 2));
        FaceDataset after = Folders.imagined(each(41, 2));
        for (int seed = 0; seed < 50; seed++) {
            DatasetSplitter splitter = DatasetSplitter.builder().seed(seed).build();
            Set<String> moved =
                    new HashSet<>(splitter.split(before).validation().identities());
            moved.removeAll(splitter.split(after).validation().identities());
            assertThat(moved).hasSizeLessThanOrEqualTo(1);
        }
    }

    @Test
    void holdsOutTheLeastNumberOfPeopleAndLeavesOne() {
        DatasetSplitter three = DatasetSplitter.builder().minimumIdentities(3).build();
        assertThat(three.split(Folders.imagined(each(12, 2))).validation().identities())
                .hasSize(3);
        assertThat(three.split(Folders.imagined(each(4, 2))).training().identities())
                .hasSize(1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> three.split(Folders.imagined(each(3, 2))))
                .withMessageContaining("cannot hold out 3")
                .withMessageContaining("has 3 identities");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DatasetSplitter.builder().build().split(Folders.imagined(5)))
                .withMessageContaining("cannot hold out 1");
        Split most = DatasetSplitter.builder().validationFraction(0.99).build().split(Folders.imagined(1, 1));
        assertThat(most.training().size()).isEqualTo(1);
        assertThat(most.validation().size()).isEqualTo(1);
    }

    @Test
    void byImageNeverTakesTheOnlyImageOfAPerson() {
        int[] counts = new int[200];
        for (int i = 0; i < counts.length; i++) {
            counts[i] = 1 + i % 6;
        }
        FaceDataset dataset = Folders.imagined(counts);
        for (double fraction : new double[] {0.001, 0.1, 0.5, 0.999}) {
            Split split = DatasetSplitter.builder()
                    .byImage()
                    .validationFraction(fraction)
                    .build()
                    .split(dataset);
            assertIsASplitOf(dataset, split);
            assertThat(split.training().identities()).isEqualTo(dataset.identities());
        }
    }

    @Test
    void byImageHoldsOutTheShareOfEveryPersonAndOfTheWhole() {
        FaceDataset many = Folders.imagined(each(10, 50));
        Split split = DatasetSplitter.builder().byImage().build().split(many);
        for (int i = 0; i < 10; i++) {
            assertThat(split.validation().faces(i).size()).isBetween(5, 6);
        }
        // With 3 images each a plain rounding would hold out nothing at all.
        FaceDataset few = Folders.imagined(each(1000, 3));
        assertThat(DatasetSplitter.builder()
                        .byImage()
                        .build()
                        .split(few)
                        .validation()
                        .size())
                .isCloseTo(300, within(60)); // standard deviation 14.5
    }

    @Test
    void byImageNeedsSomebodyWithTwoImages() {
        DatasetSplitter splitter = DatasetSplitter.builder().byImage().build();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> splitter.split(Folders.imagined(1, 1, 1)))
                .withMessageContaining("none of the 3 identities has two images");
        Split least = splitter.split(Folders.imagined(1, 2));
        assertThat(least.training().size()).isEqualTo(2);
        assertThat(least.validation().identities()).containsExactly("p00001");
    }

    @Test
    void conflictsAreRefusedWhereTheyAreMade() {
        for (double fraction : new double[] {0, 1, -0.1, 1.5, Double.NaN}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> DatasetSplitter.builder().validationFraction(fraction))
                    .withMessageContaining(Double.toString(fraction));
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DatasetSplitter.builder().byImage().minimumIdentities(3));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DatasetSplitter.builder().minimumIdentities(3).byImage());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DatasetSplitter.builder().minimumIdentities(0));
    }

    // ------------------------------------------------------------------ writing

    private Split split() throws IOException {
        Path source = Folders.named(folder.resolve("source"), 2, 3, 1, 2);
        return DatasetSplitter.builder().validationFraction(0.25).build().split(FaceDataset.index(source));
    }

    @ParameterizedTest
    @EnumSource
    void writesTrainAndVal(Placement placement) throws IOException {
        Split split = split();
        List<String> source = Folders.relativeFiles(folder.resolve("source"));
        Path out = folder.resolve("out");
        try {
            split.writeTo(out, placement);
        } catch (UnsupportedOperationException e) {
            assumeTrue(false, "no links here");
        }
        List<String> written = Folders.relativeFiles(out);
        assertThat(Folders.relativeFiles(folder.resolve("source"))).isEqualTo(source);
        assertThat(FaceDataset.index(out.resolve("train")).fingerprint())
                .isEqualTo(split.training().fingerprint());
        assertThat(FaceDataset.index(out.resolve("val")).fingerprint())
                .isEqualTo(split.validation().fingerprint());
        Path one = out.resolve("train")
                .resolve(split.training().identities().get(0))
                .resolve("0.png");
        assertThat(Files.isSymbolicLink(one)).isEqualTo(placement == Placement.SYMBOLIC_LINK);
        assertThat(Files.isSameFile(one, split.training().faces().get(0).file()))
                .isEqualTo(placement != Placement.COPY);

        Files.createFile(out.resolve("val").resolve(".DS_Store"));
        for (Placement again : Placement.values()) {
            split.writeTo(out, again);
        }
        Files.delete(out.resolve("val").resolve(".DS_Store"));
        Files.delete(one);
        split.writeTo(out, placement);
        assertThat(Folders.relativeFiles(out)).isEqualTo(written);
    }

    @Test
    void neverOverwrites() throws IOException {
        Split split = split();
        Path out = folder.resolve("out");
        split.writeTo(out, Placement.COPY);
        Path one = out.resolve("val")
                .resolve(split.validation().identities().get(0))
                .resolve("0.png");
        Files.write(one, new byte[] {9, 9, 9});
        assertThatIOException()
                .isThrownBy(() -> split.writeTo(out, Placement.COPY))
                .withMessageContaining(one.toString())
                .withMessageContaining("nothing was written");
        assertThat(Files.readAllBytes(one)).containsExactly(9, 9, 9);
    }

    @Test
    void refusesAFolderWithAnotherSplitBeforeItWritesAnything() throws IOException {
        Split split = split();
        Path out = folder.resolve("out");
        split.writeTo(out);
        List<String> before = Folders.relativeFiles(out);
        Split other = new Split(split.validation(), split.training());
        assertThatIOException()
                .isThrownBy(() -> other.writeTo(out))
                .withMessageContaining("is not part of this split")
                .withMessageContaining("use an empty folder");
        assertThat(Folders.relativeFiles(out)).isEqualTo(before);
    }

    @Test
    void twoFacesForOnePlaceAreRefused() {
        FaceDataset twice =
                FaceDataset.of(List.of(new Face("a", Path.of("one", "1.png")), new Face("a", Path.of("two", "1.png"))));
        Split split = new Split(twice, Folders.imagined(1));
        assertThatIOException()
                .isThrownBy(() -> split.writeTo(folder.resolve("out")))
                .withMessageContaining("would both become");
        assertThat(folder.resolve("out")).doesNotExist();
    }

    /** By URI, because a Java runtime in the POSIX locale cannot make these paths from strings. */
    private static Face face(String encodedFolder, String encodedFile) {
        Path file = Path.of(URI.create("file:///faces/" + encodedFolder + "/" + encodedFile));
        return new Face(FileNames.name(requireNonNull(file.getParent())), file);
    }

    @ParameterizedTest
    @CsvSource({
        "Ann, ann",
        "%C3%89ric, %C3%A9ric",
        "%C3%89ric, E%CC%81ric", // NFC, NFD
        "Stra%C3%9Fe, STRASSE"
    })
    void namesThatAreTheSameElsewhereAreRefusedBeforeAnythingIsWritten(String one, String other) {
        Path out = folder.resolve("out");
        FaceDataset elsewhere = Folders.imagined(1);
        FaceDataset files = FaceDataset.of(List.of(face("bob", one + ".png"), face("bob", other + ".png")));
        FaceDataset people = FaceDataset.of(List.of(face(one, "1.png"), face(other, "2.png")));
        for (Placement placement : Placement.values()) {
            assertThatIOException()
                    .isThrownBy(() -> new Split(files, elsewhere).writeTo(out, placement))
                    .withMessageContaining(files.faces().get(0).file().toString())
                    .withMessageContaining(files.faces().get(1).file().toString())
                    .withMessageContaining("nothing was written; rename one");
            assertThatIOException()
                    .isThrownBy(() -> new Split(elsewhere, people).writeTo(out, placement))
                    .withMessageContaining(people.identities().get(0))
                    .withMessageContaining(people.identities().get(1))
                    .withMessageContaining("nothing was written; rename one");
        }
        assertThat(out).doesNotExist();
    }

    /** Here because one folder is a link to another; as well another process may be at work, or a file system may not tell names apart. */
    @ParameterizedTest
    @EnumSource
    void aFileThatAppearsWhileItWritesIsNotReplaced(Placement placement) throws IOException {
        Path source = Folders.named(folder.resolve("source"), 1, 1, 1);
        FaceDataset all = FaceDataset.index(source);
        Split split = new Split(FaceDataset.of(all.faces().subList(0, 2)), FaceDataset.of(all.faces(2)));
        Path train = folder.resolve("out").resolve("train");
        Path second = Files.createDirectories(train.resolve("p1"));
        try {
            Files.createSymbolicLink(train.resolve("p0"), second);
        } catch (IOException | UnsupportedOperationException e) {
            assumeTrue(false, "no symbolic links here");
        }
        assertThatIOException()
                .isThrownBy(() -> split.writeTo(folder.resolve("out"), placement))
                .withMessageContaining(second.resolve("0.png").toString())
                .withMessageContaining("it stays as it is");
        assertThat(Files.readAllBytes(second.resolve("0.png"))).containsExactly(0, 0);
        assertThat(Folders.relativeFiles(source)).containsExactly("p0/0.png", "p1/0.png", "p2/0.png");
        assertThat(Files.readAllBytes(source.resolve("p1/0.png"))).containsExactly(1, 0);
    }

    @ParameterizedTest
    @EnumSource
    void whatItMakesIsForItsOwner(Placement placement) throws IOException {
        assumeTrue(folder.getFileSystem().supportedFileAttributeViews().contains("posix"));
        Split split = split();
        Path out = folder.resolve("parent").resolve("out");
        split.writeTo(out, placement);
        try (Stream<Path> made = Files.walk(folder.resolve("parent"))) {
            for (Path path : made.toList()) {
                if (Files.isDirectory(path) || placement == Placement.COPY) {
                    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
                            .as(path.toString())
                            .isEqualTo(Files.isDirectory(path) ? "rwx------" : "rw-------");
                }
            }
        }
    }

    @Test
    void neverWritesOutsideTheFolder() {
        for (String identity : List.of("..", "../x", "a/b", "/etc/x", "")) {
            FaceDataset odd = FaceDataset.of(List.of(new Face(identity, Path.of("somewhere", "1.png"))));
            Split split = new Split(odd, Folders.imagined(1));
            assertThatIOException()
                    .isThrownBy(() -> split.writeTo(folder.resolve("out")))
                    .withMessageContaining("cannot be the name of a folder");
        }
    }

    @Test
    void aFolderWithoutWritePermissionIsNamed() throws IOException {
        Split split = split();
        Path locked = Files.createDirectory(folder.resolve("locked"));
        assumeTrue(locked.getFileSystem().supportedFileAttributeViews().contains("posix"));
        Files.setPosixFilePermissions(locked, PosixFilePermissions.fromString("r-xr-xr-x"));
        assumeTrue(!Files.isWritable(locked), "the super-user may write everywhere");
        assertThatIOException()
                .isThrownBy(() -> split.writeTo(locked))
                .withMessageContaining("no permission to write to " + locked);
    }

    @Test
    void theAlignmentProfileGoesAlong() throws IOException {
        AlignmentProfile profile = new AlignmentProfile("haar", "eyes", "EYE_CENTRES", "openface", 96, "0.1.0");
        Path aligned = Folders.named(folder.resolve("aligned"), 3, 3, 1, 3);
        assertThat(FaceDataset.index(aligned).alignmentProfile()).isEmpty();
        profile.claim(aligned);
        FaceDataset kept =
                DatasetPruner.minimumImages(2).prune(FaceDataset.index(aligned)).kept();
        Path out = folder.resolve("out");
        DatasetSplitter.builder().build().split(kept).writeTo(out);
        DatasetSplitter.builder().build().split(kept).writeTo(out);

        assertThat(FaceDataset.index(out.resolve("train")).alignmentProfile()).contains(profile);
        assertThat(FaceDataset.index(out.resolve("val")).alignmentProfile()).contains(profile);

        AlignmentProfile other = new AlignmentProfile("haar", "eyes", "EYE_CENTRES", "openface", 64, "0.1.0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DatasetSplitter.builder()
                        .build()
                        .split(kept.withAlignmentProfile(other))
                        .writeTo(out))
                .withMessageContaining("size is 64 instead of 96");
        assertThat(FaceDataset.of(kept.faces()).alignmentProfile()).isEmpty();
    }

    @Test
    void aListingIsTheSplitAgain() throws IOException {
        Path faces = Folders.named(folder.resolve("faces"), 3, 4, 1, 6, 2);
        Files.createFile(faces.resolve("p1").resolve("tab\tand\\slash.png"));
        FaceDataset dataset = FaceDataset.index(faces);
        for (DatasetSplitter splitter : List.of(
                DatasetSplitter.builder().validationFraction(0.4).build(),
                DatasetSplitter.builder().byImage().validationFraction(0.4).build())) {
            Split split = splitter.split(dataset);
            Path listing = folder.resolve("split.tsv");
            split.writeListing(listing);
            byte[] written = Files.readAllBytes(listing);
            split.writeListing(listing);
            assertThat(Files.readAllBytes(listing)).isEqualTo(written);
            Split read = Split.read(listing, dataset);
            assertThat(read.training().faces()).isEqualTo(split.training().faces());
            assertThat(read.validation().faces()).isEqualTo(split.validation().faces());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "'part\tidentity', no listing of parts",
        "'part\tidentity\tfile\ntrain\tp0', 2 fields instead of 3",
        "'part\tidentity\tfile\ntrain\tp0\t7.png', line 2: p0/7.png is not in",
        "'part\tidentity\tfile\ntrain\tp0\t0.png\nval\tp0\t0.png', line 3: p0/0.png is listed twice",
        "'part\tidentity\tfile\ntrain\tp0\t0.png', instead of train and val"
    })
    void aListingOfSomethingElseIsRefused(String text, String message) throws IOException {
        FaceDataset dataset = FaceDataset.index(Folders.named(folder.resolve("faces"), 3, 4));
        Path listing = Files.writeString(
                folder.resolve("split.tsv"), text.replace("\\t", "\t").replace("\\n", "\n"));
        assertThatIOException().isThrownBy(() -> Split.read(listing, dataset)).withMessageContaining(message);
    }

    @Test
    void stratifiedHoldsOutPeopleWithFewAndWithManyImages() {
        int[] counts = new int[100];
        for (int i = 0; i < counts.length; i++) {
            counts[i] = i < 80 ? 2 : 50;
        }
        for (int seed = 0; seed < 20; seed++) {
            FaceDataset validation = DatasetSplitter.builder()
                    .stratified()
                    .seed(seed)
                    .build()
                    .split(Folders.imagined(counts))
                    .validation();
            assertThat(validation.identities()).hasSize(10);
            assertThat(validation.size()).isEqualTo(8 * 2 + 2 * 50);
        }
    }

    @Test
    void aPreviewWritesNothingAndTellsWhatWouldBe() throws IOException {
        Split split = DatasetSplitter.builder()
                .build()
                .split(FaceDataset.index(Folders.named(folder.resolve("faces"), 2, 2, 2)));
        Path out = folder.resolve("out");
        assertThat(split.preview(out)).isEqualTo(new DatasetSplitter.Preview(6, 0, 3));
        assertThat(out).doesNotExist();
        split.writeTo(out);
        assertThat(split.preview(out)).isEqualTo(new DatasetSplitter.Preview(0, 6, 0));
        Files.writeString(out.resolve("train").resolve("extra.png"), "");
        assertThatIOException().isThrownBy(() -> split.preview(out)).withMessageContaining("is not part of this split");
    }
}
