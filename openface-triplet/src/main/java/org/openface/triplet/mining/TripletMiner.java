package org.openface.triplet.mining;

import java.util.List;

/**
 * Chooses the triplets of a batch to learn from. Either composed of three parts by {@link #of}, or any function.
 *
 * <p>A miner is a function of its batch: it keeps no state that changes, and its random choices come from {@link
 * MiningBatch#draws()}. Otherwise a resumed run would not repeat the uninterrupted one.
 */
@FunctionalInterface
public interface TripletMiner extends Miner {
    /** The triplets to learn from, built by {@link Triplets#builder}; none is an ordinary result. */
    @Override
    Triplets mine(MiningBatch in);

    /**
     * A strategy from its parts: for each pair, the images of other identities that the filter accepts are the
     * candidates, and the selector chooses among them. Runs on several threads, with the same result on any number; parts
     * of your own must be fit for that.
     */
    static TripletMiner of(PairSelector pairs, TripletFilter filter, NegativeSelector negatives) {
        return new ComposedMiner(pairs, filter, negatives);
    }

    /**
     * OpenFace's strategy: all unordered pairs, each with one random negative that violates the constraint ({@code
     * training/train.lua}; OpenFace could pick the anchor's own identity there, which cannot happen here).
     */
    static TripletMiner openFace() {
        return of(PairSelector.allPairs(), TripletFilter.violating(), NegativeSelector.random());
    }

    /** FaceNet's strategy: all ordered pairs, each with one random semi-hard negative (Schroff et al., 2015). */
    static TripletMiner faceNet() {
        return of(PairSelector.orderedPairs(), TripletFilter.semiHard(), NegativeSelector.random());
    }

    /**
     * "Batch hard" (Hermans et al., 2017): each anchor with its farthest positive and its nearest negative. Triplets that
     * satisfy the constraint count in the mean and have no gradient. With squared distances and a usual learning rate a
     * network may collapse under it; the convergence doctor says so.
     */
    static TripletMiner batchHard() {
        return of(PairSelector.hardestPositive(), TripletFilter.any(), NegativeSelector.hardest());
    }

    /** All unordered pairs, each with any image of another identity: the plain baseline, mostly without gradient. */
    static TripletMiner randomNegatives() {
        return of(PairSelector.allPairs(), TripletFilter.any(), NegativeSelector.random());
    }

    /**
     * This strategy up to and including an epoch, then another: a gentle one to begin with, as in {@code
     * randomNegatives().untilEpoch(5, openFace())}, where hard negatives would make an untrained network collapse.
     *
     * @param epoch the last of this strategy, from 1
     * @throws IllegalArgumentException if {@code epoch} is not positive
     */
    default TripletMiner untilEpoch(int epoch, TripletMiner then) {
        return new TripletMiners.UntilEpoch(this, epoch, then);
    }

    /** What this strategy comes to in an epoch, counted from 1, wherever it is mined: itself, unless it was combined of several. */
    @Override
    default TripletMiner inEpoch(int epoch) {
        return TripletMiners.inEpoch(this, epoch);
    }

    /** The triplets of several strategies, each once, in their order; what is counted is the first one's. */
    static TripletMiner union(TripletMiner... miners) {
        return new TripletMiners.Union(List.of(miners));
    }

    /**
     * Of this strategy's triplets, at most so many for each anchor, chosen at random among the anchor's: so that no image
     * outweighs the others.
     *
     * @throws IllegalArgumentException if {@code limit} is not positive
     */
    default TripletMiner atMostPerAnchor(int limit) {
        return new TripletMiners.AtMostPerAnchor(this, limit);
    }

    /**
     * The same strategy on a device of one's choice; without this it is {@link MiningDevice#CPU}. The triplets are the same
     * on every device, and so is the gradient of the loss, which is formed on the device that the triplets come from.
     *
     * @throws IllegalArgumentException if {@link MiningDevice#CUDA} is wanted and the kernels do not cover the strategy
     *     whole: one that is a function of your own, or holds a filter or selector that they do not know
     * @throws IllegalStateException if there is no such device here; the message says what is missing
     */
    default TripletMiner on(MiningDevice device) {
        if (device == MiningDevice.CUDA) {
            TripletMiners.checkKernels(this);
        }
        device.check();
        return new TripletMiners.OnDevice(this, device);
    }

    /** For checkpoints: whether its choices may depend on numbers that are new in {@link Draws#VERSION}; a user's own may. */
    @Override
    default boolean drawsNewNumbers() {
        return TripletMiners.drawNewNumbers(this);
    }

    /**
     * What was mined with statistics of its batch, if its miner counted none: over all unordered pairs, of which those count as
     * eligible that a triplet was made of.
     */
    static Mined counted(Mined mined) {
        return TripletMiners.counted(mined);
    }

    /**
     * A miner of your own under a name, by which a resumed run tells whether it is the same: a lambda says nothing of itself.
     * Give it another name when it changes.
     *
     * @throws IllegalArgumentException if the name is blank or of several lines
     */
    static TripletMiner named(String name, TripletMiner miner) {
        return new TripletMiners.Named(name, miner);
    }
}
