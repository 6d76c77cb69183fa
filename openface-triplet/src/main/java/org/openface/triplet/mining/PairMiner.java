package org.openface.triplet.mining;

import java.util.List;

/**
 * Chooses the pairs of a batch to learn from. Like a {@link TripletMiner} it is a function of its batch, which its random choices
 * come from.
 *
 * <p>Where the batch has {@linkplain MiningBatch#references references}, such as embeddings remembered from earlier batches, the
 * miners of this library pair anchors with them too: those of the anchor's identity are positives, the others negatives (Wang et al.,
 * "Cross-Batch Memory for Embedding Learning", 2020).
 */
@FunctionalInterface
public interface PairMiner extends Miner {
    /** The pairs to learn from, built by {@link Pairs#builder}; none is an ordinary result. */
    @Override
    Pairs mine(MiningBatch in);

    /** All pairs: each image in turn as anchor, with all others and all references. For losses that weigh pairs themselves. */
    static PairMiner all() {
        return new PairMiners.All();
    }

    /**
     * The pairs of an anchor that tell something (Wang et al., "Multi-Similarity Loss with General Pair Weighting", CVPR 2019): negatives
     * that are at most {@code epsilon} farther than the farthest positive, and positives that are at most {@code epsilon} nearer than the
     * nearest negative.
     *
     * @param epsilon in the unit of the batch's distances; 0.1 in the paper, of cosines, and so 0.2 of squared distances
     * @throws IllegalArgumentException if it is negative or not finite
     */
    static PairMiner multiSimilarity(float epsilon) {
        return new PairMiners.MultiSimilarity(epsilon);
    }

    /** The pairs of several miners, each once, in their order. */
    static PairMiner union(PairMiner... miners) {
        return new PairMiners.Union(List.of(miners));
    }

    /**
     * A miner of your own under a name, by which a resumed run tells whether it is the same: a lambda says nothing of itself.
     * Give it another name when it changes.
     *
     * @throws IllegalArgumentException if the name is blank or of several lines
     */
    static PairMiner named(String name, PairMiner miner) {
        return new PairMiners.Named(name, miner);
    }
}
