package org.openface.triplet.mining;

import java.util.Arrays;
import java.util.Collections;
import java.util.Random;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch.Role;

/** Batches for tests, and triplets as sets. */
public final class Batches {
    static final Draws DRAWS = new Draws(7, 1, 0);

    private Batches() {}

    /** A batch of FULL images. */
    public static MiningBatch batch(int[] identities, int dimension, float margin, float... values) {
        return MiningBatch.of(
                new EmbeddingBatch(dimension, values),
                identities,
                Collections.nCopies(identities.length, Role.FULL),
                margin,
                DRAWS);
    }

    /** Identities 0, 0, .., 1, 1, ... */
    static int[] identities(int people, int images) {
        int[] out = new int[people * images];
        for (int i = 0; i < out.length; i++) {
            out[i] = i / images;
        }
        return out;
    }

    /** People around centres of their own, in no order, some images negatives only; distances around the margin. */
    public static MiningBatch random(long seed, int people, int images, int dimension) {
        Random random = new Random(seed);
        int size = people * images;
        int[] identities = new int[size];
        Role[] roles = new Role[size];
        float[] values = new float[size * dimension];
        for (int i = 0; i < size; i++) {
            identities[i] = 100 + random.nextInt(people);
            roles[i] = random.nextInt(6) == 0 ? Role.NEGATIVE_ONLY : Role.FULL;
            Random centre = new Random(identities[i]);
            for (int k = 0; k < dimension; k++) {
                values[i * dimension + k] =
                        (float) ((centre.nextGaussian() * 0.6 + random.nextGaussian() * 0.5) / Math.sqrt(dimension));
            }
        }
        return MiningBatch.of(
                new EmbeddingBatch(dimension, values),
                identities,
                Arrays.asList(roles),
                0.2f,
                new Draws(seed, 1 + random.nextInt(5), random.nextInt(5)));
    }

    static String triplet(int anchor, int positive, int negative) {
        return anchor + " " + positive + " " + negative;
    }
}
