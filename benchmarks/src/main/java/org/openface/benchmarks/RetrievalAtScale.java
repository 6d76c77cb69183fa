package org.openface.benchmarks;

import java.util.Arrays;
import java.util.Locale;
import java.util.Random;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.openblas.global.openblas;
import org.openface.core.internal.search.EmbeddingRows;
import org.openface.core.internal.search.NearestRows;

/**
 * The ten nearest of each query in a large gallery of embeddings of 128 values: our search, a plain double loop (one query at a time
 * on all threads; timed on some queries and scaled), and OpenBLAS's float32 matrix product of the same size alone, on as many
 * threads, which is a bound for whoever computes distances by products. All in turn in each of three rounds, medians.
 *
 * <pre>
 * java -Xmx4g -cp benchmarks/target/benchmarks.jar org.openface.benchmarks.RetrievalAtScale [QUERIES [GALLERY]]
 * </pre>
 */
public final class RetrievalAtScale {
    private static final int DIMENSION = 128;
    private static final int K = 10;
    private static final int ROUNDS = 3;
    private static final int PLAIN_QUERIES = 64;
    private static final int PRODUCT_ROWS = 50_000;

    private RetrievalAtScale() {}

    /** See the class comment. */
    public static void main(String[] args) {
        int queries = args.length > 0 ? Integer.parseInt(args[0]) : 10_000;
        int gallery = args.length > 1 ? Integer.parseInt(args[1]) : 1_000_000;
        float[] asked = values(queries, 1);
        float[] rows = values(gallery, 2);
        double[] ours = new double[ROUNDS];
        double[] plain = new double[ROUNDS];
        double[] product = new double[ROUNDS];
        long peak = 0;
        for (int round = 0; round < ROUNDS; round++) {
            long start = System.nanoTime();
            NearestRows found = NearestRows.search(
                    EmbeddingRows.of(asked, DIMENSION), EmbeddingRows.of(rows, DIMENSION), K, (query, row) -> false);
            ours[round] = seconds(start);
            Runtime memory = Runtime.getRuntime();
            peak = Math.max(peak, memory.totalMemory() - memory.freeMemory());
            int some = Math.min(PLAIN_QUERIES, queries);
            start = System.nanoTime();
            int[] nearest = plain(asked, some, rows);
            plain[round] = seconds(start) * queries / some;
            for (int query = 0; query < some; query++) {
                if (nearest[query] != found.row(query, 0)) {
                    throw new IllegalStateException(
                            "query " + query + ": " + nearest[query] + ", not " + found.row(query, 0));
                }
            }
            product[round] = product(asked, queries, rows, gallery);
            System.out.printf(
                    Locale.ROOT,
                    "round %d: ours %.2f s, plain loop %.1f s (scaled), product alone %.2f s%n",
                    round,
                    ours[round],
                    plain[round],
                    product[round]);
        }
        System.out.printf(
                Locale.ROOT,
                "retrieval queries=%d gallery=%d seconds=%.2f heap-mb=%d of which embeddings=%d plain=%.4f gemm=%.2f%n",
                queries,
                gallery,
                median(ours),
                peak >> 20,
                (((long) queries + gallery) * DIMENSION * Float.BYTES) >> 20,
                median(ours) / median(plain),
                median(ours) / median(product));
        System.exit(0);
    }

    /** Of length 1, around one of 50,000 centres. */
    private static float[] values(int count, long seed) {
        float[] values = new float[count * DIMENSION];
        IntStream.range(0, count).parallel().forEach(row -> {
            Random centre = new Random(new Random(31L * row + seed).nextInt(50_000));
            Random own = new Random(77L * row + seed);
            double sum = 0;
            for (int k = 0; k < DIMENSION; k++) {
                float value = (float) (centre.nextGaussian() + 0.5 * own.nextGaussian());
                values[row * DIMENSION + k] = value;
                sum += (double) value * value;
            }
            for (int k = 0; k < DIMENSION; k++) {
                values[row * DIMENSION + k] /= (float) Math.sqrt(sum);
            }
        });
        return values;
    }

    private static int[] plain(float[] asked, int queries, float[] rows) {
        return IntStream.range(0, queries)
                .parallel()
                .map(query -> {
                    int best = -1;
                    double nearest = Double.POSITIVE_INFINITY;
                    for (int row = 0; row < rows.length / DIMENSION; row++) {
                        double sum = 0;
                        for (int k = 0; k < DIMENSION; k++) {
                            double difference = (double) asked[query * DIMENSION + k] - rows[row * DIMENSION + k];
                            sum += difference * difference;
                        }
                        if (sum < nearest) {
                            nearest = sum;
                            best = row;
                        }
                    }
                    return best;
                })
                .toArray();
    }

    /** The product of all queries with the gallery, some rows of it at a time, and nothing else. */
    private static double product(float[] asked, int queries, float[] rows, int gallery) {
        int most = Math.min(PRODUCT_ROWS, gallery);
        double seconds = 0;
        int block = 1_000;
        try (FloatPointer q = new FloatPointer((long) asked.length);
                FloatPointer g = new FloatPointer((long) most * DIMENSION);
                FloatPointer out = new FloatPointer((long) block * most)) {
            q.put(asked, 0, asked.length);
            for (int first = 0; first < gallery; first += most) {
                int count = Math.min(most, gallery - first);
                g.put(rows, first * DIMENSION, count * DIMENSION);
                long start = System.nanoTime();
                for (int from = 0; from < queries; from += block) {
                    openblas.cblas_sgemm(
                            openblas.CblasRowMajor,
                            openblas.CblasNoTrans,
                            openblas.CblasTrans,
                            Math.min(block, queries - from),
                            count,
                            DIMENSION,
                            1f,
                            new FloatPointer(q).position((long) from * DIMENSION),
                            DIMENSION,
                            g,
                            DIMENSION,
                            0f,
                            out,
                            count);
                }
                seconds += seconds(start);
            }
        }
        return seconds;
    }

    private static double seconds(long start) {
        return (System.nanoTime() - start) / 1e9;
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
