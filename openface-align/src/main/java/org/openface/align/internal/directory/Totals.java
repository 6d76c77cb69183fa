package org.openface.align.internal.directory;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.openface.align.face.SkipReason;
import org.openface.align.face.Stage;
import org.openface.core.dataset.FaceDataset;

/**
 * What became of a directory of photographs; see {@code AlignReport} for the meaning of the parts.
 */
public record Totals(
        int aligned,
        int alreadyDone,
        Some<Skip> fallbacks,
        Some<Skip> skipped,
        Map<SkipReason, Integer> skippedByReason,
        Some<Path> withoutPhotograph,
        List<PassedOver> passedOver,
        Duration elapsed,
        Map<Stage, Duration> time) {
    /** Of longer lists so many are kept. */
    public static final int MOST_LISTED = 10_000;

    /** A photograph that has no aligned face of its own, and why. */
    public record Skip(Path source, SkipReason reason, String detail) {}

    /** The first {@value #MOST_LISTED} in order, and how many there are. */
    public record Some<T>(List<T> first, int count) {}

    /** What no photograph was taken from, the first {@value #MOST_LISTED}, and how many there are. */
    public record PassedOver(FaceDataset.PassedOver first, int count) {
        /** For people, as {@link FaceDataset.PassedOver#summary}. */
        public String summary() {
            String some = first.summary();
            // It begins with the number of those that are kept.
            return count == first.files().size() ? some : count + some.substring(some.indexOf(' '));
        }
    }
}
