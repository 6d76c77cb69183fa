package org.openface.core.embedding;

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
     * Embeds aligned faces, in the order given, as inference does (running statistics, no randomness).
     *
     * @throws IllegalArgumentException if an image is not {@code imageSize} × {@code imageSize}
     */
    EmbeddingBatch embed(List<RgbImage> faces);

    /** Embeds one aligned face. */
    default Embedding embed(RgbImage face) {
        return embed(List.of(face)).get(0);
    }
}
