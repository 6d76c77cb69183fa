package org.openface.triplet.loss;

import static com.google.common.base.Preconditions.checkArgument;

import org.openface.core.embedding.Distance;
import org.openface.triplet.mining.Mined;
import org.openface.triplet.mining.Pairs;

/**
 * The contrastive loss (Hadsell, Chopra and LeCun, 2006) on plain distances d: d² for a pair of one identity, max(0, margin - d)²
 * for one of two. Positives and negatives are averaged apart and added, as a batch has many times more negatives.
 */
public final class ContrastiveLoss implements Loss {
    private final double margin;
    private final Reduction overPairs;

    private ContrastiveLoss(double margin, Reduction overPairs) {
        this.margin = margin;
        this.overPairs = overPairs;
    }

    /**
     * The loss with a margin.
     *
     * @param margin distance from which on two identities are far enough apart; 1 is usual, embeddings of unit length being at
     *     most 2 apart
     * @throws IllegalArgumentException if it is not positive and finite
     */
    public static ContrastiveLoss of(double margin) {
        checkArgument(margin > 0 && Double.isFinite(margin), "margin (%s) must be positive and finite", margin);
        return new ContrastiveLoss(margin, Reduction.MEAN);
    }

    /** The same loss with another reduction over the positives and over the negatives. */
    public ContrastiveLoss overPairs(Reduction reduction) {
        return new ContrastiveLoss(margin, reduction);
    }

    @Override
    public Outcome evaluate(Mined mined) {
        Pairs pairs = mined.pairs().measuredIn(Distance.EUCLIDEAN);
        int[] all = new int[2];
        int[] nonZero = new int[2];
        double[] sums = new double[2];
        double[] slopes = new double[pairs.size()];
        for (int k = 0; k < slopes.length; k++) {
            int kind = pairs.isPositive(k) ? 0 : 1;
            // Of a positive the distance, of a negative what it falls short of the margin.
            double amount = kind == 0 ? pairs.distance(k) : Math.max(0, margin - pairs.distance(k));
            all[kind]++;
            nonZero[kind] += amount > 0 ? 1 : 0;
            sums[kind] += amount * amount;
            slopes[k] = (kind == 0 ? 2 : -2) * amount;
        }
        double[] weights = {overPairs.weight(all[0], nonZero[0]), overPairs.weight(all[1], nonZero[1])};
        for (int k = 0; k < slopes.length; k++) {
            slopes[k] *= weights[pairs.isPositive(k) ? 0 : 1];
        }
        return new Outcome(weights[0] * sums[0] + weights[1] * sums[1], pairs.gradient(slopes));
    }

    @Override
    public String toString() {
        return "contrastive " + margin + ", " + overPairs + " over pairs";
    }
}
