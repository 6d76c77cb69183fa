package org.openface.triplet.mining;

/**
 * What a miner chose of a batch to learn from: {@link Triplets} or {@link Pairs}. A loss takes it in the form that it is made of;
 * either form can be had of the other.
 */
public sealed interface Mined permits Triplets, Pairs {
    /** The batch that it was chosen from. */
    MiningBatch batch();

    /** Number of triplets or pairs. */
    int size();

    /** Whether there is nothing to learn from, which is an ordinary result. */
    default boolean isEmpty() {
        return size() == 0;
    }

    /** What the miner counted on the way; {@link MiningStatistics#NONE} if it did not. */
    MiningStatistics statistics();

    /** As triplets: themselves, or of each pair of one identity and each of two with the same anchor one triplet. */
    Triplets triplets();

    /** As pairs: themselves, or the pairs that the triplets are made of, each once, in the order in which they first occur. */
    Pairs pairs();
}
