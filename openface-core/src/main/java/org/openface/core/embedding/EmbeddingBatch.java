package org.openface.core.embedding;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkElementIndex;

/** Embeddings of several images, or a gradient with respect to them: {@code [size][dimension]} floats, row by row. */
public final class EmbeddingBatch {
    private final int dimension;
    private final float[] values;

    /**
     * A batch over the given array, which is not copied: the caller hands it over and changes it no more.
     *
     * @throws IllegalArgumentException if the length is not a multiple of {@code dimension}
     */
    public EmbeddingBatch(int dimension, float[] values) {
        checkArgument(dimension > 0, "dimension (%s) must be positive", dimension);
        checkArgument(
                values.length % dimension == 0,
                "%s floats are no whole number of embeddings of dimension %s",
                values.length,
                dimension);
        this.dimension = dimension;
        this.values = values;
    }

    /** Number of embeddings. */
    public int size() {
        return values.length / dimension;
    }

    /** Floats per embedding. */
    public int dimension() {
        return dimension;
    }

    /** All floats, {@code [size][dimension]}; shared, not to be changed. */
    public float[] values() {
        return values;
    }

    /** One embedding; a copy. */
    public Embedding get(int index) {
        checkElementIndex(index, size());
        float[] one = new float[dimension];
        System.arraycopy(values, index * dimension, one, 0, dimension);
        return Embedding.of(one);
    }

    /** The first embedding that holds NaN or infinity; -1 if there is none. */
    public int firstNonFinite() {
        for (int i = 0; i < values.length; i++) {
            if (!Float.isFinite(values[i])) {
                return i / dimension;
            }
        }
        return -1;
    }
}
