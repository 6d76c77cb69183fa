package org.openface.core.embedding;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.List;
import java.util.Optional;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.RgbImage;

/** Turns aligned faces into embeddings. Implementations may be used from several threads. */
public interface FaceEmbedder {
    /** Side in pixels of the square images this embedder takes. */
    int imageSize();

    /** Floats per embedding. */
    int dimension();

    /** How the faces it was trained on were aligned, if that is known; other faces are not for it. */
    default Optional<AlignmentProfile> alignmentProfile() {
        return Optional.empty();
    }

    /**
     * SHA-256, in hexadecimal, of all numbers that its embeddings depend on, if it can say: while it stays the same, so do
     * the embeddings, and what was measured on them holds.
     */
    default Optional<String> fingerprint() {
        return Optional.empty();
    }

    /**
     * Takes the threshold that a verification has found, for whoever asks later whether two faces are of one person. Called
     * at the end of a verification if there is a {@link #fingerprint}. One that has a threshold for what it is now keeps
     * that; one that has changed since the verification began takes none. By default it is forgotten.
     */
    default void calibrate(Calibration calibration) {}

    /**
     * Refuses faces that are aligned otherwise than those this was trained on. A mere difference in size is none, as images are
     * scaled; nor is one between what is not known.
     *
     * @throws IllegalArgumentException if the profiles differ; the message says in what
     */
    default void requireFitting(Optional<AlignmentProfile> faces) {
        alignmentProfile()
                .ifPresent(trained ->
                        faces.ifPresent(these -> trained.withSize(these.size()).requireCompatible(these)));
    }

    /**
     * Embeds aligned faces, in the order given, as inference does (running statistics, no randomness).
     *
     * @throws IllegalArgumentException if an image is not {@code imageSize} × {@code imageSize}
     */
    EmbeddingBatch embed(List<RgbImage> faces);

    /** Embeds one aligned face. */
    default Embedding embed(RgbImage face) {
        return embed(List.of(face)).get(0);
    }

    /**
     * What an evaluation tells the embedder that it has evaluated: the distance that tells two people apart.
     *
     * @param fingerprint what {@link FaceEmbedder#fingerprint} was when the evaluation began
     * @param threshold squared distance below which two faces count as one person
     * @param halfWidth half the width of the interval around {@code threshold}
     */
    record Calibration(String fingerprint, double threshold, double halfWidth) {
        /**
         * Checks the figures.
         *
         * @throws IllegalArgumentException if one is negative or not finite
         */
        public Calibration {
            checkArgument(
                    threshold >= 0 && Double.isFinite(threshold),
                    "threshold (%s) must be a squared distance",
                    threshold);
            checkArgument(
                    halfWidth >= 0 && Double.isFinite(halfWidth), "halfWidth (%s) must not be negative", halfWidth);
        }
    }
}
