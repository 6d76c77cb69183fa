package org.openface.triplet;

/**
 * Where the random choices of one training step come from. The choice for a pair is a function of these three numbers
 * and of the pair, so it is the same in whatever order, on however many threads and on whatever device pairs are mined.
 *
 * @param seed of the run
 * @param epoch of the step, from 1
 * @param step within the epoch, from 0
 */
public record Draws(long seed, int epoch, int step) {
    /** The step's key, from which each pair's numbers derive. */
    long key() {
        return Draw.mix(Draw.mix(Draw.mix(seed) + epoch) + step);
    }

    /** The numbers of one pair. */
    public Draw of(int anchor, int positive) {
        Draw draw = new Draw(key());
        draw.moveTo(anchor, positive);
        return draw;
    }
}
