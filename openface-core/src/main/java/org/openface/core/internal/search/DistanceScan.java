package org.openface.core.internal.search;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Computes the squared distances of all queries to all rows of a gallery, a few at a time, and shows them to a visitor: nothing
 * of size queries × gallery is kept.
 *
 * <p>The gallery is taken in blocks, turned into columns once, of which a panel's eight at a time stay in the first-level
 * cache while sixteen queries pass over them; the innermost loop goes over the columns of a panel, which the compiler turns
 * into vector instructions. ‖q‖² + ‖g‖² − 2 q·g costs half of what Σ (q − g)² does, and is wrong by up to {@link Tile#slack}:
 * who needs to know asks {@link Tile#exact}. The blocking is that of matrix products (Goto and van de Geijn, "Anatomy of
 * High-Performance Matrix Multiplication", 2008).
 */
final class DistanceScan {
    /** Columns of a panel, with 8 of which and the sums of a group of queries a cache of 32 kB is filled. */
    static final int PANEL = 256;

    private static final int STEP = 8;
    private static final int QUERIES = 16;
    private static final int PANELS = 32;
    private static final double ROUNDING = 0x1p-24;

    private final EmbeddingRows queries;
    private final EmbeddingRows gallery;
    private final int dimension;

    /** Half a block of the gallery, {@code [panel][dimension][column]}, its squared norms, and the rows themselves. */
    private final float[][][] columns;

    private final float[][] norms;
    private final float[][] rows;
    private final double[] longest;

    DistanceScan(EmbeddingRows queries, EmbeddingRows gallery) {
        checkArgument(
                queries.dimension() == gallery.dimension(),
                "queries of dimension %s in a gallery of dimension %s",
                queries.dimension(),
                gallery.dimension());
        this.queries = queries;
        this.gallery = gallery;
        dimension = gallery.dimension();
        int panels = Math.min(PANELS, (gallery.size() + PANEL - 1) / PANEL);
        columns = new float[panels][dimension][PANEL];
        norms = new float[panels][PANEL];
        rows = new float[panels][PANEL * dimension];
        longest = new double[panels];
    }

    /** Is shown a part of the gallery for each query, parts in their order; different queries by several threads at once. */
    @FunctionalInterface
    interface Visitor {
        void visit(Tile tile);
    }

    /** The distances of a query to some rows of the gallery. */
    final class Tile {
        private final float[] vector = new float[dimension];
        private int query;
        private int panel;
        private double norm;
        int first;
        int count;

        /** About the squared distances to the rows {@code first} to {@code first + count - 1}. */
        float[] distances = new float[0];

        /** The most that a distance is wrong by. */
        double slack;

        int query() {
            return query;
        }

        /** The squared distance to the i-th of these rows as {@code Embedding.squaredDistance} computes it. */
        double exact(int i) {
            return EmbeddingRows.squaredDistance(vector, 0, rows[panel], i * dimension, dimension);
        }
    }

    void run(Visitor visitor) {
        int block = Math.max(1, columns.length) * PANEL;
        for (int from = 0; from < gallery.size(); from += block) {
            int begin = from;
            int count = Math.min(block, gallery.size() - from);
            int panels = (count + PANEL - 1) / PANEL;
            IntStream.range(0, panels)
                    .parallel()
                    .forEach(panel -> turn(panel, begin + panel * PANEL, Math.min(PANEL, count - panel * PANEL)));
            IntStream.range(0, (queries.size() + QUERIES - 1) / QUERIES)
                    .parallel()
                    .forEach(group -> group(group * QUERIES, begin, count, visitor));
        }
    }

    /** Takes rows of the gallery into a panel. */
    private void turn(int panel, int first, int count) {
        float[] values = rows[panel];
        longest[panel] = 0;
        for (int i = 0; i < count; i++) {
            gallery.copy(first + i, values, i * dimension);
            double norm = 0;
            for (int k = 0; k < dimension; k++) {
                float value = values[i * dimension + k];
                columns[panel][k][i] = value;
                norm += (double) value * value;
            }
            norms[panel][i] = (float) norm;
            longest[panel] = Math.max(longest[panel], Math.sqrt(norm));
        }
    }

    private void group(int firstQuery, int begin, int count, Visitor visitor) {
        int size = Math.min(QUERIES, queries.size() - firstQuery);
        Tile[] tiles = new Tile[size];
        float[][] sums = new float[size][PANEL];
        for (int i = 0; i < size; i++) {
            Tile tile = new Tile();
            tile.query = firstQuery + i;
            queries.copy(firstQuery + i, tile.vector, 0);
            for (float value : tile.vector) {
                tile.norm += (double) value * value;
            }
            tile.distances = sums[i];
            tiles[i] = tile;
        }
        for (int panel = 0; panel * PANEL < count; panel++) {
            products(tiles, panel, sums);
            for (int i = 0; i < size; i++) {
                Tile tile = tiles[i];
                distances(sums[i], norms[panel], (float) tile.norm);
                tile.panel = panel;
                tile.first = begin + panel * PANEL;
                tile.count = Math.min(PANEL, count - panel * PANEL);
                double sides = Math.sqrt(tile.norm) + longest[panel];
                tile.slack = (dimension + STEP) * ROUNDING * sides * sides;
                visitor.visit(tile);
            }
        }
    }

    private void products(Tile[] tiles, int panel, float[][] sums) {
        for (float[] sum : sums) {
            Arrays.fill(sum, 0);
        }
        float[][] all = columns[panel];
        int k = 0;
        for (; k + STEP <= dimension; k += STEP) {
            for (int i = 0; i < tiles.length; i++) {
                addEight(tiles[i].vector, k, all, sums[i]);
            }
        }
        for (; k < dimension; k++) {
            for (int i = 0; i < tiles.length; i++) {
                addOne(tiles[i].vector[k], all[k], sums[i]);
            }
        }
    }

    private static void addEight(float[] a, int k, float[][] columns, float[] sums) {
        float a0 = a[k];
        float a1 = a[k + 1];
        float a2 = a[k + 2];
        float a3 = a[k + 3];
        float a4 = a[k + 4];
        float a5 = a[k + 5];
        float a6 = a[k + 6];
        float a7 = a[k + 7];
        float[] c0 = columns[k];
        float[] c1 = columns[k + 1];
        float[] c2 = columns[k + 2];
        float[] c3 = columns[k + 3];
        float[] c4 = columns[k + 4];
        float[] c5 = columns[k + 5];
        float[] c6 = columns[k + 6];
        float[] c7 = columns[k + 7];
        for (int j = 0; j < PANEL; j++) {
            float sum = Math.fma(a0, c0[j], sums[j]);
            sum = Math.fma(a1, c1[j], sum);
            sum = Math.fma(a2, c2[j], sum);
            sum = Math.fma(a3, c3[j], sum);
            sum = Math.fma(a4, c4[j], sum);
            sum = Math.fma(a5, c5[j], sum);
            sum = Math.fma(a6, c6[j], sum);
            sums[j] = Math.fma(a7, c7[j], sum);
        }
    }

    private static void addOne(float a, float[] column, float[] sums) {
        for (int j = 0; j < PANEL; j++) {
            sums[j] = Math.fma(a, column[j], sums[j]);
        }
    }

    private static void distances(float[] products, float[] norms, float norm) {
        for (int j = 0; j < PANEL; j++) {
            products[j] = Math.fma(-2f, products[j], norm + norms[j]);
        }
    }
}
