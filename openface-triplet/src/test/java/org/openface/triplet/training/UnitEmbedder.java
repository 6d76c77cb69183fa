package org.openface.triplet.training;

import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;
import org.openface.core.embedding.TrainableEmbedder.StepReport;

/** The linear network with its embeddings scaled to length 1, as nn4's are. */
final class UnitEmbedder extends LinearEmbedder {
    UnitEmbedder(long seed) {
        super(seed);
    }

    @Override
    EmbeddingBatch embed(float[] pixels) {
        EmbeddingBatch linear = super.embed(pixels);
        float[] values = linear.values().clone();
        for (int i = 0; i < linear.size(); i++) {
            float length = length(linear, i);
            for (int k = 0; k < DIMENSION; k++) {
                values[i * DIMENSION + k] /= length;
            }
        }
        return new EmbeddingBatch(DIMENSION, values);
    }

    private static float length(EmbeddingBatch batch, int image) {
        double squares = 1e-20;
        for (int k = 0; k < DIMENSION; k++) {
            float value = batch.values()[image * DIMENSION + k];
            squares += (double) value * value;
        }
        return (float) Math.sqrt(squares);
    }

    @Override
    public ForwardPass forward(FaceBatch batch, ExecutionPlan plan) {
        EmbeddingBatch linear = super.embed(batch.pixels());
        ForwardPass pass = super.forward(batch, plan);
        return new ForwardPass() {
            @Override
            public EmbeddingBatch embeddings() {
                return pass.embeddings();
            }

            @Override
            public StepReport update(EmbeddingBatch gradient, Optimizer optimizer) {
                // Through u = x / |x|: (g − (g · u) u) / |x|.
                float[] unit = pass.embeddings().values();
                float[] g = gradient.values().clone();
                for (int i = 0; i < gradient.size(); i++) {
                    float along = 0;
                    for (int k = 0; k < DIMENSION; k++) {
                        along += g[i * DIMENSION + k] * unit[i * DIMENSION + k];
                    }
                    for (int k = 0; k < DIMENSION; k++) {
                        int at = i * DIMENSION + k;
                        g[at] = (g[at] - along * unit[at]) / length(linear, i);
                    }
                }
                return pass.update(new EmbeddingBatch(DIMENSION, g), optimizer);
            }

            @Override
            public void close() {
                pass.close();
            }
        };
    }
}
