package org.openface.examples;

import java.util.List;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.image.RgbImage;

/** No network at all: a face's pixels are its embedding. What a network must beat. */
final class RawPixels implements FaceEmbedder {
    private final int size;

    RawPixels(int size) {
        this.size = size;
    }

    @Override
    public int imageSize() {
        return size;
    }

    @Override
    public int dimension() {
        return 3 * size * size;
    }

    @Override
    public EmbeddingBatch embed(List<RgbImage> faces) {
        float[] values = new float[faces.size() * dimension()];
        for (int i = 0; i < faces.size(); i++) {
            faces.get(i).copyTo(values, i * dimension());
        }
        return new EmbeddingBatch(dimension(), values);
    }
}
