package org.openface.core.eval;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.openface.core.eval.Verification.Pair;
import org.openface.core.eval.Verification.RocPoint;

/** What the distances of labelled pairs amount to; see {@link Verification.Result} for the meaning of the parts. */
record Scores(
        double meanAccuracy,
        double standardDeviation,
        double standardError,
        double accuracyHalfWidth,
        double threshold,
        double thresholdHalfWidth,
        double auc,
        double eer,
        List<RocPoint> roc) {
    /** Student's t at 0.975 for 1, 2, ... degrees of freedom. */
    private static final double[] STUDENT_T = {
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
        2.110, 2.101, 2.093, 2.086
    };

    Scores {
        roc = List.copyOf(roc);
    }

    /**
     * Scores pairs by their distances; only labels and folds of the pairs matter.
     *
     * @throws IllegalArgumentException if there are not pairs of both kinds, in at least two folds
     */
    static Scores of(double[] distances, List<Pair> pairs) {
        Pair[] sorted = new Pair[distances.length];
        double[] ascending = new double[distances.length];
        int[] order = IntStream.range(0, distances.length)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> distances[i]))
                .mapToInt(Integer::intValue)
                .toArray();
        for (int i = 0; i < order.length; i++) {
            sorted[i] = pairs.get(order[i]);
            ascending[i] = distances[order[i]];
        }
        int[] folds =
                Arrays.stream(sorted).mapToInt(Pair::fold).sorted().distinct().toArray();
        long same = Arrays.stream(sorted).filter(Pair::same).count();
        checkArgument(
                folds.length >= 2 && same > 0 && same < sorted.length,
                "%s pairs of one person and %s of two in %s folds cannot be scored;"
                        + " it takes both kinds and two folds",
                same,
                sorted.length - same,
                folds.length);

        double[] accuracies = new double[folds.length];
        double[] thresholds = new double[folds.length];
        for (int f = 0; f < folds.length; f++) {
            thresholds[f] = threshold(ascending, sorted, folds[f]);
            accuracies[f] = accuracy(ascending, sorted, folds[f], thresholds[f]);
        }
        double mean = Arrays.stream(accuracies).average().orElseThrow();
        double squares =
                Arrays.stream(accuracies).map(a -> (a - mean) * (a - mean)).sum();
        double deviation = Math.sqrt(squares / (folds.length - 1));
        double error = deviation / Math.sqrt(folds.length);
        double t = folds.length - 2 < STUDENT_T.length ? STUDENT_T[folds.length - 2] : 2.0;
        List<RocPoint> roc = roc(ascending, sorted, same);
        return new Scores(
                mean,
                deviation,
                error,
                t * error,
                threshold(ascending, sorted, -1),
                t * jackknife(thresholds),
                auc(roc),
                eer(roc),
                roc);
    }

    /** Standard error of a figure from its values without each fold (Quenouille and Tukey's jackknife). */
    private static double jackknife(double[] withoutOne) {
        double mean = Arrays.stream(withoutOne).average().orElseThrow();
        double squares =
                Arrays.stream(withoutOne).map(v -> (v - mean) * (v - mean)).sum();
        return Math.sqrt(squares * (withoutOne.length - 1) / withoutOne.length);
    }

    /**
     * The threshold that judges most pairs outside one fold rightly; in the middle of the widest gap where several are
     * equally good.
     */
    private static double threshold(double[] ascending, Pair[] pairs, int withoutFold) {
        int[] used = IntStream.range(0, pairs.length)
                .filter(i -> pairs[i].fold() != withoutFold)
                .toArray();
        int right = (int) Arrays.stream(used).filter(i -> !pairs[i].same()).count();
        // Nothing lies below the smallest distance.
        double best = ascending[used[0]];
        int mostRight = right;
        double widestGap = 0;
        for (int k = 0; k < used.length; k++) {
            right += pairs[used[k]].same() ? 1 : -1;
            double below = ascending[used[k]];
            boolean last = k == used.length - 1;
            double above = last ? Math.nextUp(below) : ascending[used[k + 1]];
            double gap = last ? 0 : above - below;
            if (above > below && (right > mostRight || (right == mostRight && gap > widestGap))) {
                mostRight = right;
                widestGap = gap;
                double middle = below + (above - below) / 2;
                best = middle > below ? middle : above;
            }
        }
        return best;
    }

    private static double accuracy(double[] ascending, Pair[] pairs, int fold, double threshold) {
        int right = 0;
        int all = 0;
        for (int i = 0; i < pairs.length; i++) {
            if (pairs[i].fold() == fold) {
                all++;
                if (pairs[i].same() == ascending[i] < threshold) {
                    right++;
                }
            }
        }
        return (double) right / all;
    }

    private static List<RocPoint> roc(double[] ascending, Pair[] pairs, long same) {
        List<RocPoint> roc = new ArrayList<>();
        roc.add(new RocPoint(Math.nextDown(ascending[0]), 0, 0));
        int accepted = 0;
        for (int i = 0; i < pairs.length; i++) {
            accepted += pairs[i].same() ? 1 : 0;
            if (i == pairs.length - 1 || ascending[i + 1] > ascending[i]) {
                roc.add(new RocPoint(
                        ascending[i], (double) (i + 1 - accepted) / (pairs.length - same), (double) accepted / same));
            }
        }
        return roc;
    }

    /** By trapezoids, so that pairs at the same distance count half. */
    private static double auc(List<RocPoint> roc) {
        double area = 0;
        for (int i = 1; i < roc.size(); i++) {
            RocPoint a = roc.get(i - 1);
            RocPoint b = roc.get(i);
            area += (b.falseAcceptRate() - a.falseAcceptRate()) * (a.trueAcceptRate() + b.trueAcceptRate()) / 2;
        }
        return area;
    }

    /** Where the curve, drawn with straight lines, crosses the diagonal of equal errors. */
    private static double eer(List<RocPoint> roc) {
        int i = 1;
        while (roc.get(i).falseAcceptRate() < 1 - roc.get(i).trueAcceptRate()) {
            i++;
        }
        RocPoint a = roc.get(i - 1);
        RocPoint b = roc.get(i);
        double before = 1 - a.trueAcceptRate() - a.falseAcceptRate();
        double after = b.falseAcceptRate() - (1 - b.trueAcceptRate());
        double share = before / (before + after);
        return a.falseAcceptRate() + share * (b.falseAcceptRate() - a.falseAcceptRate());
    }
}
