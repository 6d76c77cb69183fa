package org.openface.core.dataset;

import static com.google.common.base.Preconditions.checkState;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.FaceColumns.Column;
import org.openface.core.internal.AtomicFile;

/** Fills {@link FaceColumns} person by person: on the heap, or in files that vanish when the writer is closed. */
final class FaceColumnsWriter implements AutoCloseable {
    private static final int BUFFER = 1 << 16;

    private final Map<Column, Part> parts = new EnumMap<>(Column.class);
    private int people;
    private int faces;
    private int peopleBytes;
    private int nameBytes;

    /** A column so far. */
    private static final class Part {
        final @Nullable FileChannel file;
        final @Nullable ByteArrayOutputStream heap;
        private final ByteBuffer buffer = ByteBuffer.allocate(BUFFER).order(ByteOrder.LITTLE_ENDIAN);
        private long length;

        Part(@Nullable FileChannel file) {
            this.file = file;
            heap = file == null ? new ByteArrayOutputStream() : null;
        }

        ByteBuffer room(int bytes) throws IOException {
            if (buffer.remaining() < bytes) {
                flush();
            }
            length += bytes;
            return buffer;
        }

        void put(ByteBuffer bytes) throws IOException {
            while (bytes.hasRemaining()) {
                int count = Math.min(bytes.remaining(), BUFFER);
                room(count).put(bytes.slice(bytes.position(), count));
                bytes.position(bytes.position() + count);
            }
        }

        void flush() throws IOException {
            buffer.flip();
            if (heap != null) {
                heap.write(buffer.array(), 0, buffer.limit());
            } else {
                while (file != null && buffer.hasRemaining()) {
                    file.write(buffer);
                }
            }
            buffer.clear();
        }
    }

    /** For an index that is only looked at, on the heap. */
    FaceColumnsWriter() {
        Column.OF_INDEX.forEach(column -> parts.put(column, new Part(null)));
    }

    /** For a file with some columns; they take their room in a folder until it is written. */
    FaceColumnsWriter(Path folder, Set<Column> columns) throws IOException {
        for (Column column : columns) {
            parts.put(
                    column,
                    new Part(FileChannel.open(
                            AtomicFile.temporary(folder),
                            Set.of(
                                    StandardOpenOption.READ,
                                    StandardOpenOption.WRITE,
                                    StandardOpenOption.DELETE_ON_CLOSE))));
        }
    }

    int people() {
        return people;
    }

    int faces() {
        return faces;
    }

    /** Ends a person, whose faces are those added since the person before. */
    void person(String stored, long time) throws IOException {
        byte[] name = stored.getBytes(StandardCharsets.UTF_8);
        put(Column.PEOPLE, ByteBuffer.wrap(name));
        peopleBytes = Math.addExact(peopleBytes, name.length);
        putInt(Column.PEOPLE_ENDS, peopleBytes);
        putInt(Column.FACES_ENDS, faces);
        putLong(Column.PEOPLE_TIMES, time);
        people++;
    }

    /** Adds a face of the person that {@link #person} will end. */
    void face(String stored, long size, long time, byte @Nullable [] digest, int quality) throws IOException {
        byte[] name = stored.getBytes(StandardCharsets.UTF_8);
        put(Column.NAMES, ByteBuffer.wrap(name));
        nameBytes = Math.addExact(nameBytes, name.length);
        putInt(Column.NAME_ENDS, nameBytes);
        putLong(Column.SIZES, size);
        putLong(Column.TIMES, time);
        put(Column.DIGESTS, ByteBuffer.wrap(digest == null ? new byte[FaceContents.DIGEST] : digest));
        putInt(Column.QUALITIES, quality);
        faces++;
    }

    /** Adds what a pack knows besides of the face that {@link #face} has added. */
    void place(long place, int length, int checksum) throws IOException {
        putLong(Column.PLACES, place);
        putInt(Column.LENGTHS, length);
        putInt(Column.CHECKSUMS, checksum);
    }

    /** Takes people with their faces over from other columns as they are. */
    void copy(FaceColumns from, int first, int end) throws IOException {
        int firstFace = from.firstFace(first);
        int endFace = from.firstFace(end);
        for (Column column : parts.keySet()) {
            boolean ends = column == Column.PEOPLE_ENDS || column == Column.FACES_ENDS || column == Column.NAME_ENDS;
            ByteBuffer range =
                    column.ofPeople() ? from.range(column, first, end) : from.range(column, firstFace, endFace);
            if (ends) {
                int shift = column == Column.FACES_ENDS
                        ? faces - firstFace
                        : column == Column.PEOPLE_ENDS
                                ? peopleBytes - from.end(column, first)
                                : nameBytes - from.end(column, firstFace);
                range.order(ByteOrder.LITTLE_ENDIAN);
                while (range.hasRemaining()) {
                    putInt(column, Math.addExact(range.getInt(), shift));
                }
            } else {
                put(column, range);
            }
        }
        peopleBytes += from.end(Column.PEOPLE_ENDS, end) - from.end(Column.PEOPLE_ENDS, first);
        nameBytes += from.end(Column.NAME_ENDS, endFace) - from.end(Column.NAME_ENDS, firstFace);
        people += end - first;
        faces += endFace - firstFace;
    }

    private void put(Column column, ByteBuffer bytes) throws IOException {
        Part part = parts.get(column);
        if (part != null) {
            part.put(bytes);
        }
    }

    private void putInt(Column column, int value) throws IOException {
        Part part = parts.get(column);
        if (part != null) {
            part.room(Integer.BYTES).putInt(value);
        }
    }

    private void putLong(Column column, long value) throws IOException {
        Part part = parts.get(column);
        if (part != null) {
            part.room(Long.BYTES).putLong(value);
        }
    }

    /** What was added so far, if it lies on the heap. */
    FaceColumns onHeap(Path root) throws IOException {
        Map<Column, ByteBuffer> columns = new EnumMap<>(Column.class);
        for (Map.Entry<Column, Part> entry : parts.entrySet()) {
            Part part = entry.getValue();
            part.flush();
            checkState(part.heap != null, "the columns lie in files");
            columns.put(entry.getKey(), ByteBuffer.wrap(part.heap.toByteArray()).order(ByteOrder.LITTLE_ENDIAN));
        }
        return new FaceColumns(root, FaceColumns.UNKNOWN_TIME, people, faces, columns);
    }

    /** Bytes in a column so far. */
    long length(Column column) {
        Part part = parts.get(column);
        return part == null ? 0 : part.length;
    }

    /** Writes a column to a stream. */
    void writeTo(Column column, OutputStream out) throws IOException {
        Part part = parts.get(column);
        if (part == null) {
            return;
        }
        checkState(part.file != null, "the column %s lies in no file", column);
        part.flush();
        FileChannel file = part.file;
        WritableByteChannel target = Channels.newChannel(out);
        for (long at = 0; at < file.size(); ) {
            at += file.transferTo(at, file.size() - at, target);
        }
    }

    @Override
    public void close() throws IOException {
        for (Part part : parts.values()) {
            if (part.file != null) {
                part.file.close();
            }
        }
    }
}
