package org.openface.nn4.internal.engine.onednn;

import org.bytedeco.dnnl.sum;

/** Brings embeddings to unit length, in Java: some ten thousand values. */
final class UnitLength {
    private final int embeddingSize;
    private final double epsilon;
    private float[] lengths = new float[0];
    private float[] embeddings = new float[0];

    UnitLength(int embeddingSize, double epsilon) {
        this.embeddingSize = embeddingSize;
        this.epsilon = epsilon;
    }

    /** The latest embeddings. */
    float[] embeddings() {
        return embeddings;
    }

    float[] normalize(float[] linear) {
        int images = linear.length / embeddingSize;
        lengths = new float[images];
        embeddings = new float[linear.length];
        for (int n = 0; n < images; n++) {
            double sum = epsilon;
            for (int c = 0; c < embeddingSize; c++) {
                float v = linear[n * embeddingSize + c];
                sum += (double) v * v;
            }
            lengths[n] = (float) Math.sqrt(sum);
            for (int c = 0; c < embeddingSize; c++) {
                embeddings[n * embeddingSize + c] = linear[n * embeddingSize + c] / lengths[n];
            }
        }
        return embeddings;
    }

    /** For e = x / ‖x‖: dx = (g − (g·e) e) / ‖x‖. */
    float[] gradient(float[] gradient) {
        float[] result = new float[gradient.length];
        for (int n = 0; n < lengths.length; n++) {
            double dot = 0;
            for (int c = 0; c < embeddingSize; c++) {
                dot += (double) gradient[n * embeddingSize + c] * embeddings[n * embeddingSize + c];
            }
            for (int c = 0; c < embeddingSize; c++) {
                int i = n * embeddingSize + c;
                result[i] = (float) ((gradient[i] - dot * embeddings[i]) / lengths[n]);
            }
        }
        return result;
    }
}
