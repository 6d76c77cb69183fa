package org.openface.core.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

class RetrievalTest {
    /** An embedding of one value: the red of the first pixel. */
    private static final FaceEmbedder RED = new FaceEmbedder() {
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
            float[] values = new float[faces.size()];
            for (int i = 0; i < values.length; i++) {
                values[i] = faces.get(i).red(0, 0);
            }
            return new EmbeddingBatch(1, values);
        }
    };

    private static void person(Path folder, String name, int... reds) throws IOException {
        Path own = Files.createDirectories(folder.resolve(name));
        for (int red : reds) {
            ImageFiles.writePng(RgbImage.of(1, 1, new byte[] {(byte) red, 0, 0}), own.resolve(red + ".png"));
        }
    }

    @Test
    void ranksAsOnALine(@TempDir Path folder) throws IOException {
        person(folder, "ann", 10, 30);
        person(folder, "bob", 12, 14, 200);
        person(folder, "cat", 31);
        FaceDataset dataset = FaceDataset.index(folder);
        Retrieval.Result result = Retrieval.among(dataset).evaluate(RED);
        // ann 10: others at 2, 4 before 20 → rank 3. ann 30: 1 (cat), 16, 18 before 20 → 4.
        // bob 12: 2 is ann's 10 and bob's 14, and ann comes first → 2; bob 14: bob's 12 at 2 → 1.
        // bob 200: cat 31 at 169, ann 30 at 170 before bob 14 at 186 → 3. cat is alone.
        assertThat(result.ranks()).containsExactlyElementsOf(Arrays.asList(3, 4, 2, 1, 3));
        assertThat(result.recall(1)).isEqualTo(0.2);
        assertThat(result.recall(3)).isEqualTo(0.8);

        Files.delete(folder.resolve("ann").resolve("30.png"));
        Retrieval.Result without = Retrieval.among(dataset).evaluate(RED);
        assertThat(without.ranks()).hasSize(3);
        assertThat(without.missingImages()).isEqualTo(1);
    }

    @Test
    void needsSomebodyWithTwoImages(@TempDir Path folder) throws IOException {
        person(folder, "ann", 10);
        person(folder, "bob", 12);
        FaceDataset dataset = FaceDataset.index(folder);
        assertThatThrownBy(() -> Retrieval.among(dataset)).hasMessageContaining("nobody");
    }

    private static FaceEmbedder embedder(UnaryOperator<EmbeddingBatch> change, Optional<AlignmentProfile> profile) {
        return new FaceEmbedder() {
            @Override
            public int imageSize() {
                return RED.imageSize();
            }

            @Override
            public int dimension() {
                return RED.dimension();
            }

            @Override
            public Optional<AlignmentProfile> alignmentProfile() {
                return profile;
            }

            @Override
            public EmbeddingBatch embed(List<RgbImage> faces) {
                return change.apply(RED.embed(faces));
            }
        };
    }

    /** The nearest of one's own was at a distance of NaN, nobody nearer, and all were found at rank 1. */
    @Test
    void valuesThatAreNotFiniteAreRefused(@TempDir Path folder) throws IOException {
        person(folder, "ann", 10, 30);
        person(folder, "bob", 12, 14);
        Retrieval retrieval = Retrieval.among(FaceDataset.index(folder));
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
            FaceEmbedder broken = embedder(
                    batch -> {
                        batch.values()[2] = bad;
                        return batch;
                    },
                    Optional.empty());
            assertThatThrownBy(() -> retrieval.evaluate(broken))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(Path.of("bob", "12.png").toString())
                    .hasMessageContaining("is " + bad + ": the embedder returns values that are not finite");
        }
    }

    @Test
    void anEmbedderThatGivesTooFewIsRefused(@TempDir Path folder) throws IOException {
        person(folder, "ann", 10, 30);
        Retrieval retrieval = Retrieval.among(FaceDataset.index(folder));
        FaceEmbedder broken = embedder(batch -> new EmbeddingBatch(1, new float[1]), Optional.empty());
        assertThatThrownBy(() -> retrieval.evaluate(broken))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("1 embeddings of 2 images");
    }

    @Test
    void facesAlignedOtherwiseThanTheEmbeddersAreRefused(@TempDir Path folder) throws IOException {
        person(folder, "ann", 10, 30);
        AlignmentProfile mine = new AlignmentProfile("haar", "eyes", "EYE_CENTRES", "openface", 96, "1");
        AlignmentProfile other = new AlignmentProfile("yunet", "eyes", "EYE_CENTRES", "openface", 96, "1");
        FaceEmbedder trained = embedder(batch -> batch, Optional.of(mine));
        FaceDataset faces = FaceDataset.index(folder);
        Retrieval.among(faces).evaluate(trained);
        Retrieval.among(faces.withAlignmentProfile(mine.withSize(112))).evaluate(trained);
        assertThatThrownBy(
                        () -> Retrieval.among(faces.withAlignmentProfile(other)).evaluate(trained))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("detector is yunet instead of haar");
    }

    @Test
    void anInterruptedEvaluationHasNoResult(@TempDir Path folder) throws IOException {
        person(folder, "ann", IntStream.range(0, 70).toArray());
        Retrieval retrieval = Retrieval.among(FaceDataset.index(folder));
        FaceEmbedder interrupting = embedder(
                batch -> {
                    Thread.currentThread().interrupt();
                    return batch;
                },
                Optional.empty());
        try {
            assertThatThrownBy(() -> retrieval.evaluate(interrupting)).isInstanceOf(InterruptedIOException.class);
            assertThat(Thread.currentThread().isInterrupted()).isTrue();
        } finally {
            Thread.interrupted();
        }
    }

    @Test
    void findsQueriesInAGalleryAsALoopDoes(@TempDir Path folder) throws IOException {
        Random random = new Random(4);
        for (String name : List.of("ann", "bob", "cat", "dan", "eve")) {
            person(
                    folder.resolve("gallery"),
                    name,
                    random.ints(6, 0, 256).distinct().toArray());
            if (!name.equals("dan")) {
                person(
                        folder.resolve("queries"),
                        name,
                        random.ints(5, 0, 256).distinct().toArray());
            }
        }
        person(folder.resolve("queries"), "nobody", 3, 200);
        FaceDataset gallery = FaceDataset.index(folder.resolve("gallery"));
        // some of the gallery's own among them, which must not find themselves
        FaceDataset queries = FaceDataset.of(Stream.concat(
                        FaceDataset.index(folder.resolve("queries")).faces().stream(),
                        gallery.faces(1).stream().limit(3))
                .toList());
        List<Integer> expected = new ArrayList<>();
        for (Face query : queries.faces()) {
            int own = gallery.faces().stream()
                    .filter(face -> face.identity().equals(query.identity()) && !face.equals(query))
                    .mapToInt(face -> apart(face, query))
                    .min()
                    .orElse(-1);
            if (own >= 0) {
                expected.add(1
                        + (int) gallery.faces().stream()
                                .filter(face -> !face.identity().equals(query.identity()) && apart(face, query) <= own)
                                .count());
            }
        }
        Retrieval.Result result = Retrieval.of(queries, gallery).evaluate(RED);
        assertThat(result.ranks()).isEqualTo(expected).hasSizeGreaterThan(15);
        assertThat(result.missingImages()).isZero();
        assertThatThrownBy(() -> Retrieval.of(queries.without(Set.of("ann", "bob", "cat", "eve")), gallery))
                .hasMessageContaining("nobody of");
    }

    private static int apart(Face one, Face other) {
        try {
            return Math.abs(one.read().red(0, 0) - other.read().red(0, 0));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
