package org.openface.triplet.mining;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch.Role;
import org.openface.triplet.loss.TripletLoss;

class TripletMinerTest {
    private static final NegativeSelector ALL = NegativeSelector.all();

    /** Every triplet there is, by three plain loops: no chains of identities, no rows, no candidates. */
    private static List<int[]> everyTriplet(MiningBatch in) {
        List<int[]> out = new ArrayList<>();
        for (int a = 0; a < in.size(); a++) {
            for (int p = 0; p < in.size(); p++) {
                for (int n = 0; n < in.size(); n++) {
                    if (a != p
                            && in.role(a) == Role.FULL
                            && in.role(p) == Role.FULL
                            && in.identity(a) == in.identity(p)
                            && in.identity(a) != in.identity(n)) {
                        out.add(new int[] {a, p, n});
                    }
                }
            }
        }
        return out;
    }

    private interface Condition {
        boolean holds(int a, int p, float ap, float an);
    }

    private static Set<String> oracle(MiningBatch in, Condition condition) {
        Set<String> out = new HashSet<>();
        for (int[] t : everyTriplet(in)) {
            if (condition.holds(t[0], t[1], in.distance(t[0], t[1]), in.distance(t[0], t[2]))) {
                out.add(Batches.triplet(t[0], t[1], t[2]));
            }
        }
        return out;
    }

    private static Set<String> asSet(Triplets triplets) {
        Set<String> out = new HashSet<>();
        for (int t = 0; t < triplets.size(); t++) {
            out.add(Batches.triplet(triplets.anchor(t), triplets.positive(t), triplets.negative(t)));
        }
        assertThat(out).as("no triplet twice").hasSize(triplets.size());
        return out;
    }

    private static Set<String> mined(MiningBatch in, PairSelector pairs, TripletFilter filter) {
        return asSet(TripletMiner.of(pairs, filter, ALL).mine(in));
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void filtersAgreeWithTripleLoops(long seed) {
        MiningBatch in = Batches.random(seed, 5, 6, 8);
        float m = in.margin();

        assertThat(mined(in, PairSelector.allPairs(), TripletFilter.violating()))
                .isEqualTo(oracle(in, (a, p, ap, an) -> a < p && an - ap < m))
                .isNotEmpty();
        assertThat(mined(in, PairSelector.orderedPairs(), TripletFilter.semiHard()))
                .isEqualTo(oracle(in, (a, p, ap, an) -> an - ap < m && an > ap))
                .isNotEmpty();
        assertThat(mined(in, PairSelector.orderedPairs(), TripletFilter.hard()))
                .isEqualTo(oracle(in, (a, p, ap, an) -> an <= ap))
                .isNotEmpty();
        assertThat(mined(in, PairSelector.allPairs(), TripletFilter.any()))
                .isEqualTo(oracle(in, (a, p, ap, an) -> a < p));
        assertThat(mined(in, PairSelector.allPairs(), TripletFilter.violating().and((ap, an, margin) -> an > 0.3f)))
                .isEqualTo(oracle(in, (a, p, ap, an) -> a < p && an - ap < m && an > 0.3f));
        assertThat(mined(in, PairSelector.allPairs(), TripletFilter.semiHard().or(TripletFilter.hard())))
                .isEqualTo(mined(in, PairSelector.allPairs(), TripletFilter.violating()));
    }

    /** Of a batch that is worth several threads, with many equal distances. */
    @Test
    void hardestPositiveIsTheFirstOfTheFarthest() {
        int[] identities = Batches.identities(10, 40);
        Random random = new Random(1);
        float[] values = new float[identities.length * 128];
        for (int i = 0; i < values.length; i += 128) {
            values[i] = random.nextInt(9);
        }
        MiningBatch in = Batches.batch(identities, 128, 0.2f, values);
        List<String> expected = new ArrayList<>();
        for (int a = 0; a < in.size(); a++) {
            int hardest = -1;
            for (int p = 0; p < in.size(); p++) {
                if (p != a
                        && identities[p] == identities[a]
                        && (hardest < 0 || in.distance(a, p) > in.distance(a, hardest))) {
                    hardest = p;
                }
            }
            expected.add(a + " " + hardest);
        }
        List<String> pairs = new ArrayList<>();
        PairSelector.hardestPositive().select(in, (a, p) -> pairs.add(a + " " + p));
        assertThat(pairs).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void hardestPositiveAndNegativeAgreeWithTripleLoops(long seed) {
        MiningBatch in = Batches.random(seed, 5, 6, 8);
        Set<String> expected = new HashSet<>();
        for (int a = 0; a < in.size(); a++) {
            int anchor = a;
            // Nearest negative and farthest positive; the order of the loops makes the first of equal ones win.
            everyTriplet(in).stream()
                    .filter(t -> t[0] == anchor)
                    .min(Comparator.<int[]>comparingDouble(t -> -in.distance(t[0], t[1]))
                            .thenComparingDouble(t -> in.distance(t[0], t[2])))
                    .ifPresent(t -> expected.add(Batches.triplet(t[0], t[1], t[2])));
        }
        assertThat(asSet(TripletMiner.batchHard().mine(in))).isEqualTo(expected).isNotEmpty();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void randomPresetsChooseOneOfThePermittedForEachPairThatHasOne(long seed) {
        MiningBatch in = Batches.random(seed, 6, 6, 8);
        check(TripletMiner.openFace(), in, PairSelector.allPairs(), TripletFilter.violating());
        check(TripletMiner.faceNet(), in, PairSelector.orderedPairs(), TripletFilter.semiHard());
        check(TripletMiner.randomNegatives(), in, PairSelector.allPairs(), TripletFilter.any());
    }

    private static void check(TripletMiner miner, MiningBatch in, PairSelector pairs, TripletFilter filter) {
        Set<String> permitted = mined(in, pairs, filter);
        Set<String> chosen = asSet(miner.mine(in));
        assertThat(permitted).containsAll(chosen);
        assertThat(chosen.stream().map(TripletMinerTest::pairOf))
                .containsExactlyInAnyOrderElementsOf(permitted.stream()
                        .map(TripletMinerTest::pairOf)
                        .distinct()
                        .toList());
    }

    private static String pairOf(String triplet) {
        return triplet.substring(0, triplet.lastIndexOf(' '));
    }

    @Test
    void rankTakesTheSecondToThirdHardest() {
        // One pair at 0 and 1; negatives at distances 25, 4, 9, 16 from the anchor.
        MiningBatch in = Batches.batch(new int[] {0, 0, 1, 2, 3, 4}, 1, 100, 0, 1, 5, 2, 3, 4);
        Set<Integer> seen = new HashSet<>();
        for (int step = 0; step < 50; step++) {
            MiningBatch at = MiningBatch.of(
                    in.embeddings(),
                    new int[] {0, 0, 1, 2, 3, 4},
                    Collections.nCopies(6, Role.FULL),
                    100,
                    new Draws(1, 1, step));
            Triplets triplets = TripletMiner.of(
                            PairSelector.allPairs(), TripletFilter.any(), NegativeSelector.rank(2, 3))
                    .mine(at);
            assertThat(triplets.size()).isEqualTo(1);
            seen.add(triplets.negative(0));
        }
        assertThat(seen).containsExactlyInAnyOrder(4, 5);
        assertThat(TripletMiner.of(PairSelector.allPairs(), TripletFilter.any(), NegativeSelector.rank(5, 9))
                        .mine(in)
                        .isEmpty())
                .isTrue();
        assertThatThrownBy(() -> NegativeSelector.rank(3, 2)).hasMessageContaining("got 3 and 2");
    }

    @Test
    void randomPositiveTakesEachOtherImageOfTheIdentity() {
        Set<String> pairs = new HashSet<>();
        for (int seed = 0; seed < 60; seed++) {
            MiningBatch in = MiningBatch.of(
                    new EmbeddingBatch(1, new float[] {0, 1, 2, 3, 4}),
                    new int[] {5, 9, 5, 5, 5},
                    List.of(Role.FULL, Role.FULL, Role.FULL, Role.NEGATIVE_ONLY, Role.FULL),
                    0.2f,
                    new Draws(seed, 1, 0));
            List<String> chosen = new ArrayList<>();
            PairSelector.randomPositive().select(in, (a, p) -> chosen.add(a + " " + p));
            assertThat(chosen).hasSize(3);
            pairs.addAll(chosen);
        }
        assertThat(pairs).containsExactlyInAnyOrder("0 2", "0 4", "2 0", "2 4", "4 0", "4 2");
    }

    @Test
    void tenPeopleOfFourteenImagesGive910Or1820Pairs() {
        int[] identities = Batches.identities(10, 14);
        MiningBatch in = Batches.batch(identities, 2, 0.2f, new float[280]);
        assertThat(TripletMiner.openFace().mine(in).statistics().pairs()).isEqualTo(910);
        assertThat(TripletMiner.faceNet().mine(in).statistics().pairs()).isEqualTo(1820);
    }

    @Test
    void equalEmbeddingsNeverMakeANegativeOfTheAnchorsIdentity() {
        int[] identities = Batches.identities(15, 20);
        float[] values = new float[300 * 3];
        Arrays.fill(values, 0.7f);
        MiningBatch in = Batches.batch(identities, 3, 0.2f, values);

        Triplets triplets = TripletMiner.openFace().mine(in);

        assertThat(triplets.size()).isEqualTo(2850);
        for (int t = 0; t < triplets.size(); t++) {
            assertThat(in.identity(triplets.negative(t))).isNotEqualTo(in.identity(triplets.anchor(t)));
        }
        assertThat(TripletLoss.margin().value(in, triplets)).isEqualTo(0.2, within(1e-7));
        MiningStatistics statistics = triplets.statistics();
        assertThat(statistics.violatingShare()).isEqualTo(1);
        assertThat(statistics.meanPositiveDistance()).isZero();
        assertThat(TripletMiner.faceNet().mine(in).isEmpty()).isTrue();
    }

    @Test
    void oneIdentityOrOneImageEachGivesNoTriplets() {
        MiningBatch oneIdentity = Batches.batch(new int[] {3, 3, 3}, 1, 0.2f, 0, 1, 2);
        assertThat(TripletMiner.openFace().mine(oneIdentity).isEmpty()).isTrue();
        assertThat(TripletMiner.batchHard().mine(oneIdentity).isEmpty()).isTrue();
        assertThat(TripletMiner.openFace().mine(oneIdentity).statistics().pairs())
                .isEqualTo(3);

        MiningBatch oneImageEach = Batches.batch(new int[] {1, 2, 3}, 1, 0.2f, 0, 0, 0);
        for (TripletMiner miner : List.of(TripletMiner.openFace(), TripletMiner.faceNet(), TripletMiner.batchHard())) {
            Triplets none = miner.mine(oneImageEach);
            assertThat(none.isEmpty()).isTrue();
            assertThat(none.statistics().pairs()).isZero();
            assertThat(none.statistics().meanPositiveDistance()).isNaN();
        }
    }

    @Test
    void extraNegativesAreNegativesOnly() {
        MiningBatch in = MiningBatch.of(
                new EmbeddingBatch(1, new float[] {0, 0, 0, 0}),
                new int[] {1, 1, 2, 2},
                List.of(Role.FULL, Role.FULL, Role.NEGATIVE_ONLY, Role.NEGATIVE_ONLY),
                0.2f,
                Batches.DRAWS);
        Triplets triplets = TripletMiner.of(PairSelector.orderedPairs(), TripletFilter.any(), ALL)
                .mine(in);
        assertThat(asSet(triplets)).containsExactlyInAnyOrder("0 1 2", "0 1 3", "1 0 2", "1 0 3");
    }

    @Test
    void randomChoiceIsUniform() {
        // One pair with 8 negatives, 8,000 steps: chi-square with 7 degrees of freedom, 24.3 is exceeded 1 time in
        // 1,000.
        int[] identities = {0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
        int[] chosen = new int[10];
        for (int step = 0; step < 8000; step++) {
            MiningBatch in = MiningBatch.of(
                    new EmbeddingBatch(1, new float[10]),
                    identities,
                    Collections.nCopies(10, Role.FULL),
                    0.2f,
                    new Draws(3, 1 + step / 100, step % 100));
            chosen[TripletMiner.openFace().mine(in).negative(0)]++;
        }
        double chiSquare = 0;
        for (int n = 2; n < 10; n++) {
            chiSquare += Math.pow(chosen[n] - 1000, 2) / 1000;
        }
        assertThat(chiSquare).isBetween(0.5, 24.3);
    }

    @Test
    void whatAPairSelectorDrawsTellsNothingOfTheNegatives() {
        // Of the pairs half are taken, by a number of their own; negatives are 100, all with the same probability.
        PairSelector half = (in, out) -> PairSelector.allPairs().select(in, (a, p) -> {
            if (in.draws().of(a, p).below(2) == 0) {
                out.add(a, p);
            }
        });
        int[] identities = new int[110];
        for (int i = 10; i < 110; i++) {
            identities[i] = i;
        }
        int upper = 0;
        int pairs = 0;
        for (int step = 0; step < 50; step++) {
            MiningBatch in = MiningBatch.of(
                    new EmbeddingBatch(1, new float[110]),
                    identities,
                    Collections.nCopies(110, Role.FULL),
                    0.2f,
                    new Draws(3, 1, step));
            Triplets mined = TripletMiner.of(half, TripletFilter.any(), NegativeSelector.random())
                    .mine(in);
            for (int t = 0; t < mined.size(); t++) {
                pairs++;
                upper += mined.negative(t) >= 60 ? 1 : 0;
            }
        }
        // 45 pairs a step; five standard deviations of the share are 0.075.
        assertThat(pairs).isBetween(1000, 1250);
        assertThat(upper).isBetween((int) (0.42 * pairs), (int) (0.58 * pairs));
    }

    @Test
    void choicesDependOnTheStepAndNotOnTheOrderOfPairs() {
        MiningBatch in = Batches.random(11, 6, 6, 8);
        PairSelector backwards = (batch, out) -> {
            List<int[]> pairs = new ArrayList<>();
            PairSelector.allPairs().select(batch, (a, p) -> pairs.add(new int[] {a, p}));
            Collections.reverse(pairs);
            pairs.forEach(pair -> out.add(pair[0], pair[1]));
        };
        TripletMiner reversed = TripletMiner.of(backwards, TripletFilter.violating(), NegativeSelector.random());
        assertThat(asSet(reversed.mine(in)))
                .isEqualTo(asSet(TripletMiner.openFace().mine(in)));

        int[] identities = new int[in.size()];
        List<Role> roles = new ArrayList<>();
        for (int i = 0; i < in.size(); i++) {
            identities[i] = in.identity(i);
            roles.add(in.role(i));
        }
        Draws later =
                new Draws(in.draws().seed(), in.draws().epoch(), in.draws().step() + 1);
        MiningBatch other = MiningBatch.of(in.embeddings(), identities, roles, in.margin(), later);
        assertThat(asSet(TripletMiner.openFace().mine(other)))
                .isNotEqualTo(asSet(TripletMiner.openFace().mine(in)));
    }

    @Test
    void frozenRandomNumbers() {
        // Reckoned apart from this code from the definition; a change would make old runs unrepeatable.
        Draws draws = new Draws(2, 3, 4);
        Draws.Draw draw = draws.ofNegatives(5, 6);
        assertThat(three(draw)).containsExactly(13, 273, 35);
        assertThat(draw.below(1)).isZero();
        assertThat(three(draws.of(5, 6))).containsExactly(425, 670, 522);
        assertThat(three(draws.of("", 5, 6))).containsExactly(425, 670, 522);
        assertThat(three(draws.of("positives", 5, 6))).containsExactly(849, 783, 739);
    }

    private static int[] three(Draws.Draw draw) {
        return new int[] {draw.below(1000), draw.below(1000), draw.below(1000)};
    }

    @Test
    void samplesOfSamplesAreThoseOfThePlainOracle() {
        MiningBatch in = Batches.random(11, 6, 9, 8);
        TripletMiner all = TripletMiner.of(PairSelector.orderedPairs(), TripletFilter.any(), ALL);
        Triplets first = PlainMiner.sample(all.mine(in), 9, in.draws(), 2);
        Triplets second = PlainMiner.sample(first, 5, in.draws(), 1);
        Triplets third = PlainMiner.sample(second, 3, in.draws(), 0);
        Triplets mined = all.atMostPerAnchor(9)
                .untilEpoch(99, all)
                .atMostPerAnchor(5)
                .on(MiningDevice.CPU)
                .atMostPerAnchor(3)
                .mine(in);
        assertThat(MiningPassTest.numbers(mined)).isEqualTo(MiningPassTest.numbers(third));
        // A single sample has the numbers it always had.
        assertThat(MiningPassTest.numbers(all.atMostPerAnchor(4).mine(in)))
                .isEqualTo(MiningPassTest.numbers(PlainMiner.sample(all.mine(in), 4, in.draws(), 0)));
    }

    @Test
    void aStrategyThatDrawsOtherNumbersThanItDidIsKnown() {
        PairSelector own = (in, out) -> PairSelector.allPairs().select(in, out);
        TripletMiner drawing = TripletMiner.of(own, TripletFilter.any(), ALL);
        for (TripletMiner changed : List.of(
                drawing,
                in -> Triplets.builder(in).build(),
                drawing.on(MiningDevice.CPU).untilEpoch(2, TripletMiner.openFace()),
                TripletMiner.openFace().untilEpoch(2, drawing).atMostPerAnchor(2),
                TripletMiner.openFace().atMostPerAnchor(3).atMostPerAnchor(2),
                TripletMiner.openFace()
                        .untilEpoch(2, TripletMiner.faceNet().atMostPerAnchor(3))
                        .atMostPerAnchor(2))) {
            assertThat(changed.drawsNewNumbers()).as("%s", changed).isTrue();
        }
        for (TripletMiner same : List.of(
                TripletMiner.openFace(),
                TripletMiner.of(
                                PairSelector.randomPositive(),
                                (ap, an, margin) -> an > 1,
                                (candidates, draw, out) -> out.add(draw.below(candidates.size())))
                        .on(MiningDevice.AUTO)
                        .atMostPerAnchor(2),
                TripletMiner.openFace()
                        .atMostPerAnchor(3)
                        .untilEpoch(2, TripletMiner.faceNet().atMostPerAnchor(1)))) {
            assertThat(same.drawsNewNumbers()).as("%s", same).isFalse();
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    void statisticsAreThoseOfAllTriplets(long seed) {
        MiningBatch in = Batches.random(seed, 5, 5, 8);
        List<int[]> all = everyTriplet(in);
        Set<String> pairs = new HashSet<>();
        Set<String> pairsViolating = new HashSet<>();
        Set<String> pairsEligible = new HashSet<>();
        double violating = 0;
        double loss = 0;
        double negative = 0;
        for (int[] t : all) {
            float ap = in.distance(t[0], t[1]);
            float an = in.distance(t[0], t[2]);
            String pair = t[0] + " " + t[1];
            pairs.add(pair);
            if (an - ap < in.margin()) {
                violating++;
                pairsViolating.add(pair);
            }
            if (an <= ap) {
                pairsEligible.add(pair);
            }
            loss += Math.max(0, ap - an + in.margin());
            negative += an;
        }
        double positive = pairs.stream()
                .mapToDouble(s -> in.distance(
                        Integer.parseInt(s.substring(0, s.indexOf(' '))),
                        Integer.parseInt(s.substring(s.indexOf(' ') + 1))))
                .average()
                .orElseThrow();

        MiningStatistics statistics = TripletMiner.of(
                        PairSelector.orderedPairs(), TripletFilter.hard(), NegativeSelector.hardest())
                .mine(in)
                .statistics();

        assertThat(statistics.pairs()).isEqualTo(pairs.size());
        assertThat(statistics.pairsWithViolatingNegative()).isEqualTo(pairsViolating.size());
        assertThat(statistics.pairsWithEligibleNegative()).isEqualTo(pairsEligible.size());
        assertThat(statistics.violatingShare()).isEqualTo(violating / all.size(), within(1e-12));
        assertThat(statistics.lossOverAll()).isEqualTo(loss / all.size(), within(1e-7));
        assertThat(statistics.meanPositiveDistance()).isEqualTo(positive, within(1e-7));
        assertThat(statistics.meanNegativeDistance()).isEqualTo(negative / all.size(), within(1e-7));
    }

    @Test
    void aStrategyCannotMakeIllegalPairsOrTriplets() {
        MiningBatch in = MiningBatch.of(
                new EmbeddingBatch(1, new float[] {0, 1, 2, 3}),
                new int[] {1, 1, 2, 1},
                List.of(Role.FULL, Role.FULL, Role.FULL, Role.NEGATIVE_ONLY),
                0.2f,
                Batches.DRAWS);
        Triplets.Builder builder = Triplets.builder(in);
        assertThatThrownBy(() -> builder.add(0, 1, 3)).hasMessageContaining("both are of identity 1");
        assertThatThrownBy(() -> builder.add(0, 2, 2)).hasMessageContaining("two identities, 1 and 2");
        assertThatThrownBy(() -> builder.add(0, 0, 2)).hasMessageContaining("its own positive");
        assertThatThrownBy(() -> builder.add(0, 3, 2)).hasMessageContaining("negative only");
        assertThatThrownBy(() -> builder.add(0, 1, 4)).isInstanceOf(IndexOutOfBoundsException.class);
        TripletMiner wrong = TripletMiner.of((b, out) -> out.add(0, 2), TripletFilter.any(), ALL);
        assertThatThrownBy(() -> wrong.mine(in)).isInstanceOf(IllegalArgumentException.class);
        assertThat(builder.build().isEmpty()).isTrue();
    }

    @Test
    void tooManyPairsOrTripletsAreAMessageThatSaysWhatToDo() {
        assertThat(ChosenPairs.roomFor(65)).isEqualTo(97);
        assertThat(ChosenPairs.roomFor(2_000_000_000L)).isEqualTo(Integer.MAX_VALUE - 8);
        assertThatThrownBy(() -> ChosenPairs.roomFor(Integer.MAX_VALUE - 7L))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "a batch with 2147483640 pairs and more is too large to mine, 2147483639 is the limit: take fewer"
                                + " images of each identity, or a pair selector with one pair for each anchor, such as"
                                + " randomPositive()");
    }

    @Test
    void strategiesSayWhatTheyAre() {
        assertThat(TripletMiner.openFace()).hasToString("allPairs x violating x random");
        assertThat(TripletMiner.of(
                                PairSelector.hardestPositive(),
                                TripletFilter.violating().and((ap, an, margin) -> true),
                                NegativeSelector.rank(2, 5))
                        .toString())
                .isEqualTo("hardestPositive x (violating and lambda of " + TripletMinerTest.class.getName()
                        + ") x rank(2, 5)");
    }
}
