package org.openface.core.embedding;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Arrays;

/**
 * What a network makes of one face: a vector whose squared distance to another face's tells how alike they are.
 *
 * <p>nn4's embeddings have length 1, so squared distances lie between 0 (same face) and 4.
 */
public final class Embedding {
    private final float[] values;

    private Embedding(float[] values) {
        this.values = values;
    }

    /** An embedding of the given values, which are copied. */
    public static Embedding of(float... values) {
        checkArgument(values.length > 0, "an embedding needs at least one value");
        return new Embedding(values.clone());
    }

    /** Number of values. */
    public int dimension() {
        return values.length;
    }

    /** The values; a copy. */
    public float[] values() {
        return values.clone();
    }

    /**
     * Squared Euclidean distance, the measure that triplet training works on and that OpenFace's thresholds are in.
     *
     * @throws IllegalArgumentException if the dimensions differ
     */
    public double squaredDistance(Embedding other) {
        checkArgument(
                values.length == other.values.length,
                "embeddings of dimension %s and %s cannot be compared",
                values.length,
                other.values.length);
        double sum = 0;
        for (int i = 0; i < values.length; i++) {
            double difference = (double) values[i] - other.values[i];
            sum += difference * difference;
        }
        return sum;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Embedding o && Arrays.equals(values, o.values);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(values);
    }

    @Override
    public String toString() {
        return "Embedding" + Arrays.toString(values);
    }
}
