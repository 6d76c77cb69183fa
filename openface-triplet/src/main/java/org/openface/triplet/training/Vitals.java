package org.openface.triplet.training;

import java.util.Arrays;
import java.util.stream.Collectors;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.triplet.mining.MiningStatistics;

/**
 * What the {@link ConvergenceDoctor} looks at after each batch; NaN where nothing was measured.
 *
 * @param chosen whether the miner chose a triplet
 * @param lossOverAll see {@link MiningStatistics}
 * @param positive mean squared distance of pairs
 * @param negative mean squared distance to other identities
 * @param gradientNorm norm of the parameters' gradient
 * @param spread see {@link #of}
 * @param rank see {@link #of}
 */
record Vitals(
        boolean chosen,
        double lossOverAll,
        double positive,
        double negative,
        double gradientNorm,
        double spread,
        double rank) {

    /** Vectors whose products are added in one pass over a row of their sum. */
    private static final int TOGETHER = 4;

    /** Vectors that stay in the cache while row after row of the sum is formed; a multiple of {@link #TOGETHER}. */
    private static final int BLOCK = 32;

    /**
     * The vitals of a batch. Spread is the mean squared distance of an embedding to their mean; the effective rank is
     * (Σλ)² / Σλ² over the eigenvalues of their covariance: how many directions they spread over, from 1 up.
     */
    static Vitals of(EmbeddingBatch embeddings, MiningStatistics statistics, boolean chosen, double gradientNorm) {
        // The eigenvalues of the Gram matrix are those of the covariance: of the smaller of the two, the trace and the
        // squared entries are enough.
        double[][] products = sumOfProducts(centred(embeddings));
        double trace = 0;
        double squares = 0;
        for (int i = 0; i < products.length; i++) {
            for (int j = 0; j <= i; j++) {
                squares += (i == j ? 1 : 2) * products[i][j] * products[i][j];
            }
            trace += products[i][i];
        }
        return new Vitals(
                chosen,
                statistics.lossOverAll(),
                statistics.meanPositiveDistance(),
                statistics.meanNegativeDistance(),
                gradientNorm,
                trace / embeddings.size(),
                squares > 0 ? trace * trace / squares : Double.NaN);
    }

    /**
     * The embeddings less their mean, {@code [image][component]} or {@code [component][image]}, whichever has the shorter
     * rows; then rows of zeros up to a multiple of {@link #TOGETHER}.
     */
    private static double[][] centred(EmbeddingBatch embeddings) {
        int size = embeddings.size();
        int dimension = embeddings.dimension();
        float[] values = embeddings.values();
        double[] mean = new double[dimension];
        for (int i = 0; i < size; i++) {
            for (int k = 0; k < dimension; k++) {
                mean[k] += values[i * dimension + k];
            }
        }
        for (int k = 0; k < dimension; k++) {
            mean[k] /= size;
        }
        boolean byImage = size > dimension;
        int rows = Math.max(size, dimension);
        double[][] centred = new double[(rows + TOGETHER - 1) / TOGETHER * TOGETHER][Math.min(size, dimension)];
        for (int i = 0; i < size; i++) {
            for (int k = 0; k < dimension; k++) {
                centred[byImage ? i : k][byImage ? k : i] = values[i * dimension + k] - mean[k];
            }
        }
        return centred;
    }

    /** The sum of the products of each vector with itself, {@code Σ v vᵀ}: the lower triangle. */
    private static double[][] sumOfProducts(double[][] vectors) {
        double[][] sums = new double[vectors[0].length][];
        for (int i = 0; i < sums.length; i++) {
            sums[i] = new double[i + 1];
        }
        for (int block = 0; block < vectors.length; block += BLOCK) {
            int end = Math.min(vectors.length, block + BLOCK);
            for (int i = 0; i < sums.length; i++) {
                for (int v = block; v < end; v += TOGETHER) {
                    addFour(vectors, v, i, sums[i]);
                }
            }
        }
        return sums;
    }

    private static void addFour(double[][] vectors, int first, int row, double[] sums) {
        double[] v0 = vectors[first];
        double[] v1 = vectors[first + 1];
        double[] v2 = vectors[first + 2];
        double[] v3 = vectors[first + 3];
        double a0 = v0[row];
        double a1 = v1[row];
        double a2 = v2[row];
        double a3 = v3[row];
        for (int j = 0; j < sums.length; j++) {
            double sum = sums[j] + a0 * v0[j];
            sum += a1 * v1[j];
            sum += a2 * v2[j];
            sums[j] = sum + a3 * v3[j];
        }
    }

    String format() {
        return Arrays.stream(new double[] {chosen ? 1 : 0, lossOverAll, positive, negative, gradientNorm, spread, rank})
                .mapToObj(Double::toString)
                .collect(Collectors.joining(" "));
    }

    static Vitals parse(String line) {
        double[] v =
                Arrays.stream(line.split(" ")).mapToDouble(Double::parseDouble).toArray();
        return new Vitals(v[0] == 1, v[1], v[2], v[3], v[4], v[5], v[6]);
    }
}
