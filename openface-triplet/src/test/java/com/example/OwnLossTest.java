package com.example;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Collections;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch.Role;
import org.openface.triplet.loss.Reduction;
import org.openface.triplet.loss.TripletLoss;
import org.openface.triplet.mining.Draws;
import org.openface.triplet.mining.MiningBatch;
import org.openface.triplet.mining.NegativeSelector;
import org.openface.triplet.mining.PairSelector;
import org.openface.triplet.mining.TripletFilter;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.mining.Triplets;

/** A user's loss, which needs nothing but the library's API. */
class OwnLossTest {
    private static final int DIMENSION = 40;

    private static MiningBatch batch(long seed) {
        Random random = new Random(seed);
        int[] identities = IntStream.range(0, 60).map(i -> i / 5).toArray();
        float[] values = new float[identities.length * DIMENSION];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian() / 8;
        }
        return MiningBatch.of(
                new EmbeddingBatch(DIMENSION, values),
                identities,
                Collections.nCopies(identities.length, Role.FULL),
                0.2f,
                new Draws(seed, 1, 0));
    }

    /** Mean over triplets of max(0, ap - an + margin). */
    private static EmbeddingBatch gradient(Triplets triplets, float margin, boolean meanOverUses) {
        double[] slopes = IntStream.range(0, triplets.size())
                .mapToDouble(t -> {
                    double difference = (double) triplets.positiveDistance(t) - triplets.negativeDistance(t);
                    return difference + margin > 0 ? 1.0 / triplets.size() : 0;
                })
                .toArray();
        return triplets.gradient(slopes, meanOverUses);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void isOfTheSameBitsAsTheLibrarysOfTheSameMeaning(boolean meanOverUses) {
        TripletLoss library = TripletLoss.margin().overUses(meanOverUses ? Reduction.MEAN : Reduction.SUM);
        MiningBatch batch = batch(1);
        for (TripletMiner miner : new TripletMiner[] {
            TripletMiner.openFace(),
            TripletMiner.batchHard(),
            TripletMiner.of(PairSelector.orderedPairs(), TripletFilter.any(), NegativeSelector.all())
        }) {
            Triplets triplets = miner.mine(batch);
            assertThat(gradient(triplets, batch.margin(), meanOverUses).values())
                    .as("%s", miner)
                    .isEqualTo(library.gradient(batch, triplets).values());
        }
    }

    @Test
    void isOfTheSameBitsForTheSameTripletsAfterAStep() {
        Triplets triplets = TripletMiner.openFace().mine(batch(1));
        MiningBatch later = batch(2);
        assertThat(gradient(triplets.in(later), later.margin(), false).values())
                .isEqualTo(TripletLoss.margin().gradient(later, triplets).values());
    }

    @Test
    void givesASlopeForEachTriplet() {
        Triplets triplets = TripletMiner.openFace().mine(batch(1));
        assertThatThrownBy(() -> triplets.gradient(new double[triplets.size() + 1], false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("%s slopes are not of %s triplets", triplets.size() + 1, triplets.size());
    }
}
