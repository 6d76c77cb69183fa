package org.openface.triplet.mining;

/**
 * Chooses among a pair's candidates, the last part of a mining strategy. A pair without candidates is dropped before.
 *
 * <p>Implementations hold no state that changes, as several threads call them at once, and draw random numbers from the
 * {@link Draws.Draw} they are given only.
 */
@FunctionalInterface
public interface NegativeSelector {
    /** Hands the chosen candidates to {@code out}; none is allowed and drops the pair. */
    void select(Candidates candidates, Draws.Draw draw, Sink out);

    /** One at random, each with the same probability: OpenFace's choice, after Parkhi et al. (2015). */
    static NegativeSelector random() {
        return NegativeSelectors.RANDOM;
    }

    /** The one nearest to the anchor; of equal ones the first in the batch. */
    static NegativeSelector hardest() {
        return NegativeSelectors.HARDEST;
    }

    /** The one farthest from the anchor, the mildest of the permitted; of equal ones the first in the batch. */
    static NegativeSelector softest() {
        return NegativeSelectors.SOFTEST;
    }

    /** Every candidate: one triplet each. */
    static NegativeSelector all() {
        return NegativeSelectors.ALL;
    }

    /**
     * One at random among those that are hardest, second hardest and so on: {@code rank(2, 5)} is one of the second to
     * fifth hardest, which spares the run the very hardest, often wrongly labelled. Fewer than {@code from} candidates
     * drop the pair.
     *
     * @param from first rank, at least 1
     * @param to last rank, at least {@code from}
     * @throws IllegalArgumentException if the ranks are not in this order
     */
    static NegativeSelector rank(int from, int to) {
        return new NegativeSelectors.Rank(from, to);
    }

    /**
     * One at random, with weights that make up for how seldom near negatives are: distance-weighted sampling (Wu et al., "Sampling Matters
     * in Deep Embedding Learning", ICCV 2017), for embeddings of unit length. Distances below 0.5 count as 0.5, and negatives beyond 1.4 are
     * not drawn; a pair without others is dropped.
     */
    static NegativeSelector distanceWeighted() {
        return NegativeSelectors.DISTANCE_WEIGHTED;
    }

    /** Of each other identity the candidate nearest to the anchor, of equal ones the first in the batch: one triplet each. */
    static NegativeSelector hardestOfEachIdentity() {
        return NegativeSelectors.HARDEST_OF_EACH_IDENTITY;
    }

    /**
     * A selector of your own under a name, by which a resumed run tells whether it is the same: a lambda says nothing of itself.
     * Give it another name when it changes.
     *
     * @throws IllegalArgumentException if the name is blank or of several lines
     */
    static NegativeSelector named(String name, NegativeSelector selector) {
        return new NegativeSelectors.Named(name, selector);
    }

    /** Receives the negatives that a {@link NegativeSelector} chooses. */
    @FunctionalInterface
    interface Sink {
        /**
         * Adds a negative.
         *
         * @param candidate position among the candidates, 0 to {@code size() - 1}
         * @throws IndexOutOfBoundsException if there is no such candidate
         */
        void add(int candidate);
    }
}
