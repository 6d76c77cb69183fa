package org.openface.triplet.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.base.Splitter;
import com.google.common.io.Resources;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openface.core.embedding.Distance;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.triplet.loss.Objective.Outcome;
import org.openface.triplet.mining.Batches;
import org.openface.triplet.mining.Mined;
import org.openface.triplet.mining.MiningBatch;
import org.openface.triplet.mining.NegativeSelector;
import org.openface.triplet.mining.PairSelector;
import org.openface.triplet.mining.Pairs;
import org.openface.triplet.mining.TripletFilter;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.mining.Triplets;

/** The losses against PyTorch in float64: {@code losses.py}. */
class LossesTest {
    private static final int IMAGES = 12;
    private static final int DIMENSION = 6;
    private static final int PER_IDENTITY = 3;
    private static final int[] IDENTITIES = {0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3};

    private static final Map<String, Loss> LOSSES = new LinkedHashMap<>();

    static {
        LOSSES.put("margin", TripletLoss.margin());
        LOSSES.put("margin-sum", TripletLoss.margin().overTriplets(Reduction.SUM));
        LOSSES.put("margin-nonzero", TripletLoss.margin().overTriplets(Reduction.MEAN_OF_NONZERO));
        LOSSES.put("margin-own", TripletLoss.margin().withMargin(0.75f));
        LOSSES.put("margin-swapping", TripletLoss.margin().swapping());
        LOSSES.put("margin-plain", TripletLoss.margin().measuredIn(Distance.EUCLIDEAN));
        LOSSES.put("margin-cosine", TripletLoss.margin().measuredIn(Distance.COSINE));
        LOSSES.put("soft-margin", TripletLoss.softMargin());
        LOSSES.put("soft-margin-plain", TripletLoss.softMargin().measuredIn(Distance.EUCLIDEAN));
        LOSSES.put("contrastive", ContrastiveLoss.of(1));
        LOSSES.put("multi-similarity", MultiSimilarityLoss.create());
        LOSSES.put("multi-similarity-mild", MultiSimilarityLoss.of(1, 4, 0.25));
        LOSSES.put("circle", CircleLoss.create());
        LOSSES.put("circle-mild", CircleLoss.of(0.4, 4));
        LOSSES.put("supervised", SoftmaxContrastiveLoss.supervised(0.1));
        LOSSES.put("n-pair", SoftmaxContrastiveLoss.nPair(0.1));
    }

    private static final Map<String, List<String>> EXPECTED = new LinkedHashMap<>();

    @BeforeAll
    static void read() throws IOException {
        for (String line :
                Resources.readLines(Resources.getResource(LossesTest.class, "losses.tsv"), StandardCharsets.UTF_8)) {
            List<String> fields = Splitter.on('\t').splitToList(line);
            EXPECTED.put(fields.get(0), fields.subList(1, fields.size()));
        }
    }

    static Iterable<String> names() {
        return LOSSES.keySet();
    }

    private static MiningBatch batch() {
        float[] values = new float[IMAGES * DIMENSION];
        for (int i = 0; i < IMAGES; i++) {
            for (int k = 0; k < DIMENSION; k++) {
                values[i * DIMENSION + k] = ((i * 7919 + k * 104729 + i * k * 31) % 2048 - 1024) / 1024f;
            }
            values[i * DIMENSION + i / PER_IDENTITY % DIMENSION] += 1;
        }
        return Batches.batch(IDENTITIES, DIMENSION, 0.2f, values);
    }

    private static Triplets everyTriplet(MiningBatch in) {
        return TripletMiner.of(PairSelector.orderedPairs(), TripletFilter.any(), NegativeSelector.all())
                .mine(in);
    }

    private static Pairs everyPair(MiningBatch in) {
        Pairs.Builder pairs = Pairs.builder(in);
        for (int i = 0; i < in.size(); i++) {
            for (int j = 0; j < in.sizeWithReferences(); j++) {
                if (j != i) {
                    pairs.add(i, j);
                }
            }
        }
        return pairs.build();
    }

    @ParameterizedTest
    @MethodSource("names")
    void followsPyTorchWhateverFormIsMined(String name) {
        Loss loss = LOSSES.get(name);
        List<String> expected = EXPECTED.get(name);
        double value = Double.parseDouble(expected.get(0));
        double[] gradient =
                expected.stream().skip(1).mapToDouble(Double::parseDouble).toArray();
        double scale = DoubleStream.of(gradient).map(Math::abs).max().orElseThrow();
        for (Mined mined : List.of(everyTriplet(batch()), everyPair(batch()))) {
            Outcome outcome = loss.evaluate(mined);
            assertThat(outcome.value()).as("%s of %s", name, mined).isCloseTo(value, within(2e-6 * value));
            float[] actual = outcome.gradient().values();
            assertThat(actual).hasSize(gradient.length);
            for (int i = 0; i < actual.length; i++) {
                assertThat((double) actual[i])
                        .as("%s of %s, component %s", name, mined, i)
                        .isCloseTo(gradient[i], within(1e-5 * scale));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("names")
    void nothingMinedIsNoLossAndNoGradient(String name) {
        Outcome outcome = LOSSES.get(name).evaluate(Pairs.builder(batch()).build());
        assertThat(outcome.value()).isZero();
        assertThat(outcome.gradient().values()).hasSize(IMAGES * DIMENSION).containsOnly(0);
    }

    @ParameterizedTest
    @MethodSource("names")
    void facesThatAreAllAlikeGiveFiniteGradients(String name) {
        float[] values = new float[IMAGES * DIMENSION];
        Arrays.fill(values, 0.4f);
        MiningBatch in = Batches.batch(IDENTITIES, DIMENSION, 0.2f, values);
        Outcome outcome = LOSSES.get(name).evaluate(everyPair(in));
        assertThat(outcome.value()).isFinite().isPositive();
        assertThat(outcome.gradient().firstNonFinite()).isNegative();
    }

    /** As references the last identity's images are pushed from and pulled to, and get no gradient. */
    @ParameterizedTest
    @MethodSource("names")
    void referencesGetNoGradientAndCountAsOthersDo(String name) {
        MiningBatch whole = batch();
        int kept = IMAGES - PER_IDENTITY;
        MiningBatch in = Batches.batch(
                        Arrays.copyOf(IDENTITIES, kept),
                        DIMENSION,
                        0.2f,
                        Arrays.copyOf(whole.embeddings().values(), kept * DIMENSION))
                .withReferences(
                        new EmbeddingBatch(
                                DIMENSION,
                                Arrays.copyOfRange(whole.embeddings().values(), kept * DIMENSION, IMAGES * DIMENSION)),
                        Arrays.copyOfRange(IDENTITIES, kept, IMAGES));
        // In the whole batch the same pairs, with their anchors among the first images.
        Pairs.Builder same = Pairs.builder(whole);
        Pairs pairs = everyPair(in);
        for (int k = 0; k < pairs.size(); k++) {
            same.add(pairs.anchor(k), pairs.other(k));
        }
        Outcome expected = LOSSES.get(name).evaluate(same.build());
        Outcome actual = LOSSES.get(name).evaluate(pairs);
        double images = name.startsWith("multi-similarity") ? (double) IMAGES / kept : 1;
        assertThat(actual.value()).isCloseTo(images * expected.value(), within(1e-9));
        float[] gradient = actual.gradient().values();
        assertThat(gradient).hasSize(kept * DIMENSION);
        for (int i = 0; i < gradient.length; i++) {
            assertThat((double) gradient[i])
                    .isCloseTo(images * expected.gradient().values()[i], within(1e-6));
        }
    }

    @Test
    void aSumIsTheWeightedSum() {
        Mined mined = everyPair(batch());
        Outcome margin = TripletLoss.margin().evaluate(mined);
        Outcome circle = CircleLoss.create().evaluate(mined);
        Objective sum = TripletLoss.margin().plus(CircleLoss.create(), 0.25);
        Outcome both = sum.begin(new Objective.Scope(4, DIMENSION, 1)).evaluate(mined);
        assertThat(both.value()).isEqualTo(margin.value() + 0.25 * circle.value());
        for (int i = 0; i < IMAGES * DIMENSION; i++) {
            assertThat(both.gradient().values()[i])
                    .isCloseTo(
                            margin.gradient().values()[i]
                                    + 0.25f * circle.gradient().values()[i],
                            within(1e-6f));
        }
        assertThat(sum).hasToString(TripletLoss.margin() + " + 0.25 x (" + CircleLoss.create() + ")");
    }
}
