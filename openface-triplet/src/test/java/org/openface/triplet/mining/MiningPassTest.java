package org.openface.triplet.mining;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.util.concurrent.Uninterruptibles;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openface.core.embedding.Distance;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch.Role;
import org.openface.triplet.loss.Reduction;
import org.openface.triplet.loss.TripletLoss;

/** The way mining is executed against the plain composition: triplet by triplet, in order, on any number of threads. */
class MiningPassTest {
    private static final List<PairSelector> PAIRS = List.of(
            PairSelector.allPairs(),
            PairSelector.orderedPairs(),
            PairSelector.hardestPositive(),
            PairSelector.easiestPositive(),
            PairSelector.randomPositive(),
            MiningPassTest::pairsInNoOrder);

    private static final List<TripletFilter> FILTERS = List.of(
            TripletFilter.violating(),
            TripletFilter.semiHard(),
            TripletFilter.hard(),
            TripletFilter.easy(),
            TripletFilter.any(),
            TripletFilter.hard().and(TripletFilter.easy()),
            TripletFilter.hard().or(TripletFilter.easy()),
            TripletFilter.violating().and((ap, an, margin) -> an > 0.3f),
            TripletFilter.semiHard().and((ap, an, margin) -> ap + an < 1.2f),
            (ap, an, margin) -> false);

    private static final List<NegativeSelector> NEGATIVES = List.of(
            NegativeSelector.random(),
            NegativeSelector.hardest(),
            NegativeSelector.softest(),
            NegativeSelector.rank(1, 1),
            NegativeSelector.rank(2, 5),
            NegativeSelector.all(),
            NegativeSelector.distanceWeighted(),
            NegativeSelector.hardestOfEachIdentity(),
            (candidates, draw, out) -> {
                out.add(draw.below(candidates.size()));
                out.add(candidates.size() - 1);
            });

    static void pairsInNoOrder(MiningBatch in, PairSelector.Sink out) {
        List<int[]> pairs = new ArrayList<>();
        PairSelector.orderedPairs().select(in, (a, p) -> pairs.add(new int[] {a, p}));
        Collections.shuffle(pairs, new Random(1));
        pairs.forEach(pair -> out.add(pair[0], pair[1]));
    }

    static List<MiningBatch> batches() {
        List<MiningBatch> batches = new ArrayList<>();
        batches.add(Batches.random(1, 5, 6, 8));
        batches.add(Batches.random(2, 4, 9, 7));
        MiningBatch large = Batches.random(3, 6, 9, 5);
        batches.add(large.withReferences(
                Batches.random(4, 20, 12, 5).embeddings(),
                new Random(5).ints(240, 95, 125).toArray()));
        batches.add(Batches.random(6, 45, 6, 4));
        batches.addAll(degenerate());
        return batches;
    }

    /** Of other distances, which the CPU knows and the kernels do not. */
    static List<MiningBatch> measuredOtherwise() {
        return List.of(
                Batches.random(8, 5, 6, 8).measuredIn(Distance.EUCLIDEAN),
                Batches.random(3, 6, 9, 5)
                        .withReferences(
                                Batches.random(4, 20, 12, 5).embeddings(),
                                new Random(5).ints(240, 95, 125).toArray())
                        .measuredIn(Distance.EUCLIDEAN),
                Batches.random(9, 6, 5, 7).measuredIn(Distance.COSINE));
    }

    private static List<MiningBatch> degenerate() {
        float[] equal = new float[65 * 3];
        Arrays.fill(equal, 0.7f);
        float[] huge = new float[12];
        for (int i = 0; i < huge.length; i++) {
            huge[i] = i % 3 == 0 ? 3e19f * i : i;
        }
        int[] lattice = new Random(7).ints(80, 0, 3).toArray();
        float[] onLattice = new float[80];
        for (int i = 0; i < onLattice.length; i++) {
            onLattice[i] = lattice[i];
        }
        return List.of(
                Batches.batch(Batches.identities(13, 5), 3, 0.2f, equal),
                Batches.batch(Batches.identities(13, 5), 3, 0, equal),
                // Distances that overflow to infinity.
                Batches.batch(new int[] {0, 0, 1, 1, 2, 2}, 2, 0.2f, huge),
                // Distances of 0, 1 and 4 only: ties everywhere, and exactly on the margin.
                Batches.batch(Batches.identities(16, 5), 1, 1, onLattice),
                Batches.batch(Batches.identities(16, 5), 1, 0, onLattice),
                Batches.batch(new int[] {3, 3, 3}, 1, 0.2f, 0, 1, 2),
                Batches.batch(new int[] {1, 2, 3}, 1, 0.2f, 0, 0, 0),
                Batches.batch(new int[] {}, 1, 0.2f));
    }

    @ParameterizedTest
    @MethodSource({"batches", "measuredOtherwise"})
    void everyStrategyChoosesWhatThePlainCompositionChooses(MiningBatch in) {
        for (PairSelector pairs : PAIRS) {
            for (TripletFilter filter : FILTERS) {
                for (NegativeSelector negatives : NEGATIVES) {
                    Triplets expected = new PlainMiner(pairs, filter, negatives).mine(in);
                    ComposedMiner miner = new ComposedMiner(pairs, filter, negatives);
                    for (int threads : new int[] {1, 3}) {
                        Triplets mined = miner.mine(in, ChosenPairs.of(pairs, in), threads);
                        assertThat(numbers(mined))
                                .as("%s on %s threads", miner, threads)
                                .isEqualTo(numbers(expected));
                        compare(mined.statistics(), expected.statistics());
                    }
                }
            }
        }
    }

    static int[] numbers(Triplets triplets) {
        int[] numbers = new int[5 * triplets.size()];
        for (int t = 0; t < triplets.size(); t++) {
            numbers[5 * t] = triplets.anchor(t);
            numbers[5 * t + 1] = triplets.positive(t);
            numbers[5 * t + 2] = triplets.negative(t);
            numbers[5 * t + 3] = Float.floatToIntBits(triplets.positiveDistance(t));
            numbers[5 * t + 4] = Float.floatToIntBits(triplets.negativeDistance(t));
        }
        return numbers;
    }

    private static List<String> list(Triplets triplets) {
        List<String> list = new ArrayList<>();
        for (int t = 0; t < triplets.size(); t++) {
            list.add(Batches.triplet(triplets.anchor(t), triplets.positive(t), triplets.negative(t)) + " "
                    + triplets.positiveDistance(t) + " " + triplets.negativeDistance(t));
        }
        return list;
    }

    private static void compare(MiningStatistics mined, MiningStatistics expected) {
        assertThat(mined.pairs()).isEqualTo(expected.pairs());
        assertThat(mined.pairsWithViolatingNegative()).isEqualTo(expected.pairsWithViolatingNegative());
        assertThat(mined.pairsWithEligibleNegative()).isEqualTo(expected.pairsWithEligibleNegative());
        close(mined.violatingShare(), expected.violatingShare());
        assertThat(mined.hardestNegatives()).isEqualTo(expected.hardestNegatives());
        close(mined.meanPositiveDistance(), expected.meanPositiveDistance());
        close(mined.meanNegativeDistance(), expected.meanNegativeDistance());
        if (Double.isFinite(expected.meanNegativeDistance())) {
            close(mined.lossOverAll(), expected.lossOverAll());
        }
    }

    private static void close(double mined, double expected) {
        if (Double.isFinite(expected)) {
            assertThat(mined).isCloseTo(expected, within(1e-12 * Math.max(1, expected)));
        } else {
            assertThat(Double.valueOf(mined)).isEqualTo(Double.valueOf(expected));
        }
    }

    @Test
    void statisticsAreTheSameBitsOnAnyNumberOfThreads() {
        MiningBatch in = Batches.random(8, 30, 20, 6);
        ComposedMiner miner = (ComposedMiner) TripletMiner.faceNet();
        ChosenPairs pairs = ChosenPairs.of(miner.pairs(), in);
        MiningStatistics one = miner.mine(in, pairs, 1).statistics();
        for (int threads = 2; threads < 9; threads++) {
            assertThat(miner.mine(in, pairs, threads).statistics()).isEqualTo(one);
        }
    }

    @Test
    void aBoundIsTheLeastDistanceThatMeetsTheConstraint() {
        Random random = new Random(9);
        for (int i = 0; i < 20000; i++) {
            float margin = random.nextInt(4) == 0 ? 0 : (float) Math.exp(20 * random.nextDouble() - 15);
            float ap = random.nextInt(4) == 0 ? 0 : (float) Math.exp(30 * random.nextDouble() - 20);
            float met = Float.intBitsToFloat(Band.met(ap, margin));
            assertThat(met - ap < margin).as("%s %s", ap, margin).isFalse();
            if (met > 0) {
                assertThat(Math.nextDown(met) - ap < margin)
                        .as("%s %s", ap, margin)
                        .isTrue();
            }
        }
    }

    @Test
    void theFirstFailureOfAPartReachesTheCaller() {
        MiningBatch in = Batches.random(10, 20, 10, 4);
        TripletFilter failing = (ap, an, margin) -> {
            throw new IllegalStateException("ap " + ap);
        };
        PairSelector pairs = PairSelector.orderedPairs();
        ComposedMiner miner = new ComposedMiner(pairs, failing, NegativeSelector.all());
        String[] first = new String[1];
        assertThatThrownBy(() -> miner.mine(in, ChosenPairs.of(pairs, in), 1))
                .isInstanceOf(IllegalStateException.class)
                .satisfies(e -> first[0] = e.getMessage());
        for (int i = 0; i < 20; i++) {
            assertThatThrownBy(() -> miner.mine(in, ChosenPairs.of(pairs, in), 4))
                    .hasMessage(first[0]);
        }
    }

    /** As a lambda in Kotlin or Scala does, which knows no checked exceptions. */
    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void sneak(Throwable thrown) throws T {
        throw (T) thrown;
    }

    // On a thread of its own, because mining that waits for ever does not heed an interrupt.
    @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    @ParameterizedTest
    @MethodSource("throwables")
    void whateverAHelpingThreadThrowsEndsTheMining(Throwable thrown) {
        MiningBatch in = Batches.random(10, 20, 10, 4);
        CountDownLatch failed = new CountDownLatch(1);
        TripletFilter failing = (ap, an, margin) -> {
            if (Thread.currentThread().getName().startsWith("openface-mining-")) {
                failed.countDown();
                MiningPassTest.<RuntimeException>sneak(thrown);
            }
            // The calling thread leaves the rest to the one that fails.
            Uninterruptibles.awaitUninterruptibly(failed);
            return true;
        };
        PairSelector pairs = PairSelector.orderedPairs();
        ComposedMiner miner = new ComposedMiner(pairs, failing, NegativeSelector.all());
        assertThatThrownBy(() -> miner.mine(in, ChosenPairs.of(pairs, in), 3)).isSameAs(thrown);
    }

    static List<Throwable> throwables() {
        return List.of(
                new IOException("a file"),
                new InterruptedException("stopped"),
                new Throwable("neither"),
                new OutOfMemoryError("no room"),
                new StackOverflowError(),
                new IllegalStateException("a state"));
    }

    @Test
    void referencesAreNegativesWithoutGradient() {
        MiningBatch in = Batches.batch(new int[] {0, 0, 1}, 1, 5, 0, 1, 2)
                .withReferences(new EmbeddingBatch(1, new float[] {1, 3}), new int[] {0, 2});
        Triplets triplets = TripletMiner.of(PairSelector.allPairs(), TripletFilter.violating(), NegativeSelector.all())
                .mine(in);
        // The first reference is of the anchor's identity.
        assertThat(list(triplets)).containsExactly("0 1 2 1.0 4.0");
        assertThat(in.role(3)).isEqualTo(Role.NEGATIVE_ONLY);

        Triplets all = TripletMiner.of(PairSelector.allPairs(), TripletFilter.any(), NegativeSelector.all())
                .mine(in);
        assertThat(list(all)).containsExactly("0 1 2 1.0 4.0", "0 1 4 1.0 9.0");
        // (0, 1, 2): excess 2; a: 2(2 - 1), p: 2(1 - 0), n: 2(0 - 2). (0, 1, 4): 1 - 9 + 5 < 0.
        assertThat(TripletLoss.margin()
                        .overTriplets(Reduction.SUM)
                        .gradient(in, all)
                        .values())
                .containsExactly(2, 2, -4);
        // The soft margin also pulls on the second, by a factor of 1 / (1 + e^8).
        float[] soft = TripletLoss.softMargin()
                .overTriplets(Reduction.SUM)
                .gradient(in, all)
                .values();
        double near = 1 / (1 + Math.exp(3));
        double far = 1 / (1 + Math.exp(8));
        assertThat((double) soft[0]).isCloseTo(2 * near + 4 * far, within(1e-7));
        assertThat((double) soft[2]).isCloseTo(-4 * near, within(1e-7));
    }

    @Test
    void referencesAreChecked() {
        MiningBatch in = Batches.batch(new int[] {0, 1}, 1, 5, 0, 1);
        assertThatThrownBy(() -> in.withReferences(new EmbeddingBatch(1, new float[2]), new int[1]))
                .hasMessage("1 identities for 2 references");
        assertThatThrownBy(() -> in.withReferences(new EmbeddingBatch(2, new float[2]), new int[1]))
                .hasMessageContaining("dimension 2");
        assertThatThrownBy(() -> in.withReferences(new EmbeddingBatch(1, new float[] {0, Float.NaN}), new int[2]))
                .hasMessageContaining("reference 1");
    }

    @Test
    void aStrategyUntilAnEpoch() {
        TripletMiner warm = TripletMiner.randomNegatives().untilEpoch(2, TripletMiner.openFace());
        for (int epoch = 1; epoch < 5; epoch++) {
            MiningBatch random = Batches.random(1, 6, 6, 8);
            MiningBatch in = MiningBatch.of(
                    random.embeddings(),
                    Batches.identities(6, 6),
                    Collections.nCopies(36, Role.FULL),
                    0.2f,
                    new Draws(1, epoch, 0));
            TripletMiner expected = epoch <= 2 ? TripletMiner.randomNegatives() : TripletMiner.openFace();
            assertThat(list(warm.mine(in))).isEqualTo(list(expected.mine(in)));
        }
        assertThat(warm).hasToString("allPairs x any x random until epoch 2, then allPairs x violating x random");
        assertThatThrownBy(() -> warm.untilEpoch(0, warm)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void atMostSoManyPerAnchorAreAFairSampleOfItsTriplets() {
        TripletMiner all = TripletMiner.of(PairSelector.orderedPairs(), TripletFilter.any(), NegativeSelector.all());
        int[] identities = {0, 0, 0, 1, 1, 2};
        int[] chosen = new int[26];
        int steps = 1500;
        for (int step = 0; step < steps; step++) {
            MiningBatch in = MiningBatch.of(
                    new EmbeddingBatch(1, new float[6]),
                    identities,
                    Collections.nCopies(6, Role.FULL),
                    0.2f,
                    new Draws(4, 1, step));
            List<String> before = list(all.mine(in));
            List<String> after = list(all.atMostPerAnchor(2).mine(in));
            assertThat(before).hasSize(26).containsSubsequence(after);
            // Three anchors with six triplets each, two with four.
            assertThat(after).hasSize(10);
            for (int i = 0; i < 26; i++) {
                chosen[i] += after.contains(before.get(i)) ? 1 : 0;
            }
        }
        // Of six, two: 500 each; of four, two: 750. Five standard deviations are 92 and 97.
        for (int i = 0; i < 18; i++) {
            assertThat(chosen[i]).isBetween(410, 590);
        }
        for (int i = 18; i < 26; i++) {
            assertThat(chosen[i]).isBetween(653, 847);
        }
        assertThat(all.atMostPerAnchor(3)).hasToString("orderedPairs x any x all, at most 3 per anchor");
        assertThatThrownBy(() -> all.atMostPerAnchor(0)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aSampleOfASampleIsFairToo() {
        TripletMiner all = TripletMiner.of(PairSelector.allPairs(), TripletFilter.any(), NegativeSelector.all());
        int[] identities = {0, 0, 1, 1, 2, 3, 4, 5};
        TripletMiner twice = all.atMostPerAnchor(4).atMostPerAnchor(2);
        int[] chosen = new int[8];
        int steps = 3000;
        for (int step = 0; step < steps; step++) {
            Triplets mined = twice.mine(MiningBatch.of(
                    new EmbeddingBatch(1, new float[8]),
                    identities,
                    Collections.nCopies(8, Role.FULL),
                    0.2f,
                    new Draws(4, 1, step)));
            for (int t = 0; t < mined.size(); t++) {
                if (mined.anchor(t) == 0) {
                    chosen[mined.negative(t)]++;
                }
            }
        }
        // Two of six: 1,000 each, and five standard deviations are 129.
        for (int negative = 2; negative < 8; negative++) {
            assertThat(chosen[negative]).as("negative %s", negative).isBetween(871, 1129);
        }
    }

    @Test
    void aSampleStaysWhereItsTripletsWereMined() {
        MiningBatch in = Batches.random(1, 5, 6, 8);
        for (MiningDevice device : List.of(MiningDevice.CPU, MiningDevice.AUTO)) {
            TripletMiner on = TripletMiner.openFace().on(device);
            assertThat(on.mine(in).batch().device()).isEqualTo(device);
            assertThat(on.atMostPerAnchor(2).mine(in).batch().device()).isEqualTo(device);
            assertThat(on.atMostPerAnchor(2).atMostPerAnchor(1).mine(in).batch().device())
                    .isEqualTo(device);
        }
    }

    @Test
    void ranksComeInOrderWhateverIsAskedFirst() {
        Random random = new Random(11);
        int[] distances = random.ints(200, 0, 40).toArray();
        List<Long> sorted = new ArrayList<>();
        Nearest nearest = new Nearest(200);
        for (int i = 0; i < 200; i++) {
            nearest.add(distances[i], i);
            sorted.add((long) distances[i] << 32 | i);
        }
        nearest.order();
        Collections.sort(sorted);
        for (int rank : new int[] {3, 0, 17, 2, 150, 199, 20}) {
            assertThat((long) nearest.distance(rank) << 32 | nearest.image(rank))
                    .isEqualTo(sorted.get(rank));
        }
    }
}
