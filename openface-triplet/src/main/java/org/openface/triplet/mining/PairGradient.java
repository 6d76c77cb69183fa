package org.openface.triplet.mining;

import org.openface.core.embedding.EmbeddingBatch;
import org.openface.triplet.internal.MiningThreads;

/**
 * The gradient of a loss over pairs: each pair's slope times what moves its distance, added to the rows of its two images. A
 * thread adds up some components of all pairs, in their order, so that the bits depend on no number of threads.
 *
 * <p>The distance of a pair depends on its embeddings through the difference {@code x - y}: squared with the derivative {@code
 * 2(x - y)}, plain with {@code (x - y) / distance}. The cosine's is half the squared one of embeddings brought to unit length, and
 * its gradient goes back through that: {@code (g - (g·u)u) / |x|} for the direction u of x.
 */
final class PairGradient {
    /** Components that a thread adds up at a time. */
    private static final int COMPONENTS = 16;

    private final MiningBatch in;
    private final int[] first;
    private final int[] second;
    /** Of {@code first - second}. */
    private final double[] weights;

    /** @param slopes derivatives by the distances */
    PairGradient(MiningBatch in, int[] first, int[] second, float[] distances, double[] slopes) {
        this.in = in;
        this.first = first;
        this.second = second;
        weights = new double[slopes.length];
        for (int k = 0; k < weights.length; k++) {
            weights[k] = slopes[k] == 0 ? 0 : slopes[k] * in.measure().perDifference(distances[k]);
        }
    }

    /** @param uses how many contributions of an image its gradient is the mean of; empty for their sum */
    EmbeddingBatch compute(int[] uses) {
        int size = in.size();
        int dimension = in.embeddings().dimension();
        double[][] sums = new double[size][dimension];
        int parts = (dimension + COMPONENTS - 1) / COMPONENTS;
        MiningThreads.run(MiningThreads.forWork(2.0 * weights.length * dimension), parts, () -> part -> {
            int from = part * COMPONENTS;
            add(sums, from, Math.min(dimension, from + COMPONENTS));
        });
        float[] gradient = new float[size * dimension];
        for (int i = 0; i < size; i++) {
            in.throughLength(i, sums[i]);
            int count = uses.length > 0 ? Math.max(1, uses[i]) : 1;
            for (int k = 0; k < dimension; k++) {
                gradient[i * dimension + k] = (float) (sums[i][k] / count);
            }
        }
        return new EmbeddingBatch(dimension, gradient);
    }

    private void add(double[][] sums, int from, int to) {
        int size = in.size();
        for (int pair = 0; pair < weights.length; pair++) {
            double weight = weights[pair];
            if (weight != 0) {
                int a = first[pair];
                int b = second[pair];
                float[] x = in.valuesOf(a);
                float[] y = in.valuesOf(b);
                int xAt = in.begin(a);
                int yAt = in.begin(b);
                double[] ofA = sums[a];
                for (int k = from; k < to; k++) {
                    ofA[k] += weight * ((double) x[xAt + k] - y[yAt + k]);
                }
                if (b < size) {
                    double[] ofB = sums[b];
                    for (int k = from; k < to; k++) {
                        ofB[k] -= weight * ((double) x[xAt + k] - y[yAt + k]);
                    }
                }
            }
        }
    }
}
