package org.openface.triplet.mining;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * Where the random choices of one training step come from. The choice for a pair is a function of these three numbers, of
 * what it is for, and of the pair, so it is the same in whatever order, on however many threads and on whatever device pairs
 * are mined.
 *
 * <p>Each purpose has numbers of its own: those of the negatives, which a {@link NegativeSelector} is given, those of this
 * library's other strategies, and those of {@link #of(String, int, int)}, by name. So two choices for one pair know nothing
 * of each other.
 *
 * @param seed of the run
 * @param epoch of the step, from 1
 * @param step within the epoch, from 0
 */
public record Draws(long seed, int epoch, int step) {
    /**
     * The version of the numbers, for checkpoints. In the first, which had no name, {@link #of(int, int)} gave the numbers of
     * the negatives, and samples of samples were drawn with one and the same.
     */
    public static final String VERSION = "version 2, in which each purpose has numbers of its own";

    /** The key of the negatives' numbers, from which each pair's numbers derive. */
    long key() {
        return Draw.mix(Draw.mix(Draw.mix(seed) + epoch) + step);
    }

    /** The key of the numbers for a purpose, as far from the negatives' as from another step's. */
    private long key(String purpose) {
        long key = Draw.mix(key() - 1 - purpose.length()); // of the negatives, only an image -1 has this
        for (int i = 0; i < purpose.length(); i++) {
            key = Draw.mix(key + purpose.charAt(i));
        }
        return key;
    }

    /** The numbers of one pair, for a strategy that has one use for them: those of the purpose {@code ""}. */
    public Draw of(int anchor, int positive) {
        return of("", anchor, positive);
    }

    /**
     * The numbers of one pair for one of several purposes.
     *
     * @param purpose a name of your choice, the same in every run
     * @param anchor any number that tells choices of this purpose apart, such as an image
     * @param positive likewise
     */
    public Draw of(String purpose, int anchor, int positive) {
        return draw(key(purpose), anchor, positive);
    }

    /**
     * The numbers with which a pair's negatives are chosen. Other choices of this library take the places of pairs that do
     * not exist.
     */
    Draw ofNegatives(int anchor, int positive) {
        return draw(key(), anchor, positive);
    }

    private static Draw draw(long key, int anchor, int positive) {
        Draw draw = new Draw(key);
        draw.moveTo(anchor, positive);
        return draw;
    }

    /**
     * Random numbers for one pair: a sequence that depends on nothing but (seed, epoch, step, purpose, anchor, positive).
     *
     * <p>Number c of a pair is {@code mix(mix(key + (anchor << 32 | positive)) + c)} with the finaliser of SplitMix64
     * (Steele, Lea and Flood, 2014) as {@code mix} and the step's {@link Draws} and the purpose hashed into {@code key}: integer
     * arithmetic only, the same on every machine.
     */
    public static final class Draw {
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
}
