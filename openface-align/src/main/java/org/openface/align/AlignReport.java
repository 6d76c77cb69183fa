package org.openface.align;

import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What became of a directory of photographs. Every photograph is counted once: {@code total() == aligned + alreadyDone +
 * skipped.size()}.
 *
 * @param aligned photographs aligned by this run
 * @param alreadyDone photographs whose aligned face was there already
 * @param skipped photographs without an aligned face, in the order of their paths
 * @param elapsed how long the run took
 */
public record AlignReport(int aligned, int alreadyDone, List<Skipped> skipped, Duration elapsed) {
    public AlignReport {
        skipped = List.copyOf(skipped);
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
        return aligned + alreadyDone + skipped.size();
    }

    /** How many photographs were skipped for each reason; reasons that did not occur are absent. */
    public Map<SkipReason, Integer> skippedByReason() {
        Map<SkipReason, Integer> counts = new EnumMap<>(SkipReason.class);
        skipped.forEach(s -> counts.merge(s.reason(), 1, Integer::sum));
        return counts;
    }

    /**
     * One line for people, such as {@code aligned 95 of 100 photographs (40 of them before) in 3.2 s; skipped: NO_FACE 4,
     * UNREADABLE 1}.
     */
    public String summary() {
        StringBuilder line = new StringBuilder(
                String.format(Locale.ROOT, "aligned %d of %d photographs", aligned + alreadyDone, total()));
        if (alreadyDone > 0) {
            line.append(String.format(Locale.ROOT, " (%d of them before)", alreadyDone));
        }
        line.append(String.format(Locale.ROOT, " in %.1f s", elapsed.toMillis() / 1000.0));
        String separator = "; skipped: ";
        for (Map.Entry<SkipReason, Integer> count : skippedByReason().entrySet()) {
            line.append(separator).append(count.getKey()).append(' ').append(count.getValue());
            separator = ", ";
        }
        return line.toString();
    }
}
