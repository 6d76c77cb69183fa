package org.openface.core.internal;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.HashMap;
import java.util.Map;
import java.util.random.RandomGenerator;

/**
 * Random numbers that belong to an address, such as (seed, epoch, batch): the same address gives the same numbers,
 * whatever was drawn before elsewhere. Written out here rather than taken from {@code java.util.SplittableRandom},
 * whose bounded numbers are not the same in all Java versions.
 *
 * <p>SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
 */
public final class AddressedRandom implements RandomGenerator {
    private static final long GOLDEN_GAMMA = 0x9e3779b97f4a7c15L;

    private long state;

    private AddressedRandom(long state) {
        this.state = state;
    }

    /** The numbers that belong to an address. */
    public static AddressedRandom at(long... address) {
        long state = 0;
        for (long part : address) {
            state = mix(state + GOLDEN_GAMMA + mix(part + GOLDEN_GAMMA));
        }
        return new AddressedRandom(state);
    }

    /** A number for a name, to be part of an address. */
    public static long hash(String name) {
        long hash = name.length();
        for (int i = 0; i < name.length(); i++) {
            hash = mix(hash + GOLDEN_GAMMA + name.charAt(i));
        }
        return hash;
    }

    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }

    @Override
    public long nextLong() {
        state += GOLDEN_GAMMA;
        return mix(state);
    }

    /** Uniform in [0, 1). */
    @Override
    public double nextDouble() {
        return (nextLong() >>> 11) * 0x1.0p-53;
    }

    /** Uniform in [0, bound). */
    @Override
    public int nextInt(int bound) {
        checkArgument(bound > 0, "bound (%s) must be positive", bound);
        // The high half of a 32 x 32 bit product (Lemire, 2019), with the few values that would favour some results
        // drawn again.
        long rejectBelow = (1L << 32) % bound;
        long product;
        do {
            product = (nextLong() >>> 32) * bound;
        } while ((product & 0xffffffffL) < rejectBelow);
        return (int) (product >>> 32);
    }

    /** {@code count} different numbers in [0, bound), every sequence of them equally likely; takes O(count). */
    public int[] distinct(int count, int bound) {
        checkArgument(count >= 0 && count <= bound, "cannot draw %s different numbers below %s", count, bound);
        // Fisher-Yates on the array 0, 1, ..., bound - 1, of which only the moved entries are stored.
        Map<Integer, Integer> moved = new HashMap<>();
        int[] drawn = new int[count];
        for (int i = 0; i < count; i++) {
            int j = i + nextInt(bound - i);
            drawn[i] = moved.getOrDefault(j, j);
            moved.put(j, moved.getOrDefault(i, i));
        }
        return drawn;
    }
}
