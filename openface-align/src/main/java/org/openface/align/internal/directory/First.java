package org.openface.align.internal.directory;

import java.util.Map;
import java.util.TreeMap;

/** The first {@value Totals#MOST_LISTED} of any number of things, and how many there were. */
final class First<T> {
    private final TreeMap<Long, T> first = new TreeMap<>();
    private int count;

    /** Adds a thing, whose number says where it comes in the order. */
    void add(long number, T thing) {
        count++;
        first.put(number, thing);
        if (first.size() > Totals.MOST_LISTED) {
            first.pollLastEntry();
        }
    }

    /** Adds a thing that comes after those that were added before. */
    void add(T thing) {
        add(count, thing);
    }

    int count() {
        return count;
    }

    Totals.Some<T> inOrder() {
        return new Totals.Some<>(
                first.entrySet().stream().map(Map.Entry::getValue).toList(), count);
    }
}
