package org.openface.nn4.internal.format;

import com.google.common.hash.HashCode;
import com.google.common.hash.Hashing;
import com.google.common.hash.HashingOutputStream;
import com.google.common.io.ByteStreams;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/** Arrays of floats as little-endian bytes in streams, a piece at a time. */
final class Floats {
    /** Values at a time. */
    private static final int PIECE = 1 << 16;

    private Floats() {}

    static void write(OutputStream out, float[] values) throws IOException {
        byte[] bytes = piece(values);
        FloatBuffer floats = floats(bytes);
        for (int from = 0; from < values.length; from += PIECE) {
            int count = Math.min(PIECE, values.length - from);
            floats.put(0, values, from, count);
            out.write(bytes, 0, Float.BYTES * count);
        }
    }

    static void read(InputStream in, float[] values) throws IOException {
        byte[] bytes = piece(values);
        FloatBuffer floats = floats(bytes);
        for (int from = 0; from < values.length; from += PIECE) {
            int count = Math.min(PIECE, values.length - from);
            ByteStreams.readFully(in, bytes, 0, Float.BYTES * count);
            floats.get(0, values, from, count);
        }
    }

    private static byte[] piece(float[] values) {
        return new byte[Float.BYTES * Math.min(PIECE, values.length)];
    }

    private static FloatBuffer floats(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    }

    /** SHA-256 of what {@link #write} writes. */
    static HashCode sha256(float[] values) throws IOException {
        HashingOutputStream hashing = new HashingOutputStream(Hashing.sha256(), OutputStream.nullOutputStream());
        write(hashing, values);
        return hashing.hash();
    }
}
