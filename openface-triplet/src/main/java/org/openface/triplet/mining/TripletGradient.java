package org.openface.triplet.mining;

import com.google.common.primitives.Ints;
import java.util.Optional;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.triplet.internal.MiningThreads;

/**
 * The gradient of a loss over triplets with respect to the embeddings. With squared distances, a triplet of slope s adds {@code
 * 2 s (n − p)} to its anchor's gradient, {@code 2 s (p − a)} to its positive's and {@code 2 s (a − n)} to its negative's.
 *
 * <p>Sums are formed in double, in the order of the triplets, on any number of threads and on the GPU: the same bits.
 */
final class TripletGradient {
    /** Components of embeddings that one thread adds up at a time; each sum stays with one thread. */
    private static final int COMPONENTS = 32;

    /** Multiply-adds that a CPU gets done in a millisecond; roughly. */
    private static final double OPERATIONS_PER_MILLISECOND = 3e6;

    private final MiningBatch in;
    private final int[] anchors;
    private final int[] positives;
    private final int[] negatives;
    private final boolean meanOverUses;
    private final int dimension;
    /** Twice the slopes. */
    private final double[] weights;

    TripletGradient(
            MiningBatch in, int[] anchors, int[] positives, int[] negatives, double[] slopes, boolean meanOverUses) {
        this.in = in;
        this.anchors = anchors;
        this.positives = positives;
        this.negatives = negatives;
        this.meanOverUses = meanOverUses;
        dimension = in.embeddings().dimension();
        weights = new double[slopes.length];
        for (int t = 0; t < weights.length; t++) {
            weights[t] = 2 * slopes[t];
        }
    }

    EmbeddingBatch compute() {
        double work = 3.0 * weights.length * dimension;
        // The kernels count uses in int.
        if (weights.length > 0 && 3L * weights.length <= Integer.MAX_VALUE) {
            Optional<float[]> onGpu = in.device()
                    .attempt(
                            work / OPERATIONS_PER_MILLISECOND,
                            gpu -> gpu.gradient(
                                    dimension,
                                    in.embeddings().values(),
                                    in.references().values(),
                                    members(),
                                    weights,
                                    meanOverUses));
            if (onGpu.isPresent()) {
                return new EmbeddingBatch(dimension, onGpu.get());
            }
        }
        return new EmbeddingBatch(dimension, onCpu());
    }

    /** All anchors, then all positives, then all negatives. */
    int[] members() {
        return Ints.concat(anchors, positives, negatives);
    }

    float[] onCpu() {
        int size = in.size();
        int[] uses = meanOverUses ? uses() : new int[0];
        float[] gradient = new float[size * dimension];
        int parts = (dimension + COMPONENTS - 1) / COMPONENTS;
        MiningThreads.run(MiningThreads.forWork(3.0 * weights.length * dimension), parts, () -> part -> {
            int from = part * COMPONENTS;
            int width = Math.min(COMPONENTS, dimension - from);
            double[][] sums = sums(from, width);
            for (int i = 0; i < size; i++) {
                int count = meanOverUses ? Math.max(1, uses[i]) : 1;
                for (int k = 0; k < width; k++) {
                    gradient[i * dimension + from + k] = (float) (sums[i][k] / count);
                }
            }
        });
        return gradient;
    }

    /** Some components of the gradient, {@code [image][component]}. */
    private double[][] sums(int from, int width) {
        double[][] embeddings = new double[in.sizeWithReferences()][width];
        for (int i = 0; i < embeddings.length; i++) {
            float[] values = in.valuesOf(i);
            int begin = in.begin(i) + from;
            for (int k = 0; k < width; k++) {
                embeddings[i][k] = values[begin + k];
            }
        }
        double[][] sums = new double[in.size()][width];
        double[] ofReferences = new double[width]; // which get none
        for (int t = 0; t < weights.length; t++) {
            if (weights[t] != 0) {
                int a = anchors[t];
                int p = positives[t];
                int n = negatives[t];
                double[] ofN = n < in.size() ? sums[n] : ofReferences;
                add(weights[t], embeddings[a], embeddings[p], embeddings[n], sums[a], sums[p], ofN);
            }
        }
        return sums;
    }

    /** Adds a triplet's part to three sums; they are of three images, so that none waits for another. */
    private static void add(
            double weight, double[] a, double[] p, double[] n, double[] ofA, double[] ofP, double[] ofN) {
        for (int k = 0; k < a.length; k++) {
            double ak = a[k];
            double pk = p[k];
            double nk = n[k];
            ofA[k] += weight * (nk - pk);
            ofP[k] += weight * (pk - ak);
            ofN[k] += weight * (ak - nk);
        }
    }

    /** Of each image, how many triplets it is part of. */
    int[] uses() {
        int[] uses = new int[in.sizeWithReferences()];
        for (int t = 0; t < anchors.length; t++) {
            uses[anchors[t]]++;
            uses[positives[t]]++;
            uses[negatives[t]]++;
        }
        return uses;
    }
}
