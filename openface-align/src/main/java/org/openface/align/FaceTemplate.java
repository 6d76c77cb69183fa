package org.openface.align;

import org.openface.core.image.RgbImage;

/**
 * OpenFace's template: where the eyes of an aligned face lie.
 *
 * <p>OpenFace averages the 68 landmarks of many faces and stretches the average so that it spans the unit square
 * ({@code MINMAX_TEMPLATE} in {@code openface/align_dlib.py}); a face of {@code size} pixels is {@code size} times that.
 * The eye centres here are the means of its points 36 to 41 and 42 to 47. Two points determine a turn, a scale and a
 * shift, so that the proportions of a face stay as they are; OpenFace's three landmarks determine an affine map.
 */
final class FaceTemplate {
    /** Eye on the picture's left, in units of the side of the aligned face. */
    static final Point LEFT_EYE = new Point(0.277370786, 0.167284127);
    /** Eye on the picture's right. */
    static final Point RIGHT_EYE = new Point(0.706148475, 0.159000138);

    private FaceTemplate() {}

    /**
     * Warps a photograph so that the eyes lie where the template has them.
     *
     * @return {@code size x size} pixels, interpolated between the four nearest pixels of the photograph, and black
     *     where the photograph ends
     */
    static RgbImage warp(RgbImage photograph, Point leftEye, Point rightEye, int size) {
        // From the pixels of the result back into the photograph.
        Similarity back = Similarity.mapping(scaled(LEFT_EYE, size), scaled(RIGHT_EYE, size), leftEye, rightEye);
        byte[] out = new byte[3 * size * size];
        for (int y = 0; y < size; y++) {
            for (int x = 0; x < size; x++) {
                Point from = back.apply(new Point(x, y));
                int x0 = (int) Math.floor(from.x());
                int y0 = (int) Math.floor(from.y());
                double fx = from.x() - x0;
                double fy = from.y() - y0;
                double[] sum = new double[3];
                add(sum, (1 - fx) * (1 - fy), photograph, x0, y0);
                add(sum, fx * (1 - fy), photograph, x0 + 1, y0);
                add(sum, (1 - fx) * fy, photograph, x0, y0 + 1);
                add(sum, fx * fy, photograph, x0 + 1, y0 + 1);
                for (int channel = 0; channel < 3; channel++) {
                    out[3 * (y * size + x) + channel] = (byte) Math.round(sum[channel]);
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

    private static Point scaled(Point p, int size) {
        return new Point(p.x() * size, p.y() * size);
    }
}
