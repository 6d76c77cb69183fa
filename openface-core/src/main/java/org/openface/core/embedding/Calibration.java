package org.openface.core.embedding;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * What an evaluation tells the embedder that it has evaluated: the distance that tells two people apart.
 *
 * @param fingerprint what {@link FaceEmbedder#fingerprint} was when the evaluation began
 * @param threshold squared distance below which two faces count as one person
 * @param halfWidth half the width of the interval around {@code threshold}
 */
public record Calibration(String fingerprint, double threshold, double halfWidth) {
    /**
     * Checks the figures.
     *
     * @throws IllegalArgumentException if one is negative or not finite
     */
    public Calibration {
        checkArgument(
                threshold >= 0 && Double.isFinite(threshold), "threshold (%s) must be a squared distance", threshold);
        checkArgument(halfWidth >= 0 && Double.isFinite(halfWidth), "halfWidth (%s) must not be negative", halfWidth);
    }
}
