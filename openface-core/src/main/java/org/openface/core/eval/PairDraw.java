package org.openface.core.eval;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongUnaryOperator;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.internal.AddressedRandom;

/**
 * Draws pairs of faces, {@code {place, place}} each: who is in a pair is drawn first and the images then, so that people
 * with many images do not outweigh the others.
 *
 * <p>What can give pairs, a person or two people, gives them in turns, one in each, until there are enough; who gives one
 * in the last turn is drawn.
 */
final class PairDraw {
    /** Purposes that random numbers are addressed to. */
    private static final int SAME = 1;

    private static final int DIFFERENT = 2;
    private static final int SHARES = 1;
    private static final int IMAGES = 2;
    private static final int ORDER = 3;

    private final FaceDataset dataset;
    private final long seed;

    /** Of each identity, the place of its first face; and the number of faces. */
    private final int[] start;

    PairDraw(FaceDataset dataset, long seed) {
        this.dataset = dataset;
        this.seed = seed;
        start = new int[dataset.identities().size() + 1];
        for (int identity = 0; identity < dataset.identities().size(); identity++) {
            start[identity + 1] = start[identity] + images(identity);
        }
    }

    private int images(int identity) {
        return dataset.faces(identity).size();
    }

    /** Pairs of one person, in random order. */
    List<int[]> same(int wanted) {
        List<Integer> people = new ArrayList<>();
        for (int identity = 0; identity < dataset.identities().size(); identity++) {
            if (images(identity) >= 2) {
                people.add(identity);
            }
        }
        List<int[]> pairs = new ArrayList<>();
        shares(SAME, people.size(), i -> pairsOf(images(people.get((int) i))), wanted)
                .forEach((i, share) -> {
                    int person = people.get(i.intValue());
                    AddressedRandom random = AddressedRandom.at(seed, SAME, IMAGES, hash(person));
                    for (long number : distinct(share, pairsOf(images(person)), random)) {
                        pairs.add(pair(number, start[person], start[person]));
                    }
                });
        return shuffled(pairs, SAME);
    }

    /** Pairs of two people, in random order. */
    List<int[]> different(int wanted) {
        List<int[]> pairs = new ArrayList<>();
        LongUnaryOperator available = i -> {
            int[] two = pair(i, 0, 0);
            return (long) images(two[0]) * images(two[1]);
        };
        shares(DIFFERENT, pairsOf(dataset.identities().size()), available, wanted)
                .forEach((i, share) -> {
                    int[] two = pair(i, 0, 0);
                    int others = images(two[1]);
                    AddressedRandom random = AddressedRandom.at(seed, DIFFERENT, IMAGES, hash(two[0]), hash(two[1]));
                    for (long number : distinct(share, available.applyAsLong(i), random)) {
                        pairs.add(new int[] {
                            start[two[0]] + (int) (number / others), start[two[1]] + (int) (number % others)
                        });
                    }
                });
        return shuffled(pairs, DIFFERENT);
    }

    private long hash(int identity) {
        return AddressedRandom.hash(dataset.identities().get(identity));
    }

    /**
     * How many pairs each gives, by its number.
     *
     * @param givers how many there are
     * @param available how many pairs each could give, 1 or more
     */
    private Map<Long, Integer> shares(int kind, long givers, LongUnaryOperator available, int wanted) {
        Map<Long, Integer> shares = new TreeMap<>();
        AddressedRandom random = AddressedRandom.at(seed, kind, SHARES);
        if (givers > wanted) {
            for (long giver : distinct(wanted, givers, random)) {
                shares.put(giver, 1);
            }
            return shares;
        }
        List<Long> open = new ArrayList<>();
        for (long giver = 0; giver < givers; giver++) {
            open.add(giver);
        }
        int missing = wanted;
        for (int turn = 1; missing > 0 && !open.isEmpty(); turn++) {
            if (open.size() > missing) {
                List<Long> drawn = new ArrayList<>();
                for (long i : distinct(missing, open.size(), random)) {
                    drawn.add(open.get((int) i));
                }
                open = drawn;
            }
            open.forEach(giver -> shares.merge(giver, 1, Integer::sum));
            missing -= open.size();
            int given = turn;
            open.removeIf(giver -> available.applyAsLong(giver) == given);
        }
        return shares;
    }

    /** Number of pairs of n different things. */
    private static long pairsOf(int n) {
        return (long) n * (n - 1) / 2;
    }

    /** The pair of a number, counting (0, 1), (0, 2), (1, 2), (0, 3) and so on, with something added to its places. */
    private static int[] pair(long number, int addedToFirst, int addedToSecond) {
        long second = (long) ((1 + Math.sqrt(1 + 8.0 * number)) / 2);
        while (second * (second - 1) / 2 > number) {
            second--;
        }
        while ((second + 1) * second / 2 <= number) {
            second++;
        }
        return new int[] {addedToFirst + (int) (number - second * (second - 1) / 2), addedToSecond + (int) second};
    }

    /** {@code count} different numbers from 0 to {@code bound - 1}: Fisher and Yates, storing the moved entries only. */
    private static long[] distinct(int count, long bound, AddressedRandom random) {
        Map<Long, Long> moved = new HashMap<>();
        long[] drawn = new long[count];
        for (int i = 0; i < count; i++) {
            long j = i + below(bound - i, random);
            drawn[i] = moved.getOrDefault(j, j);
            moved.put(j, moved.getOrDefault((long) i, (long) i));
        }
        return drawn;
    }

    /** Uniform in [0, bound). */
    private static long below(long bound, AddressedRandom random) {
        int unused = Long.numberOfLeadingZeros(bound - 1);
        long number;
        do {
            number = unused == Long.SIZE ? 0 : random.nextLong() >>> unused;
        } while (number >= bound);
        return number;
    }

    private List<int[]> shuffled(List<int[]> pairs, int kind) {
        List<int[]> shuffled = new ArrayList<>(pairs.size());
        for (int i : AddressedRandom.at(seed, kind, ORDER).distinct(pairs.size(), pairs.size())) {
            shuffled.add(pairs.get(i));
        }
        return shuffled;
    }
}
