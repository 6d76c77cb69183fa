package org.openface.align;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.openface.align.face.FaceBox;
import org.openface.align.face.Point;
import org.openface.align.face.SkipReason;
import org.openface.align.face.Stage;
import org.openface.align.internal.directory.AlignmentTable;
import org.openface.align.internal.directory.Totals;
import org.openface.core.dataset.FaceDataset;

/**
 * What became of a directory of photographs. Every photograph is counted once: {@code total() == aligned() + alreadyDone() +
 * fallbackCount() + skippedCount()}. It takes little memory however many they are: of long lists it has the first.
 */
public final class AlignReport {
    /**
     * Name of the file beside the aligned faces that says what became of each photograph: CSV with the columns {@code
     * photograph} ({@code <person>/<file>}), {@code result} ({@code ALIGNED}, {@code FALLBACK} or a {@link SkipReason}),
     * {@code face} (the aligned file), {@code faces} (how many the photograph has), {@code left}, {@code top}, {@code
     * width} and {@code height} of the box of the one that was taken, {@code landmarks} (its points {@code x y x y ...}, in
     * pixels of the photograph), and {@code detail}.
     *
     * <p>The row of a photograph goes to a file {@code alignment.csv.<random>.part} beside it as soon as that is done, and
     * from there into the table: every few minutes, and at the end of the run; of a run that was killed at the beginning of
     * the next.
     *
     * <p>A cell that a spreadsheet might take for a formula, as it begins with one of {@code = + - @} and is no number, or
     * that holds control characters, is written as {@code '} and the text, in quotes, with backslashes, commas, quotes and
     * control characters as <code>&#92;u005c</code>; {@link #readTable} undoes this.
     */
    public static final String FILE_NAME = AlignmentTable.FILE_NAME;

    /** So long are lists at most. */
    public static final int MOST_LISTED = Totals.MOST_LISTED;

    private final int aligned;
    private final int alreadyDone;
    private final Totals.Some<Skipped> fallbacks;
    private final Totals.Some<Skipped> skipped;
    private final Map<SkipReason, Integer> skippedByReason;
    private final Totals.Some<Path> withoutPhotograph;
    private final List<Totals.PassedOver> passedOver;
    private final Duration elapsed;
    private final Map<Stage, Duration> time;

    AlignReport(Totals totals) {
        aligned = totals.aligned();
        alreadyDone = totals.alreadyDone();
        fallbacks = skipped(totals.fallbacks());
        skipped = skipped(totals.skipped());
        skippedByReason = Collections.unmodifiableMap(new EnumMap<>(totals.skippedByReason()));
        withoutPhotograph = totals.withoutPhotograph();
        passedOver = totals.passedOver();
        elapsed = totals.elapsed();
        time = Collections.unmodifiableMap(new EnumMap<>(totals.time()));
    }

    private static Totals.Some<Skipped> skipped(Totals.Some<Totals.Skip> some) {
        List<Skipped> first = some.first().stream()
                .map(skip -> new Skipped(skip.source(), skip.reason(), skip.detail()))
                .toList();
        return new Totals.Some<>(first, some.count());
    }

    /** Photographs aligned by this run. */
    public int aligned() {
        return aligned;
    }

    /** Photographs whose aligned face was there already. */
    public int alreadyDone() {
        return alreadyDone;
    }

    /**
     * Photographs for which a picture of the fallback folder was taken, by this run or before, and why; the first {@value
     * #MOST_LISTED} of them in the order of their paths.
     */
    public List<Skipped> fallbacks() {
        return fallbacks.first();
    }

    /** How many those are in all. */
    public int fallbackCount() {
        return fallbacks.count();
    }

    /**
     * Photographs without an aligned face, the first {@value #MOST_LISTED} of them in the order of their paths. All are in
     * {@value #FILE_NAME}, which {@link #readTable} reads in any size.
     */
    public List<Skipped> skipped() {
        return skipped.first();
    }

    /** How many those are in all. */
    public int skippedCount() {
        return skipped.count();
    }

    /**
     * Aligned faces that are there whose photograph is not among those of this run, the first {@value #MOST_LISTED} of them
     * in the order of their paths; {@link Aligner#purge} deletes all.
     */
    public List<Path> withoutPhotograph() {
        return withoutPhotograph.first();
    }

    /** How many those are in all. */
    public int withoutPhotographCount() {
        return withoutPhotograph.count();
    }

    /**
     * Pictures of kinds that are not read, and folders within people's folders, which no photograph was taken from; the
     * first {@value #MOST_LISTED} of each kind.
     */
    public List<FaceDataset.PassedOver> passedOver() {
        return passedOver.stream().map(Totals.PassedOver::first).toList();
    }

    /** How long the run took. */
    public Duration elapsed() {
        return elapsed;
    }

    /** What the threads spent their time on, added up over them. */
    public Map<Stage, Duration> time() {
        return time;
    }

    /**
     * A photograph that has no aligned face.
     *
     * @param source the photograph
     * @param reason why
     * @param detail more about it, for people
     */
    public record Skipped(Path source, SkipReason reason, String detail) {}

    /** A row of {@value #FILE_NAME}. */
    public static final class Row {
        private final String photograph;
        private final String result;
        private final String face;
        private final int faces;
        private final @Nullable FaceBox box;
        private final List<Point> landmarks;
        private final String detail;

        private Row(
                String photograph,
                String result,
                String face,
                int faces,
                @Nullable FaceBox box,
                List<Point> landmarks,
                String detail) {
            this.photograph = photograph;
            this.result = result;
            this.face = face;
            this.faces = faces;
            this.box = box;
            this.landmarks = List.copyOf(landmarks);
            this.detail = detail;
        }

        /** {@code <person>/<file>}. */
        public String photograph() {
            return photograph;
        }

        /** {@code ALIGNED}, {@code FALLBACK} or the name of a {@link SkipReason}. */
        public String result() {
            return result;
        }

        /** The aligned file, {@code <person>/<file>}; empty if there is none. */
        public String face() {
            return face;
        }

        /** How many faces the photograph has; 0 if that is not known. */
        public int faces() {
            return faces;
        }

        /** Of the face that was taken; null if there is none, or it is not known. */
        public @Nullable FaceBox box() {
            return box;
        }

        /** Of that face, in pixels of the photograph; empty if there are none. */
        public List<Point> landmarks() {
            return landmarks;
        }

        /** More about it, for people. */
        public String detail() {
            return detail;
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Row o
                    && photograph.equals(o.photograph)
                    && result.equals(o.result)
                    && face.equals(o.face)
                    && faces == o.faces
                    && Objects.equals(box, o.box)
                    && landmarks.equals(o.landmarks)
                    && detail.equals(o.detail);
        }

        @Override
        public int hashCode() {
            return Objects.hash(photograph, result, face, faces, box, landmarks, detail);
        }

        @Override
        public String toString() {
            return photograph + ": " + result + " " + detail;
        }
    }

    /**
     * Reads the table in a folder of aligned faces, row by row, so that it may have any size. Tables of earlier versions
     * are read too.
     *
     * @throws IOException if there is none, or if it is damaged
     */
    public static void readTable(Path aligned, Consumer<? super Row> rows) throws IOException {
        AlignmentTable.read(
                aligned,
                (photograph, result, face, faces, box, landmarks, detail) ->
                        rows.accept(new Row(photograph, result, face, faces, box, landmarks, detail)));
    }

    /** Number of photographs in the directory. */
    public int total() {
        return aligned + alreadyDone + fallbackCount() + skippedCount();
    }

    /** Photographs per second, not counting those whose face was there already. */
    public double imagesPerSecond() {
        return (total() - alreadyDone) / Math.max(1e-9, elapsed.toNanos() / 1e9);
    }

    /** How many photographs were skipped for each reason; reasons that did not occur are absent. */
    public Map<SkipReason, Integer> skippedByReason() {
        return skippedByReason;
    }

    /**
     * One line for people, such as {@code aligned 95 of 100 photographs (40 of them before) in 3.2 s, 18.8 images/s;
     * skipped: NO_FACE 4, UNREADABLE 1}.
     */
    public String summary() {
        StringBuilder line = new StringBuilder(
                String.format(Locale.ROOT, "aligned %d of %d photographs", aligned + alreadyDone, total()));
        if (alreadyDone > 0) {
            line.append(String.format(Locale.ROOT, " (%d of them before)", alreadyDone));
        }
        line.append(String.format(
                Locale.ROOT, " in %.1f s, %.1f images/s", elapsed.toMillis() / 1000.0, imagesPerSecond()));
        if (fallbackCount() > 0) {
            line.append("; from the fallback folder: ").append(fallbackCount());
        }
        if (skippedCount() > 0) {
            line.append(skippedByReason.entrySet().stream()
                    .map(count -> count.getKey() + " " + count.getValue())
                    .collect(Collectors.joining(", ", "; skipped: ", "")));
        }
        if (withoutPhotographCount() > 0) {
            line.append("; faces there without a photograph: ").append(withoutPhotographCount());
        }
        passedOver.forEach(kind -> line.append("; ").append(kind.summary()));
        return line.toString();
    }

    /** As {@link #summary}. */
    @Override
    public String toString() {
        return summary();
    }
}
