package org.openface.core.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.openface.core.eval.Verification.Pair;
import org.openface.core.eval.Verification.RocPoint;

class ScoresTest {
    private static Pair pair(boolean same, int fold) {
        return new Pair(0, 1, same, fold);
    }

    /** Labelled distances to fill by hand or at random. */
    private static final class Sample {
        private double[] distances = {};
        private final List<Pair> pairs = new ArrayList<>();

        Sample add(double distance, boolean same, int fold) {
            distances = Arrays.copyOf(distances, distances.length + 1);
            distances[distances.length - 1] = distance;
            pairs.add(pair(same, fold));
            return this;
        }

        Scores scores() {
            return Scores.of(distances, pairs);
        }

        double accuracy(double threshold, int onlyFold, int withoutFold) {
            int right = 0;
            int all = 0;
            for (int i = 0; i < distances.length; i++) {
                Pair pair = pairs.get(i);
                if (pair.fold() != withoutFold && (onlyFold < 0 || pair.fold() == onlyFold)) {
                    all++;
                    right += pair.same() == distances[i] < threshold ? 1 : 0;
                }
            }
            return (double) right / all;
        }

        /** By trying every threshold on every pair, and the middle of the widest gap among equals. */
        double bestThreshold(int withoutFold) {
            double[] values = IntStream.range(0, distances.length)
                    .filter(i -> pairs.get(i).fold() != withoutFold)
                    .mapToDouble(i -> distances[i])
                    .sorted()
                    .distinct()
                    .toArray();
            double best = values[0];
            double bestGap = 0;
            for (int i = 0; i < values.length; i++) {
                double gap = i + 1 < values.length ? values[i + 1] - values[i] : 0;
                double candidate = gap > 0 ? values[i] + gap / 2 : Math.nextUp(values[i]);
                double accuracy = accuracy(candidate, -1, withoutFold);
                double bestAccuracy = accuracy(best, -1, withoutFold);
                if (accuracy > bestAccuracy || (accuracy == bestAccuracy && gap > bestGap)) {
                    best = candidate;
                    bestGap = gap;
                }
            }
            return best;
        }
    }

    private static Sample random(Random random, int pairs, int folds, int steps) {
        Sample sample = new Sample();
        for (int i = 0; i < pairs; i++) {
            boolean same = i % 2 == 0;
            double distance = random.nextInt(steps) / (double) steps * 2 + (same ? 0 : 0.7);
            sample.add(distance, same, i / 2 % folds);
        }
        return sample;
    }

    @Test
    void agreesWithTryingEverything() {
        Random random = new Random(11);
        for (int round = 0; round < 200; round++) {
            int folds = 2 + random.nextInt(5);
            // Few steps make many ties.
            Sample sample = random(random, 2 * folds + random.nextInt(60), folds, random.nextBoolean() ? 8 : 1_000_000);
            Scores scores = sample.scores();

            double[] accuracies = new double[folds];
            for (int fold = 0; fold < folds; fold++) {
                accuracies[fold] = sample.accuracy(sample.bestThreshold(fold), fold, -1);
            }
            double mean = Arrays.stream(accuracies).average().orElseThrow();
            assertThat(scores.meanAccuracy()).isEqualTo(mean, within(1e-12));
            assertThat(scores.standardDeviation())
                    .isEqualTo(
                            Math.sqrt(Arrays.stream(accuracies)
                                            .map(a -> (a - mean) * (a - mean))
                                            .sum()
                                    / (folds - 1)),
                            within(1e-12));
            assertThat(scores.threshold()).isEqualTo(sample.bestThreshold(-1));
            assertThat(scores.auc()).isEqualTo(shareOfOrderedPairs(sample), within(1e-12));
            assertThat(scores.eer()).isEqualTo(crossing(scores.roc()), within(1e-9));
            for (RocPoint point : scores.roc()) {
                assertThat(point.trueAcceptRate()).isEqualTo(accepted(sample, true, point.threshold()), within(1e-12));
                assertThat(point.falseAcceptRate())
                        .isEqualTo(accepted(sample, false, point.threshold()), within(1e-12));
            }
        }
    }

    private static double accepted(Sample sample, boolean same, double threshold) {
        int accepted = 0;
        int all = 0;
        for (int i = 0; i < sample.distances.length; i++) {
            if (sample.pairs.get(i).same() == same) {
                all++;
                accepted += sample.distances[i] <= threshold ? 1 : 0;
            }
        }
        return (double) accepted / all;
    }

    /** The probability that a random pair of one person is closer than one of two; equal counts half. */
    private static double shareOfOrderedPairs(Sample sample) {
        double sum = 0;
        int all = 0;
        for (int i = 0; i < sample.distances.length; i++) {
            for (int j = 0; j < sample.distances.length; j++) {
                if (sample.pairs.get(i).same() && !sample.pairs.get(j).same()) {
                    all++;
                    sum += Math.signum(sample.distances[j] - sample.distances[i]) / 2 + 0.5;
                }
            }
        }
        return sum / all;
    }

    /** Where the curve meets the line from (0, 1) to (1, 0), by bisection along the curve's length. */
    private static double crossing(List<RocPoint> roc) {
        double low = 0;
        double high = roc.size() - 1;
        for (int i = 0; i < 60; i++) {
            double middle = (low + high) / 2;
            RocPoint a = roc.get((int) middle);
            RocPoint b = roc.get((int) middle + 1);
            double share = middle - (int) middle;
            double far = a.falseAcceptRate() + share * (b.falseAcceptRate() - a.falseAcceptRate());
            double tar = a.trueAcceptRate() + share * (b.trueAcceptRate() - a.trueAcceptRate());
            if (far < 1 - tar) {
                low = middle;
            } else {
                high = middle;
            }
            if (i == 59) {
                return far;
            }
        }
        throw new AssertionError();
    }

    /**
     * The case in which OpenFace's search, which stops at the first drop of accuracy, ends at threshold 0: a few pairs of
     * two people are nearly at distance 0.
     */
    @Test
    void aFewNearDuplicatesDoNotStopTheSearch() {
        Random random = new Random(5);
        Sample sample = new Sample();
        for (int i = 0; i < 5400; i++) {
            boolean same = i % 2 == 0;
            double distance = same ? 0.6 + 0.25 * random.nextGaussian() : 1.4 + 0.35 * random.nextGaussian();
            sample.add(i < 6 && !same ? 0.005 : Math.max(0.02, Math.min(4, distance)), same, i / 2 % 10);
        }
        assertThat(thresholdOfFirstDrop(sample)).isZero();
        assertThat(sample.accuracy(0, -1, -1)).isEqualTo(0.5);
        assertThat(sample.scores().meanAccuracy()).isBetween(0.90, 0.92);
        assertThat(sample.scores().threshold()).isBetween(0.9, 1.1);
    }

    private static double thresholdOfFirstDrop(Sample sample) {
        double best = 0;
        double bestAccuracy = 0;
        for (double threshold = 0; threshold < 4; threshold += 0.01) {
            double accuracy = sample.accuracy(threshold, -1, -1);
            if (accuracy < bestAccuracy) {
                return best;
            }
            best = threshold;
            bestAccuracy = accuracy;
        }
        return best;
    }

    @Test
    void aPerfectEmbedderHasNoErrors() {
        Scores scores = new Sample()
                .add(0.1, true, 0)
                .add(1.1, false, 0)
                .add(0.2, true, 1)
                .add(1.4, false, 1)
                .scores();
        assertThat(scores.meanAccuracy()).isEqualTo(1);
        assertThat(scores.standardError()).isZero();
        assertThat(scores.accuracyHalfWidth()).isZero();
        assertThat(scores.threshold()).isEqualTo(0.65, within(1e-12));
        assertThat(scores.auc()).isEqualTo(1);
        assertThat(scores.eer()).isZero();
    }

    @Test
    void equalDistancesSayNothing() {
        Scores scores = new Sample()
                .add(1, true, 0)
                .add(1, false, 0)
                .add(1, true, 1)
                .add(1, false, 1)
                .scores();
        assertThat(scores.auc()).isEqualTo(0.5);
        assertThat(scores.eer()).isEqualTo(0.5);
        assertThat(scores.meanAccuracy()).isEqualTo(0.5);
        assertThat(scores.roc()).hasSize(2);
    }

    @Test
    void theConfidenceIntervalIsStudents() {
        // Accuracies 1 and 0.5: mean 0.75, deviation sqrt(0.125), t(1) = 12.706.
        Scores scores = new Sample()
                .add(0.1, true, 0)
                .add(1.1, false, 0)
                .add(0.7, true, 1)
                .add(1.3, false, 1)
                .scores();
        assertThat(scores.meanAccuracy()).isEqualTo(0.75);
        assertThat(scores.standardDeviation()).isEqualTo(Math.sqrt(0.125), within(1e-12));
        // LFW's S_E, of two folds here: the deviation over the square root of 2.
        assertThat(scores.standardError()).isEqualTo(0.25, within(1e-12));
        assertThat(scores.accuracyHalfWidth()).isEqualTo(12.706 * 0.25, within(1e-12));
        // Without fold 0 the threshold is 1, without fold 1 it is 0.6: mean 0.8, deviation of the jackknife 0.2.
        assertThat(scores.thresholdHalfWidth()).isEqualTo(12.706 * 0.2, within(1e-12));
    }

    @Test
    void neighbouringDoublesAreStillTold() {
        double tiny = Math.nextUp(1.0);
        Scores scores = new Sample()
                .add(1, true, 0)
                .add(tiny, false, 0)
                .add(1, true, 1)
                .add(tiny, false, 1)
                .scores();
        assertThat(scores.meanAccuracy()).isEqualTo(1);
    }

    @Test
    void oneKindOrOneFoldCannotBeScored() {
        assertThatIllegalArgumentException()
                .isThrownBy(new Sample().add(1, true, 0).add(2, true, 1)::scores)
                .withMessageContaining("2 pairs of one person and 0 of two in 2 folds");
        assertThatIllegalArgumentException()
                .isThrownBy(new Sample().add(1, true, 0).add(2, false, 0)::scores)
                .withMessageContaining("in 1 folds");
        assertThatIllegalArgumentException().isThrownBy(new Sample()::scores);
    }
}
