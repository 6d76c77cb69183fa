package org.openface.align.internal.landmarks;

import com.google.common.hash.Hashing;
import com.google.common.hash.HashingInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.openface.align.internal.ModelFiles;
import org.openface.align.internal.Sha256;

/**
 * Numbers from a file in dlib's serialization format ({@code dlib/serialize.h}).
 *
 * <p>An integer is a control byte, whose low four bits are the number of bytes that follow and whose highest bit is the
 * sign, and its magnitude, lowest byte first. A floating-point number is two integers, mantissa and binary exponent. What
 * the file claims to hold is compared with its length before anything is allocated.
 */
final class DlibReader implements Closeable {
    /** Bytes of the shortest integer and of the shortest floating-point number. */
    static final int INTEGER = 2;

    static final int FLOAT = 2 * INTEGER;

    /** Bytes of the longest integer: the control byte and eight more. */
    private static final int LONGEST = 9;

    /** Exponents that stand for infinity, minus infinity and NaN, with a mantissa of 0. */
    private static final int INFINITE = 32000;

    private static final int NOT_A_NUMBER = 32002;

    private static final int SIGN = 0x80;
    private static final int LENGTH = 0x0f;

    private final Path file;
    private final HashingInputStream in;
    private final long size;
    private final byte[] buffer = new byte[1 << 16];
    private int at;
    private int end;
    /** Bytes of the file before the buffer. */
    private long before;

    DlibReader(Path file) throws IOException {
        this.file = file;
        ModelFiles.requireReadable(
                file, "a landmark model of dlib's is needed, such as shape_predictor_68_face_landmarks.dat");
        size = Files.size(file);
        in = new HashingInputStream(Hashing.sha256(), Files.newInputStream(file));
    }

    /** Bytes not read yet. */
    long remaining() {
        return size - before - at;
    }

    /** An integer within bounds. */
    long integer(long smallest, long largest, String what) throws IOException {
        long value = integer(what);
        if (value < smallest || value > largest) {
            throw damaged(what + " is " + value + ", not " + (smallest == largest ? "" : smallest + " to ") + largest);
        }
        return value;
    }

    /**
     * How many elements follow.
     *
     * @param bytesEach of the shortest element that there is
     * @throws IOException if the rest of the file is too short for them
     */
    int count(long bytesEach, String what) throws IOException {
        long count = integer(what);
        if (count < 0 || count > Math.min(remaining() / bytesEach, Integer.MAX_VALUE - 8)) {
            throw damaged(count + " " + what + " cannot be in the " + remaining() + " bytes that follow");
        }
        return (int) count;
    }

    /** A finite number. */
    float number(String what) throws IOException {
        long mantissa = integer(what);
        long exponent = integer(what);
        // Beyond this no float is left, and scalb takes an int.
        float value = (float) Math.scalb((double) mantissa, (int) Math.max(-2000, Math.min(2000, exponent)));
        if (!Float.isFinite(value) || (exponent >= INFINITE && exponent <= NOT_A_NUMBER)) {
            throw damaged(what + " is not finite");
        }
        return value;
    }

    private long integer(String what) throws IOException {
        if (end - at < LONGEST) {
            fill();
        }
        int control = at < end ? buffer[at] & 0xff : 0;
        int length = control & LENGTH;
        if (at + length >= end) {
            throw damaged("the file ends within " + what);
        }
        if (length == 0 || length > Long.BYTES || (control & ~(SIGN | LENGTH)) != 0) {
            throw damaged(String.format("0x%02x begins no number of %s", control, what));
        }
        at++;
        long magnitude = 0;
        for (int i = 0; i < length; i++) {
            magnitude |= (buffer[at++] & 0xffL) << (8 * i);
        }
        if (magnitude < 0) {
            throw damaged(what + " has more than 63 bits");
        }
        return (control & SIGN) != 0 ? -magnitude : magnitude;
    }

    private void fill() throws IOException {
        System.arraycopy(buffer, at, buffer, 0, end - at);
        before += at;
        end -= at;
        at = 0;
        end += in.readNBytes(buffer, end, buffer.length - end);
    }

    /** Whether the file starts like this. */
    boolean startsWith(byte... bytes) throws IOException {
        fill();
        return end >= bytes.length && Arrays.equals(buffer, 0, bytes.length, bytes, 0, bytes.length);
    }

    IOException damaged(String what) {
        return new IOException(
                file + " is not a shape predictor of dlib, or is damaged, at byte " + (before + at) + ": " + what);
    }

    /** Of the whole file, once everything is read. */
    String sha256() {
        return Sha256.shortHex(in.hash());
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
