package org.openface.align.internal.directory;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.hash.Hashing;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.openface.align.face.SkipReason;

/**
 * The file {@value #FILE_NAME}: photographs that gave no face, with what tells that they and the settings are still the
 * same, so that nobody looks for a face in them again. It is merged together with the table, of which it is no part, as it
 * is for this program alone.
 *
 * <p>Rows are sorted as the table's, and one is found by halving the file: memory does not depend on their number. A row
 * that somebody damaged is none, and its photograph is looked at again.
 */
final class SkipRecord {
    /** Name of the file. */
    static final String FILE_NAME = "alignment.skipped.csv";

    static final String HEADER = "photograph,reason,detail,bytes,modified,crc32,check";

    /** In the place of the checksum of a file that was not read, such as one that is too large. */
    static final long NO_CRC = -1;

    private static final int CELLS = 7;
    private static final int BLOCK = 1 << 9;

    /** Longer than a row with the longest names and what a decoder has to say. */
    private static final int LONGEST = 1 << 17;

    private final Path file;

    SkipRecord(Path folder) {
        file = folder.resolve(FILE_NAME);
    }

    /**
     * A photograph that gave no face.
     *
     * @param bytes size of its file
     * @param modified when it was last modified, in milliseconds since 1970; {@link FaceNote#NO_TIME} if it was so shortly
     *     before it was read that it may have been written again since, within one tick of a clock
     * @param crc32 CRC-32 of the file, or {@link #NO_CRC}
     * @param check goes with the photograph's name, the other values, and the settings that the answer depends on
     */
    record Memo(SkipReason reason, String detail, long bytes, long modified, long crc32, String check) {
        /** Number of {@link #cells}. */
        static final int CELLS = SkipRecord.CELLS - 1;

        private static final int DIGITS = 16;

        /** Of a photograph, {@code person/file}. */
        static Memo of(
                String photograph,
                SkipReason reason,
                String detail,
                long bytes,
                long modified,
                long crc32,
                String settings) {
            String all = String.join(
                    "\n", photograph, reason.name(), detail, bytes + " " + modified + " " + crc32, settings);
            String check = Hashing.sha256().hashString(all, UTF_8).toString().substring(0, DIGITS);
            return new Memo(reason, detail, bytes, modified, crc32, check);
        }

        /** Whether it was made of this photograph with these settings, and is not damaged. */
        boolean holds(String photograph, String settings) {
            return equals(of(photograph, reason, detail, bytes, modified, crc32, settings));
        }

        List<String> cells() {
            return List.of(
                    reason.name(),
                    detail,
                    Long.toString(bytes),
                    modified == FaceNote.NO_TIME ? "" : Long.toString(modified),
                    crc32 == NO_CRC ? "" : Long.toString(crc32),
                    check);
        }

        private static Memo parse(List<String> cells) {
            return new Memo(
                    SkipReason.valueOf(cells.get(0)),
                    cells.get(1),
                    Long.parseLong(cells.get(2)),
                    cells.get(3).isEmpty() ? FaceNote.NO_TIME : Long.parseLong(cells.get(3)),
                    cells.get(4).isEmpty() ? NO_CRC : Long.parseLong(cells.get(4)),
                    cells.get(5));
        }
    }

    /**
     * What is known of a photograph, {@code person/file}. The file is opened for each, so that what other runs have merged
     * meanwhile is found too.
     */
    Optional<Memo> find(String photograph) throws IOException {
        String wanted = Csv.cell(photograph);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            String row = find(wanted, channel);
            List<String> cells = row == null ? List.of() : Csv.cells(row);
            return cells.size() == CELLS ? Optional.of(Memo.parse(cells.subList(1, CELLS))) : Optional.empty();
        } catch (NoSuchFileException | IllegalArgumentException e) {
            return Optional.empty(); // none yet, or damaged
        }
    }

    /**
     * Gives out the rows as they are written; none if there is no record.
     *
     * @throws IOException if there is a file in its place that is none
     */
    static void lines(Path folder, RowSorter.Sink sink) throws IOException {
        Path file = folder.resolve(FILE_NAME);
        try (BufferedReader in = new BufferedReader(new InputStreamReader(Files.newInputStream(file), UTF_8))) {
            if (!HEADER.equals(in.readLine())) {
                throw new IOException(file + " does not begin as a record of this program; move it away, or align into"
                        + " another folder");
            }
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                if (Csv.cells(line).size() == CELLS) {
                    sink.accept(line);
                }
            }
        } catch (NoSuchFileException e) {
            return; // none yet
        }
    }

    private static @Nullable String find(String wanted, FileChannel channel) throws IOException {
        long low = 0; // where a row begins
        long high = channel.size();
        while (low < high) {
            long middle = (low + high) >>> 1;
            Line line = line(middle, channel);
            if (line.start() >= high) {
                high = middle;
                continue;
            }
            int order = line.start() == 0 ? 1 : wanted.compareTo(Csv.first(line.text())); // the header is before all
            if (order == 0) {
                return line.text();
            } else if (order > 0) {
                low = line.end();
            } else {
                high = middle;
            }
        }
        return null;
    }

    private record Line(long start, String text, long end) {}

    /** The first line that begins at a place or behind it; an empty one at the end of what was read if there is none. */
    private static Line line(long place, FileChannel channel) throws IOException {
        long from = Math.max(0, place - 1); // it begins there if the byte before it ends another
        for (int size = BLOCK; ; size *= 4) {
            ByteBuffer block = ByteBuffer.allocate(size);
            while (block.hasRemaining() && channel.read(block, from + block.position()) > 0) {
                // goes on
            }
            int start = place == 0 ? 0 : next(block, 0);
            int end = start < 0 ? -1 : next(block, start);
            if (end >= 0) {
                return new Line(from + start, new String(block.array(), start, end - 1 - start, UTF_8), from + end);
            }
            if (block.hasRemaining() || size >= LONGEST) {
                return new Line(from + block.position(), "", from + block.position());
            }
        }
    }

    /** Behind the end of a line; -1 if there is none. */
    private static int next(ByteBuffer block, int start) {
        for (int i = start; i < block.position(); i++) {
            if (block.get(i) == '\n') {
                return i + 1;
            }
        }
        return -1;
    }
}
