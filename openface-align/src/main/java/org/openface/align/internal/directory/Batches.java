package org.openface.align.internal.directory;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.Face;

/**
 * All photographs in an order of a run's own, so that several runs on one folder seldom meet; the result does not depend on
 * it. People come in any order, some at a time, and their photographs in any order among those of the others. Only the
 * photographs of one batch are kept.
 */
final class Batches {
    /** So many that the threads seldom wait for each other at the end of a batch. */
    private static final int LEAST = 4096;

    private final PhotographFolder photographs;
    private final NameCollisions collisions;
    private final Random random = new Random(31 * ProcessHandle.current().pid() + System.nanoTime());
    private final int[] people;
    private int next;
    private long total;

    Batches(PhotographFolder photographs, NameCollisions collisions) {
        this.photographs = photographs;
        this.collisions = collisions;
        total = photographs.total();
        people = new int[photographs.people()];
        for (int i = 0; i < people.length; i++) {
            int other = random.nextInt(i + 1);
            people[i] = people[other];
            people[other] = i;
        }
    }

    /**
     * A photograph to be dealt with.
     *
     * @param number where it comes in the order of all
     * @param collision why its face has no place, if it has none
     */
    record Item(Face photograph, long number, @Nullable String collision) {}

    /** The next photographs; none if those were all. */
    List<Item> next() throws IOException {
        List<Item> batch = new ArrayList<>();
        while (batch.size() < LEAST && next < people.length) {
            int person = people[next++];
            List<Face> all = photographs.photographs(person);
            @Nullable String[] why = collisions.of(person, all);
            for (int i = 0; i < all.size(); i++) {
                batch.add(new Item(all.get(i), (long) person << Integer.SIZE | i, why[i]));
            }
            total += all.size() - photographs.count(person); // some may have come or gone since they were counted
        }
        Collections.shuffle(batch, random);
        return batch;
    }

    /** Number of photographs, as far as it is known. */
    int total() {
        return (int) Math.min(total, Integer.MAX_VALUE);
    }
}
