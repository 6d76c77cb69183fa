package org.openface.align.internal.directory;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.FileLockInterruptionException;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.openface.align.face.FaceBox;
import org.openface.align.face.Point;
import org.openface.align.face.SkipReason;
import org.openface.core.internal.AtomicFile;
import org.openface.core.internal.OwnerOnly;

/**
 * The file {@value #FILE_NAME}. A run writes a row for each photograph it has seen, also for those that others
 * had done before, and keeps the rows of photographs that it has not seen.
 *
 * <p>Each row goes at once to the end of a journal, a file of the run's own beside the table, {@code
 * alignment.csv.<random>.part}. From time to time, and at the end, the journal is merged into the table, with those of runs
 * that were killed; of several rows for one photograph the last counts. One run at a time merges, so that none loses what another has written:
 * the file {@value #LOCK} is locked meanwhile. A journal is locked as long as its run lives. On a file system without
 * locks, runs in several processes that end in the same moment may lose each other's rows, and journals of killed runs
 * stay; the faces, which have all that is in a row in their notes, are not concerned.
 *
 * <p>Rows are sorted by the photograph's cell as it is written. Memory does not depend on their number.
 */
public final class AlignmentTable implements Closeable {
    /** Name of the file. */
    public static final String FILE_NAME = "alignment.csv";

    static final String HEADER = "photograph,result,face,faces,left,top,width,height,landmarks,detail";
    static final int CELLS = 10;
    private static final String LOCK = ".alignment.lock";
    private static final String PART = ".part";

    /** How often a run merges while it goes on; less often if merging takes more than a small share of its time. */
    private static final long MERGE_EVERY_NANOS = 60_000_000_000L;

    private static final long MOST_PAUSE_SHARE = 20;

    private static final SecureRandom RANDOM = new SecureRandom();

    /** A lock on a file is the whole process's, so that those of one process need one of their own. */
    private static final ReentrantLock MERGING = new ReentrantLock();

    /** Journals of this process. Opening and closing one anywhere in the process would give up the lock on it. */
    private static final Set<Path> LIVE = Collections.synchronizedSet(new HashSet<>());

    private final Path folder;
    private final Path journal;
    private final FileChannel channel;
    private long mergedAt = System.nanoTime();
    private long mergeNanos;

    private AlignmentTable(Path folder, Path journal, FileChannel channel) {
        this.folder = folder;
        this.journal = journal;
        this.channel = channel;
    }

    /**
     * Begins a run's rows.
     *
     * @throws IOException if there is a file in the table's place that is none
     */
    static AlignmentTable open(Path folder) throws IOException {
        Path real = folder.toRealPath();
        TableMerge.lines(real.resolve(FILE_NAME), HEADER, line -> {});
        SkipRecord.lines(real, line -> {});
        Path journal = real.resolve(FILE_NAME + "." + Long.toHexString(RANDOM.nextLong() | Long.MIN_VALUE) + PART);
        return locked(real, () -> {
            if (!journals(real).isEmpty()) {
                mergeJournals(real, null); // what a killed run has found out is known from the beginning
            }
            FileChannel channel = FileChannel.open(
                    journal,
                    Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE),
                    OwnerOnly.fileAttributes(journal));
            AlignmentTable table = new AlignmentTable(real, journal, channel);
            LIVE.add(journal);
            lock(channel);
            try {
                table.append(HEADER);
                return table;
            } catch (IOException e) {
                table.close();
                throw e;
            }
        });
    }

    void add(String photograph, String face, FaceNote note) throws IOException {
        FaceBox box = note.box();
        List<String> place = box == null
                ? List.of("", "", "", "", "")
                : List.of(
                        Integer.toString(note.facesFound()),
                        FaceNote.numbers(List.of(box.left())),
                        FaceNote.numbers(List.of(box.top())),
                        FaceNote.numbers(List.of(box.width())),
                        FaceNote.numbers(List.of(box.height())));
        SkipReason reason = note.fallbackReason();
        String detail = reason == null ? "" : reason + ": " + note.detail();
        String result = reason == null ? "ALIGNED" : "FALLBACK";
        append(Csv.line(cells(photograph, result, face, place, note.landmarkNumbers(), detail)));
    }

    void addSkipped(String photograph, SkipReason reason, String detail) throws IOException {
        addSkipped(photograph, reason, detail, null);
    }

    /**
     * As the other.
     *
     * @param memo by which the photograph is passed over the next time; none if it is to be looked at again
     */
    void addSkipped(String photograph, SkipReason reason, String detail, SkipRecord.@Nullable Memo memo)
            throws IOException {
        List<String> cells = cells(photograph, reason.name(), "", List.of("", "", "", "", ""), "", detail);
        if (memo != null) {
            cells.addAll(memo.cells());
        }
        append(Csv.line(cells));
    }

    /** Takes the row of a photograph out of the table. */
    void remove(String photograph) throws IOException {
        append(Csv.line(cells(photograph, "", "", List.of("", "", "", "", ""), "", "")));
    }

    private static List<String> cells(
            String photograph, String result, String face, List<String> place, String landmarks, String detail) {
        List<String> cells = new ArrayList<>(List.of(photograph, result, face));
        cells.addAll(place);
        cells.add(landmarks);
        cells.add(detail.replaceAll("\\R", " "));
        return cells;
    }

    private synchronized void append(String row) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap((row + "\n").getBytes(UTF_8));
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    /** Merges this run's rows into the table, and those of runs that were killed, if that was not done lately. */
    void mergeIfDue() throws IOException {
        long since = System.nanoTime() - mergedAt;
        if (since >= Math.max(MERGE_EVERY_NANOS, MOST_PAUSE_SHARE * mergeNanos)) {
            mergeSoFar();
        }
    }

    /** Merges what there is, and goes on with an empty journal. */
    synchronized void mergeSoFar() throws IOException {
        long start = System.nanoTime();
        locked(folder, () -> {
            mergeJournals(folder, channel);
            channel.truncate(0);
            append(HEADER);
            return folder;
        });
        mergedAt = System.nanoTime();
        mergeNanos = mergedAt - start;
    }

    /** Merges this run's rows into the table, and those of runs that were killed. This run has no more after it. */
    synchronized void merge() throws IOException {
        locked(folder, () -> {
            mergeJournals(folder, channel);
            close();
            Files.deleteIfExists(journal);
            return folder;
        });
    }

    private static void mergeJournals(Path folder, @Nullable FileChannel own) throws IOException {
        List<Path> merged = new ArrayList<>();
        try (TableMerge merge = new TableMerge(folder)) {
            for (Path other : journals(folder)) {
                if (addKilled(other, merge)) {
                    merged.add(other);
                }
            }
            if (own != null) {
                addJournal(own, merge);
            }
            if (own != null || !merged.isEmpty()) {
                merge.write();
            }
        }
        for (Path other : merged) {
            Files.deleteIfExists(other);
        }
    }

    /** The journals of other runs, the oldest first. */
    private static List<Path> journals(Path folder) throws IOException {
        record Dated(Path file, long time) {}
        List<Dated> found = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, FILE_NAME + ".*" + PART)) {
            for (Path file : files) {
                if (!LIVE.contains(file)) {
                    found.add(new Dated(file, Files.getLastModifiedTime(file).toMillis()));
                }
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        found.sort(Comparator.comparingLong(Dated::time).thenComparing(Dated::file));
        return found.stream().map(Dated::file).toList();
    }

    /** Adds the rows of a journal whose run is no more; false if it lives, or if there is no telling. */
    private static boolean addKilled(Path other, TableMerge merge) throws IOException {
        try (FileChannel opened = FileChannel.open(other, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            if (!lock(opened)) {
                return false;
            }
            addJournal(opened, merge);
            return true;
        }
    }

    /** The whole rows of a journal: a run may have been killed, and a disk been full, in the middle of one. */
    private static void addJournal(FileChannel journal, TableMerge merge) throws IOException {
        journal.position(0);
        // Not closed, as that would close the journal. What is damaged is no row.
        BufferedReader in = new BufferedReader(new InputStreamReader(Channels.newInputStream(journal), UTF_8));
        String line = in.readLine();
        for (String next = in.readLine(); next != null; next = in.readLine()) {
            addRow(line, merge);
            line = next;
        }
        if (line != null && endsLine(journal)) {
            addRow(line, merge);
        }
    }

    private static void addRow(@Nullable String line, TableMerge merge) throws IOException {
        if (line != null && !line.equals(HEADER)) {
            merge.add(line);
        }
    }

    private static boolean endsLine(FileChannel journal) throws IOException {
        ByteBuffer last = ByteBuffer.allocate(1);
        return journal.size() > 0 && journal.read(last, journal.size() - 1) == 1 && last.get(0) == '\n';
    }

    /** Takes the rows of a table that is read. */
    public interface Rows {
        /** A row; see {@code AlignReport.Row}. */
        void row(
                String photograph,
                String result,
                String face,
                int faces,
                @Nullable FaceBox box,
                List<Point> landmarks,
                String detail);
    }

    /** Gives out the rows of the table in a folder of aligned faces, as {@code AlignReport.readTable} does. */
    public static void read(Path folder, Rows rows) throws IOException {
        Path file = folder.resolve(FILE_NAME);
        if (!Files.exists(file)) {
            throw new NoSuchFileException(file.toString(), null, "no folder of aligned faces, or no run has ended yet");
        }
        TableMerge.lines(file, HEADER, line -> {
            List<String> cells = Csv.cells(line);
            if (cells.size() != CELLS) {
                throw new IOException(file + ": not a row of " + CELLS + " cells: " + line);
            }
            give(cells, rows);
        });
    }

    private static void give(List<String> cells, Rows rows) throws IOException {
        @Nullable FaceBox box;
        int faces;
        List<Point> landmarks;
        try {
            boolean found = !cells.get(3).isEmpty();
            List<Double> place = found ? FaceNote.parseNumbers(String.join(" ", cells.subList(4, 8))) : List.of();
            faces = found ? Integer.parseInt(cells.get(3)) : 0;
            box = found ? new FaceBox(place.get(0), place.get(1), place.get(2), place.get(3)) : null;
            landmarks = FaceNote.parsePoints(cells.get(8));
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
            throw new IOException("damaged row of " + cells.get(0) + " in " + FILE_NAME, e);
        }
        rows.row(cells.get(0), cells.get(1), cells.get(2), faces, box, landmarks, cells.get(9));
    }

    private interface Action<T> {
        T run() throws IOException;
    }

    /** Does something while no other run does so in this folder. */
    private static <T> T locked(Path folder, Action<T> action) throws IOException {
        try {
            MERGING.lockInterruptibly();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while waiting for other runs on " + folder);
        }
        Path file = folder.resolve(LOCK);
        try {
            if (!Files.exists(file)) {
                AtomicFile.writeIfAbsent(new byte[0], file);
            }
            try (FileChannel lock = FileChannel.open(file, StandardOpenOption.WRITE)) {
                waitFor(lock);
                return action.run();
            }
        } finally {
            MERGING.unlock();
        }
    }

    /** Locks a file until its channel is closed. */
    private static void waitFor(FileChannel channel) throws IOException {
        try {
            channel.lock();
        } catch (FileLockInterruptionException | ClosedByInterruptException e) {
            throw (IOException) new InterruptedIOException("interrupted while waiting for other runs").initCause(e);
        } catch (IOException e) {
            return; // no locks there
        }
    }

    /** Whether a file has been locked, now and until its channel is closed. */
    private static boolean lock(FileChannel channel) {
        try {
            @Nullable FileLock lock = channel.tryLock();
            return lock != null;
        } catch (IOException | OverlappingFileLockException e) {
            return false; // no locks there; or another class loader's run in this process
        }
    }

    /** Ends the journal. It stays, for another run to merge, unless it has been merged. */
    @Override
    public void close() throws IOException {
        channel.close();
        LIVE.remove(journal);
    }
}
