package org.openface.core.imports;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PushbackReader;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** See {@link FaceSources#csv}. */
final class CsvSource implements FaceSource {
    private static final int MOST_CHARACTERS = 1 << 16;

    private final Path table;
    private final Path root;

    CsvSource(Path table, Path root) {
        this.table = table;
        this.root = root;
    }

    @Override
    public void read(Sink sink) throws IOException {
        try (PushbackReader in = new PushbackReader(new BufferedReader(Files.newBufferedReader(table)))) {
            List<String> head = row(in);
            int path = head == null ? -1 : head.indexOf("path");
            int identity = head == null ? -1 : head.indexOf("identity");
            if (head == null || path < 0 || identity < 0) {
                throw new IOException(
                        table + ": its first line is " + head + "; it must name the columns path and identity");
            }
            long number = 1;
            for (List<String> row = row(in); row != null; row = row(in)) {
                number++;
                if (row.size() == 1 && row.get(0).isEmpty()) {
                    continue;
                }
                String entry = table.getFileName() + ", row " + number;
                if (row.size() != head.size()) {
                    sink.unreadable(entry, row.size() + " cells instead of " + head.size());
                    continue;
                }
                entry(entry, row.get(path), row.get(identity), sink);
            }
        }
    }

    private void entry(String entry, String path, String identity, Sink sink) throws IOException {
        byte[] image;
        Path file;
        try {
            file = root.resolve(path);
            if (Path.of(path).isAbsolute()
                    || !file.normalize().startsWith(root.normalize())
                    || !file.toRealPath().startsWith(root.toRealPath())) {
                sink.unreadable(entry, path + " lies outside " + root);
                return;
            }
            if (!Files.isRegularFile(file) || Files.size(file) > Integer.MAX_VALUE / 2) {
                sink.unreadable(entry, path + " is no file, or too large");
                return;
            }
            image = Files.readAllBytes(file);
        } catch (InvalidPathException e) {
            sink.unreadable(entry, String.valueOf(e.getMessage()));
            return;
        } catch (IOException e) {
            sink.unreadable(entry, "cannot read " + path + " (" + e + ")");
            return;
        }
        sink.face(identity, String.join("-", names(root.relativize(file.normalize()))), image);
    }

    static List<String> names(Path path) {
        List<String> names = new ArrayList<>();
        path.forEach(name -> names.add(name.toString()));
        return names;
    }

    /** The cells of the next row, by RFC 4180; null at the end. */
    private static @Nullable List<String> row(PushbackReader in) throws IOException {
        List<String> cells = new ArrayList<>();
        StringBuilder cell = new StringBuilder();
        int c = in.read();
        if (c == 0xfeff) { // a byte order mark
            c = in.read();
        }
        if (c < 0) {
            return null;
        }
        while (true) {
            if (c == '"' && cell.length() == 0) {
                quoted(in, cell);
            } else if (c == ',') {
                cells.add(cell.toString());
                cell.setLength(0);
            } else if (c == '\n' || c == '\r' || c < 0) {
                if (c == '\r') {
                    int next = in.read();
                    if (next >= 0 && next != '\n') {
                        in.unread(next);
                    }
                }
                cells.add(cell.toString());
                return cells;
            } else {
                append(cell, c);
            }
            c = in.read();
        }
    }

    private static void quoted(PushbackReader in, StringBuilder cell) throws IOException {
        for (int c = in.read(); c >= 0; c = in.read()) {
            if (c == '"') {
                int next = in.read();
                if (next != '"') {
                    if (next >= 0) {
                        in.unread(next);
                    }
                    return;
                }
            }
            append(cell, c);
        }
    }

    private static void append(StringBuilder cell, int c) throws IOException {
        if (cell.length() == MOST_CHARACTERS) {
            throw new IOException("a cell of more than " + MOST_CHARACTERS + " characters; is a quote not closed?");
        }
        cell.append((char) c);
    }
}
