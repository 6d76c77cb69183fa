package org.openface.triplet.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.triplet.mining.Batches;
import org.openface.triplet.mining.MiningBatch;
import org.openface.triplet.mining.NegativeSelector;
import org.openface.triplet.mining.PairSelector;
import org.openface.triplet.mining.TripletFilter;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.mining.Triplets;

class TripletLossTest {
    private static final TripletMiner EVERY =
            TripletMiner.of(PairSelector.orderedPairs(), TripletFilter.any(), NegativeSelector.all());

    @Test
    void workedByHand() {
        // a = (0, 0), p = (1, 0), n = (0, 1), far = (3, 0); margin 0.5
        // (a, p, n): 1 - 1 + 0.5 = 0.5; (a, p, far): 1 - 9 + 0.5 < 0; mean 0.25
        MiningBatch in = Batches.batch(new int[] {0, 0, 1, 2}, 2, 0.5f, 0, 0, 1, 0, 0, 1, 3, 0);
        Triplets triplets = Triplets.builder(in).add(0, 1, 2).add(0, 1, 3).build();

        TripletLoss mean = TripletLoss.margin();
        assertThat(mean.value(in, triplets)).isEqualTo(0.25);
        // weight 1/2: da = n - p = (-1, 1), dp = p - a = (1, 0), dn = a - n = (0, -1)
        assertThat(mean.gradient(in, triplets).values()).containsExactly(-1, 1, 1, 0, 0, -1, 0, 0);

        TripletLoss sum = mean.overTriplets(Reduction.SUM);
        assertThat(sum.value(in, triplets)).isEqualTo(0.5);
        assertThat(sum.gradient(in, triplets).values()).containsExactly(-2, 2, 2, 0, 0, -2, 0, 0);

        // a and p take part twice, n and far once.
        assertThat(mean.overUses(Reduction.MEAN).gradient(in, triplets).values())
                .containsExactly(-0.5f, 0.5f, 0.5f, 0, 0, -1, 0, 0);
    }

    @ParameterizedTest
    @EnumSource
    void gradientIsTheDerivative(Reduction overTriplets) {
        checkGradient(TripletLoss.margin(), overTriplets, difference -> Math.max(0, difference + 0.2f));
    }

    @ParameterizedTest
    @EnumSource
    void gradientOfTheSoftMarginIsTheDerivative(Reduction overTriplets) {
        checkGradient(TripletLoss.softMargin(), overTriplets, difference -> Math.log(1 + Math.exp(difference)));
    }

    private static void checkGradient(TripletLoss shape, Reduction overTriplets, DoubleUnaryOperator of) {
        // More components than one thread adds up.
        MiningBatch in = Batches.random(21, 4, 4, 35);
        Triplets triplets = EVERY.mine(in);
        TripletLoss loss = shape.overTriplets(overTriplets);
        assertThat(loss.value(in, triplets)).isCloseTo(loss(in, triplets, overTriplets, of, 0, 0), within(1e-5));
        float[] analytic = loss.gradient(in, triplets).values();
        double scale = 0;
        for (float g : analytic) {
            scale = Math.max(scale, Math.abs(g));
        }
        assertThat(scale).isPositive();
        for (int i = 0; i < analytic.length; i++) {
            // An independent loss in double, so that the step can be small.
            double h = 1e-6;
            double difference =
                    (loss(in, triplets, overTriplets, of, i, h) - loss(in, triplets, overTriplets, of, i, -h))
                            / (2 * h);
            assertThat((double) analytic[i]).isCloseTo(difference, within(1e-5 * scale));
        }
    }

    private static double loss(
            MiningBatch in, Triplets triplets, Reduction over, DoubleUnaryOperator of, int moved, double by) {
        double[] e = new double[in.embeddings().values().length];
        for (int i = 0; i < e.length; i++) {
            e[i] = in.embeddings().values()[i] + (i == moved ? by : 0);
        }
        int d = in.embeddings().dimension();
        double sum = 0;
        int nonZero = 0;
        for (int t = 0; t < triplets.size(); t++) {
            double excess = 0;
            for (int k = 0; k < d; k++) {
                double a = e[triplets.anchor(t) * d + k];
                excess += Math.pow(a - e[triplets.positive(t) * d + k], 2);
                excess -= Math.pow(a - e[triplets.negative(t) * d + k], 2);
            }
            double one = of.applyAsDouble(excess);
            sum += one;
            nonZero += one > 0 ? 1 : 0;
        }
        return switch (over) {
            case MEAN -> sum / triplets.size();
            case SUM -> sum;
            case MEAN_OF_NONZERO -> sum / nonZero;
        };
    }

    @Test
    void meanOverUsesIsTheGradientDividedByTheUses() {
        MiningBatch in = Batches.random(22, 4, 4, 5);
        Triplets triplets = EVERY.mine(in);
        float[] whole = TripletLoss.margin().gradient(in, triplets).values();
        float[] mean = TripletLoss.margin()
                .overUses(Reduction.MEAN)
                .gradient(in, triplets)
                .values();
        int d = in.embeddings().dimension();
        for (int i = 0; i < whole.length; i++) {
            int image = i / d;
            int uses = 0;
            for (int t = 0; t < triplets.size(); t++) {
                for (int part : List.of(triplets.anchor(t), triplets.positive(t), triplets.negative(t))) {
                    uses += part == image ? 1 : 0;
                }
            }
            assertThat(mean[i] * Math.max(1, uses)).isCloseTo(whole[i], within(1e-6f));
        }
    }

    @Test
    void softMarginStaysFiniteHoweverFarApart() {
        MiningBatch in = Batches.batch(new int[] {0, 0, 1}, 1, 0, 0, 1000, 1);
        Triplets triplets = Triplets.builder(in).add(0, 1, 2).build();
        assertThat(TripletLoss.softMargin().value(in, triplets)).isEqualTo(999_999);
        assertThat(TripletLoss.softMargin().gradient(in, triplets).values()).containsExactly(-1998, 2000, -2);
    }

    @Test
    void tripletsOfAnotherBatchAreWeighedByThatBatch() {
        MiningBatch near = Batches.batch(new int[] {0, 0, 1}, 1, 0.5f, 0, 1, 1);
        MiningBatch far = Batches.batch(new int[] {0, 0, 1}, 1, 0.5f, 0, 1, 2);
        Triplets triplets = Triplets.builder(near).add(0, 1, 2).build();
        assertThat(TripletLoss.margin().value(near, triplets)).isEqualTo(0.5);
        assertThat(TripletLoss.margin().value(far, triplets)).isZero();
        MiningBatch smaller = Batches.batch(new int[] {0, 0}, 1, 0.5f, 0, 1);
        assertThatThrownBy(() -> TripletLoss.margin().value(smaller, triplets))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void noTripletsGiveNoLossAndNoGradient() {
        MiningBatch in = Batches.batch(new int[] {0, 1}, 1, 0.2f, 0, 1);
        Triplets none = Triplets.builder(in).build();
        assertThat(TripletLoss.margin().value(in, none)).isZero();
        assertThat(TripletLoss.margin().gradient(in, none).values()).containsOnly(0);
    }

    @Test
    void gradientsOfATripletSumToZero() {
        // Moving everything together changes no distance.
        MiningBatch in = Batches.random(23, 4, 5, 3);
        EmbeddingBatch gradient =
                TripletLoss.margin().gradient(in, TripletMiner.openFace().mine(in));
        List<Float> sums = new ArrayList<>();
        for (int k = 0; k < 3; k++) {
            float sum = 0;
            for (int i = k; i < gradient.values().length; i += 3) {
                sum += gradient.values()[i];
            }
            sums.add(sum);
        }
        assertThat(sums).allSatisfy(s -> assertThat(s).isCloseTo(0, within(1e-6f)));
    }
}
