package org.openface.core.dataset;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.openface.core.internal.AtomicFile;
import org.openface.core.internal.FileBytes;

/**
 * One file of a pack: {@value #MAGIC}, the images one behind the other, what they are, and at the very end the place, length
 * and CRC-32C of that list. Big-endian. A shard explains itself, so that one that was finished before its pack was counts.
 */
final class PackShard {
    private static final String MAGIC = "OPENFACE-SHARD-1";
    private static final int TAIL = 2 * Long.BYTES + Integer.BYTES;
    private static final Pattern NAME = Pattern.compile("faces-([0-9]{5,9})\\.pack");

    private PackShard() {}

    /**
     * An image in a shard.
     *
     * @param digest of the face, see {@link FaceContents}
     * @param offset of the first byte
     * @param length in bytes
     * @param checksum CRC-32C of the bytes
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Entry(byte[] digest, int quality, int offset, int length, int checksum) {}

    static Path file(Path folder, int number) {
        return folder.resolve(String.format(Locale.ROOT, "faces-%05d.pack", number));
    }

    /** The number of a shard by its name; empty for another file. */
    static OptionalInt number(Path file) {
        Matcher name = NAME.matcher(String.valueOf(file.getFileName()));
        return name.matches() ? OptionalInt.of(Integer.parseInt(name.group(1))) : OptionalInt.empty();
    }

    static int checksum(byte[] bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, bytes.length);
        return (int) crc.getValue();
    }

    /** A shard that is being written, under another name until it is finished. */
    static final class Writer implements AutoCloseable {
        private final Path file;
        private final Path temporary;
        private final FileChannel channel;
        private final List<Entry> entries = new ArrayList<>();
        private long at = MAGIC.length();
        private boolean finished;

        Writer(Path folder, int number) throws IOException {
            file = file(folder, number);
            temporary = AtomicFile.temporary(folder);
            channel = FileChannel.open(temporary, StandardOpenOption.WRITE);
            FileBytes.write(channel, ByteBuffer.wrap(MAGIC.getBytes(US_ASCII)), 0);
        }

        long length() {
            return at;
        }

        Entry add(byte[] digest, int quality, byte[] image) throws IOException {
            Entry entry = new Entry(digest, quality, Math.toIntExact(at), image.length, checksum(image));
            FileBytes.write(channel, ByteBuffer.wrap(image), at);
            at += image.length;
            entries.add(entry);
            return entry;
        }

        void finish() throws IOException {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            DataOutputStream list = new DataOutputStream(bytes);
            for (Entry entry : entries) {
                list.write(entry.digest());
                list.writeInt(entry.quality());
                list.writeInt(entry.offset());
                list.writeInt(entry.length());
                list.writeInt(entry.checksum());
            }
            byte[] all = bytes.toByteArray();
            FileBytes.write(channel, ByteBuffer.wrap(all), at);
            ByteBuffer tail = ByteBuffer.allocate(TAIL);
            tail.putLong(at).putLong(all.length).putInt(checksum(all)).flip();
            FileBytes.write(channel, tail, at + all.length);
            channel.force(true);
            channel.close();
            AtomicFile.move(temporary, file);
            finished = true;
        }

        @Override
        public void close() throws IOException {
            if (!finished) {
                channel.close();
                Files.deleteIfExists(temporary);
            }
        }
    }

    /**
     * What is in a shard, as it says itself.
     *
     * @throws IOException if it is damaged or cut short
     */
    static List<Entry> entries(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long size = channel.size();
            if (size < MAGIC.length() + TAIL) {
                throw new IOException(file + ": cut short");
            }
            ByteBuffer tail = FileBytes.read(channel, size - TAIL, TAIL);
            long at = tail.getLong();
            long length = tail.getLong();
            int entrySize = FaceContents.DIGEST + 4 * Integer.BYTES;
            if (at < MAGIC.length() || length < 0 || at + length != size - TAIL || length % entrySize != 0) {
                throw new IOException(file + ": damaged or cut short");
            }
            byte[] list = FileBytes.read(channel, at, (int) length).array();
            if (checksum(list) != tail.getInt()
                    || !US_ASCII.decode(FileBytes.read(channel, 0, MAGIC.length()))
                            .toString()
                            .equals(MAGIC)) {
                throw new IOException(file + ": damaged");
            }
            List<Entry> entries = new ArrayList<>();
            DataInputStream in = new DataInputStream(new ByteArrayInputStream(list));
            for (int i = 0; i < length / entrySize; i++) {
                byte[] digest = new byte[FaceContents.DIGEST];
                in.readFully(digest);
                entries.add(new Entry(digest, in.readInt(), in.readInt(), in.readInt(), in.readInt()));
            }
            return entries;
        }
    }
}
