package org.openface.triplet.loss;

import java.util.Arrays;

/** Logarithm of a sum of exponentials, which none of them overflows, and each one's share of the sum: its derivative. */
final class LogSum {
    private double[] exponents = new double[16];
    private int size;
    private double most = Double.NEGATIVE_INFINITY;
    private double sum;

    void clear() {
        size = 0;
        most = Double.NEGATIVE_INFINITY;
    }

    void add(double exponent) {
        if (size == exponents.length) {
            exponents = Arrays.copyOf(exponents, 2 * size);
        }
        exponents[size++] = exponent;
        most = Math.max(most, exponent);
    }

    /** The logarithm; minus infinity of nothing. To be asked for before the shares. */
    double value() {
        sum = 0;
        for (int i = 0; i < size; i++) {
            sum += Math.exp(exponents[i] - most);
        }
        return size == 0 ? Double.NEGATIVE_INFINITY : most + Math.log(sum);
    }

    /** Share of the i-th that was added. */
    double share(int i) {
        return Math.exp(exponents[i] - most) / sum;
    }
}
