package org.openface.core.cleaning;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.IntFunction;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;

/** Images that look like another person, or like nobody. */
final class LabelReview {
    /** Robust standard deviations from which an image is an outlier. */
    private static final double FAR = 5;
    /** A person's own median counts as much as that of all with this number of images. */
    private static final int FEW = 8;

    private static final double SIGMA_PER_MEDIAN_DEVIATION = 1.4826;

    private final FaceDataset dataset;
    private final FaceSpace space;
    private final int[] nearest;
    private final double[] own;
    private final double[] excess;
    private final Odds odds;

    LabelReview(FaceDataset dataset, FaceSpace space, Parallel.Watch watch) throws IOException {
        this.dataset = dataset;
        this.space = space;
        nearest = space.nearestOthers(watch);
        own = new double[space.size()];
        excess = new double[space.size()];
        Arrays.fill(own, Double.NaN);
        Arrays.fill(excess, Double.NaN);
        for (int i = 0; i < own.length; i++) {
            // Of an only image there is nothing to say.
            if (space.group(i) != FaceSpace.NONE && space.count(space.group(i)) > 1) {
                own[i] = space.own(i);
                if (nearest[i] != FaceSpace.NONE) {
                    excess[i] = own[i] - space.other(i, nearest[i]);
                }
            }
        }
        odds = Odds.fitted(excess);
    }

    Odds odds() {
        return odds;
    }

    /** The probability that an image belongs to the nearest other person rather than to its own; NaN if unknown. */
    double wrong(int image) {
        return Double.isNaN(excess[image]) ? Double.NaN : odds.ofOther(excess[image]);
    }

    /** Lists images of which {@link #wrong} is at least as given. */
    List<Finding> wrongLabels(double atLeast, double removeFrom, IntFunction<String> groupName) {
        List<Finding> findings = new ArrayList<>();
        for (int i = 0; i < own.length; i++) {
            double wrong = wrong(i);
            if (wrong >= atLeast) {
                Face face = dataset.faces().get(i);
                findings.add(new Finding(
                        ReviewList.WRONG_LABELS,
                        wrong >= removeFrom ? Decision.REMOVE : Decision.KEEP,
                        wrong,
                        face.identity(),
                        face.fileName(),
                        groupName.apply(nearest[i]),
                        String.format(
                                Locale.ROOT,
                                "distance %.2f to its person, %.2f to the other",
                                root(own[i]),
                                root(own[i] - excess[i]))));
            }
        }
        return findings;
    }

    /** Lists images that are far from their person and not wrong labels of the given probability. */
    List<Finding> outliers(double wrongFrom) {
        double[] known =
                Arrays.stream(own).filter(distance -> !Double.isNaN(distance)).toArray();
        double median = median(known);
        double[] medians = medians(median);
        double[] deviations = new double[own.length];
        Arrays.fill(deviations, Double.NaN);
        for (int i = 0; i < own.length; i++) {
            if (!Double.isNaN(own[i])) {
                deviations[i] = Math.abs(root(own[i]) - medians[space.group(i)]);
            }
        }
        double sigma = SIGMA_PER_MEDIAN_DEVIATION
                * median(Arrays.stream(deviations).filter(d -> !Double.isNaN(d)).toArray());
        List<Finding> findings = new ArrayList<>();
        for (int i = 0; i < own.length && sigma > 0; i++) {
            double far = (root(own[i]) - (Double.isNaN(own[i]) ? 0 : medians[space.group(i)])) / sigma;
            if (far >= FAR && !(wrong(i) >= wrongFrom)) {
                Face face = dataset.faces().get(i);
                findings.add(new Finding(
                        ReviewList.OUTLIERS,
                        Decision.KEEP,
                        1 - FAR / (2 * far),
                        face.identity(),
                        face.fileName(),
                        "",
                        String.format(
                                Locale.ROOT,
                                "distance %.2f to its person, where %.2f is usual: %.1f deviations more",
                                root(own[i]),
                                medians[space.group(i)],
                                far)));
            }
        }
        return findings;
    }

    /** Of each group, pulled to that of all where there are few images. */
    private double[] medians(double squaredOfAll) {
        double ofAll = root(squaredOfAll);
        double[] medians = new double[space.groupCount()];
        int[] start = new int[medians.length + 1];
        for (int i = 0; i < own.length; i++) {
            if (!Double.isNaN(own[i])) {
                start[space.group(i) + 1]++;
            }
        }
        for (int g = 0; g < medians.length; g++) {
            start[g + 1] += start[g];
        }
        double[] sorted = new double[start[medians.length]];
        int[] next = start.clone();
        for (int i = 0; i < own.length; i++) {
            if (!Double.isNaN(own[i])) {
                sorted[next[space.group(i)]++] = root(own[i]);
            }
        }
        for (int g = 0; g < medians.length; g++) {
            int count = start[g + 1] - start[g];
            double median = median(Arrays.copyOfRange(sorted, start[g], start[g + 1]));
            medians[g] = count == 0 ? ofAll : (count * median + FEW * ofAll) / (count + FEW);
        }
        return medians;
    }

    private static double root(double squared) {
        return Math.sqrt(Math.max(0, squared));
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted.length == 0 ? 0 : sorted[sorted.length / 2];
    }
}
