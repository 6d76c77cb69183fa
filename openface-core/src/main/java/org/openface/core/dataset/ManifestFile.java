package org.openface.core.dataset;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.EnumMap;
import java.util.Map;
import java.util.zip.CRC32C;
import org.openface.core.dataset.FaceColumns.Column;
import org.openface.core.internal.AtomicFile;

/**
 * A manifest's file: a head, the columns one behind the other, each from a multiple of 8 on, and at the end the CRC-32C of
 * all that. The head has {@value #MAGIC}, the version, the numbers of people and faces, the time of the root folder, and
 * the place and length of each column in the order of {@link Column}, 0 for those that it has not. Little-endian.
 */
final class ManifestFile {
    private static final String MAGIC = "OPENFACE-MANIFST";
    static final int VERSION = 1;
    private static final int HEAD =
            MAGIC.length() + 3 * Integer.BYTES + Integer.BYTES + Long.BYTES + 2 * Long.BYTES * Column.values().length;
    private static final int ALIGNED = 8;
    private static final int BLOCK = 1 << 24;

    private ManifestFile() {}

    /** Why a file is not read. */
    static final class UnusableException extends Exception {
        private static final long serialVersionUID = 1;

        UnusableException(String reason) {
            super(reason);
        }
    }

    /** Writes a manifest, whole or not at all. */
    static void write(FaceColumnsWriter columns, long rootTime, Path file) throws IOException {
        AtomicFile.write(file, out -> {
            Checked checked = new Checked(out);
            ByteBuffer head = ByteBuffer.allocate(HEAD).order(ByteOrder.LITTLE_ENDIAN);
            head.put(MAGIC.getBytes(US_ASCII))
                    .putInt(VERSION)
                    .putInt(columns.people())
                    .putInt(columns.faces());
            head.putInt(0).putLong(rootTime);
            long at = HEAD;
            for (Column column : Column.values()) {
                head.putLong(at).putLong(columns.length(column));
                at += columns.length(column) + padding(columns.length(column));
            }
            checked.write(head.array());
            for (Column column : Column.values()) {
                columns.writeTo(column, checked);
                checked.write(new byte[padding(columns.length(column))]);
            }
            out.write(ByteBuffer.allocate(Long.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(0, checked.crc.getValue())
                    .array());
        });
    }

    private static int padding(long length) {
        return (int) (-length & (ALIGNED - 1));
    }

    /** A stream that sums up what goes through. */
    private static final class Checked extends OutputStream {
        private final OutputStream out;
        private final CRC32C crc = new CRC32C();

        Checked(OutputStream out) {
            this.out = out;
        }

        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b});
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            crc.update(bytes, offset, length);
            out.write(bytes, offset, length);
        }
    }

    /**
     * Maps a manifest into memory.
     *
     * @param root the folder that it is of
     * @throws UnusableException if it is damaged, cut short or of another version
     * @throws IOException if it cannot be read
     */
    static FaceColumns read(Path file, Path root) throws IOException, UnusableException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long size = channel.size();
            if (size < HEAD + Long.BYTES) {
                throw new UnusableException("it is cut short");
            }
            ByteBuffer head = map(channel, 0, HEAD);
            byte[] magic = new byte[MAGIC.length()];
            head.get(magic);
            if (!new String(magic, US_ASCII).equals(MAGIC)) {
                throw new UnusableException("it is no manifest");
            }
            int version = head.getInt();
            if (version != VERSION) {
                throw new UnusableException("it has the version " + version + " and this library reads " + VERSION);
            }
            if (checksum(channel, size - Long.BYTES)
                    != map(channel, size - Long.BYTES, Long.BYTES).getLong()) {
                throw new UnusableException("it is damaged: its checksum is another");
            }
            int people = head.getInt();
            int faces = head.getInt();
            head.getInt();
            long rootTime = head.getLong();
            Map<Column, ByteBuffer> columns = new EnumMap<>(Column.class);
            for (Column column : Column.values()) {
                long from = head.getLong();
                long length = head.getLong();
                if (length > 0) {
                    columns.put(column, map(channel, from, length));
                }
            }
            return new FaceColumns(root, rootTime, people, faces, columns);
        } catch (IllegalArgumentException | IllegalStateException | IndexOutOfBoundsException e) {
            throw new UnusableException("it contradicts itself (" + e.getMessage() + ")");
        }
    }

    private static ByteBuffer map(FileChannel channel, long from, long length) throws IOException {
        return channel.map(FileChannel.MapMode.READ_ONLY, from, length).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static long checksum(FileChannel channel, long length) throws IOException {
        CRC32C crc = new CRC32C();
        for (long at = 0; at < length; at += BLOCK) {
            crc.update(map(channel, at, Math.min(BLOCK, length - at)));
        }
        return crc.getValue();
    }
}
