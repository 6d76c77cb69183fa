package org.openface.align.internal.directory;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.openface.core.internal.AtomicFile;

/**
 * Brings rows of journals into the table and into the record of photographs without a face, each sorted anew on disk. A row
 * of a journal is one of the table, with a {@link SkipRecord.Memo} after it if there is something to remember.
 */
final class TableMerge implements Closeable {
    private static final String BYTE_ORDER_MARK = "\ufeff";
    private static final String SORTING = ".alignment.sorting";
    private static final String SORTING_MEMOS = ".alignment.skipped.sorting";
    private static final int CELLS = AlignmentTable.CELLS;

    private final Path table;
    private final Path record;
    private final RowSorter rows;
    private final RowSorter memos;

    /** Begins with what is in the folder. */
    TableMerge(Path folder) throws IOException {
        table = folder.resolve(AlignmentTable.FILE_NAME);
        record = folder.resolve(SkipRecord.FILE_NAME);
        rows = sorter(folder.resolve(SORTING), RowSorter.ROOM);
        try {
            memos = sorter(folder.resolve(SORTING_MEMOS), RowSorter.ROOM / 4);
        } catch (IOException e) {
            rows.close();
            throw e;
        }
        try {
            lines(table, AlignmentTable.HEADER, line -> rows.add(renewed(line)));
            SkipRecord.lines(folder, memos::add);
        } catch (IOException e) {
            close();
            throw e;
        }
    }

    private static RowSorter sorter(Path temporary, int room) throws IOException {
        Files.deleteIfExists(temporary); // of a run that was killed while it merged
        return new RowSorter(temporary, room);
    }

    /** Adds a row of a journal, which replaces what is known of its photograph. What is damaged is no row. */
    void add(String line) throws IOException {
        List<String> cells = Csv.cells(line);
        if (cells.size() == CELLS) {
            rows.add(line);
            memos.add(Csv.first(line)); // nothing to remember any more
        } else if (cells.size() == CELLS + SkipRecord.Memo.CELLS) {
            rows.add(Csv.line(cells.subList(0, CELLS)));
            List<String> memo = new ArrayList<>(cells.subList(CELLS, cells.size()));
            memo.add(0, cells.get(0));
            memos.add(Csv.line(memo));
        }
    }

    /** Puts both files into their places. */
    void write() throws IOException {
        AtomicFile.write(table, out -> {
            out.write((AlignmentTable.HEADER + "\n").getBytes(UTF_8));
            rows.sorted(row -> {
                if (!isRemoved(row)) {
                    out.write((row + "\n").getBytes(UTF_8));
                }
            });
        });
        AtomicFile.write(record, out -> {
            out.write((SkipRecord.HEADER + "\n").getBytes(UTF_8));
            memos.sorted(row -> {
                if (!Csv.first(row).equals(row)) {
                    out.write((row + "\n").getBytes(UTF_8));
                }
            });
        });
    }

    private static boolean isRemoved(String row) {
        List<String> cells = Csv.cells(row);
        return cells.size() == CELLS && cells.get(1).isEmpty();
    }

    /** A row as it is written now: earlier versions wrote what a spreadsheet may take for a formula. */
    private static String renewed(String line) {
        List<String> cells = Csv.cells(line);
        return cells.size() == CELLS ? Csv.line(cells) : line;
    }

    /** Gives out the rows of a file as they are written; none if there is no file. */
    static void lines(Path file, String header, RowSorter.Sink sink) throws IOException {
        try (BufferedReader in = Files.newBufferedReader(file, UTF_8)) {
            String first = in.readLine();
            if (first != null && !first.replace(BYTE_ORDER_MARK, "").equals(header)) {
                throw new IOException(file + " does not begin as a table of this program; move it away, or align into"
                        + " another folder");
            }
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                if (!line.isEmpty()) {
                    sink.accept(line);
                }
            }
        } catch (NoSuchFileException e) {
            return; // none yet
        } catch (CharacterCodingException e) {
            throw new IOException(
                    file + " is not a table of this program, or another program has written it: it is not in UTF-8;"
                            + " move it away, or align into another folder",
                    e);
        }
    }

    @Override
    public void close() throws IOException {
        try (rows) {
            memos.close();
        }
    }
}
