package org.openface.triplet.mining;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Arrays;

/** The pairs of a batch in the order in which a {@link PairSelector} chose them; a run is a stretch of them with one anchor. */
final class ChosenPairs implements PairSelector.Sink {
    /** What a Java array holds. */
    private static final int MOST_PAIRS = Integer.MAX_VALUE - 8;

    private final MiningBatch in;
    private int[] positives = new int[64];
    private int size;
    private int[] runAnchors = new int[16];
    private int[] runStarts = new int[17];
    private int runs;

    private ChosenPairs(MiningBatch in) {
        this.in = in;
    }

    static ChosenPairs of(PairSelector selector, MiningBatch in) {
        ChosenPairs pairs = new ChosenPairs(in);
        selector.select(in, pairs);
        pairs.runStarts[pairs.runs] = pairs.size;
        return pairs;
    }

    @Override
    public void add(int anchor, int positive) {
        Triplets.Builder.checkPair(in, anchor, positive);
        if (runs == 0 || anchor != runAnchors[runs - 1]) {
            if (runs == runAnchors.length) {
                runAnchors = Arrays.copyOf(runAnchors, 2 * runs);
                runStarts = Arrays.copyOf(runStarts, 2 * runs + 1);
            }
            runAnchors[runs] = anchor;
            runStarts[runs] = size;
            runs++;
        }
        if (size == positives.length) {
            positives = Arrays.copyOf(positives, roomFor(size + 1L));
        }
        positives[size++] = positive;
    }

    /**
     * Length of an array for so many pairs and more to come.
     *
     * @throws IllegalArgumentException if there is no such array
     */
    static int roomFor(long pairs) {
        checkArgument(
                pairs <= MOST_PAIRS,
                "a batch with %s pairs and more is too large to mine, %s is the limit: take fewer images of each"
                        + " identity, or a pair selector with one pair for each anchor, such as randomPositive()",
                pairs,
                MOST_PAIRS);
        return (int) Math.min(MOST_PAIRS, pairs + (pairs >> 1));
    }

    int size() {
        return size;
    }

    int runs() {
        return runs;
    }

    int anchor(int run) {
        return runAnchors[run];
    }

    /** The pairs of a run are {@code start(run)} to {@code start(run + 1) - 1}. */
    int start(int run) {
        return runStarts[run];
    }

    int positive(int pair) {
        return positives[pair];
    }

    /** By run. */
    int[] anchors() {
        return Arrays.copyOf(runAnchors, runs);
    }

    int[] starts() {
        return Arrays.copyOf(runStarts, runs + 1);
    }

    int[] positives() {
        return Arrays.copyOf(positives, size);
    }
}
