package org.openface.core.internal.search;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Arrays;

/**
 * The nearest rows of a gallery, by squared Euclidean distance, exactly: distances are those of {@code
 * Embedding.squaredDistance} to the last bit, and of equally near rows the first counts. On all threads, whose number makes
 * no difference; memory for k rows a query, and some megabytes.
 */
public final class NearestRows {
    private final int k;
    private final int[] rows;
    private final double[] distances;

    private NearestRows(int k, int queries) {
        this.k = k;
        rows = new int[Math.multiplyExact(queries, k)];
        distances = new double[rows.length];
        Arrays.fill(rows, -1);
        Arrays.fill(distances, Double.POSITIVE_INFINITY);
    }

    /** Rows that do not count for a query, such as the query itself; asked by several threads. */
    @FunctionalInterface
    public interface Exclusion {
        /** Whether a row does not count. */
        boolean excludes(int query, int row);
    }

    /** Looks for the k nearest rows of each query. */
    public static NearestRows search(EmbeddingRows queries, EmbeddingRows gallery, int k, Exclusion exclusion) {
        checkArgument(k >= 1, "k (%s) must be at least 1", k);
        NearestRows nearest = new NearestRows(k, queries.size());
        new DistanceScan(queries, gallery).run(tile -> nearest.look(tile, exclusion));
        return nearest;
    }

    /** The k nearest to each row, apart from itself. */
    public static NearestRows among(EmbeddingRows rows, int k) {
        return search(rows, rows, k, (query, row) -> query == row);
    }

    private void look(DistanceScan.Tile tile, Exclusion exclusion) {
        int last = tile.query() * k + k - 1;
        float[] about = tile.distances;
        float limit = limit(last, tile.slack);
        for (int i = 0; i < tile.count; i++) {
            // A not-a-number would be as near as infinity: not near.
            if (about[i] <= limit && !exclusion.excludes(tile.query(), tile.first + i)) {
                offer(last, tile.first + i, tile.exact(i));
                limit = limit(last, tile.slack);
            }
        }
    }

    private float limit(int last, double slack) {
        return Math.nextUp((float) (distances[last] + slack));
    }

    /** Rows come in their order, so that one as near as the last of the k is not taken. */
    private void offer(int last, int row, double distance) {
        if (distance >= distances[last]) {
            return;
        }
        int at = last;
        int first = last - k + 1;
        for (; at > first && distances[at - 1] > distance; at--) {
            distances[at] = distances[at - 1];
            rows[at] = rows[at - 1];
        }
        distances[at] = distance;
        rows[at] = row;
    }

    /**
     * How many rows of the gallery lie within a distance of each query, the distance included.
     *
     * @param limits of each query; of a negative one nothing is counted
     */
    public static int[] countWithin(
            EmbeddingRows queries, EmbeddingRows gallery, double[] limits, Exclusion exclusion) {
        int[] counts = new int[queries.size()];
        new DistanceScan(queries, gallery).run(tile -> {
            double limit = limits[tile.query()];
            float surely = Math.nextDown((float) (limit - tile.slack));
            float perhaps = Math.nextUp((float) (limit + tile.slack));
            int count = 0;
            for (int i = 0; i < tile.count; i++) {
                float about = tile.distances[i];
                if (about <= perhaps
                        && (about < surely || tile.exact(i) <= limit)
                        && !exclusion.excludes(tile.query(), tile.first + i)) {
                    count++;
                }
            }
            counts[tile.query()] += count;
        });
        return counts;
    }

    /** How many were looked for. */
    public int k() {
        return k;
    }

    /** The row in place i, from 0, of those nearest to a query; −1 if there are fewer. */
    public int row(int query, int i) {
        return rows[query * k + i];
    }

    /** The squared distance to {@link #row}; infinite if there is none. */
    public double distance(int query, int i) {
        return distances[query * k + i];
    }
}
