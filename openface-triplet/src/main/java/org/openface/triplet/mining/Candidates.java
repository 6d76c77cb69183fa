package org.openface.triplet.mining;

import static com.google.common.base.Preconditions.checkElementIndex;

import java.util.Arrays;

/**
 * The negatives that a pair may be combined with, in the batch's order; never empty when a selector sees it.
 *
 * <p>A view that is moved from pair to pair: valid only during the call that receives it.
 */
public final class Candidates {
    private final int[] indices;
    private final float[] distances;
    private int size;
    private int anchor;
    private int positive;
    private float positiveDistance;
    /** Squared distance and position of each candidate, sorted; made on request. */
    private long[] ranked = new long[0];

    private boolean sorted;

    Candidates(int capacity) {
        indices = new int[capacity];
        distances = new float[capacity];
    }

    void moveTo(int newAnchor, int newPositive, float newPositiveDistance) {
        anchor = newAnchor;
        positive = newPositive;
        positiveDistance = newPositiveDistance;
        size = 0;
        sorted = false;
    }

    void add(int index, float distance) {
        indices[size] = index;
        distances[size] = distance;
        size++;
    }

    /** Number of candidates. */
    public int size() {
        return size;
    }

    /** The anchor's place in the batch. */
    public int anchor() {
        return anchor;
    }

    /** The positive's place in the batch. */
    public int positive() {
        return positive;
    }

    /** Squared distance of anchor and positive. */
    public float positiveDistance() {
        return positiveDistance;
    }

    /** Place in the batch of candidate k. */
    public int index(int k) {
        checkElementIndex(k, size);
        return indices[k];
    }

    /** Squared distance of the anchor and candidate k. */
    public float distance(int k) {
        checkElementIndex(k, size);
        return distances[k];
    }

    /**
     * The candidate of a given hardness: rank 0 is the nearest to the anchor; of equal ones the earlier in the batch
     * comes first. The first request for a pair sorts its candidates.
     */
    public int ofRank(int rank) {
        checkElementIndex(rank, size);
        if (!sorted) {
            sort();
        }
        return (int) ranked[rank];
    }

    private void sort() {
        if (ranked.length < size) {
            ranked = new long[indices.length];
        }
        for (int k = 0; k < size; k++) {
            // Distances are not negative, so their bits are in the order of their values.
            ranked[k] = (long) Float.floatToRawIntBits(distances[k]) << 32 | k;
        }
        Arrays.sort(ranked, 0, size);
        sorted = true;
    }
}
