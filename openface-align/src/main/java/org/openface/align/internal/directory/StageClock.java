package org.openface.align.internal.directory;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import org.openface.align.face.Stage;

/** Adds up the time that several threads spend on each stage. */
public final class StageClock {
    private final Map<Stage, LongAdder> nanos = new EnumMap<>(Stage.class);

    public StageClock() {
        for (Stage stage : Stage.values()) {
            nanos.put(stage, new LongAdder());
        }
    }

    /** Adds the time since {@code start}, of {@link System#nanoTime}, and returns the time now. */
    public long add(Stage stage, long start) {
        long now = System.nanoTime();
        requireNonNull(nanos.get(stage)).add(now - start);
        return now;
    }

    Map<Stage, Duration> times() {
        Map<Stage, Duration> times = new EnumMap<>(Stage.class);
        nanos.forEach((stage, sum) -> times.put(stage, Duration.ofNanos(sum.sum())));
        return times;
    }
}
