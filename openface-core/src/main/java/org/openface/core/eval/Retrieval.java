package org.openface.core.eval;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.primitives.Ints;
import java.io.IOException;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.internal.search.EmbeddingRows;
import org.openface.core.internal.search.NearestRows;

/**
 * Looking for a person among many: each image is looked for among all others, and is found at rank k if one of its k
 * nearest is of the same identity. Images of identities with a single image are among the others only.
 */
public final class Retrieval {
    private final FaceDataset queries;
    private final FaceDataset gallery;

    private Retrieval(FaceDataset queries, FaceDataset gallery) {
        this.queries = queries;
        this.gallery = gallery;
    }

    /**
     * Retrieval among the faces of a data set.
     *
     * @throws IllegalArgumentException if no identity has two images
     */
    public static Retrieval among(FaceDataset dataset) {
        checkArgument(
                dataset.size() > dataset.identities().size(),
                "nobody in %s has two images, so that nobody can be found",
                dataset);
        return new Retrieval(dataset, dataset);
    }

    /**
     * Retrieval of some faces in a gallery of others, such as of 10,000 in a million. A face that is in both is not found by
     * itself. People who are not in the gallery are not looked for.
     *
     * @throws IllegalArgumentException if nobody of the queries is in the gallery
     */
    public static Retrieval of(FaceDataset queries, FaceDataset gallery) {
        checkArgument(
                !Collections.disjoint(queries.identities(), Set.copyOf(gallery.identities())),
                "nobody of %s is in the gallery, a %s",
                queries,
                gallery);
        return new Retrieval(queries, gallery);
    }

    /**
     * Embeds all faces and looks for each. Images that cannot be read are left out and counted. Takes 4 bytes for each value of
     * an embedding, and compares on all threads.
     *
     * @throws IllegalArgumentException if the embedder was trained on faces aligned otherwise than these; a mere difference
     *     in size is none
     * @throws IOException if no image is left that could be found
     * @throws java.io.InterruptedIOException if the thread is interrupted before all images are read; it stays interrupted
     * @throws IllegalStateException if the embedder returns values that are not finite, naming the image
     */
    public Result evaluate(FaceEmbedder embedder) throws IOException {
        embedder.requireFitting(queries.alignmentProfile());
        embedder.requireFitting(gallery.alignmentProfile());
        EmbeddedFaces.Rows in = EmbeddedFaces.rows(gallery, embedder);
        EmbeddedFaces.Rows asked = queries == gallery ? in : EmbeddedFaces.rows(queries, embedder);
        int[] people = people(gallery, in.numbers());
        int[] wanted = wanted(asked.numbers());
        int[] themselves = queries == gallery
                ? IntStream.range(0, wanted.length).toArray()
                : themselves(asked.numbers(), in.numbers());
        double[] nearest = nearestOwn(asked.rows(), wanted, themselves, in.rows(), people);
        int[] nearer =
                NearestRows.countWithin(asked.rows(), in.rows(), nearest, (query, row) -> people[row] == wanted[query]);
        int[] ranks = IntStream.range(0, wanted.length)
                .filter(query -> nearest[query] >= 0)
                // Somebody else at the same distance comes first: a collapsed network finds nobody.
                .map(query -> 1 + nearer[query])
                .toArray();
        int missing = gallery.size()
                - in.numbers().length
                + (queries == gallery ? 0 : queries.size() - asked.numbers().length);
        if (ranks.length == 0) {
            int all = gallery.size() + (queries == gallery ? 0 : queries.size());
            throw new IOException(
                    "nobody has two images left, as " + missing + " of " + all + " images cannot be read");
        }
        return new Result(ranks, missing);
    }

    private static int[] people(FaceDataset dataset, int[] numbers) {
        return Arrays.stream(numbers).map(dataset::identityOf).toArray();
    }

    /** Of each query, the person's number in the gallery; -1 for those who are not there. */
    private int[] wanted(int[] numbers) {
        if (queries == gallery) {
            return people(gallery, numbers);
        }
        int[] places = queries.identities().stream()
                .mapToInt(name -> Math.max(-1, Collections.binarySearch(gallery.identities(), name)))
                .toArray();
        return Arrays.stream(numbers)
                .map(number -> places[queries.identityOf(number)])
                .toArray();
    }

    /** Of each query, the row of the gallery that is the same image; -1 where there is none. */
    private int[] themselves(int[] asked, int[] in) {
        return Arrays.stream(asked)
                .map(number -> gallery.numberOf(queries.faces().get(number)).stream()
                        .map(same -> Math.max(-1, Arrays.binarySearch(in, same)))
                        .findFirst()
                        .orElse(-1))
                .toArray();
    }

    /** The squared distance of each query to the nearest image of the same person; -1 where there is none. */
    private static double[] nearestOwn(
            EmbeddingRows asked, int[] wanted, int[] themselves, EmbeddingRows in, int[] people) {
        int dimension = in.dimension();
        double[] nearest = new double[wanted.length];
        IntStream.range(0, wanted.length).parallel().forEach(query -> {
            nearest[query] = -1;
            if (wanted[query] < 0) {
                return;
            }
            float[] one = new float[dimension];
            float[] other = new float[dimension];
            asked.copy(query, one, 0);
            int row = Arrays.binarySearch(people, wanted[query]);
            while (row > 0 && people[row - 1] == wanted[query]) {
                row--;
            }
            for (; row >= 0 && row < people.length && people[row] == wanted[query]; row++) {
                if (row != themselves[query]) {
                    in.copy(row, other, 0);
                    double distance = EmbeddingRows.squaredDistance(one, other);
                    nearest[query] = nearest[query] < 0 ? distance : Math.min(nearest[query], distance);
                }
            }
        });
        return nearest;
    }

    /** What was found. */
    public static final class Result {
        private final int[] ranks;
        private final int missingImages;

        private Result(int[] ranks, int missingImages) {
            this.ranks = ranks;
            this.missingImages = missingImages;
        }

        /** For each image that was looked for, the rank of the nearest one of the same identity, from 1. */
        public List<Integer> ranks() {
            return Collections.unmodifiableList(Ints.asList(ranks));
        }

        /** Images that cannot be read. */
        public int missingImages() {
            return missingImages;
        }

        /** Share of the images that are found among their k nearest. */
        public double recall(int k) {
            checkArgument(k >= 1, "k (%s) must be at least 1", k);
            return (double) Arrays.stream(ranks).filter(rank -> rank <= k).count() / ranks.length;
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof Result o && Arrays.equals(ranks, o.ranks) && missingImages == o.missingImages;
        }

        @Override
        public int hashCode() {
            return 31 * Arrays.hashCode(ranks) + missingImages;
        }

        /** For messages: how much, without the single ranks. */
        @Override
        public String toString() {
            return "ranks of " + ranks.length + " images, " + missingImages + " missing";
        }
    }
}
