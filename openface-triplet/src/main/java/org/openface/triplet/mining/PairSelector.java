package org.openface.triplet.mining;

/**
 * Chooses anchor-positive pairs, the first part of a mining strategy.
 *
 * <p>Implementations hold no state that changes and draw random numbers from {@link MiningBatch#draws()} only.
 */
@FunctionalInterface
public interface PairSelector {
    /** Hands every chosen pair to {@code out}; all pairs of one anchor in a row is fastest. */
    void select(MiningBatch in, Sink out);

    /** All unordered pairs, the earlier image as anchor: n(n-1)/2 for an identity of n images, as OpenFace does. */
    static PairSelector allPairs() {
        return PairSelectors.ALL_PAIRS;
    }

    /** All ordered pairs, each image in turn as anchor: n(n-1) for an identity of n images, as FaceNet describes. */
    static PairSelector orderedPairs() {
        return PairSelectors.ORDERED_PAIRS;
    }

    /** For each anchor the farthest image of its identity (the first of several), as in "batch hard" (Hermans, 2017). */
    static PairSelector hardestPositive() {
        return PairSelectors.HARDEST_POSITIVE;
    }

    /**
     * For each anchor the nearest image of its identity (the first of several): easy positives, which spare a network from drawing
     * together what looks nothing alike (Xuan, Stylianou and Pless, "Improved Embeddings with Easy Positive Triplet Mining", WACV 2020).
     */
    static PairSelector easiestPositive() {
        return PairSelectors.EASIEST_POSITIVE;
    }

    /** For each anchor one random image of its identity, as OpenFace's first version did. */
    static PairSelector randomPositive() {
        return PairSelectors.RANDOM_POSITIVE;
    }

    /**
     * A selector of your own under a name, by which a resumed run tells whether it is the same: a lambda says nothing of itself.
     * Give it another name when it changes.
     *
     * @throws IllegalArgumentException if the name is blank or of several lines
     */
    static PairSelector named(String name, PairSelector selector) {
        return new PairSelectors.Named(name, selector);
    }

    /** Receives the pairs that a {@link PairSelector} chooses. */
    @FunctionalInterface
    interface Sink {
        /**
         * Adds a pair.
         *
         * @throws IllegalArgumentException if the two are one image, of two identities, or one is a negative only
         */
        void add(int anchor, int positive);
    }
}
