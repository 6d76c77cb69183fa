package org.openface.triplet;

import java.util.Map;

/** Adds up the batches of one epoch. */
final class EpochTally {
    private int batches;
    private int emptyBatches;
    private long images;
    private long triplets;
    private final Mean loss = new Mean();
    private final Mean lossOverAll = new Mean();
    private final Mean pairsWithViolatingNegative = new Mean();
    private final Mean violatingShare = new Mean();
    private final Mean positiveDistance = new Mean();
    private final Mean negativeDistance = new Mean();
    private final Mean gradientNorm = new Mean();

    void empty(int batchImages, MiningStatistics statistics) {
        count(batchImages, statistics);
        emptyBatches++;
    }

    void step(int batchImages, Triplets chosen, double batchLoss, double norm) {
        count(batchImages, chosen.statistics());
        triplets += chosen.size();
        loss.add(batchLoss);
        gradientNorm.add(norm);
    }

    private void count(int batchImages, MiningStatistics statistics) {
        batches++;
        images += batchImages;
        lossOverAll.add(statistics.lossOverAll());
        pairsWithViolatingNegative.add((double) statistics.pairsWithViolatingNegative() / statistics.pairs());
        violatingShare.add(statistics.violatingShare());
        positiveDistance.add(statistics.meanPositiveDistance());
        negativeDistance.add(statistics.meanNegativeDistance());
    }

    EpochMetrics metrics(int epoch, double seconds, double secondsWaiting) {
        return new EpochMetrics(
                epoch,
                batches,
                emptyBatches,
                images,
                triplets,
                loss.value(),
                lossOverAll.value(),
                pairsWithViolatingNegative.value(),
                violatingShare.value(),
                positiveDistance.value(),
                negativeDistance.value(),
                gradientNorm.value(),
                seconds,
                secondsWaiting,
                Map.of());
    }

    /** A mean that leaves out what was not measured. */
    private static final class Mean {
        private double sum;
        private int count;

        void add(double value) {
            if (!Double.isNaN(value)) {
                sum += value;
                count++;
            }
        }

        double value() {
            return sum / count;
        }
    }
}
