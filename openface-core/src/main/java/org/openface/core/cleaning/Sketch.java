package org.openface.core.cleaning;

import org.openface.core.image.RgbImage;

/**
 * A photograph in 576 bytes, 24×24 pixels of grey, and what is computed from it: for windows of 18×18 pixels, the lowest 48
 * frequencies of their cosine transform. Those hardly change when the photograph is compressed, scaled or brightened; where
 * it is shifted, another window has them.
 */
final class Sketch {
    static final int SIDE = 24;
    static final int BYTES = SIDE * SIDE;
    static final int WINDOW = 18;
    /** How far a window lies from the middle at most. */
    static final int REACH = (SIDE - WINDOW) / 2;

    static final int COEFFICIENTS = 48;

    private static final int FREQUENCIES = 8;
    /** {@code [frequency][place]} */
    private static final float[][] COSINES = new float[FREQUENCIES][WINDOW];
    /** Horizontal and vertical frequency of each coefficient, the lowest first. */
    private static final int[][] ORDER = new int[COEFFICIENTS][];

    static {
        for (int f = 0; f < FREQUENCIES; f++) {
            for (int x = 0; x < WINDOW; x++) {
                COSINES[f][x] = (float) Math.cos(Math.PI * f * (x + 0.5) / WINDOW);
            }
        }
        int at = 0;
        for (int sum = 1; at < COEFFICIENTS; sum++) {
            for (int u = 0; u <= sum && at < COEFFICIENTS; u++) {
                if (u < FREQUENCIES && sum - u < FREQUENCIES) {
                    ORDER[at++] = new int[] {u, sum - u};
                }
            }
        }
    }

    private Sketch() {}

    /** Writes the sketch of an image into {@code target}. */
    static void write(RgbImage image, byte[] target, int offset) {
        Grey grey = Grey.of(image, SIDE);
        for (int i = 0; i < BYTES; i++) {
            target[offset + i] = (byte) Math.round(grey.values[i]);
        }
    }

    /**
     * The coefficients of a window, which does not depend on brightness and contrast.
     *
     * @param dx how far right of the middle the window lies, at most {@link #REACH}
     * @param mirrored whether the picture is mirrored first
     */
    static void coefficients(byte[] sketch, int offset, int dx, int dy, boolean mirrored, float[] target) {
        float[] window = window(sketch, offset, dx, dy, mirrored);
        float[] rows = new float[FREQUENCIES * WINDOW]; // [horizontal frequency][y]
        for (int u = 0; u < FREQUENCIES; u++) {
            for (int y = 0; y < WINDOW; y++) {
                float sum = 0;
                for (int x = 0; x < WINDOW; x++) {
                    sum += COSINES[u][x] * window[y * WINDOW + x];
                }
                rows[u * WINDOW + y] = sum;
            }
        }
        for (int i = 0; i < COEFFICIENTS; i++) {
            int u = ORDER[i][0];
            float[] cosines = COSINES[ORDER[i][1]];
            float sum = 0;
            for (int y = 0; y < WINDOW; y++) {
                sum += cosines[y] * rows[u * WINDOW + y];
            }
            target[i] = sum;
        }
    }

    /** A window's pixels with mean 0 and length 1; all 0 if it is of one grey. */
    static float[] window(byte[] sketch, int offset, int dx, int dy, boolean mirrored) {
        float[] window = new float[WINDOW * WINDOW];
        double sum = 0;
        double squares = 0;
        for (int y = 0; y < WINDOW; y++) {
            for (int x = 0; x < WINDOW; x++) {
                int column = x + dx + REACH;
                int pixel = sketch[offset + (y + dy + REACH) * SIDE + (mirrored ? SIDE - 1 - column : column)] & 0xff;
                window[y * WINDOW + x] = pixel;
                sum += pixel;
                squares += (double) pixel * pixel;
            }
        }
        double mean = sum / window.length;
        double length = Math.sqrt(Math.max(0, squares - sum * mean));
        for (int i = 0; i < window.length; i++) {
            window[i] = length < 1e-6 ? 0 : (float) ((window[i] - mean) / length);
        }
        return window;
    }
}
