package org.openface.align.internal.directory;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.openface.align.face.Stage;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;

/** What is counted and kept of the outcomes of a job. */
final class Tally {
    private record Numbered(int number, Totals.Skip skipped) {}

    private int done;
    private int before;
    private final List<Numbered> fallbacks = new ArrayList<>();
    private final List<Numbered> skipped = new ArrayList<>();

    synchronized void add(int number, Face photograph, Step.Outcome outcome) {
        FaceNote note = outcome.note();
        if (outcome.skipped() != null) {
            skipped.add(new Numbered(number, outcome.skipped()));
        } else if (note != null && note.fallbackReason() != null) {
            fallbacks.add(
                    new Numbered(number, new Totals.Skip(photograph.file(), note.fallbackReason(), note.detail())));
        } else if (outcome.before()) {
            before++;
        } else {
            done++;
        }
    }

    synchronized Totals report(
            List<Path> withoutPhotograph,
            List<FaceDataset.PassedOver> passedOver,
            Duration elapsed,
            Map<Stage, Duration> times) {
        return new Totals(
                done, before, inOrder(fallbacks), inOrder(skipped), withoutPhotograph, passedOver, elapsed, times);
    }

    private static List<Totals.Skip> inOrder(List<Numbered> some) {
        return some.stream()
                .sorted(Comparator.comparingInt(Numbered::number))
                .map(Numbered::skipped)
                .toList();
    }
}
