package org.openface.align;

import java.time.Duration;

/**
 * How far a directory job has come.
 *
 * @param done photographs dealt with so far, those without a face and those found done already included
 * @param total photographs in the directory
 * @param imagesPerSecond photographs dealt with per second since the job began
 */
public record AlignProgress(int done, int total, double imagesPerSecond) {
    /** About how long the rest will take. What is done already is met evenly over the whole job, not first. */
    public Duration remaining() {
        return Duration.ofMillis(Math.round(1000.0 * (total - done) / Math.max(1e-9, imagesPerSecond)));
    }
}
