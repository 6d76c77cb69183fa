package org.openface.align.internal.landmarks;

import java.io.ByteArrayOutputStream;
import java.util.List;

/** Writes shape predictors in dlib's format, sound ones and others. */
public final class DlibFile {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    public DlibFile integers(long... values) {
        for (long value : values) {
            long magnitude = Math.abs(value);
            int length = 1;
            while (length < 8 && magnitude >>> (8 * length) != 0) {
                length++;
            }
            out.write((value < 0 ? 0x80 : 0) | length);
            for (int i = 0; i < length; i++) {
                out.write((int) (magnitude >>> (8 * i)));
            }
        }
        return this;
    }

    DlibFile floats(float... values) {
        for (float value : values) {
            int exponent = value == 0 ? 0 : Math.getExponent(value) - 23;
            integers((long) Math.scalb((double) value, -exponent), exponent);
        }
        return this;
    }

    /** A column. */
    public DlibFile shape(float... values) {
        return integers(-values.length, -1).floats(values);
    }

    DlibFile bytes(int... values) {
        for (int value : values) {
            out.write(value);
        }
        return this;
    }

    public byte[] toBytes() {
        return out.toByteArray();
    }

    /** A split that compares two pixels. */
    record Split(int first, int second, float threshold) {}

    /** One level with one tree; one landmark index and one offset per pixel. */
    static byte[] oneTree(float[] mean, List<Split> splits, List<float[]> leaves, int[] landmarks, float[] offsets) {
        DlibFile file = new DlibFile().integers(1).shape(mean).integers(1, 1, splits.size());
        splits.forEach(s -> file.integers(s.first, s.second).floats(s.threshold));
        file.integers(leaves.size());
        leaves.forEach(file::shape);
        file.integers(1, landmarks.length);
        for (int landmark : landmarks) {
            file.integers(landmark);
        }
        return file.integers(1, offsets.length / 2).floats(offsets).toBytes();
    }
}
