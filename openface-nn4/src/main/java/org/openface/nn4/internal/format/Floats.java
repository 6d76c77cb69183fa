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

/** Arrays of floats as little-endian bytes in streams, a piece at a time. */
final class Floats {
    /** Values at a time. */
    private static final int PIECE = 1 << 16;

    private Floats() {}

    private static ByteBuffer piece(float[] values) {
        return ByteBuffer.allocate(Float.BYTES * Math.min(PIECE, values.length)).order(ByteOrder.LITTLE_ENDIAN);
    }

    static void write(OutputStream out, float[] values) throws IOException {
        ByteBuffer bytes = piece(values);
        for (int from = 0; from < values.length; from += PIECE) {
            int count = Math.min(PIECE, values.length - from);
            bytes.clear().asFloatBuffer().put(values, from, count);
            out.write(bytes.array(), 0, Float.BYTES * count);
        }
    }

    static void read(InputStream in, float[] values) throws IOException {
        ByteBuffer bytes = piece(values);
        for (int from = 0; from < values.length; from += PIECE) {
            int count = Math.min(PIECE, values.length - from);
            ByteStreams.readFully(in, bytes.array(), 0, Float.BYTES * count);
            bytes.clear().asFloatBuffer().get(values, from, count);
        }
    }

    /** SHA-256 of what {@link #write} writes. */
    static HashCode sha256(float[] values) throws IOException {
        HashingOutputStream hashing = new HashingOutputStream(Hashing.sha256(), OutputStream.nullOutputStream());
        write(hashing, values);
        return hashing.hash();
    }
}
