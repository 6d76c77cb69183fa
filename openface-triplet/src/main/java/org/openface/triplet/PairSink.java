package org.openface.triplet;

/** Receives the pairs that a {@link PairSelector} chooses. */
@FunctionalInterface
public interface PairSink {
    /**
     * Adds a pair.
     *
     * @throws IllegalArgumentException if the two are one image, of two identities, or one is a negative only
     */
    void add(int anchor, int positive);
}
