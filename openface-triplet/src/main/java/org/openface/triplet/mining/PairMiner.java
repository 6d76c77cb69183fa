package org.openface.triplet.mining;

/**
 * Chooses the pairs of a batch to learn from. Like a {@link TripletMiner} it is a function of its batch, which its random choices
 * come from.
 */
@FunctionalInterface
public interface PairMiner extends Miner {
    /** The pairs to learn from, built by {@link Pairs#builder}; none is an ordinary result. */
    @Override
    Pairs mine(MiningBatch in);
}
