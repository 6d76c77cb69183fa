package org.openface.core.image;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Arrays;

/**
 * A picture in memory: 8 bits each of red, green and blue per pixel, rows from top to bottom. Immutable.
 *
 * <p>Pixels lie interleaved, {@code rgb[3 * (y * width + x) + channel]} with channel 0 = red, 1 = green, 2 = blue.
 */
public final class RgbImage {
    private final int width;
    private final int height;
    private final byte[] rgb;

    private RgbImage(int width, int height, byte[] rgb) {
        this.width = width;
        this.height = height;
        this.rgb = rgb;
    }

    /**
     * A picture from its interleaved bytes, which are copied.
     *
     * @param rgb {@code 3 * width * height} bytes, unsigned
     * @throws IllegalArgumentException if a side is not positive or the length does not fit
     */
    public static RgbImage of(int width, int height, byte[] rgb) {
        checkArgument(width > 0 && height > 0, "an image needs positive sides, got %s x %s", width, height);
        checkArgument(
                rgb.length == 3L * width * height,
                "%s x %s pixels need %s bytes, got %s",
                width,
                height,
                3L * width * height,
                rgb.length);
        return new RgbImage(width, height, rgb.clone());
    }

    /** Width in pixels. */
    public int width() {
        return width;
    }

    /** Height in pixels. */
    public int height() {
        return height;
    }

    /** Red at column x, row y, 0 to 255. */
    public int red(int x, int y) {
        return sample(x, y, 0);
    }

    /** Green at column x, row y, 0 to 255. */
    public int green(int x, int y) {
        return sample(x, y, 1);
    }

    /** Blue at column x, row y, 0 to 255. */
    public int blue(int x, int y) {
        return sample(x, y, 2);
    }

    private int sample(int x, int y, int channel) {
        checkArgument(x >= 0 && x < width && y >= 0 && y < height, "no pixel (%s, %s) in %s", x, y, this);
        return rgb[3 * (y * width + x) + channel] & 0xff;
    }

    /** A copy of the interleaved bytes, {@code 3 * width * height} of them. */
    public byte[] toBytes() {
        return rgb.clone();
    }

    /**
     * Writes the pixels as floats in [0, 1], interleaved as described above.
     *
     * @param target receives {@code 3 * width * height} floats from {@code offset} on
     */
    public void copyTo(float[] target, int offset) {
        checkArgument(
                offset >= 0 && target.length - offset >= rgb.length,
                "%s floats from offset %s do not hold %s",
                target.length,
                offset,
                this);
        for (int i = 0; i < rgb.length; i++) {
            target[offset + i] = (rgb[i] & 0xff) / 255f;
        }
    }

    /** The mirror image, left and right exchanged. */
    public RgbImage flipped() {
        byte[] out = new byte[rgb.length];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                System.arraycopy(rgb, 3 * (y * width + x), out, 3 * (y * width + width - 1 - x), 3);
            }
        }
        return new RgbImage(width, height, out);
    }

    /**
     * The picture in another size. Enlarging interpolates between the four nearest pixels; shrinking averages over the
     * area that each new pixel covers, so that nothing aliases.
     *
     * @throws IllegalArgumentException if a side is not positive
     */
    public RgbImage resized(int newWidth, int newHeight) {
        checkArgument(newWidth > 0 && newHeight > 0, "cannot resize to %s x %s", newWidth, newHeight);
        if (newWidth == width && newHeight == height) {
            return this;
        }
        float[] columnsDone = resample(unsigned(), height, width, newWidth);
        // Transposed twice: the same one-dimensional resampling serves columns and rows.
        float[] rowsDone = resample(transpose(columnsDone, height, newWidth), newWidth, height, newHeight);
        float[] result = transpose(rowsDone, newWidth, newHeight);
        byte[] out = new byte[result.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = (byte) Math.max(0, Math.min(255, Math.round(result[i])));
        }
        return new RgbImage(newWidth, newHeight, out);
    }

    private float[] unsigned() {
        float[] out = new float[rgb.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = rgb[i] & 0xff;
        }
        return out;
    }

    /** Resamples each of {@code rows} rows from {@code from} to {@code to} RGB pixels with a triangle filter. */
    private static float[] resample(float[] in, int rows, int from, int to) {
        float[] out = new float[rows * to * 3];
        double scale = (double) from / to;
        double radius = Math.max(1, scale);
        for (int x = 0; x < to; x++) {
            double centre = (x + 0.5) * scale - 0.5;
            int first = Math.max(0, (int) Math.ceil(centre - radius));
            int last = Math.min(from - 1, (int) Math.floor(centre + radius));
            double[] weight = new double[last - first + 1];
            double sum = 0;
            for (int i = first; i <= last; i++) {
                weight[i - first] = Math.max(0, 1 - Math.abs(i - centre) / radius);
                sum += weight[i - first];
            }
            for (int row = 0; row < rows; row++) {
                for (int c = 0; c < 3; c++) {
                    double value = 0;
                    for (int i = first; i <= last; i++) {
                        value += weight[i - first] * in[3 * (row * from + i) + c];
                    }
                    out[3 * (row * to + x) + c] = (float) (value / sum);
                }
            }
        }
        return out;
    }

    private static float[] transpose(float[] in, int rows, int columns) {
        float[] out = new float[in.length];
        for (int y = 0; y < rows; y++) {
            for (int x = 0; x < columns; x++) {
                System.arraycopy(in, 3 * (y * columns + x), out, 3 * (x * rows + y), 3);
            }
        }
        return out;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof RgbImage o && width == o.width && height == o.height && Arrays.equals(rgb, o.rgb);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * width + height) + Arrays.hashCode(rgb);
    }

    /** For messages: the size, such as {@code RgbImage 96 x 96}. */
    @Override
    public String toString() {
        return "RgbImage " + width + " x " + height;
    }
}
