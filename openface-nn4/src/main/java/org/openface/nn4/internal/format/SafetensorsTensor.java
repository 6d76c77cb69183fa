package org.openface.nn4.internal.format;

import com.google.common.base.Joiner;
import com.google.common.hash.HashCode;
import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import com.google.common.io.ByteStreams;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Type, shape and place of a tensor in a safetensors file.
 *
 * @param from where it begins, in bytes after the header
 * @param to where the next begins
 */
record SafetensorsTensor(String name, TensorType type, List<Long> shape, long from, long to) {
    /** Bytes at a time; a multiple of each type's size. */
    private static final int PIECE = 1 << 18;

    /** As in the file's header. */
    String shapeText() {
        return "[" + Joiner.on(',').join(shape) + "]";
    }

    /**
     * Reads it from a stream that has come to its place.
     *
     * @param target its values; null to read it over
     * @return SHA-256 of its bytes
     */
    HashCode readHashed(InputStream in, float @Nullable [] target) throws IOException {
        Hasher hasher = Hashing.sha256().newHasher();
        read(in, target, hasher);
        return hasher.hash();
    }

    /** As {@link #readHashed}, without a look at what is read over. */
    void read(InputStream in, float @Nullable [] target) throws IOException {
        if (target == null) {
            in.skipNBytes(to - from);
        } else {
            read(in, target, null);
        }
    }

    private void read(InputStream in, float @Nullable [] target, @Nullable Hasher hasher) throws IOException {
        long left = to - from;
        ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(PIECE, left)).order(ByteOrder.LITTLE_ENDIAN);
        int at = 0;
        while (left > 0) {
            int count = (int) Math.min(PIECE, left);
            ByteStreams.readFully(in, bytes.array(), 0, count);
            if (hasher != null) {
                hasher.putBytes(bytes.array(), 0, count);
            }
            if (target != null) {
                type.read(bytes.clear(), target, at, count / type.bytes());
                at += count / type.bytes();
            }
            left -= count;
        }
    }
}
