package org.openface.benchmarks;

import java.util.Collections;
import java.util.Locale;
import java.util.SplittableRandom;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch.Role;
import org.openface.triplet.mining.Draws;
import org.openface.triplet.mining.MiningBatch;
import org.openface.triplet.mining.NegativeSelector;
import org.openface.triplet.mining.PairSelector;
import org.openface.triplet.mining.TripletFilter;
import org.openface.triplet.mining.TripletMiner;

/** A batch to mine: people around centres of their own, embeddings of length 1, as after some training. */
record MiningCase(int people, int images) {
    static final int DIMENSION = 128;
    static final float MARGIN = 0.2f;

    /** The sizes that are measured: OpenFace's and FaceNet's batches, and beyond. */
    static MiningCase of(int size) {
        return switch (size) {
            case 300 -> new MiningCase(15, 20);
            case 1_800 -> new MiningCase(45, 40);
            default -> new MiningCase(size / 20, 20);
        };
    }

    /** A strategy of a user's own, the one of the example {@code CustomMiner}. */
    static TripletMiner custom() {
        return TripletMiner.of(
                PairSelector.allPairs(),
                TripletFilter.violating().and((positive, negative, margin) -> negative > 0.05f),
                NegativeSelector.hardest());
    }

    int size() {
        return people * images;
    }

    long pairs() {
        return (long) people * images * (images - 1) / 2;
    }

    int[] identities() {
        int[] identities = new int[size()];
        for (int i = 0; i < identities.length; i++) {
            identities[i] = i / images;
        }
        return identities;
    }

    EmbeddingBatch embeddings() {
        return embeddings(1);
    }

    EmbeddingBatch embeddings(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[size() * DIMENSION];
        double[] centre = new double[DIMENSION];
        double[] one = new double[DIMENSION];
        for (int i = 0; i < size(); i++) {
            double squares = 0;
            for (int k = 0; k < DIMENSION; k++) {
                if (i % images == 0) {
                    centre[k] = random.nextGaussian();
                }
                one[k] = centre[k] + 2 * random.nextGaussian();
                squares += one[k] * one[k];
            }
            for (int k = 0; k < DIMENSION; k++) {
                values[i * DIMENSION + k] = (float) (one[k] / Math.sqrt(squares));
            }
        }
        return new EmbeddingBatch(DIMENSION, values);
    }

    MiningBatch batch(EmbeddingBatch embeddings, int[] identities) {
        return MiningBatch.of(
                embeddings, identities, Collections.nCopies(size(), Role.FULL), MARGIN, new Draws(2, 1, 0));
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%d images of %d people, %d pairs", size(), people, pairs());
    }
}
