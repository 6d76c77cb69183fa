package org.openface.triplet.mining;

import static com.google.common.base.Preconditions.checkElementIndex;

import java.util.Arrays;

/**
 * The negatives that a pair may be combined with, in the batch's order; never empty when a selector sees it.
 *
 * <p>A view that is moved from pair to pair: valid only during the call that receives it.
 */
public final class Candidates {
    private final MiningBatch in;
    private final int[] indices;
    private final float[] distances;
    private int size;
    private int anchor;
    private int positive;
    private float positiveDistance;
    /** Squared distance and position of each candidate, sorted; made on request. */
    private long[] ranked = new long[0];

    private boolean sorted;

    Candidates(MiningBatch in) {
        this.in = in;
        int capacity = in.sizeWithReferences();
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

    /** The identity of anchor and positive. */
    public int anchorIdentity() {
        return in.identity(anchor);
    }

    /** The batch's margin, in the unit of distances. */
    public float margin() {
        return in.margin();
    }

    /** The batch that all of this is about; its images have the places that {@link #index} gives. */
    public MiningBatch batch() {
        return in;
    }

    /** The positive's place in the batch. */
    public int positive() {
        return positive;
    }

    /** Distance of anchor and positive, as the batch measures it. */
    public float positiveDistance() {
        return positiveDistance;
    }

    /** Place in the batch of candidate k. */
    public int index(int k) {
        checkElementIndex(k, size);
        return indices[k];
    }

    /** Identity of candidate k. */
    public int identity(int k) {
        return in.identity(index(k));
    }

    /** Distance of the anchor and candidate k, as the batch measures it. */
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
