package org.openface.triplet.mining;

import java.util.Arrays;

/**
 * Squared distances from images to all images of a batch, the hot loop of mining.
 *
 * <p>Embeddings are kept transposed, in panels of {@value #PANEL} images: {@code columns[panel * dimension + k][j]} is
 * component k of image {@code panel * PANEL + j}. Each distance is one chain of fused multiply-adds in the order of k,
 * the definition in {@link MiningBatch}; the inner loop runs over images and not over k, so that neighbouring distances
 * take the lanes of a vector and every lane keeps its own chain. The compiler makes vectors of it only while all arrays
 * of the loop share one index, hence one small array for each (panel, k). Four steps of the chain per pass over a panel
 * were fastest; with eight the compiler gives up.
 */
final class PairwiseDistances {
    static final int PANEL = 512;

    private final int dimension;
    private final int size;
    private final float[][] columns;

    /** @param rows each {@code [images][dimension]}, one after the other */
    PairwiseDistances(int dimension, float[]... rows) {
        this.dimension = dimension;
        size = Arrays.stream(rows).mapToInt(r -> r.length / dimension).sum();
        columns = new float[panels() * dimension][];
        for (int c = 0; c < columns.length; c++) {
            columns[c] = new float[width(c / dimension)];
        }
        int image = 0;
        for (float[] values : rows) {
            for (int v = 0; v < values.length; v += dimension, image++) {
                int first = image / PANEL * dimension;
                int lane = image % PANEL;
                for (int k = 0; k < dimension; k++) {
                    columns[first + k][lane] = values[v + k];
                }
            }
        }
    }

    int panels() {
        return (size + PANEL - 1) / PANEL;
    }

    private int width(int panel) {
        return Math.min(PANEL, size - panel * PANEL);
    }

    /** Room for the distances of {@code count} images: {@code [count * panels][width of the panel]}. */
    float[][] rows(int count) {
        float[][] rows = new float[count * panels()][];
        for (int r = 0; r < rows.length; r++) {
            rows[r] = new float[width(r % panels())];
        }
        return rows;
    }

    /**
     * Distances of several images to all.
     *
     * @param vectors where each image's embedding begins in {@code values}
     * @param count how many of {@code vectors} to take
     * @param out from {@link #rows}; the distances of image i are {@code out[i * panels() ..]}
     */
    void compute(float[] values, int[] vectors, int count, float[][] out) {
        int panels = panels();
        for (int panel = 0; panel < panels; panel++) {
            for (int i = 0; i < count; i++) {
                Arrays.fill(out[i * panels + panel], 0);
            }
            int k = 0;
            for (; k + 4 <= dimension; k += 4) {
                for (int i = 0; i < count; i++) {
                    addFour(values, vectors[i] + k, columns, panel * dimension + k, out[i * panels + panel]);
                }
            }
            for (; k < dimension; k++) {
                for (int i = 0; i < count; i++) {
                    addOne(values[vectors[i] + k], columns[panel * dimension + k], out[i * panels + panel]);
                }
            }
        }
    }

    /** Copies the distances of image i from what {@link #compute} gave out into one array. */
    void copy(float[][] computed, int i, float[] row) {
        for (int panel = 0; panel < panels(); panel++) {
            float[] part = computed[i * panels() + panel];
            System.arraycopy(part, 0, row, panel * PANEL, part.length);
        }
    }

    private static void addFour(float[] a, int from, float[][] columns, int first, float[] sums) {
        float a0 = a[from];
        float a1 = a[from + 1];
        float a2 = a[from + 2];
        float a3 = a[from + 3];
        float[] c0 = columns[first];
        float[] c1 = columns[first + 1];
        float[] c2 = columns[first + 2];
        float[] c3 = columns[first + 3];
        for (int j = 0; j < sums.length; j++) {
            float t0 = a0 - c0[j];
            float t1 = a1 - c1[j];
            float t2 = a2 - c2[j];
            float t3 = a3 - c3[j];
            float sum = Math.fma(t0, t0, sums[j]);
            sum = Math.fma(t1, t1, sum);
            sum = Math.fma(t2, t2, sum);
            sums[j] = Math.fma(t3, t3, sum);
        }
    }

    private static void addOne(float a, float[] column, float[] sums) {
        for (int j = 0; j < sums.length; j++) {
            float t = a - column[j];
            sums[j] = Math.fma(t, t, sums[j]);
        }
    }
}
