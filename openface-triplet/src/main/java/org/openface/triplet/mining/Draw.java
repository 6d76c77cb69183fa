package org.openface.triplet.mining;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * Random numbers for one pair: a sequence that depends on nothing but (seed, epoch, step, purpose, anchor, positive).
 *
 * <p>Number c of a pair is {@code mix(mix(key + (anchor << 32 | positive)) + c)} with the finaliser of SplitMix64
 * (Steele, Lea and Flood, 2014) as {@code mix} and the step's {@link Draws} and the purpose hashed into {@code key}: integer
 * arithmetic only, the same on every machine.
 */
public final class Draw {
    private final long key;
    private long pairKey;
    private long count;

    Draw(long key) {
        this.key = key;
        moveTo(0, 0);
    }

    void moveTo(int anchor, int positive) {
        pairKey = mix(key + (((long) anchor << 32) | positive));
        count = 0;
    }

    /**
     * The next number of the sequence, uniform in 0 to {@code bound - 1} up to a bias of {@code bound / 2^32}.
     *
     * @throws IllegalArgumentException if {@code bound} is not positive
     */
    public int below(int bound) {
        checkArgument(bound > 0, "bound (%s) must be positive", bound);
        long upper = mix(pairKey + count++) >>> 32;
        return (int) ((upper * bound) >>> 32);
    }

    static long mix(long value) {
        long z = value + 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
