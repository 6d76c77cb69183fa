package org.openface.align;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What became of a directory of photographs. Every photograph is counted once: {@code total() == aligned + alreadyDone +
 * fallbacks.size() + skipped.size()}.
 *
 * @param aligned photographs aligned by this run
 * @param alreadyDone photographs whose aligned face was there already
 * @param fallbacks photographs for which a picture of the fallback folder was taken, by this run or before, and why
 * @param skipped photographs without an aligned face, in the order of their paths
 * @param elapsed how long the run took
 * @param time what the threads spent their time on, added up over them
 */
public record AlignReport(
        int aligned,
        int alreadyDone,
        List<Skipped> fallbacks,
        List<Skipped> skipped,
        Duration elapsed,
        Map<Stage, Duration> time) {
    /**
     * Name of the file beside the aligned faces that says what became of each photograph: CSV with the columns {@code
     * photograph} ({@code <person>/<file>}), {@code result} ({@code ALIGNED}, {@code FALLBACK} or a {@link SkipReason}),
     * {@code face} (the aligned file), {@code faces} (how many the photograph has), {@code left}, {@code top}, {@code
     * width} and {@code height} of the box of the one that was taken, {@code landmarks} (its points {@code x y x y ...}, in
     * pixels of the photograph), and {@code detail}.
     */
    public static final String FILE_NAME = "alignment.csv";

    public AlignReport {
        fallbacks = List.copyOf(fallbacks);
        skipped = List.copyOf(skipped);
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
        return line.toString();
    }
}
