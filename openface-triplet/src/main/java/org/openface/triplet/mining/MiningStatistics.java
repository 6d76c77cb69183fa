package org.openface.triplet.mining;

import com.google.common.base.MoreObjects;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a miner saw of one batch. Shares and means are over the pairs it looked at and, for each, all images of other
 * identities, chosen or not: unlike the loss over chosen triplets, which hovers at the margin, they show whether a
 * network learns. NaN where nothing was counted. There will be further figures.
 */
public final class MiningStatistics {
    /** For miners that count nothing; a trainer then counts all unordered pairs of the batch itself. */
    public static final MiningStatistics NONE = builder().build();

    private final long pairs;
    private final long pairsWithViolatingNegative;
    private final long pairsWithEligibleNegative;
    private final double violatingShare;
    private final double lossOverAll;
    private final double meanPositiveDistance;
    private final double meanNegativeDistance;
    private final List<HardestNegative> hardestNegatives;

    private MiningStatistics(Builder counted) {
        pairs = counted.pairs;
        pairsWithViolatingNegative = counted.pairsWithViolatingNegative;
        pairsWithEligibleNegative = counted.pairsWithEligibleNegative;
        violatingShare = counted.violatingShare;
        lossOverAll = counted.lossOverAll;
        meanPositiveDistance = counted.meanPositiveDistance;
        meanNegativeDistance = counted.meanNegativeDistance;
        hardestNegatives = counted.hardestNegatives;
    }

    /** For miners of your own: what is not set has not been counted, as in {@link #NONE}. */
    public static Builder builder() {
        return new Builder();
    }

    /** Anchor-positive pairs looked at. */
    public long pairs() {
        return pairs;
    }

    /** Of these, the ones with at least one negative that violates the constraint. */
    public long pairsWithViolatingNegative() {
        return pairsWithViolatingNegative;
    }

    /** Of these, the ones with at least one negative that the filter accepts. */
    public long pairsWithEligibleNegative() {
        return pairsWithEligibleNegative;
    }

    /** Share of all triplets of these pairs that violate the constraint. */
    public double violatingShare() {
        return violatingShare;
    }

    /** Mean of max(0, ap - an + margin) over all triplets of these pairs, satisfied ones included. */
    public double lossOverAll() {
        return lossOverAll;
    }

    /** Mean squared distance of the pairs. */
    public double meanPositiveDistance() {
        return meanPositiveDistance;
    }

    /** Mean squared distance of anchors to images of other identities, each pair counting once. */
    public double meanNegativeDistance() {
        return meanNegativeDistance;
    }

    /** For each identity that had an anchor, in the order of identities. */
    public List<HardestNegative> hardestNegatives() {
        return hardestNegatives;
    }

    /** The same but for {@link #pairsWithEligibleNegative}. */
    MiningStatistics withEligiblePairs(long count) {
        return builder()
                .pairs(pairs)
                .pairsWithViolatingNegative(pairsWithViolatingNegative)
                .pairsWithEligibleNegative(count)
                .violatingShare(violatingShare)
                .lossOverAll(lossOverAll)
                .meanPositiveDistance(meanPositiveDistance)
                .meanNegativeDistance(meanNegativeDistance)
                .hardestNegatives(hardestNegatives)
                .build();
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof MiningStatistics counted
                && pairs == counted.pairs
                && pairsWithViolatingNegative == counted.pairsWithViolatingNegative
                && pairsWithEligibleNegative == counted.pairsWithEligibleNegative
                && Double.compare(violatingShare, counted.violatingShare) == 0
                && Double.compare(lossOverAll, counted.lossOverAll) == 0
                && Double.compare(meanPositiveDistance, counted.meanPositiveDistance) == 0
                && Double.compare(meanNegativeDistance, counted.meanNegativeDistance) == 0
                && hardestNegatives.equals(counted.hardestNegatives);
    }

    @Override
    public int hashCode() {
        return Objects.hash(
                pairs,
                pairsWithViolatingNegative,
                pairsWithEligibleNegative,
                violatingShare,
                lossOverAll,
                meanPositiveDistance,
                meanNegativeDistance,
                hardestNegatives);
    }

    /** All of it, for messages. */
    @Override
    public String toString() {
        return MoreObjects.toStringHelper(this)
                .add("pairs", pairs)
                .add("pairsWithViolatingNegative", pairsWithViolatingNegative)
                .add("pairsWithEligibleNegative", pairsWithEligibleNegative)
                .add("violatingShare", violatingShare)
                .add("lossOverAll", lossOverAll)
                .add("meanPositiveDistance", meanPositiveDistance)
                .add("meanNegativeDistance", meanNegativeDistance)
                .add("hardestNegatives", hardestNegatives)
                .toString();
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

    /** Collects what was counted. */
    public static final class Builder {
        private long pairs;
        private long pairsWithViolatingNegative;
        private long pairsWithEligibleNegative;
        private double violatingShare = Double.NaN;
        private double lossOverAll = Double.NaN;
        private double meanPositiveDistance = Double.NaN;
        private double meanNegativeDistance = Double.NaN;
        private List<HardestNegative> hardestNegatives = List.of();

        private Builder() {}

        /** See {@link MiningStatistics#pairs}. */
        public Builder pairs(long count) {
            pairs = count;
            return this;
        }

        /** See {@link MiningStatistics#pairsWithViolatingNegative}. */
        public Builder pairsWithViolatingNegative(long count) {
            pairsWithViolatingNegative = count;
            return this;
        }

        /** See {@link MiningStatistics#pairsWithEligibleNegative}. */
        public Builder pairsWithEligibleNegative(long count) {
            pairsWithEligibleNegative = count;
            return this;
        }

        /** See {@link MiningStatistics#violatingShare}. */
        public Builder violatingShare(double value) {
            violatingShare = value;
            return this;
        }

        /** See {@link MiningStatistics#lossOverAll}. */
        public Builder lossOverAll(double value) {
            lossOverAll = value;
            return this;
        }

        /** See {@link MiningStatistics#meanPositiveDistance}. */
        public Builder meanPositiveDistance(double value) {
            meanPositiveDistance = value;
            return this;
        }

        /** See {@link MiningStatistics#meanNegativeDistance}. */
        public Builder meanNegativeDistance(double value) {
            meanNegativeDistance = value;
            return this;
        }

        /** See {@link MiningStatistics#hardestNegatives}. */
        public Builder hardestNegatives(List<HardestNegative> each) {
            hardestNegatives = List.copyOf(each);
            return this;
        }

        /** The statistics. */
        public MiningStatistics build() {
            return new MiningStatistics(this);
        }
    }
}
