package org.openface.align.internal.directory;

import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.openface.align.face.SkipReason;
import org.openface.align.face.Stage;
import org.openface.core.dataset.Face;

/** What is counted and kept of the outcomes of a job. */
final class Tally {
    private int done;
    private int before;
    private final First<Totals.Skip> fallbacks = new First<>();
    private final First<Totals.Skip> skipped = new First<>();
    private final Map<SkipReason, Integer> reasons = new EnumMap<>(SkipReason.class);

    /** Adds what became of a photograph, whose number says where it comes in the order of all. */
    synchronized void add(long number, Face photograph, Step.Outcome outcome) {
        FaceNote note = outcome.note();
        Totals.Skip skip = outcome.skipped();
        if (skip != null) {
            skipped.add(number, skip);
            reasons.merge(skip.reason(), 1, Integer::sum);
        } else if (note != null && note.fallbackReason() != null) {
            fallbacks.add(number, new Totals.Skip(photograph.file(), note.fallbackReason(), note.detail()));
        } else if (outcome.before()) {
            before++;
        } else {
            done++;
        }
    }

    synchronized Totals report(
            Totals.Some<Path> withoutPhotograph,
            List<Totals.PassedOver> passedOver,
            Duration elapsed,
            Map<Stage, Duration> times) {
        return new Totals(
                done,
                before,
                fallbacks.inOrder(),
                skipped.inOrder(),
                new EnumMap<>(reasons),
                withoutPhotograph,
                passedOver,
                elapsed,
                times);
    }
}
