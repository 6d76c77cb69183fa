package org.openface.core.internal.image;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import org.jspecify.annotations.Nullable;

/**
 * PNG files of 8-bit colour, with a note in an {@code iTXt} chunk of our own. Written out here because ImageIO takes
 * several times as long for a small picture, and may write other bytes in another Java version.
 */
public final class Png {
    static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

    private static final String KEYWORD = "openface";
    private static final int HEADER_BYTES = 13;

    /** How many bytes of a file tell whether it begins as {@link #encode} begins one with a note. */
    private static final int NOTE_BEGINS = SIGNATURE.length + 12 + HEADER_BYTES + 8 + KEYWORD.length() + 5;
    /** Keyword, 0, not compressed (2 bytes), no language, 0, no translated keyword, 0; the text follows. */
    private static final String NOTE = KEYWORD + "\0\0\0\0\0";

    private static final int PIXEL = 3;
    private static final int FILTERS = 5;

    private Png() {}

    /**
     * A PNG file.
     *
     * @param rgb {@code 3 * width * height} bytes
     * @param note what {@link #note} is to find in it, and other programs pass over; null for none
     */
    public static byte[] encode(int width, int height, byte[] rgb, @Nullable String note) {
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        file.writeBytes(SIGNATURE);
        ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES);
        header.putInt(width).putInt(height);
        header.put((byte) 8).put((byte) 2); // bits, colour without transparency
        chunk(file, "IHDR", header.array(), header.position() + 3);
        if (note != null) {
            byte[] text = (NOTE + note).getBytes(UTF_8);
            chunk(file, "iTXt", text, text.length);
        }
        byte[] rows = filtered(rgb, PIXEL * width, height);
        Deflater deflater = new Deflater();
        try {
            deflater.setInput(rows);
            deflater.finish();
            byte[] part = new byte[1 << 15];
            while (!deflater.finished()) {
                chunk(file, "IDAT", part, deflater.deflate(part));
            }
        } finally {
            deflater.end();
        }
        chunk(file, "IEND", new byte[0], 0);
        return file.toByteArray();
    }

    /** Each row with the filter in front whose differences are smallest in sum, as the PNG specification advises. */
    private static byte[] filtered(byte[] rgb, int stride, int height) {
        byte[] out = new byte[(stride + 1) * height];
        byte[] above = new byte[stride];
        byte[] row = new byte[stride];
        byte[][] candidates = new byte[FILTERS][stride];
        for (int y = 0; y < height; y++) {
            System.arraycopy(rgb, y * stride, row, 0, stride);
            int[] sums = new int[FILTERS];
            for (int i = 0; i < stride; i++) {
                int left = i < PIXEL ? 0 : row[i - PIXEL] & 0xff;
                int up = above[i] & 0xff;
                int corner = i < PIXEL ? 0 : above[i - PIXEL] & 0xff;
                int value = row[i];
                candidates[0][i] = (byte) value;
                candidates[1][i] = (byte) (value - left);
                candidates[2][i] = (byte) (value - up);
                candidates[3][i] = (byte) (value - (left + up) / 2);
                candidates[4][i] = (byte) (value - paeth(left, up, corner));
                for (int filter = 0; filter < FILTERS; filter++) {
                    sums[filter] += Math.abs((int) candidates[filter][i]);
                }
            }
            int best = 0;
            for (int filter = 1; filter < FILTERS; filter++) {
                best = sums[filter] < sums[best] ? filter : best;
            }
            out[y * (stride + 1)] = (byte) best;
            System.arraycopy(candidates[best], 0, out, y * (stride + 1) + 1, stride);
            byte[] used = above;
            above = row;
            row = used;
        }
        return out;
    }

    private static int paeth(int left, int up, int corner) {
        int toLeft = Math.abs(up - corner);
        int toUp = Math.abs(left - corner);
        int toCorner = Math.abs(left + up - 2 * corner);
        return toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
    }

    private static void chunk(ByteArrayOutputStream file, String type, byte[] data, int length) {
        ByteBuffer chunk = ByteBuffer.allocate(12 + length);
        chunk.putInt(length).put(type.getBytes(UTF_8)).put(data, 0, length);
        CRC32 crc = new CRC32();
        crc.update(chunk.array(), 4, 4 + length);
        chunk.putInt((int) crc.getValue());
        file.writeBytes(chunk.array());
    }

    /**
     * Whether a file begins as those of {@link #encode} do, with a note, which is the second chunk; it may be cut short or
     * damaged after that.
     *
     * @throws IOException if the file cannot be read
     */
    public static boolean beginsWithNote(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return beginsWithNote(in.readNBytes(NOTE_BEGINS));
        }
    }

    private static boolean beginsWithNote(byte[] start) {
        if (start.length < NOTE_BEGINS) {
            return false;
        }
        int chunk = SIGNATURE.length + 12 + HEADER_BYTES;
        return Arrays.equals(start, 0, SIGNATURE.length, SIGNATURE, 0, SIGNATURE.length)
                && new String(start, chunk + 4, NOTE_BEGINS - chunk - 4, UTF_8).equals("iTXt" + NOTE);
    }

    /** The note that {@link #encode} was given; empty if there is none, or if this is no whole PNG file. */
    public static Optional<String> note(byte[] file) {
        return note(ByteBuffer.wrap(file));
    }

    /** The same of the bytes of a buffer from its position on. */
    public static Optional<String> note(ByteBuffer file) {
        byte[] start = NOTE.getBytes(UTF_8);
        ByteBuffer in = file.slice();
        in.position(Math.min(SIGNATURE.length, in.limit()));
        while (in.remaining() >= 12) {
            int length = in.getInt();
            int type = in.getInt();
            if (length < 0 || length > in.remaining() - 4) {
                return Optional.empty();
            }
            if (type == 0x69545874
                    && length >= start.length
                    && ByteBuffer.wrap(start).equals(in.slice(in.position(), start.length))) {
                return Optional.of(UTF_8.decode(in.slice(in.position() + start.length, length - start.length))
                        .toString());
            }
            in.position(in.position() + length + 4);
        }
        return Optional.empty();
    }
}
