package org.openface.triplet.mining;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What was counted while mining, by run of pairs: added up in their order, so that rounding does not depend on threads. */
final class MiningTally {
    private final MiningBatch in;
    private final ChosenPairs pairs;
    final long[] eligiblePairs;
    final long[] violatingPairs;
    final long[] violating;
    final long[] all;
    final double[] hinges;
    final double[] positiveDistances;
    final double[] negativeDistances;
    /** The nearest negative of the run's anchor, or -1. */
    final int[] nearest;

    final float[] nearestDistances;

    MiningTally(MiningBatch in, ChosenPairs pairs) {
        this.in = in;
        this.pairs = pairs;
        int runs = pairs.runs();
        eligiblePairs = new long[runs];
        violatingPairs = new long[runs];
        violating = new long[runs];
        all = new long[runs];
        hinges = new double[runs];
        positiveDistances = new double[runs];
        negativeDistances = new double[runs];
        nearest = new int[runs];
        nearestDistances = new float[runs];
    }

    MiningStatistics statistics() {
        long triplets = sum(all);
        return MiningStatistics.builder()
                .pairs(pairs.size())
                .pairsWithViolatingNegative(sum(violatingPairs))
                .pairsWithEligibleNegative(sum(eligiblePairs))
                .violatingShare((double) sum(violating) / triplets)
                .lossOverAll(sum(hinges) / triplets)
                .meanPositiveDistance(sum(positiveDistances) / pairs.size())
                .meanNegativeDistance(sum(negativeDistances) / triplets)
                .hardestNegatives(hardestNegatives())
                .build();
    }

    private List<MiningStatistics.HardestNegative> hardestNegatives() {
        Map<Integer, MiningStatistics.HardestNegative> hardest = new TreeMap<>();
        for (int run = 0; run < pairs.runs(); run++) {
            if (nearest[run] >= 0) {
                int anchor = pairs.anchor(run);
                hardest.merge(
                        in.identity(anchor),
                        new MiningStatistics.HardestNegative(
                                in.identity(anchor), anchor, nearest[run], nearestDistances[run]),
                        (a, b) -> b.squaredDistance() < a.squaredDistance() ? b : a);
            }
        }
        return List.copyOf(hardest.values());
    }

    private static long sum(long[] values) {
        return Arrays.stream(values).sum();
    }

    private static double sum(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value;
        }
        return sum;
    }
}
