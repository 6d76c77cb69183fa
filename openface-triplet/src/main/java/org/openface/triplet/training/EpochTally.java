package org.openface.triplet.training;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.openface.triplet.mining.Mined;
import org.openface.triplet.mining.MiningStatistics;

/** Adds up the batches of one epoch. */
final class EpochTally {
    private int batches;
    private int emptyBatches;
    private long images;
    private long triplets;
    private double seconds;
    private double secondsWaiting;
    private double learningRate = Double.NaN;
    private final Mean loss = new Mean();
    private final Mean lossOverAll = new Mean();
    private final Mean pairsWithViolatingNegative = new Mean();
    private final Mean violatingShare = new Mean();
    private final Mean positiveDistance = new Mean();
    private final Mean negativeDistance = new Mean();
    private final Mean gradientNorm = new Mean();
    private final Mean spread = new Mean();
    private final Mean effectiveRank = new Mean();
    private final List<Mean> means = List.of(
            loss,
            lossOverAll,
            pairsWithViolatingNegative,
            violatingShare,
            positiveDistance,
            negativeDistance,
            gradientNorm,
            spread,
            effectiveRank);

    void empty(int batchImages, MiningStatistics statistics, Vitals vitals) {
        count(batchImages, statistics, vitals);
        emptyBatches++;
    }

    void step(int batchImages, Mined chosen, double batchLoss, double rate, Vitals vitals) {
        count(batchImages, chosen.statistics(), vitals);
        triplets += chosen.size();
        loss.add(batchLoss);
        gradientNorm.add(vitals.gradientNorm());
        learningRate = rate;
    }

    void time(double batchSeconds, double waiting) {
        seconds += batchSeconds;
        secondsWaiting += waiting;
    }

    int batches() {
        return batches;
    }

    private void count(int batchImages, MiningStatistics statistics, Vitals vitals) {
        batches++;
        images += batchImages;
        lossOverAll.add(statistics.lossOverAll());
        pairsWithViolatingNegative.add((double) statistics.pairsWithViolatingNegative() / statistics.pairs());
        violatingShare.add(statistics.violatingShare());
        positiveDistance.add(statistics.meanPositiveDistance());
        negativeDistance.add(statistics.meanNegativeDistance());
        spread.add(vitals.spread());
        effectiveRank.add(vitals.rank());
    }

    EpochMetrics metrics(int epoch, int identities) {
        return new EpochMetrics(new EpochMetrics.Values(
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
                spread.value(),
                effectiveRank.value(),
                identities,
                learningRate,
                seconds,
                secondsWaiting,
                Map.of()));
    }

    /** All sums in one line, exact. */
    String format() {
        return batches + " " + emptyBatches + " " + images + " " + triplets + " " + seconds + " " + secondsWaiting + " "
                + learningRate
                + means.stream().map(mean -> " " + mean.sum + " " + mean.count).collect(Collectors.joining());
    }

    /** @throws IllegalArgumentException if the line is not one that {@link #format} wrote */
    static EpochTally parse(String line) {
        EpochTally tally = new EpochTally();
        double[] v =
                Arrays.stream(line.split(" ")).mapToDouble(Double::parseDouble).toArray();
        checkArgument(v.length == 7 + 2 * tally.means.size(), "no sums of an epoch: %s", line);
        tally.batches = (int) v[0];
        tally.emptyBatches = (int) v[1];
        tally.images = (long) v[2];
        tally.triplets = (long) v[3];
        tally.seconds = v[4];
        tally.secondsWaiting = v[5];
        tally.learningRate = v[6];
        for (int i = 0; i < tally.means.size(); i++) {
            tally.means.get(i).sum = v[7 + 2 * i];
            tally.means.get(i).count = (int) v[8 + 2 * i];
        }
        return tally;
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
