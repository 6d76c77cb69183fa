package org.openface.triplet.mining;

import org.openface.core.embedding.Distance;

/**
 * The weights of distance-weighted sampling (Wu et al., "Sampling Matters in Deep Embedding Learning", ICCV 2017): the inverse of how
 * often two random directions of n dimensions are so far apart, {@code d^(n-2) (1 - d²/4)^((n-3)/2)}, so that negatives are drawn evenly
 * from near to far. As in their code distances below {@value #NEAREST} count as that, so that wrongly labelled images are not all that is
 * drawn, and those beyond {@value #FARTHEST} are not drawn: they would have no gradient.
 *
 * <p>Looked up in a table over squared distances, which is the same on every machine; its steps change a weight by some percent.
 */
final class SphereWeights {
    private static final double NEAREST = 0.5;
    private static final double FARTHEST = 1.4;
    private static final int STEPS = 4096;
    private static final double SCALE = STEPS / (FARTHEST * FARTHEST);

    private final double[] table = new double[STEPS];

    SphereWeights(int dimension) {
        double[] logarithms = new double[STEPS];
        double most = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < STEPS; i++) {
            double squared = Math.max(NEAREST * NEAREST, (i + 0.5) / SCALE);
            logarithms[i] = -(dimension - 2) / 2.0 * StrictMath.log(squared)
                    - (dimension - 3) / 2.0 * StrictMath.log(1 - squared / 4);
            most = Math.max(most, logarithms[i]);
        }
        for (int i = 0; i < STEPS; i++) {
            table[i] = StrictMath.exp(logarithms[i] - most);
        }
    }

    /** The weight of a distance; 0 of one that is not to be drawn. */
    double of(Distance measure, float distance) {
        double place = measure.toSquared(distance) * SCALE;
        return place < STEPS ? table[(int) place] : 0; // NaN and infinity too
    }

    /**
     * The first of some running sums of weights that is above a number drawn from 0 to the last; -1 if all weights are 0.
     *
     * @param sums ascending
     */
    static int draw(double[] sums, int size, Draws.Draw draw) {
        double total = size == 0 ? 0 : sums[size - 1];
        if (!(total > 0)) {
            return -1;
        }
        // 52 bits, from numbers of 26.
        double share = (draw.below(1 << 26) + draw.below(1 << 26) * 0x1p-26) * 0x1p-26;
        double wanted = share * total;
        int low = 0;
        int high = size - 1;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (sums[middle] > wanted) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }
}
