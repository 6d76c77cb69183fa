package org.openface.triplet.mining;

import java.util.List;
import org.openface.triplet.training.Trainer;

/**
 * What a miner saw of one batch. Shares and means are over the pairs it looked at and, for each, all images of other
 * identities, chosen or not: unlike the loss over chosen triplets, which hovers at the margin, they show whether a
 * network learns. NaN where nothing was counted.
 *
 * @param pairs anchor-positive pairs looked at
 * @param pairsWithViolatingNegative of these, the ones with at least one negative that violates the constraint
 * @param pairsWithEligibleNegative of these, the ones with at least one negative that the filter accepts
 * @param violatingShare share of all triplets of these pairs that violate the constraint
 * @param lossOverAll mean of max(0, ap - an + margin) over all triplets of these pairs, satisfied ones included
 * @param meanPositiveDistance mean squared distance of the pairs
 * @param meanNegativeDistance mean squared distance of anchors to images of other identities, each pair counting once
 * @param hardestNegatives for each identity that had an anchor, in the order of identities
 */
public record MiningStatistics(
        long pairs,
        long pairsWithViolatingNegative,
        long pairsWithEligibleNegative,
        double violatingShare,
        double lossOverAll,
        double meanPositiveDistance,
        double meanNegativeDistance,
        List<HardestNegative> hardestNegatives) {

    /** For miners that count nothing; a {@link Trainer} then counts all unordered pairs of the batch itself. */
    public static final MiningStatistics NONE =
            new MiningStatistics(0, 0, 0, Double.NaN, Double.NaN, Double.NaN, Double.NaN, List.of());

    public MiningStatistics {
        hardestNegatives = List.copyOf(hardestNegatives);
    }

    /** The same but for {@link #pairsWithEligibleNegative}. */
    MiningStatistics withEligiblePairs(long count) {
        return new MiningStatistics(
                pairs,
                pairsWithViolatingNegative,
                count,
                violatingShare,
                lossOverAll,
                meanPositiveDistance,
                meanNegativeDistance,
                hardestNegatives);
    }

    /**
     * The nearest image of another identity to any anchor of an identity, of equal ones the first: where a pair of identities
     * is most easily confused, or a photograph lies in the wrong folder.
     *
     * @param identity the anchor's identity
     * @param anchor the anchor's place in the batch
     * @param negative the negative's place in the batch
     * @param squaredDistance of the two
     */
    public record HardestNegative(int identity, int anchor, int negative, float squaredDistance) {}
}
