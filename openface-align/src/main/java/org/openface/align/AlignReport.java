package org.openface.align;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.FaceDataset;

/**
 * What became of a directory of photographs. Every photograph is counted once: {@code total() == aligned + alreadyDone +
 * fallbacks.size() + skipped.size()}.
 *
 * @param aligned photographs aligned by this run
 * @param alreadyDone photographs whose aligned face was there already
 * @param fallbacks photographs for which a picture of the fallback folder was taken, by this run or before, and why
 * @param skipped photographs without an aligned face, in the order of their paths
 * @param withoutPhotograph aligned faces that are there whose photograph is not among those of this run; {@link
 *     Aligner#purge} deletes them
 * @param passedOver pictures of kinds that are not read, and folders within people's folders, which no photograph was
 *     taken from
 * @param elapsed how long the run took
 * @param time what the threads spent their time on, added up over them
 */
public record AlignReport(
        int aligned,
        int alreadyDone,
        List<Skipped> fallbacks,
        List<Skipped> skipped,
        List<Path> withoutPhotograph,
        List<FaceDataset.PassedOver> passedOver,
        Duration elapsed,
        Map<Stage, Duration> time) {
    /**
     * Name of the file beside the aligned faces that says what became of each photograph: CSV with the columns {@code
     * photograph} ({@code <person>/<file>}), {@code result} ({@code ALIGNED}, {@code FALLBACK} or a {@link SkipReason}),
     * {@code face} (the aligned file), {@code faces} (how many the photograph has), {@code left}, {@code top}, {@code
     * width} and {@code height} of the box of the one that was taken, {@code landmarks} (its points {@code x y x y ...}, in
     * pixels of the photograph), and {@code detail}.
     *
     * <p>It is made at the end of a run. Until then, and if the run is killed, the rows are in a file {@code
     * alignment.csv.<random>.part} beside it, one for each photograph as soon as it is done.
     *
     * <p>A cell that a spreadsheet might take for a formula, as it begins with one of {@code = + - @} and is no number, or
     * that holds control characters, is written as {@code '} and the text, in quotes, with backslashes, commas, quotes and
     * control characters as <code>&#92;u005c</code>; {@link #readTable} undoes this.
     */
    public static final String FILE_NAME = "alignment.csv";

    public AlignReport {
        fallbacks = List.copyOf(fallbacks);
        skipped = List.copyOf(skipped);
        withoutPhotograph = List.copyOf(withoutPhotograph);
        passedOver = List.copyOf(passedOver);
        time = Collections.unmodifiableMap(new EnumMap<>(time));
    }

    /**
     * A photograph that has no aligned face.
     *
     * @param source the photograph
     * @param reason why
     * @param detail more about it, for people
     */
    public record Skipped(Path source, SkipReason reason, String detail) {}

    /**
     * A row of {@value #FILE_NAME}.
     *
     * @param photograph {@code <person>/<file>}
     * @param result {@code ALIGNED}, {@code FALLBACK} or the name of a {@link SkipReason}
     * @param face the aligned file, {@code <person>/<file>}; empty if there is none
     * @param faces how many faces the photograph has; 0 if that is not known
     * @param box of the face that was taken; null if there is none, or it is not known
     * @param landmarks of that face, in pixels of the photograph; empty if there are none
     * @param detail more about it, for people
     */
    public record Row(
            String photograph,
            String result,
            String face,
            int faces,
            @Nullable FaceBox box,
            List<Point> landmarks,
            String detail) {
        public Row {
            landmarks = List.copyOf(landmarks);
        }
    }

    /**
     * Reads the table in a folder of aligned faces, row by row, so that it may have any size. Tables of earlier versions
     * are read too.
     *
     * @throws IOException if there is none, or if it is damaged
     */
    public static void readTable(Path aligned, Consumer<? super Row> rows) throws IOException {
        AlignmentTable.read(aligned, rows);
    }

    /** Number of photographs in the directory. */
    public int total() {
        return aligned + alreadyDone + fallbacks.size() + skipped.size();
    }

    /** Photographs per second, not counting those whose face was there already. */
    public double imagesPerSecond() {
        return (total() - alreadyDone) / Math.max(1e-9, elapsed.toNanos() / 1e9);
    }

    /** How many photographs were skipped for each reason; reasons that did not occur are absent. */
    public Map<SkipReason, Integer> skippedByReason() {
        Map<SkipReason, Integer> counts = new EnumMap<>(SkipReason.class);
        skipped.forEach(s -> counts.merge(s.reason(), 1, Integer::sum));
        return counts;
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
        if (!fallbacks.isEmpty()) {
            line.append("; from the fallback folder: ").append(fallbacks.size());
        }
        if (!skipped.isEmpty()) {
            line.append(skippedByReason().entrySet().stream()
                    .map(count -> count.getKey() + " " + count.getValue())
                    .collect(Collectors.joining(", ", "; skipped: ", "")));
        }
        if (!withoutPhotograph.isEmpty()) {
            line.append("; faces there without a photograph: ").append(withoutPhotograph.size());
        }
        passedOver.forEach(kind -> line.append("; ").append(kind.summary()));
        return line.toString();
    }
}
