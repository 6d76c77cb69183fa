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

    /**
     * The vitals of a batch. Spread is the mean squared distance of an embedding to their mean; the effective rank is
     * (Σλ)² / Σλ² over the eigenvalues of their covariance: how many directions they spread over, from 1 up.
     */
    static Vitals of(EmbeddingBatch embeddings, MiningStatistics statistics, boolean chosen, double gradientNorm) {
        int size = embeddings.size();
        int dimension = embeddings.dimension();
        double[] centred = new double[size * dimension];
        for (int k = 0; k < dimension; k++) {
            double mean = 0;
            for (int i = 0; i < size; i++) {
                mean += embeddings.values()[i * dimension + k];
            }
            mean /= size;
            for (int i = 0; i < size; i++) {
                centred[i * dimension + k] = embeddings.values()[i * dimension + k] - mean;
            }
        }
        // The eigenvalues of the Gram matrix are those of the covariance: its trace and its squared entries are enough.
        double trace = 0;
        double squares = 0;
        for (int i = 0; i < size; i++) {
            for (int j = 0; j <= i; j++) {
                double product = 0;
                for (int k = 0; k < dimension; k++) {
                    product += centred[i * dimension + k] * centred[j * dimension + k];
                }
                squares += (i == j ? 1 : 2) * product * product;
                if (i == j) {
                    trace += product;
                }
            }
        }
        return new Vitals(
                chosen,
                statistics.lossOverAll(),
                statistics.meanPositiveDistance(),
                statistics.meanNegativeDistance(),
                gradientNorm,
                trace / size,
                squares > 0 ? trace * trace / squares : Double.NaN);
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
