package org.openface.triplet.mining;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.openface.core.embedding.Distance;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch.Role;

/** Pair miners, unions and the selectors that see more, against plain loops. */
class MoreMinersTest {
    private static List<MiningBatch> batches() {
        MiningBatch large = Batches.random(3, 6, 9, 5);
        return List.of(
                Batches.random(1, 5, 6, 8),
                Batches.random(2, 4, 9, 7).measuredIn(Distance.COSINE),
                large.withReferences(
                                Batches.random(4, 20, 12, 5).embeddings(),
                                new Random(5).ints(240, 95, 125).toArray())
                        .measuredIn(Distance.EUCLIDEAN));
    }

    private static List<String> list(Pairs pairs) {
        List<String> list = new ArrayList<>();
        for (int k = 0; k < pairs.size(); k++) {
            assertThat(pairs.distance(k)).isEqualTo(pairs.batch().distance(pairs.anchor(k), pairs.other(k)));
            list.add(pairs.anchor(k) + " " + pairs.other(k));
        }
        return list;
    }

    /** Whether j may be paired with anchor i. */
    private static boolean mayBe(MiningBatch in, int i, int j) {
        if (i == j || in.role(i) != Role.FULL) {
            return false;
        }
        return in.identity(i) != in.identity(j) || j >= in.size() || in.role(j) == Role.FULL;
    }

    @Test
    void allPairsAreAllPairsWithPositivesFromTheMemory() {
        boolean fromMemory = false;
        for (MiningBatch in : batches()) {
            List<String> expected = new ArrayList<>();
            for (int i = 0; i < in.size(); i++) {
                for (int j = 0; j < in.sizeWithReferences(); j++) {
                    if (mayBe(in, i, j)) {
                        expected.add(i + " " + j);
                        fromMemory |= j >= in.size() && in.identity(i) == in.identity(j);
                    }
                }
            }
            assertThat(list(PairMiner.all().mine(in))).isEqualTo(expected);
        }
        assertThat(fromMemory).isTrue();
    }

    @Test
    void multiSimilarityKeepsWhatTellsSomething() {
        int kept = 0;
        int left = 0;
        for (MiningBatch in : batches()) {
            List<String> expected = new ArrayList<>();
            for (int i = 0; i < in.size(); i++) {
                float farthestPositive = Float.NEGATIVE_INFINITY;
                float nearestNegative = Float.POSITIVE_INFINITY;
                for (int j = 0; j < in.sizeWithReferences(); j++) {
                    if (mayBe(in, i, j)) {
                        if (in.identity(i) == in.identity(j)) {
                            farthestPositive = Math.max(farthestPositive, in.distance(i, j));
                        } else {
                            nearestNegative = Math.min(nearestNegative, in.distance(i, j));
                        }
                    }
                }
                for (int j = 0; j < in.sizeWithReferences(); j++) {
                    boolean chosen = in.identity(i) == in.identity(j)
                            ? in.distance(i, j) >= nearestNegative - 0.05f
                            : in.distance(i, j) <= farthestPositive + 0.05f;
                    if (mayBe(in, i, j)) {
                        kept += chosen ? 1 : 0;
                        left += chosen ? 0 : 1;
                        if (chosen) {
                            expected.add(i + " " + j);
                        }
                    }
                }
            }
            assertThat(list(PairMiner.multiSimilarity(0.05f).mine(in))).isEqualTo(expected);
        }
        assertThat(kept).isPositive();
        assertThat(left).isPositive();
    }

    @Test
    void aUnionHoldsEachOnce() {
        MiningBatch in = Batches.random(1, 5, 6, 8);
        Set<String> pairs =
                new LinkedHashSet<>(list(PairMiner.multiSimilarity(0).mine(in)));
        pairs.addAll(list(PairMiner.all().mine(in)));
        assertThat(list(PairMiner.union(PairMiner.multiSimilarity(0), PairMiner.all(), PairMiner.all())
                        .mine(in)))
                .isEqualTo(List.copyOf(pairs));

        TripletMiner union = TripletMiner.union(TripletMiner.batchHard(), TripletMiner.openFace());
        Triplets mined = union.mine(in);
        Set<List<Integer>> triplets = new LinkedHashSet<>();
        for (TripletMiner miner : List.of(TripletMiner.batchHard(), TripletMiner.openFace())) {
            Triplets own = miner.mine(in);
            for (int t = 0; t < own.size(); t++) {
                triplets.add(List.of(own.anchor(t), own.positive(t), own.negative(t)));
            }
        }
        List<List<Integer>> actual = new ArrayList<>();
        for (int t = 0; t < mined.size(); t++) {
            actual.add(List.of(mined.anchor(t), mined.positive(t), mined.negative(t)));
        }
        assertThat(actual).isEqualTo(List.copyOf(triplets));
        assertThat(mined.statistics())
                .isEqualTo(TripletMiner.batchHard().mine(in).statistics());
        assertThat(union.drawsNewNumbers()).isFalse();
    }

    @Test
    void aMinerOfPairsMayFollowOneOfTriplets() {
        Miner miner = ((Miner) TripletMiner.openFace()).untilEpoch(2, PairMiner.all());
        MiningBatch in = Batches.random(1, 5, 6, 8); // of some epoch from 1 to 5
        int epoch = in.draws().epoch();
        assertThat(miner.mine(in)).isInstanceOf(epoch <= 2 ? Triplets.class : Pairs.class);
        assertThat(miner.inEpoch(2)).hasToString(TripletMiner.openFace().toString());
        assertThat(miner.inEpoch(3)).hasToString("all pairs");
        assertThat(miner).hasToString(TripletMiner.openFace() + " until epoch 2, then all pairs");
    }

    /** Against the weights of the paper, written down once more. */
    @Test
    void negativesAreDrawnByTheInverseOfHowOftenTheirDistanceOccurs() {
        int dimension = 4;
        double[] distances = {0.3, 0.5, 0.7, 0.9, 1.1, 1.3, 1.39, 1.5};
        float[] values = new float[(2 + distances.length) * dimension];
        values[0] = 1;
        values[dimension] = 1;
        int[] identities = new int[2 + distances.length];
        double[] weights = new double[distances.length];
        double sum = 0;
        for (int i = 0; i < distances.length; i++) {
            double cosine = 1 - distances[i] * distances[i] / 2;
            values[(2 + i) * dimension] = (float) cosine;
            values[(2 + i) * dimension + 1] = (float) Math.sqrt(1 - cosine * cosine);
            identities[2 + i] = 1 + i;
            double d = Math.max(0.5, distances[i]);
            weights[i] =
                    d < 1.4 ? 1 / (Math.pow(d, dimension - 2) * Math.pow(1 - d * d / 4, (dimension - 3) / 2.0)) : 0;
            sum += weights[i];
        }
        for (TripletFilter filter : List.of(TripletFilter.any(), (ap, an, margin) -> true)) {
            TripletMiner miner = TripletMiner.of(PairSelector.allPairs(), filter, NegativeSelector.distanceWeighted());
            int[] drawn = new int[distances.length];
            int draws = 20_000;
            for (int step = 0; step < draws; step++) {
                MiningBatch in = MiningBatch.of(
                        new EmbeddingBatch(dimension, values),
                        identities,
                        java.util.Collections.nCopies(identities.length, Role.FULL),
                        0.2f,
                        new Draws(9, 1, step));
                drawn[miner.mine(in).negative(0) - 2]++;
            }
            for (int i = 0; i < distances.length; i++) {
                assertThat((double) drawn[i] / draws).as("%s", distances[i]).isCloseTo(weights[i] / sum, within(0.012));
            }
            assertThat(drawn[7]).isZero();
        }
    }

    @Test
    void ofEachOtherIdentityItsNearest() {
        MiningBatch in = Batches.random(1, 5, 6, 8);
        Triplets mined = TripletMiner.of(
                        PairSelector.easiestPositive(), TripletFilter.any(), NegativeSelector.hardestOfEachIdentity())
                .mine(in);
        List<String> expected = new ArrayList<>();
        for (int a = 0; a < in.size(); a++) {
            int nearest = -1;
            for (int p : in.positives(a)) {
                nearest = nearest < 0 || in.distance(a, p) < in.distance(a, nearest) ? p : nearest;
            }
            if (nearest < 0) {
                continue;
            }
            Set<Integer> seen = new LinkedHashSet<>();
            for (int n = 0; n < in.size(); n++) {
                if (in.identity(n) != in.identity(a) && seen.add(in.identity(n))) {
                    int best = n;
                    for (int other = n + 1; other < in.size(); other++) {
                        boolean alike = in.identity(other) == in.identity(n);
                        best = alike && in.distance(a, other) < in.distance(a, best) ? other : best;
                    }
                    expected.add(Batches.triplet(a, nearest, best));
                }
            }
        }
        List<String> actual = new ArrayList<>();
        for (int t = 0; t < mined.size(); t++) {
            actual.add(Batches.triplet(mined.anchor(t), mined.positive(t), mined.negative(t)));
        }
        assertThat(actual).isEqualTo(expected).isNotEmpty();
    }

    @Test
    void aSelectorOfOnesOwnSeesIdentityAndMargin() {
        MiningBatch in = Batches.random(1, 5, 6, 8);
        int[] seen = {0};
        TripletMiner.of(PairSelector.allPairs(), TripletFilter.violating(), (candidates, draw, out) -> {
                    for (int k = 0; k < candidates.size(); k++) {
                        assertThat(candidates.identity(k)).isEqualTo(in.identity(candidates.index(k)));
                    }
                    assertThat(candidates.anchorIdentity()).isEqualTo(in.identity(candidates.positive()));
                    assertThat(candidates.margin()).isEqualTo(in.margin());
                    seen[0]++;
                })
                .mine(in);
        assertThat(seen[0]).isPositive();
    }

    @Test
    void tripletsArePairsAndPairsTriplets() {
        MiningBatch in = Batches.random(1, 5, 6, 8);
        Triplets every = TripletMiner.of(PairSelector.orderedPairs(), TripletFilter.any(), NegativeSelector.all())
                .mine(in);
        // Whoever has no positive is no anchor of a triplet.
        Set<String> withPositives = new LinkedHashSet<>(list(PairMiner.all().mine(in)));
        withPositives.removeIf(pair -> in.positives(Integer.parseInt(pair.split(" ")[0])).length == 0);
        assertThat(list(every.pairs())).containsExactlyInAnyOrderElementsOf(withPositives);
        assertThat(MiningPassTest.numbers(PairMiner.all().mine(in).triplets()))
                .isEqualTo(MiningPassTest.numbers(every));
        assertThat(every.triplets()).isSameAs(every);
        assertThatThrownBy(() -> Pairs.builder(in).add(3, 3)).hasMessageContaining("image 3 is no pair with itself");
    }
}
