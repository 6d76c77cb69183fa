package org.openface.core.embedding;

import java.util.List;
import org.openface.core.image.RgbImage;

/** Turns aligned faces into embeddings. Implementations may be used from several threads. */
public interface FaceEmbedder {
    /** Side in pixels of the square images this embedder takes. */
    int imageSize();

    /** Floats per embedding. */
    int dimension();

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
