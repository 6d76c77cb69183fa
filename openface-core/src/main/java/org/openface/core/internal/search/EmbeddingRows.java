package org.openface.core.internal.search;

import static com.google.common.base.Preconditions.checkArgument;

import java.nio.FloatBuffer;

/** Embeddings one behind the other, {@code [rows][dimension]}, on the heap or mapped into memory. */
public final class EmbeddingRows {
    private final FloatBuffer[] parts;
    private final int rowsPerPart;
    private final int size;
    private final int dimension;

    private EmbeddingRows(FloatBuffer[] parts, int rowsPerPart, int size, int dimension) {
        this.parts = parts;
        this.rowsPerPart = rowsPerPart;
        this.size = size;
        this.dimension = dimension;
    }

    /** Rows in an array, which is not copied. */
    public static EmbeddingRows of(float[] values, int dimension) {
        checkArgument(
                dimension > 0 && values.length % dimension == 0,
                "%s values are no rows of %s",
                values.length,
                dimension);
        int size = values.length / dimension;
        return new EmbeddingRows(new FloatBuffer[] {FloatBuffer.wrap(values)}, Math.max(1, size), size, dimension);
    }

    /** Rows in several buffers, each but the last of {@code rowsPerPart}; more than 2 GB altogether, if need be. */
    public static EmbeddingRows of(FloatBuffer[] parts, int rowsPerPart, int size, int dimension) {
        checkArgument(rowsPerPart > 0 && dimension > 0, "rows of %s, %s a part", dimension, rowsPerPart);
        long room = 0;
        for (FloatBuffer part : parts) {
            room += part.limit() / dimension;
        }
        checkArgument(room >= size, "%s rows in room for %s", size, room);
        return new EmbeddingRows(parts.clone(), rowsPerPart, size, dimension);
    }

    /** Number of rows. */
    public int size() {
        return size;
    }

    /** Length of a row. */
    public int dimension() {
        return dimension;
    }

    /** Copies a row; may be called by several threads. */
    public void copy(int row, float[] target, int offset) {
        parts[row / rowsPerPart].get(row % rowsPerPart * dimension, target, offset, dimension);
    }

    /** The squared distance of two rows as {@code Embedding.squaredDistance} computes it. */
    public static double squaredDistance(float[] one, float[] other) {
        return squaredDistance(one, 0, other, 0, one.length);
    }

    static double squaredDistance(float[] one, int at, float[] other, int otherAt, int dimension) {
        double sum = 0;
        for (int i = 0; i < dimension; i++) {
            double difference = (double) one[at + i] - other[otherAt + i];
            sum += difference * difference;
        }
        return sum;
    }
}
