package org.openface.align.internal.directory;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.openface.core.internal.OwnerOnly;

/**
 * Any number of rows, sorted by their first cell as it is written, in memory that does not depend on how many they are: so
 * many as there is room for are sorted and written to a file of this sorter's, which are then merged. Of rows with the same
 * first cell the one that was added last counts.
 */
final class RowSorter implements Closeable {
    /** Characters of rows in memory, a row without any included. */
    static final int ROOM = 1 << 21;

    private static final int EMPTY_ROW = 64;

    /** How many sorted parts are read at once. */
    private static final int FAN_IN = 64;

    private final FileChannel file;
    private final int room;

    /** By first cell. */
    private final TreeMap<String, String> rows = new TreeMap<>();

    private int characters;

    /** Where the sorted parts lie in the file, in the order in which they were added. */
    private List<Run> runs = new ArrayList<>();

    private record Run(long start, long end) {}

    interface Sink {
        void accept(String row) throws IOException;
    }

    /**
     * A sorter that writes to a new file, and deletes it when it is closed.
     *
     * @param room characters that it keeps in memory, such as {@link #ROOM}
     * @throws IOException if the file exists or cannot be created
     */
    RowSorter(Path temporary, int room) throws IOException {
        this.room = room;
        file = FileChannel.open(
                temporary,
                Set.of(
                        StandardOpenOption.CREATE_NEW,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE,
                        StandardOpenOption.DELETE_ON_CLOSE),
                OwnerOnly.fileAttributes(temporary));
    }

    void add(String row) throws IOException {
        String key = Csv.first(row);
        String before = rows.put(key, row);
        characters += row.length() - (before == null ? -key.length() - EMPTY_ROW : before.length());
        if (characters > room) {
            flush();
        }
    }

    private void flush() throws IOException {
        if (!rows.isEmpty()) {
            runs.add(write(sink -> {
                for (String row : rows.values()) {
                    sink.accept(row);
                }
            }));
            rows.clear();
            characters = 0;
        }
    }

    private interface Rows {
        void to(Sink sink) throws IOException;
    }

    private Run write(Rows all) throws IOException {
        long start = file.size();
        file.position(start);
        // Not closed, as that would close the file.
        Writer out = new BufferedWriter(new OutputStreamWriter(Channels.newOutputStream(file), UTF_8), 1 << 16);
        all.to(row -> out.append(row).append('\n'));
        out.flush();
        return new Run(start, file.size());
    }

    /** Gives out all rows, sorted. */
    void sorted(Sink sink) throws IOException {
        flush();
        while (runs.size() > FAN_IN) {
            List<Run> fewer = new ArrayList<>();
            for (int i = 0; i < runs.size(); i += FAN_IN) {
                List<Run> some = runs.subList(i, Math.min(runs.size(), i + FAN_IN));
                fewer.add(write(longer -> merge(some, longer)));
            }
            runs = fewer;
        }
        merge(runs, sink);
    }

    private void merge(List<Run> some, Sink sink) throws IOException {
        PriorityQueue<Cursor> next =
                new PriorityQueue<>(Comparator.comparing(Cursor::key).thenComparingInt(Cursor::number));
        for (int i = 0; i < some.size(); i++) {
            Cursor.advance(next, i, new BufferedReader(new InputStreamReader(new Part(some.get(i)), UTF_8), 4096));
        }
        Cursor last = null;
        for (Cursor cursor = next.poll(); cursor != null; cursor = next.poll()) {
            if (last != null && !last.key().equals(cursor.key())) {
                sink.accept(last.row());
            }
            last = cursor;
            Cursor.advance(next, cursor.number(), cursor.rest());
        }
        if (last != null) {
            sink.accept(last.row());
        }
    }

    /** A row of the sorted part with a number, and the rows after it. */
    private record Cursor(String key, String row, int number, BufferedReader rest) {
        static void advance(PriorityQueue<Cursor> queue, int number, BufferedReader rest) throws IOException {
            @Nullable String row = rest.readLine();
            if (row != null) {
                queue.add(new Cursor(Csv.first(row), row, number, rest));
            }
        }
    }

    /** The bytes of a part of the file. */
    private final class Part extends InputStream {
        private long at;
        private final long end;

        Part(Run run) {
            at = run.start();
            end = run.end();
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            if (at == end) {
                return -1;
            }
            int count = file.read(ByteBuffer.wrap(bytes, offset, (int) Math.min(length, end - at)), at);
            at += Math.max(0, count);
            return count;
        }
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
