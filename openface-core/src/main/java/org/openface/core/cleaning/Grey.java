package org.openface.core.cleaning;

import org.openface.core.image.RgbImage;

/** A grey picture of floats, row by row. */
final class Grey {
    final int side;
    final float[] values;

    Grey(int side, float[] values) {
        this.side = side;
        this.values = values;
    }

    /** Scaled to a square, its sides independently. */
    static Grey of(RgbImage image, int side) {
        byte[] rgb = image.resized(side, side).toBytes();
        float[] grey = new float[side * side];
        for (int i = 0, at = 0; i < grey.length; i++, at += 3) {
            grey[i] = 0.299f * (rgb[at] & 0xff) + 0.587f * (rgb[at + 1] & 0xff) + 0.114f * (rgb[at + 2] & 0xff);
        }
        return new Grey(side, grey);
    }

    /** A mean over squares of {@code 2 × radius + 1} pixels, twice; beyond the edge the edge goes on. */
    Grey blurred(int radius) {
        float[] from = values;
        for (int pass = 0; pass < 4; pass++) {
            float[] to = new float[from.length];
            for (int line = 0; line < side; line++) {
                blurLine(from, to, pass % 2 == 0 ? line * side : line, pass % 2 == 0 ? 1 : side, radius);
            }
            from = to;
        }
        return new Grey(side, from);
    }

    private void blurLine(float[] from, float[] to, int start, int step, int radius) {
        float sum = 0;
        for (int k = -radius; k <= radius; k++) {
            sum += from[start + step * Math.max(0, Math.min(side - 1, k))];
        }
        for (int i = 0; i < side; i++) {
            to[start + step * i] = sum / (2 * radius + 1);
            sum += from[start + step * Math.min(side - 1, i + radius + 1)];
            sum -= from[start + step * Math.max(0, i - radius)];
        }
    }

    Grey minus(Grey other) {
        float[] difference = new float[values.length];
        for (int i = 0; i < difference.length; i++) {
            difference[i] = values[i] - other.values[i];
        }
        return new Grey(side, difference);
    }
}
