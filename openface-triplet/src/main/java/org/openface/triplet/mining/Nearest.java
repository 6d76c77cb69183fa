package org.openface.triplet.mining;

/**
 * The images at the ranks of nearness to one anchor, found on demand: a heap over all of them, from which as many are
 * taken as were asked for. Few are, as a rule, and then this is far cheaper than sorting.
 */
final class Nearest {
    /** Squared distance (bits) and place of each image; the heap is at the front, what was taken from it at the end. */
    private final long[] entries;

    private int size;
    private int left;

    Nearest(int capacity) {
        entries = new long[capacity];
    }

    void clear() {
        size = 0;
        left = 0;
    }

    void add(int distance, int image) {
        entries[size++] = (long) distance << 32 | image;
    }

    /** After the last {@link #add}. */
    void order() {
        left = size;
        for (int i = size / 2 - 1; i >= 0; i--) {
            sink(i);
        }
    }

    int size() {
        return size;
    }

    int image(int rank) {
        return (int) entry(rank);
    }

    /** Bits of the squared distance. */
    int distance(int rank) {
        return (int) (entry(rank) >>> 32);
    }

    private long entry(int rank) {
        while (size - left <= rank) {
            left--;
            long least = entries[0];
            entries[0] = entries[left];
            entries[left] = least;
            sink(0);
        }
        return entries[size - 1 - rank];
    }

    private void sink(int start) {
        long moved = entries[start];
        int hole = start;
        for (int child = 2 * hole + 1; child < left; child = 2 * hole + 1) {
            if (child + 1 < left && entries[child + 1] < entries[child]) {
                child++;
            }
            if (entries[child] >= moved) {
                break;
            }
            entries[hole] = entries[child];
            hole = child;
        }
        entries[hole] = moved;
    }
}
