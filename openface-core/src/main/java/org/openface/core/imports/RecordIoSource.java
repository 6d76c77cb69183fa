package org.openface.core.imports;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** See {@link FaceSources#recordIo}. */
final class RecordIoSource implements FaceSource {
    private static final int MAGIC = 0xced7230a;

    /** Upper three bits of the length: a whole record, or its first, a middle or the last part. */
    private static final int WHOLE = 0;

    private static final int FIRST = 1;
    private static final int LAST = 3;
    private static final int HEADER = 24;
    private static final int MOST_BYTES = 1 << 28;
    private static final int MOST_LABELS = 1 << 20;

    private final Path file;
    private long position;
    private long size;

    RecordIoSource(Path file) {
        this.file = file;
    }

    @Override
    public double fraction() {
        return size == 0 ? Double.NaN : Math.min(1, (double) position / size);
    }

    /** A record that is no good; reading goes on where the next begins. */
    private static final class DamagedException extends Exception {
        private static final long serialVersionUID = 1;

        DamagedException(String reason) {
            super(reason);
        }
    }

    @Override
    public void read(Sink sink) throws IOException {
        size = Files.size(file);
        position = 0;
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 20)) {
            long number = 0;
            Integer word;
            try {
                word = firstWord(in);
            } catch (DamagedException e) {
                word = null;
            }
            if (word == null || word != MAGIC) {
                throw new IOException(file + ": no RecordIO file: it does not begin with its magic number");
            }
            while (word != null) {
                long begin = position - Integer.BYTES;
                try {
                    entry(record(in), number, sink);
                    word = firstWord(in);
                    if (word != null && word != MAGIC) {
                        throw new DamagedException("no record begins after it");
                    }
                } catch (DamagedException e) {
                    sink.unreadable(
                            file.getFileName() + ", record " + number + " at byte " + begin,
                            String.valueOf(e.getMessage()));
                    word = nextMagic(in);
                }
                number++;
            }
        }
    }

    /** The content of a record whose magic number was read. */
    private byte[] record(InputStream in) throws IOException, DamagedException {
        int head = word(in);
        int part = head >>> 29;
        byte[] data = part(in, head);
        if (part == WHOLE) {
            return data;
        }
        if (part != FIRST) {
            throw new DamagedException("it begins with part " + part);
        }
        // Where the content has the magic number itself, it is cut in two there and the number left out.
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.write(data, 0, data.length);
        do {
            if (word(in) != MAGIC) {
                throw new DamagedException("its next part does not begin with the magic number");
            }
            head = word(in);
            part = head >>> 29;
            if (part < 2 || part > LAST) {
                throw new DamagedException("a part " + part + " in its middle");
            }
            byte[] magic = ByteBuffer.allocate(Integer.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(0, MAGIC)
                    .array();
            all.write(magic, 0, magic.length);
            data = part(in, head);
            all.write(data, 0, data.length);
            if (all.size() > MOST_BYTES) {
                throw new DamagedException("more than " + MOST_BYTES + " bytes");
            }
        } while (part != LAST);
        return all.toByteArray();
    }

    private byte[] part(InputStream in, int head) throws IOException, DamagedException {
        int length = head & (1 << 29) - 1;
        int padded = length + (-length & 3);
        if (length > MOST_BYTES || padded > size - position) {
            throw new DamagedException(
                    "cut short: " + length + " bytes are announced and " + (size - position) + " are left");
        }
        byte[] data = in.readNBytes(length);
        in.skipNBytes(padded - length);
        position += padded;
        if (data.length < length) {
            throw new DamagedException("cut short");
        }
        return data;
    }

    private void entry(byte[] record, long number, Sink sink) throws IOException, DamagedException {
        if (record.length < HEADER) {
            throw new DamagedException(record.length + " bytes; its header alone has " + HEADER);
        }
        ByteBuffer data = ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN);
        int labels = data.getInt();
        float label = data.getFloat();
        data.position(HEADER);
        if (labels < 0 || labels > MOST_LABELS || (long) labels * Float.BYTES > data.remaining()) {
            throw new DamagedException(labels + " labels in " + record.length + " bytes");
        }
        if (labels > 0) {
            label = data.getFloat(HEADER);
            data.position(HEADER + labels * Float.BYTES);
        }
        if (!data.hasRemaining()) {
            return; // tells which records belong to whom: of no image
        }
        if (!(label >= 0) || label != Math.rint(label) || label > 1 << 24) {
            throw new DamagedException("its label is " + label + ", no number of a person");
        }
        byte[] image = new byte[data.remaining()];
        data.get(image);
        sink.face(String.format(Locale.ROOT, "%07d", (int) label), String.format(Locale.ROOT, "%08d", number), image);
    }

    private int word(InputStream in) throws IOException, DamagedException {
        byte[] bytes = in.readNBytes(Integer.BYTES);
        position += bytes.length;
        if (bytes.length < Integer.BYTES) {
            throw new DamagedException("cut short");
        }
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt();
    }

    /** The next word; null at the end of the file. */
    private @Nullable Integer firstWord(InputStream in) throws IOException, DamagedException {
        in.mark(1);
        if (in.read() < 0) {
            return null;
        }
        in.reset();
        return word(in);
    }

    /** Goes on word by word to where a record may begin; null if there is none. */
    private @Nullable Integer nextMagic(InputStream in) throws IOException {
        byte[] bytes = new byte[Integer.BYTES];
        while (in.readNBytes(bytes, 0, bytes.length) == bytes.length) {
            position += bytes.length;
            int word = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt();
            if (word == MAGIC) {
                return word;
            }
        }
        return null;
    }
}
