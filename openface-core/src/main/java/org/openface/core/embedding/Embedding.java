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

    /**
     * Distance, measured as one likes.
     *
     * @throws IllegalArgumentException if the dimensions differ, or a cosine is wanted of an embedding whose values are all 0
     */
    public double distance(Embedding other, Distance measure) {
        double squared = squaredDistance(other);
        return switch (measure) {
            case SQUARED_EUCLIDEAN -> squared;
            case EUCLIDEAN -> Math.sqrt(squared);
            case COSINE -> {
                double lengths = length() * other.length();
                checkArgument(
                        lengths > 0, "an embedding whose values are all 0 has no direction: no cosine is defined");
                yield 1 - product(other) / lengths;
            }
        };
    }

    private double length() {
        return Math.sqrt(product(this));
    }

    private double product(Embedding other) {
        double sum = 0;
        for (int i = 0; i < values.length; i++) {
            sum += (double) values[i] * other.values[i];
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
