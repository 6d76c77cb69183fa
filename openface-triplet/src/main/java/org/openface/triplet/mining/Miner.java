package org.openface.triplet.mining;

/** Chooses what of a batch is learnt from: a {@link TripletMiner} or a {@link PairMiner}. Either serves any loss. */
@FunctionalInterface
public interface Miner {
    /** The triplets or pairs to learn from; none is an ordinary result. */
    Mined mine(MiningBatch in);

    /**
     * This strategy up to and including an epoch, then another, of triplets or of pairs.
     *
     * @param epoch the last of this strategy, from 1
     * @throws IllegalArgumentException if {@code epoch} is not positive
     */
    default Miner untilEpoch(int epoch, Miner then) {
        return new PairMiners.UntilEpoch(this, epoch, then);
    }

    /** What this strategy comes to in an epoch, counted from 1: itself, unless it was combined of several. */
    default Miner inEpoch(int epoch) {
        return this;
    }

    /** For checkpoints: whether its choices may depend on numbers that are new in {@link Draws#VERSION}; a user's own may. */
    default boolean drawsNewNumbers() {
        return true;
    }
}
