package org.openface.triplet.training;

import java.time.Duration;

/** How long the steps of this run have taken, and how long the rest will. */
final class Stopwatch {
    private final long start = System.nanoTime();
    private long pausedNanos;
    private long steps;

    void step() {
        steps++;
    }

    /** Leaves out a pause. */
    void paused(long nanos) {
        pausedNanos += nanos;
    }

    /** The time for so many further steps, at the mean speed since the start. */
    Duration remaining(long more) {
        return Duration.ofNanos((long) ((double) (System.nanoTime() - start - pausedNanos) / steps * more));
    }
}
