package org.openface.core.cleaning;

import java.util.Arrays;

/**
 * What a difference of squared distances says about a label. In a {@link FaceSpace} of round clouds half the difference is
 * the logarithm of the odds; real clouds are not round, so that it is divided by a number fitted to the data: the one with
 * which the labels, most of which are right, are least surprising.
 */
final class Odds {
    private static final double LOWEST = 0.25;
    private static final double HIGHEST = 256;
    private static final double STEP = 1.1;

    private final double temperature;

    private Odds(double temperature) {
        this.temperature = temperature;
    }

    /**
     * @param excess of images: by how much the own person is farther than the nearest other; NaN where there are not both
     */
    static Odds fitted(double[] excess) {
        double[] known = Arrays.stream(excess)
                .filter(difference -> !Double.isNaN(difference))
                .toArray();
        double best = LOWEST;
        double least = Double.POSITIVE_INFINITY;
        for (double temperature = LOWEST; temperature <= HIGHEST; temperature *= STEP) {
            double surprise = 0;
            for (double difference : known) {
                surprise += softplus(difference / (2 * temperature));
            }
            if (surprise < least) {
                least = surprise;
                best = temperature;
            }
        }
        return new Odds(best);
    }

    private static double softplus(double x) {
        return Math.max(0, x) + Math.log1p(Math.exp(-Math.abs(x)));
    }

    /** The probability of the other of two, to which the squared distance is less by {@code excess}. */
    double ofOther(double excess) {
        return 1 / (1 + Math.exp(-excess / (2 * temperature)));
    }
}
