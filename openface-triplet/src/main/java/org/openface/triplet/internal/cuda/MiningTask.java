package org.openface.triplet.internal.cuda;

/**
 * What to mine. The arrays are not copied.
 *
 * <p>A run is a stretch of pairs with one anchor: pairs {@code starts[run]} to {@code starts[run + 1] - 1}.
 */
public final class MiningTask {
    /** Which of a pair's eligible negatives are wanted; with the numbers of {@code mining.cu}. */
    public enum Choice {
        /** One at random. */
        RANDOM(0),
        /** The nearest, of equal ones the first. */
        HARDEST(1),
        /** The farthest, of equal ones the first. */
        SOFTEST(2),
        /** All. */
        ALL(3);

        final int code;

        Choice(int code) {
            this.code = code;
        }
    }

    final int dimension;
    final float[] embeddings;
    final float[] references;
    final int[] identities;
    final int[] anchors;
    final int[] starts;
    final int[] positives;
    final float margin;
    final int band;
    final Choice choice;
    final long key;

    /**
     * A task.
     *
     * @param embeddings {@code [size][dimension]}
     * @param references {@code [more][dimension]}
     * @param identities {@code [size + more]}
     * @param anchors {@code [runs]}
     * @param starts {@code [runs + 1]}
     * @param positives {@code [pairs]}
     * @param band the flags of {@code mining.cu}
     * @param key of the random numbers
     */
    public MiningTask(
            int dimension,
            float[] embeddings,
            float[] references,
            int[] identities,
            int[] anchors,
            int[] starts,
            int[] positives,
            float margin,
            int band,
            Choice choice,
            long key) {
        this.dimension = dimension;
        this.embeddings = embeddings;
        this.references = references;
        this.identities = identities;
        this.anchors = anchors;
        this.starts = starts;
        this.positives = positives;
        this.margin = margin;
        this.band = band;
        this.choice = choice;
        this.key = key;
    }

    int runs() {
        return anchors.length;
    }

    int pairs() {
        return positives.length;
    }

    int images() {
        return identities.length;
    }
}
