package org.openface.triplet.internal.cuda;

import java.util.ArrayList;
import java.util.List;

/** What was mined. */
public final class MiningOutcome {
    /** Takes triplets. */
    @FunctionalInterface
    public interface TripletSink {
        /** Adds a triplet of a pair, with the squared distances of its anchor to the positive and to the negative. */
        void add(int run, int pair, int negative, float positiveDistance, float negativeDistance);
    }

    private final MiningTask task;
    final int[] chosen;
    final float[] positiveDistances;
    final float[] negativeDistances;
    final long[] counts;
    final double[] sums;
    final long[] places;
    final List<int[]> listed = new ArrayList<>();
    final List<float[]> listedDistances = new ArrayList<>();

    MiningOutcome(MiningTask task) {
        this.task = task;
        chosen = new int[task.pairs()];
        positiveDistances = new float[task.pairs()];
        negativeDistances = new float[task.choice == MiningTask.Choice.ALL ? 0 : task.pairs()];
        counts = new long[4 * task.runs()];
        sums = new double[2 * task.runs()];
        places = new long[task.runs()];
    }

    /** Hands out all triplets, pair by pair, those of a pair in the order of the batch. */
    public void forEach(TripletSink sink) {
        int part = 0;
        int at = 0;
        for (int run = 0; run < task.runs(); run++) {
            for (int pair = task.starts[run]; pair < task.starts[run + 1]; pair++) {
                float ap = positiveDistances[pair];
                if (task.choice != MiningTask.Choice.ALL) {
                    if (chosen[pair] >= 0) {
                        sink.add(run, pair, chosen[pair], ap, negativeDistances[pair]);
                    }
                    continue;
                }
                for (int n = 0; n < chosen[pair]; n++) {
                    while (at == listed.get(part).length) {
                        part++;
                        at = 0;
                    }
                    sink.add(
                            run, pair, listed.get(part)[at], ap, listedDistances.get(part)[at]);
                    at++;
                }
            }
        }
    }

    /** Squared distance of a pair. */
    public float positiveDistance(int pair) {
        return positiveDistances[pair];
    }

    /** Pairs of a run with an eligible negative. */
    public long eligiblePairs(int run) {
        return counts[4 * run];
    }

    /** Pairs of a run with a negative that violates the constraint. */
    public long violatingPairs(int run) {
        return counts[4 * run + 1];
    }

    /** Triplets of a run that violate the constraint. */
    public long violating(int run) {
        return counts[4 * run + 2];
    }

    /** Images of other identities than the run's anchor. */
    public long negatives(int run) {
        return counts[4 * run + 3];
    }

    /** Sum of ap + margin - an over the violating triplets of a run. */
    public double hinges(int run) {
        return sums[2 * run];
    }

    /** Sum of the squared distances of the run's anchor to the images of other identities. */
    public double negativeDistances(int run) {
        return sums[2 * run + 1];
    }

    /** The image of another identity that is nearest to the run's anchor, or -1 if there is none. */
    public int nearest(int run) {
        return (int) places[run];
    }

    /** Squared distance of the run's anchor to {@link #nearest}. */
    public float nearestDistance(int run) {
        return Float.intBitsToFloat((int) (places[run] >>> 32));
    }
}
