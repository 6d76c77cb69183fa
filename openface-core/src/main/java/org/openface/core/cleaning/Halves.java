package org.openface.core.cleaning;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The images of one folder in two halves, each image in the half whose mean is nearer.
 *
 * <p>A folder of two people spreads more than those of one, also near its middle: a quarter of the images of one person lie
 * near the mean, and of two people nobody does. A few strangers do not change that; they give the halves long tails, with a
 * kurtosis above that of the normal distribution, and are no second person.
 *
 * @param score 0 for a folder that spreads as is usual, 1/2 where it is twice as much
 * @param smaller the images of the smaller half
 */
record Halves(double score, List<Integer> smaller) {
    static final double LISTED = 0.4;
    static final double TWO_PEOPLE = 0.6;
    /** Of fewer images each folder spreads as it happens. */
    static final int FEWEST = 8;

    private static final double NORMAL = 3;

    private static final int ROUNDS = 50;

    /** @param usual spread of folders */
    static Halves of(FaceSpace space, int[] images, double usual) {
        Halves none = new Halves(0, List.of());
        if (images.length < FEWEST || spread(space, images) * (1 - LISTED) <= usual || usual <= 0) {
            return none;
        }
        float[][] points = new float[images.length][space.dimension()];
        for (int i = 0; i < points.length; i++) {
            space.copy(images[i], points[i]);
        }
        double[] line = widest(points);
        double[] places = places(points, line);
        boolean[] second = new boolean[points.length];
        for (int round = 0; round < ROUNDS; round++) {
            boolean[] now = new boolean[points.length];
            double middle = middle(places, second, round == 0);
            int count = 0;
            for (int i = 0; i < now.length; i++) {
                now[i] = places[i] > middle;
                count += now[i] ? 1 : 0;
            }
            if (count == 0 || count == now.length) {
                return none;
            }
            boolean same = round > 0 && Arrays.equals(now, second);
            second = now;
            if (same) {
                break;
            }
            line = between(points, second);
            places = places(points, line);
        }
        List<Integer> yes = new ArrayList<>();
        List<Integer> no = new ArrayList<>();
        for (int i = 0; i < second.length; i++) {
            (second[i] ? yes : no).add(images[i]);
        }
        double score = kurtosis(places) < NORMAL ? 1 - usual / spread(space, images) : 0;
        return new Halves(score, yes.size() <= no.size() ? yes : no);
    }

    /** A quarter of the images have a smaller squared distance to the folder's mean. */
    static double spread(FaceSpace space, int[] images) {
        double[] own = new double[images.length];
        for (int i = 0; i < own.length; i++) {
            own[i] = space.own(images[i]);
        }
        Arrays.sort(own);
        return own[own.length / 4];
    }

    /** Half way between the means of the two halves; at first the mean of all. */
    private static double middle(double[] places, boolean[] second, boolean first) {
        double[] sums = new double[2];
        int[] counts = new int[2];
        for (int i = 0; i < places.length; i++) {
            int half = second[i] ? 1 : 0;
            sums[half] += places[i];
            counts[half]++;
        }
        return first ? sums[0] / counts[0] : (sums[0] / counts[0] + sums[1] / counts[1]) / 2;
    }

    private static double[] places(float[][] points, double[] line) {
        double[] places = new double[points.length];
        for (int i = 0; i < places.length; i++) {
            for (int d = 0; d < line.length; d++) {
                places[i] += line[d] * points[i][d];
            }
        }
        return places;
    }

    private static double[] between(float[][] points, boolean[] second) {
        double[][] means = new double[2][points[0].length];
        int[] counts = new int[2];
        for (int i = 0; i < points.length; i++) {
            counts[second[i] ? 1 : 0]++;
        }
        for (int i = 0; i < points.length; i++) {
            int half = second[i] ? 1 : 0;
            for (int d = 0; d < means[half].length; d++) {
                means[half][d] += points[i][d] / counts[half];
            }
        }
        double[] line = new double[means[0].length];
        for (int d = 0; d < line.length; d++) {
            line[d] = means[1][d] - means[0][d];
        }
        return line;
    }

    /** The direction of greatest variance, by power iteration from the image that is farthest from the mean. */
    private static double[] widest(float[][] points) {
        int dimension = points[0].length;
        double[] mean = new double[dimension];
        for (float[] point : points) {
            for (int d = 0; d < dimension; d++) {
                mean[d] += point[d] / points.length;
            }
        }
        double[] line = new double[dimension];
        double farthest = -1;
        for (float[] point : points) {
            double distance = 0;
            for (int d = 0; d < dimension; d++) {
                distance += (point[d] - mean[d]) * (point[d] - mean[d]);
            }
            if (distance > farthest) {
                farthest = distance;
                for (int d = 0; d < dimension; d++) {
                    line[d] = point[d] - mean[d];
                }
            }
        }
        for (int round = 0; round < ROUNDS; round++) {
            double[] next = new double[dimension];
            double length = 0;
            for (float[] point : points) {
                double along = 0;
                for (int d = 0; d < dimension; d++) {
                    along += line[d] * (point[d] - mean[d]);
                }
                for (int d = 0; d < dimension; d++) {
                    next[d] += along * (point[d] - mean[d]);
                }
            }
            for (double value : next) {
                length += value * value;
            }
            if (length < 1e-30) {
                return line;
            }
            for (int d = 0; d < dimension; d++) {
                line[d] = next[d] / Math.sqrt(length);
            }
        }
        return line;
    }

    private static double kurtosis(double[] values) {
        double mean = 0;
        for (double value : values) {
            mean += value / values.length;
        }
        double second = 0;
        double fourth = 0;
        for (double value : values) {
            double square = (value - mean) * (value - mean);
            second += square / values.length;
            fourth += square * square / values.length;
        }
        return second <= 0 ? NORMAL : fourth / (second * second);
    }
}
