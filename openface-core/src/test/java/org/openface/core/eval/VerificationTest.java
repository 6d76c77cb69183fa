package org.openface.core.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.Distance;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.eval.Verification.Pair;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

class VerificationTest {
    private final Path directory;

    VerificationTest(@TempDir Path directory) {
        this.directory = directory;
    }

    /** Embeds an image as the brightness of its red; notes how many it was given at a time. */
    private static final class RedEmbedder implements FaceEmbedder {
        private final List<Integer> batches = new ArrayList<>();
        private Runnable afterBatch = () -> {};

        @Override
        public int imageSize() {
            return 2;
        }

        @Override
        public int dimension() {
            return 1;
        }

        @Override
        public EmbeddingBatch embed(List<RgbImage> faces) {
            batches.add(faces.size());
            float[] values = new float[faces.size()];
            for (int i = 0; i < values.length; i++) {
                assertThat(faces.get(i).width()).isEqualTo(2);
                values[i] = faces.get(i).red(0, 0) / 255f;
            }
            afterBatch.run();
            return new EmbeddingBatch(1, values);
        }
    }

    private static FaceDataset dataset(int... imagesOfIdentity) {
        List<Face> faces = new ArrayList<>();
        for (int identity = 0; identity < imagesOfIdentity.length; identity++) {
            for (int image = 0; image < imagesOfIdentity[identity]; image++) {
                faces.add(new Face("p" + identity, Path.of("p" + identity, image + ".png")));
            }
        }
        return FaceDataset.of(faces);
    }

    private void write(String file, int red) throws IOException {
        Path target = directory.resolve(file);
        Files.createDirectories(target.getParent());
        ImageFiles.writePng(RgbImage.of(1, 1, new byte[] {(byte) red, 0, 0}), target);
    }

    private static void checkPairs(FaceDataset dataset, Verification verification, int each, int folds) {
        List<Pair> pairs = verification.pairs();
        assertThat(pairs).hasSize(2 * each);
        Set<String> seen = new HashSet<>();
        int[][] kinds = new int[2][folds];
        for (Pair pair : pairs) {
            assertThat(seen.add(Math.min(pair.first(), pair.second()) + "-" + Math.max(pair.first(), pair.second())))
                    .as("%s is new", pair)
                    .isTrue();
            assertThat(pair.first()).isNotEqualTo(pair.second());
            assertThat(dataset.identityOf(pair.first()) == dataset.identityOf(pair.second()))
                    .isEqualTo(pair.same());
            kinds[pair.same() ? 1 : 0][pair.fold()]++;
        }
        assertThat(kinds[0]).isEqualTo(kinds[1]);
        assertThat(IntStream.of(kinds[0]).max().orElseThrow()
                        - IntStream.of(kinds[0]).min().orElseThrow())
                .isLessThanOrEqualTo(1);
    }

    @Test
    void takesAllSamePairsAndAsManyDifferentOnes() {
        FaceDataset dataset = dataset(4, 1, 5, 3);
        checkPairs(dataset, Verification.pairs(dataset), 6 + 10 + 3, 10);
    }

    @Test
    void takesNoMoreSamePairsThanThereAreDifferentOnes() {
        FaceDataset dataset = dataset(9, 1);
        checkPairs(dataset, Verification.pairs(dataset), 9, 9);
    }

    @Test
    void theMaximumIsARandomChoiceThatTheSeedDecides() {
        FaceDataset dataset = dataset(40, 40, 40);
        Verification two = Verification.pairs(dataset, 100, 2);
        checkPairs(dataset, two, 100, 10);
        assertThat(Verification.pairs(dataset, 100, 2).pairs()).isEqualTo(two.pairs());
        assertThat(Verification.pairs(dataset, 100, 3).pairs()).isNotEqualTo(two.pairs());
        long ofFirst =
                two.pairs().stream().filter(p -> p.same() && p.first() < 40).count();
        assertThat(ofFirst).isBetween(15L, 52L);
    }

    /** Figures of trainings are compared over years: the same data set and seed give the same pairs. */
    @Test
    void theDrawIsFrozen() {
        assertThat(Verification.pairs(dataset(4, 3, 3), 4, 2).pairs())
                .containsExactly(
                        new Pair(4, 6, true, 0),
                        new Pair(2, 9, false, 0),
                        new Pair(0, 3, true, 1),
                        new Pair(0, 8, false, 1),
                        new Pair(7, 8, true, 2),
                        new Pair(4, 9, false, 2),
                        new Pair(4, 5, true, 3),
                        new Pair(2, 4, false, 3));
    }

    /** 1,000 people of 3 images and one of 1,000, whose pairs are 99 % of all pairs of one person. */
    @Test
    void aPersonOfManyImagesDoesNotOutweighTheOthers() {
        int[] images = new int[1001];
        Arrays.fill(images, 3);
        images[500] = 1000;
        FaceDataset dataset = dataset(images);
        Verification verification = Verification.pairs(dataset);
        checkPairs(dataset, verification, 3000, 10);
        int[] same = new int[images.length];
        int[] different = new int[images.length];
        for (Pair pair : verification.pairs()) {
            int first = dataset.identityOf(pair.first());
            int second = dataset.identityOf(pair.second());
            if (pair.same()) {
                same[first]++;
            } else {
                different[first]++;
                different[second]++;
            }
        }
        // 2,002 pairs in two turns, and 998 people give a third.
        assertThat(Arrays.stream(same).filter(n -> n == 3).count()).isEqualTo(998);
        assertThat(Arrays.stream(same).filter(n -> n == 2).count()).isEqualTo(3);
        // 6 on average; 43 % of all before
        assertThat(Arrays.stream(different).max().orElseThrow()).isLessThan(25);
    }

    @Test
    void everyTwoPeopleGiveEquallyManyPairsUntilTheyHaveNoMore() {
        FaceDataset dataset = dataset(40, 1, 8);
        Verification verification = Verification.pairs(dataset, 200, 2);
        checkPairs(dataset, verification, 200, 10);
        Map<Set<Integer>, Integer> pairs = new HashMap<>();
        for (Pair pair : verification.pairs()) {
            pairs.merge(
                    new TreeSet<>(List.of(dataset.identityOf(pair.first()), dataset.identityOf(pair.second()))),
                    1,
                    Integer::sum);
        }
        // "p0" has 780 pairs and "p2" 28; of two people, 40 and 8 have a single image to give.
        assertThat(pairs)
                .isEqualTo(Map.of(Set.of(0), 172, Set.of(2), 28, Set.of(0, 1), 40, Set.of(0, 2), 152, Set.of(1, 2), 8));
    }

    @Test
    void refusesADataSetWithoutBothKinds() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Verification.pairs(dataset(5)))
                .withMessageContaining("1 identities, 5 faces has 10 and 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Verification.pairs(dataset(1, 1, 1)))
                .withMessageContaining("3 faces has 0 and");
        assertThatIllegalArgumentException().isThrownBy(() -> Verification.pairs(dataset(5, 5), 1, 2));
    }

    @Test
    void embedsEachImageOnceInSmallBatches() throws IOException {
        for (int identity = 0; identity < 3; identity++) {
            for (int image = 0; image < 50; image++) {
                write("p" + identity + "/" + image + ".png", 80 * identity + image % 5);
            }
        }
        RedEmbedder embedder = new RedEmbedder();
        Verification.Result result =
                Verification.pairs(FaceDataset.index(directory)).evaluate(embedder);
        assertThat(embedder.batches).containsExactly(64, 64, 22);
        assertThat(result.meanAccuracy()).isEqualTo(1);
        assertThat(result.auc()).isEqualTo(1);
        assertThat(result.tarAtFar(0)).isEqualTo(1);
        assertThat(result.images()).isEqualTo(150);
        assertThat(result.identities()).isEqualTo(3);
        assertThat(result.pairs()).isEqualTo(6000);
        assertThat(result.missingImages()).isZero();
        assertThat(result.skippedPairs()).isZero();
    }

    @Test
    void unreadableImagesAreCountedAndTheirPairsLeftOut() throws IOException {
        for (int identity = 0; identity < 2; identity++) {
            for (int image = 0; image < 4; image++) {
                write("p" + identity + "/" + image + ".png", 200 * identity + image);
            }
        }
        Files.writeString(directory.resolve("p0/0.png"), "no image");
        Files.write(directory.resolve("p0/1.png"), new byte[0]);
        Verification verification = Verification.pairs(FaceDataset.index(directory));
        assertThat(verification.size()).isEqualTo(24);
        Verification.Result result = verification.evaluate(new RedEmbedder());
        assertThat(result.missingImages()).isEqualTo(2);
        assertThat(result.images()).isEqualTo(6);
        assertThat(result.pairs() + result.skippedPairs()).isEqualTo(24);
        assertThat(result.skippedPairs()).isGreaterThanOrEqualTo(5);

        for (int image = 0; image < 4; image++) {
            Files.writeString(directory.resolve("p1/" + image + ".png"), "no image");
        }
        assertThatThrownBy(() -> verification.evaluate(new RedEmbedder()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("6 of 8 images cannot be read");
    }

    @Test
    void anEmbedderThatReturnsNanIsNamedAsTheCulprit() throws IOException {
        for (String file : List.of("a/0.png", "a/1.png", "a/2.png", "b/0.png", "b/1.png")) {
            write(file, 1);
        }
        FaceEmbedder broken = new FaceEmbedder() {
            @Override
            public int imageSize() {
                return 1;
            }

            @Override
            public int dimension() {
                return 1;
            }

            @Override
            public EmbeddingBatch embed(List<RgbImage> faces) {
                float[] nan = new float[faces.size()];
                nan[0] = Float.NaN;
                return new EmbeddingBatch(1, nan);
            }
        };
        Verification verification = Verification.pairs(FaceDataset.index(directory));
        assertThatThrownBy(() -> verification.evaluate(broken))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("is NaN: the embedder returns values that are not finite");
    }

    @Test
    void tarAtFarNeverExceedsTheAllowedRate() {
        Scores scores = new Scores(
                1,
                0,
                0,
                0,
                1,
                0.3,
                1,
                0,
                List.of(
                        new Verification.RocPoint(0, 0, 0),
                        new Verification.RocPoint(0.1, 0, 0.5),
                        new Verification.RocPoint(0.2, 0.1, 0.8),
                        new Verification.RocPoint(0.3, 1, 1)));
        Verification.Result result = new Verification.Result(scores, Distance.SQUARED_EUCLIDEAN, 20, 0, 9, 2, 0);
        assertThat(result.thresholdHalfWidth()).isEqualTo(0.3);
        assertThat(result.tarAtFar(0)).isEqualTo(0.5);
        assertThat(result.tarAtFar(0.0999)).isEqualTo(0.5);
        assertThat(result.tarAtFar(0.1)).isEqualTo(0.8);
        assertThat(result.tarAtFar(1)).isEqualTo(1);
        assertThatIllegalArgumentException().isThrownBy(() -> result.tarAtFar(-0.1));
    }

    /**
     * As when a training is cancelled. Files of a zip cannot be read by an interrupted thread, and a result over the others
     * would pass for one over all; those of a folder can since Java 11.
     */
    @Test
    void anInterruptedEvaluationHasNoResult() throws IOException {
        for (int identity = 0; identity < 3; identity++) {
            for (int image = 0; image < 50; image++) {
                write("p" + identity + "/" + image + ".png", 80 * identity + image % 5);
            }
        }
        try (FileSystem zip = FileSystems.newFileSystem(zipped(directory), Map.of())) {
            for (Path folder : List.of(zip.getPath("/"), directory)) {
                Verification verification = Verification.pairs(FaceDataset.index(folder));
                RedEmbedder embedder = new RedEmbedder();
                embedder.afterBatch = () -> Thread.currentThread().interrupt();
                try {
                    assertThatThrownBy(() -> verification.evaluate(embedder))
                            .isInstanceOf(InterruptedIOException.class)
                            .hasMessageContaining("after 64 of 150");
                    assertThat(Thread.currentThread().isInterrupted()).isTrue();
                } finally {
                    Thread.interrupted();
                }
                assertThat(embedder.batches).containsExactly(64);
            }
        }
    }

    private Path zipped(Path folder) throws IOException {
        Path file = Files.createTempDirectory(directory, ".").resolve("faces.zip");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file));
                Stream<Path> all = Files.walk(folder)) {
            for (Path image : all.filter(f -> f.toString().endsWith(".png")).toList()) {
                zip.putNextEntry(
                        new ZipEntry(folder.relativize(image).toString().replace('\\', '/')));
                zip.write(Files.readAllBytes(image));
            }
        }
        return file;
    }

    private Path pairsFile(String content) throws IOException {
        return Files.writeString(directory.resolve("pairs.txt"), content.replace(' ', '\t'));
    }

    private static final String TWO_FOLDS =
            """
            2 1
            Ann 1 2
            Ann 1 Bob 1
            Bob 1 2
            Ann 2 Bob 2
            """;

    @Test
    void readsLfwsFormatWithAnyEnding() throws IOException {
        write("faces/Ann/Ann_0001.png", 10);
        write("faces/Ann/Ann_0002.JPG", 12);
        write("faces/Bob/Bob_0001.jpeg", 90);
        write("faces/Bob/Bob_0002.pgm", 95);
        Verification verification = Verification.lfw(pairsFile(TWO_FOLDS), directory.resolve("faces"));
        assertThat(verification.pairs())
                .containsExactly(
                        new Pair(0, 1, true, 0),
                        new Pair(0, 2, false, 0),
                        new Pair(2, 3, true, 1),
                        new Pair(1, 3, false, 1));
        Verification.Result result = verification.evaluate(new RedEmbedder());
        assertThat(result.meanAccuracy()).isEqualTo(1);
        assertThat(result.missingImages()).isZero();
        assertThat(result.images()).isEqualTo(4);
    }

    @Test
    void missingImagesAreCountedAndTheirPairsSkipped() throws IOException {
        write("faces/Ann/Ann_0001.png", 10);
        write("faces/Bob/Bob_0001.png", 90);
        write("faces/Bob/Bob_0002.png", 90);
        Verification.Result result = Verification.lfw(pairsFile(TWO_FOLDS), directory.resolve("faces"))
                .evaluate(new RedEmbedder());
        assertThat(result.missingImages()).isEqualTo(1);
        assertThat(result.skippedPairs()).isEqualTo(2);
        assertThat(result.pairs()).isEqualTo(2);

        assertThatThrownBy(() -> Verification.lfw(
                        directory.resolve("pairs.txt"), Files.createDirectory(directory.resolve("empty"))))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("0 of the 4 pairs")
                .hasMessageContaining("missing are 4 images, such as Ann/Ann_0001");
    }

    @Test
    void aFileOfOneFoldIsCutIntoTen() throws IOException {
        StringBuilder lines = new StringBuilder("20\n");
        for (int i = 1; i <= 40; i++) {
            lines.append(i <= 20 ? "A 1 " + (i + 1) + "\n" : "A 1 B " + (i - 20) + "\n");
        }
        for (int i = 1; i <= 21; i++) {
            write(String.format("faces/A/A_%04d.png", i), 0);
            write(String.format("faces/B/B_%04d.png", i), 0);
        }
        Verification verification = Verification.lfw(pairsFile(lines.toString()), directory.resolve("faces"));
        for (int fold = 0; fold < 10; fold++) {
            int f = fold;
            assertThat(verification.pairs().stream()
                            .filter(p -> p.fold() == f)
                            .map(Pair::same)
                            .toList())
                    .containsExactly(true, true, false, false);
        }
    }

    @Test
    void whatIsWrongInAPairsFileIsNamedByItsLine() throws IOException {
        Path faces = Files.createDirectory(directory.resolve("faces"));
        assertRefused("", "line 1 should hold");
        assertRefused("ten 300\n", "line 1 has \"ten\"");
        assertRefused("1 1\nAnn 1 2\n", "ends after 1 pairs; line 1 announces 2");
        assertRefused("1 1\nAnn 1 2\nAnn 1 2\n", "line 3 should be \"name number name number\", but has 3 fields");
        assertRefused("1 1\nAnn 1 Bob 2\nAnn 1 Bob 2\n", "line 2 should be \"name number number\"");
        assertRefused("1 1\nAnn 0 2\nAnn 1 Bob 2\n", "line 2 has \"0\"");
        assertRefused("1 1\nAnn 1 2\nAnn 1 Bob 2\nAnn 1 Bob 3\n", "line 4 is more than");
        assertThatThrownBy(() -> Verification.lfw(directory.resolve("none.txt"), faces))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("none.txt: no such file; a pairs file");
        assertThatThrownBy(() -> Verification.lfw(faces, faces))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("faces is a folder; a pairs file");
        Path binary = directory.resolve("faces.bin");
        Files.write(binary, new byte[] {(byte) 0xff, (byte) 0xd8, (byte) 0xff, 0, 10});
        assertThatThrownBy(() -> Verification.lfw(binary, faces))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("faces.bin is no text in UTF-8; a pairs file");
        assertThatThrownBy(() -> Verification.lfw(pairsFile(TWO_FOLDS), directory.resolve("nowhere")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("no folder of aligned faces");
    }

    private void assertRefused(String content, String message) throws IOException {
        Path file = pairsFile(content);
        assertThatThrownBy(() -> Verification.lfw(file, directory.resolve("faces")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(message);
    }

    @Test
    void readsLfwsOwnPairs() {
        Path lfw = Path.of(System.getProperty("openface.shared", "none"), "data", "lfw");
        assumeTrue(Files.isDirectory(lfw));
        assertThatThrownBy(() -> Verification.lfw(lfw.resolve("pairs.txt"), directory))
                .hasMessageContaining("0 of the 6000 pairs")
                .hasMessageContaining("missing are 7701 images");
        assertThatThrownBy(() -> Verification.lfw(lfw.resolve("pairsDevTest.txt"), directory))
                .hasMessageContaining("0 of the 1000 pairs");
        assertThatThrownBy(() -> Verification.lfw(lfw.resolve("pairsDevTrain.txt"), directory))
                .hasMessageContaining("0 of the 2200 pairs");
    }

    @Test
    void facesAlignedOtherwiseThanTheEmbeddersAreRefused() throws IOException {
        for (int i = 0; i < 4; i++) {
            write("a/" + i + ".png", 10);
            write("b/" + i + ".png", 200);
        }
        AlignmentProfile mine = new AlignmentProfile("haar", "eyes", "EYE_CENTRES", "openface", 96, "1");
        FaceEmbedder trained = new FaceEmbedder() {
            @Override
            public int imageSize() {
                return 2;
            }

            @Override
            public int dimension() {
                return 1;
            }

            @Override
            public Optional<AlignmentProfile> alignmentProfile() {
                return Optional.of(mine);
            }

            @Override
            public EmbeddingBatch embed(List<RgbImage> faces) {
                return new RedEmbedder().embed(faces);
            }
        };
        FaceDataset faces = FaceDataset.index(directory);
        assertThat(Verification.pairs(faces).evaluate(trained).auc()).isEqualTo(1);
        assertThat(Verification.pairs(faces.withAlignmentProfile(mine.withSize(112)))
                        .evaluate(trained)
                        .auc())
                .isEqualTo(1);
        AlignmentProfile other = new AlignmentProfile("yunet", "eyes", "EYE_CENTRES", "openface", 96, "1");
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        Verification.pairs(faces.withAlignmentProfile(other)).evaluate(trained))
                .withMessageContaining("detector is yunet instead of haar");
    }
}
