package org.openface.triplet;

/** Receives the negatives that a {@link NegativeSelector} chooses. */
@FunctionalInterface
public interface NegativeSink {
    /**
     * Adds a negative.
     *
     * @param candidate position among the candidates, 0 to {@code size() - 1}
     * @throws IndexOutOfBoundsException if there is no such candidate
     */
    void add(int candidate);
}
