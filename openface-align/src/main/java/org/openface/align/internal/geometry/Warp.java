package org.openface.align.internal.geometry;

import org.openface.core.image.RgbImage;

/** Reads a photograph through an affine map. */
public final class Warp {
    private static final int CHANNELS = 3;

    private Warp() {}

    /**
     * The photograph at {@code back} of each pixel of the result.
     *
     * @return {@code size x size} pixels, interpolated between the four nearest pixels of the photograph, and black
     *     where the photograph ends
     */
    public static RgbImage apply(RgbImage photograph, Affine back, int size) {
        byte[] out = new byte[CHANNELS * size * size];
        double[] sum = new double[CHANNELS];
        int at = 0;
        for (int y = 0; y < size; y++) {
            for (int x = 0; x < size; x++) {
                double fromX = back.a() * x + back.b() * y + back.c();
                double fromY = back.d() * x + back.e() * y + back.f();
                int x0 = (int) Math.floor(fromX);
                int y0 = (int) Math.floor(fromY);
                double right = fromX - x0;
                double below = fromY - y0;
                sum[0] = 0;
                sum[1] = 0;
                sum[2] = 0;
                add(sum, (1 - right) * (1 - below), photograph, x0, y0);
                add(sum, right * (1 - below), photograph, x0 + 1, y0);
                add(sum, (1 - right) * below, photograph, x0, y0 + 1);
                add(sum, right * below, photograph, x0 + 1, y0 + 1);
                for (int channel = 0; channel < CHANNELS; channel++) {
                    out[at++] = (byte) Math.round(sum[channel]);
                }
            }
        }
        return RgbImage.of(size, size, out);
    }

    private static void add(double[] sum, double weight, RgbImage image, int x, int y) {
        if (x >= 0 && y >= 0 && x < image.width() && y < image.height()) {
            sum[0] += weight * image.red(x, y);
            sum[1] += weight * image.green(x, y);
            sum[2] += weight * image.blue(x, y);
        }
    }
}
