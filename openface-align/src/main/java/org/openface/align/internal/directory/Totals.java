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
        List<Skip> fallbacks,
        List<Skip> skipped,
        List<Path> withoutPhotograph,
        List<FaceDataset.PassedOver> passedOver,
        Duration elapsed,
        Map<Stage, Duration> time) {
    /** A photograph that has no aligned face of its own, and why. */
    public record Skip(Path source, SkipReason reason, String detail) {}
}
