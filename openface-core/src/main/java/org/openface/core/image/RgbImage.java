package org.openface.core.image;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Arrays;

/**
 * A picture in memory: 8 bits each of red, green and blue per pixel, rows from top to bottom. Immutable.
 *
 * <p>Pixels lie interleaved, {@code rgb[3 * (y * width + x) + channel]} with channel 0 = red, 1 = green, 2 = blue.
 */
public final class RgbImage {
    /** How many an array of bytes can hold. */
    static final int MAX_PIXELS = (Integer.MAX_VALUE - 8) / 3;

    /** byte as unsigned ↦ its value / 255 */
    private static final float[] UNIT = new float[256];

    static {
        for (int i = 0; i < UNIT.length; i++) {
            UNIT[i] = i / 255f;
        }
    }

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

    /** A picture over bytes that the caller hands over and changes no more. */
    static RgbImage owning(int width, int height, byte[] rgb) {
        return new RgbImage(width, height, rgb);
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
            target[offset + i] = UNIT[rgb[i] & 0xff];
        }
    }

    /** The mirror image, left and right exchanged. */
    public RgbImage flipped() {
        byte[] out = new byte[rgb.length];
        for (int y = 0; y < height; y++) {
            int from = 3 * y * width;
            int to = from + 3 * (width - 1);
            for (int x = 0; x < width; x++, from += 3, to -= 3) {
                out[to] = rgb[from];
                out[to + 1] = rgb[from + 1];
                out[to + 2] = rgb[from + 2];
            }
        }
        return new RgbImage(width, height, out);
    }

    /**
     * The picture in another size. Enlarging interpolates between the four nearest pixels; shrinking averages over the
     * area that each new pixel covers, weighted towards its centre, so that nothing aliases. Width and height are
     * scaled independently.
     *
     * @throws IllegalArgumentException if a side is not positive or the result exceeds what an array holds
     */
    public RgbImage resized(int newWidth, int newHeight) {
        checkArgument(
                newWidth > 0 && newHeight > 0 && (long) newWidth * newHeight <= MAX_PIXELS,
                "cannot resize to %s x %s",
                newWidth,
                newHeight);
        if (newWidth == width && newHeight == height) {
            return this;
        }
        // Each source row is resampled once in x and then added to the result rows it takes part in.
        Taps columns = Taps.of(width, newWidth);
        Taps rows = Taps.of(height, newHeight);
        float[] sums = new float[3 * newWidth * newHeight];
        float[] row = new float[3 * newWidth];
        int next = 0; // the first result row that is not complete yet
        for (int y = 0; y < height; y++) {
            while (next < newHeight && rows.end(next) <= y) {
                next++;
            }
            resampleRow(y, columns, row);
            for (int to = next; to < newHeight && rows.first[to] <= y; to++) {
                float weight = rows.weights[to][y - rows.first[to]];
                for (int i = 0, at = to * row.length; i < row.length; i++, at++) {
                    sums[at] += weight * row[i];
                }
            }
        }
        byte[] out = new byte[sums.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = (byte) Math.max(0, Math.min(255, Math.round(sums[i])));
        }
        return new RgbImage(newWidth, newHeight, out);
    }

    private void resampleRow(int y, Taps columns, float[] out) {
        for (int x = 0, at = 0; x < columns.first.length; x++) {
            float red = 0;
            float green = 0;
            float blue = 0;
            int from = 3 * (y * width + columns.first[x]);
            for (float weight : columns.weights[x]) {
                red += weight * (rgb[from] & 0xff);
                green += weight * (rgb[from + 1] & 0xff);
                blue += weight * (rgb[from + 2] & 0xff);
                from += 3;
            }
            out[at++] = red;
            out[at++] = green;
            out[at++] = blue;
        }
    }

    /**
     * A triangle filter along one axis: result i is the sum of {@code weights[i][k]} × source {@code first[i] + k}. Both
     * ends of the sources grow with i.
     */
    private static final class Taps {
        private final int[] first;
        private final float[][] weights;

        private Taps(int[] first, float[][] weights) {
            this.first = first;
            this.weights = weights;
        }

        private int end(int i) {
            return first[i] + weights[i].length;
        }

        private static Taps of(int from, int to) {
            int[] first = new int[to];
            float[][] weights = new float[to][];
            double scale = (double) from / to;
            double radius = Math.max(1, scale);
            for (int i = 0; i < to; i++) {
                double centre = (i + 0.5) * scale - 0.5;
                first[i] = Math.max(0, (int) Math.ceil(centre - radius));
                int last = Math.min(from - 1, (int) Math.floor(centre + radius));
                double[] weight = new double[last - first[i] + 1];
                double sum = 0;
                for (int k = 0; k < weight.length; k++) {
                    weight[k] = Math.max(0, 1 - Math.abs(first[i] + k - centre) / radius);
                    sum += weight[k];
                }
                weights[i] = new float[weight.length];
                for (int k = 0; k < weight.length; k++) {
                    weights[i][k] = (float) (weight[k] / sum);
                }
            }
            return new Taps(first, weights);
        }
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
