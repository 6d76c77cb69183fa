package org.openface.core.cleaning;

import java.io.IOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/**
 * Finds images whose {@link Sketch}es are alike, without comparing each with each: the coefficients of the middle window,
 * each above or below its median, are 48 bits; those are cut into bands, and images that share a band's bits meet in that
 * band's table. An image is looked up by the bits of all its windows, and in addition with the two least certain bits of the
 * band turned. Between two that met, the pixels of the windows decide.
 */
final class CandidateSearch {
    /** How many bits two may differ in. */
    private static final int DIFFERENT_BITS = 14;
    /** Correlation of two windows from which they are worth a closer look. */
    private static final double ALIKE = 0.9;
    /** How many are looked at closely per image. */
    private static final int MOST = 8;

    private static final int LARGEST_SAMPLE = 4096;
    private static final int UNSURE_BITS = 2;

    private final ImageScan scan;
    private final int[] images;
    private final boolean mirrored;
    private final float[] medians;
    private final int bits;
    private final Band[] bands;
    private final long[] codes;

    /**
     * Two images, the lower number first, and where the second lies right of and below the first, in pixels of the sketch.
     *
     * @param mirrored whether the first is to be mirrored
     */
    record Candidate(int first, int second, int dx, int dy, boolean mirrored, double correlation) {}

    /** Numbers of images by the bits that they have in a band: those with bits b at start[b] to start[b + 1] - 1. */
    private static final class Band {
        final int shift;
        final int[] start;
        final int[] members;

        Band(int shift, int[] start, int[] members) {
            this.shift = shift;
            this.start = start;
            this.members = members;
        }
    }

    /** @param images which to compare, ascending */
    CandidateSearch(ImageScan scan, int[] images, boolean mirrored) throws IOException {
        this.scan = scan;
        this.images = images;
        this.mirrored = mirrored;
        medians = medians();
        bits = Math.max(6, Math.min(16, 31 - Integer.numberOfLeadingZeros(images.length + 1)));
        codes = new long[images.length];
        boolean[] flat = new boolean[images.length];
        Parallel.forEach(
                images.length,
                i -> {
                    float[] coefficients = new float[Sketch.COEFFICIENTS];
                    coefficients(i, 0, 0, false, coefficients);
                    codes[i] = code(coefficients);
                    flat[i] = isFlat(coefficients);
                },
                done -> {});
        bands = new Band[Sketch.COEFFICIENTS / bits];
        for (int b = 0; b < bands.length; b++) {
            bands[b] = band(b * bits, flat);
        }
    }

    private float[] medians() {
        int sample = Math.min(images.length, LARGEST_SAMPLE);
        float[][] values = new float[Sketch.COEFFICIENTS][sample];
        float[] one = new float[Sketch.COEFFICIENTS];
        for (int k = 0; k < sample; k++) {
            coefficients((int) ((long) k * images.length / sample), 0, 0, false, one);
            for (int c = 0; c < one.length; c++) {
                values[c][k] = one[c];
            }
        }
        float[] middle = new float[values.length];
        for (int c = 0; c < middle.length; c++) {
            Arrays.sort(values[c]);
            middle[c] = sample == 0 ? 0 : values[c][sample / 2];
        }
        return middle;
    }

    private void coefficients(int i, int dx, int dy, boolean flipped, float[] target) {
        Sketch.coefficients(scan.sketch(images[i]), scan.sketchAt(images[i]), dx, dy, flipped, target);
    }

    private float[] window(int i, int dx, int dy, boolean flipped) {
        return Sketch.window(scan.sketch(images[i]), scan.sketchAt(images[i]), dx, dy, flipped);
    }

    /** Neighbouring frequencies in different bands: 17 has no common divisor with 48. */
    private static int coefficient(int bit) {
        return bit * 17 % Sketch.COEFFICIENTS;
    }

    private long code(float[] coefficients) {
        long code = 0;
        for (int bit = 0; bit < coefficients.length; bit++) {
            int c = coefficient(bit);
            code |= coefficients[c] > medians[c] ? 1L << bit : 0;
        }
        return code;
    }

    /** Of one grey: has nothing to compare, and would meet all others like it. */
    private static boolean isFlat(float[] coefficients) {
        for (float coefficient : coefficients) {
            if (coefficient != 0) {
                return false;
            }
        }
        return true;
    }

    private int key(long code, int shift) {
        return (int) (code >>> shift) & (1 << bits) - 1;
    }

    private Band band(int shift, boolean[] flat) {
        int[] start = new int[(1 << bits) + 1];
        for (int i = 0; i < codes.length; i++) {
            start[key(codes[i], shift) + 1] += flat[i] ? 0 : 1;
        }
        for (int k = 1; k < start.length; k++) {
            start[k] += start[k - 1];
        }
        int[] next = start.clone();
        int[] members = new int[start[start.length - 1]];
        for (int i = 0; i < codes.length; i++) {
            if (!flat[i]) {
                members[next[key(codes[i], shift)]++] = i;
            }
        }
        return new Band(shift, start, members);
    }

    /** The best for each image, in the order of the images; a pair may come from both of its images. */
    Candidate[][] search(Parallel.Watch watch) throws IOException {
        Candidate[][] found = new Candidate[images.length][];
        Parallel.forEach(images.length, i -> found[i] = search(i), watch);
        return found;
    }

    private Candidate[] search(int i) {
        Nearest nearest = new Nearest();
        float[] coefficients = new float[Sketch.COEFFICIENTS];
        for (int flip = 0; flip < (mirrored ? 2 : 1); flip++) {
            for (int dy = -Sketch.REACH; dy <= Sketch.REACH; dy++) {
                for (int dx = -Sketch.REACH; dx <= Sketch.REACH; dx++) {
                    coefficients(i, dx, dy, flip == 1, coefficients);
                    lookUp(i, dx, dy, flip == 1, coefficients, nearest);
                }
            }
        }
        return nearest.sorted();
    }

    private void lookUp(int i, int dx, int dy, boolean flipped, float[] coefficients, Nearest nearest) {
        if (isFlat(coefficients)) {
            return;
        }
        long code = code(coefficients);
        float[] window = null;
        Set<Integer> met = new HashSet<>();
        for (int b = 0; b < bands.length; b++) {
            Band band = bands[b];
            int[] unsure = unsure(coefficients, band.shift);
            for (int turned = 0; turned < 1 << UNSURE_BITS; turned++) {
                int key = key(code, band.shift);
                for (int u = 0; u < UNSURE_BITS; u++) {
                    key ^= (turned >> u & 1) << unsure[u];
                }
                for (int at = band.start[key]; at < band.start[key + 1]; at++) {
                    int j = band.members[at];
                    if (j == i || Long.bitCount(code ^ codes[j]) > DIFFERENT_BITS || !met.add(j)) {
                        continue;
                    }
                    window = window == null ? window(i, dx, dy, flipped) : window;
                    double correlation = product(window, window(j, 0, 0, false));
                    if (correlation >= ALIKE) {
                        nearest.offer(candidate(i, j, dx, dy, flipped, correlation));
                    }
                }
            }
        }
    }

    /** Window (dx, dy) of i is the middle of j: what is at p in j is at p + (dx, dy) in i. */
    private Candidate candidate(int i, int j, int dx, int dy, boolean flipped, double correlation) {
        if (i < j) {
            return new Candidate(images[i], images[j], -dx, -dy, flipped, correlation);
        }
        return new Candidate(images[j], images[i], flipped ? -dx : dx, dy, flipped, correlation);
    }

    private int[] unsure(float[] coefficients, int shift) {
        int[] least = new int[UNSURE_BITS];
        double[] margins = new double[UNSURE_BITS];
        Arrays.fill(margins, Double.POSITIVE_INFINITY);
        for (int bit = 0; bit < bits; bit++) {
            int c = coefficient(shift + bit);
            double margin = Math.abs(coefficients[c] - medians[c]);
            for (int u = 0; u < UNSURE_BITS; u++) {
                if (margin < margins[u]) {
                    System.arraycopy(margins, u, margins, u + 1, UNSURE_BITS - 1 - u);
                    System.arraycopy(least, u, least, u + 1, UNSURE_BITS - 1 - u);
                    margins[u] = margin;
                    least[u] = bit;
                    break;
                }
            }
        }
        return least;
    }

    private static double product(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    /** The best positions of the best few. */
    private static final class Nearest {
        private final Candidate[] best = new Candidate[MOST];
        private int count;

        void offer(Candidate candidate) {
            for (int k = 0; k < count; k++) {
                if (best[k].first() == candidate.first() && best[k].second() == candidate.second()) {
                    if (candidate.correlation() > best[k].correlation()) {
                        best[k] = candidate;
                    }
                    return;
                }
            }
            if (count < MOST) {
                best[count++] = candidate;
                return;
            }
            int worst = 0;
            for (int k = 1; k < MOST; k++) {
                worst = best[k].correlation() < best[worst].correlation() ? k : worst;
            }
            if (candidate.correlation() > best[worst].correlation()) {
                best[worst] = candidate;
            }
        }

        Candidate[] sorted() {
            Candidate[] sorted = Arrays.copyOf(best, count);
            Arrays.sort(sorted, (a, b) -> Double.compare(b.correlation(), a.correlation()));
            return sorted;
        }
    }
}
