package org.openface.core.eval;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;
import java.util.stream.IntStream;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.Embedding;
import org.openface.core.embedding.FaceEmbedder;

/**
 * Looking for a person among many: each image is looked for among all others, and is found at rank k if one of its k
 * nearest is of the same identity. Images of identities with a single image are among the others only.
 */
public final class Retrieval {
    private final FaceDataset dataset;

    private Retrieval(FaceDataset dataset) {
        this.dataset = dataset;
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
        return new Retrieval(dataset);
    }

    /**
     * Embeds all faces and looks for each. Images that cannot be read are left out and counted.
     *
     * @throws IllegalArgumentException if the embedder was trained on faces aligned otherwise than these; a mere difference
     *     in size is none
     * @throws IOException if no image is left that could be found
     * @throws java.io.InterruptedIOException if the thread is interrupted before all images are read; it stays interrupted
     * @throws IllegalStateException if the embedder returns values that are not finite, naming the image
     */
    public Result evaluate(FaceEmbedder embedder) throws IOException {
        EmbeddedFaces.requireFitting(embedder, dataset.alignmentProfile());
        List<Face> faces = dataset.faces();
        SortedMap<Integer, Embedding> embedded =
                EmbeddedFaces.embed(faces, IntStream.range(0, faces.size()).toArray(), embedder);
        List<Embedding> embeddings = List.copyOf(embedded.values());
        List<Integer> identities =
                embedded.keySet().stream().map(dataset::identityOf).toList();
        List<Integer> ranks = new ArrayList<>();
        for (int i = 0; i < embeddings.size(); i++) {
            int rank = rank(i, identities, embeddings);
            if (rank > 0) {
                ranks.add(rank);
            }
        }
        int missing = faces.size() - embeddings.size();
        if (ranks.isEmpty()) {
            throw new IOException(
                    "nobody has two images left, as " + missing + " of " + faces.size() + " images cannot be read");
        }
        return new Result(ranks, missing);
    }

    /** The place of the nearest image of the same identity among all others, from 1; 0 if there is none. */
    private static int rank(int query, List<Integer> identities, List<Embedding> embeddings) {
        double[] distances = new double[embeddings.size()];
        double nearest = Double.POSITIVE_INFINITY;
        boolean any = false;
        for (int j = 0; j < distances.length; j++) {
            distances[j] = embeddings.get(query).squaredDistance(embeddings.get(j));
            if (j != query && identities.get(j).equals(identities.get(query))) {
                any = true;
                nearest = Math.min(nearest, distances[j]);
            }
        }
        if (!any) {
            return 0;
        }
        int rank = 1;
        for (int j = 0; j < distances.length; j++) {
            // Somebody else at the same distance comes first: a collapsed network finds nobody.
            if (!identities.get(j).equals(identities.get(query)) && distances[j] <= nearest) {
                rank++;
            }
        }
        return rank;
    }

    /** What was found. */
    public static final class Result {
        private final List<Integer> ranks;
        private final int missingImages;

        Result(List<Integer> ranks, int missingImages) {
            this.ranks = List.copyOf(ranks);
            this.missingImages = missingImages;
        }

        /** For each image that was looked for, the rank of the nearest one of the same identity, from 1. */
        public List<Integer> ranks() {
            return ranks;
        }

        /** Images that cannot be read. */
        public int missingImages() {
            return missingImages;
        }

        /** Share of the images that are found among their k nearest. */
        public double recall(int k) {
            checkArgument(k >= 1, "k (%s) must be at least 1", k);
            return (double) ranks.stream().filter(rank -> rank <= k).count() / ranks.size();
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Result o && ranks.equals(o.ranks) && missingImages == o.missingImages;
        }

        @Override
        public int hashCode() {
            return Objects.hash(ranks, missingImages);
        }

        /** For messages: how much, without the single ranks. */
        @Override
        public String toString() {
            return "ranks of " + ranks.size() + " images, " + missingImages + " missing";
        }
    }
}
