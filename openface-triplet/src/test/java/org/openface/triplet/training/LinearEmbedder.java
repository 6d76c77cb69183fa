package org.openface.triplet.training;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;
import org.openface.core.embedding.TrainableEmbedder.StepReport;
import org.openface.core.image.RgbImage;

/** A network of one matrix, {@code embedding = W · pixels}, trained by Adam or plain gradient descent, in plain Java. */
public class LinearEmbedder implements TrainableEmbedder {
    public static final int SIZE = 4;
    static final int DIMENSION = 3;
    private static final int PIXELS = SIZE * SIZE * 3;

    final float[] weights = new float[DIMENSION * PIXELS];
    private final float[] mean = new float[weights.length];
    private final float[] square = new float[weights.length];
    /** Said in plans; of no effect. */
    int threads = 1;

    private int steps;
    private boolean open;

    LinearEmbedder(long seed) {
        Random random = new Random(seed);
        for (int i = 0; i < weights.length; i++) {
            weights[i] = (float) (0.1 * random.nextGaussian());
        }
    }

    @Override
    public int imageSize() {
        return SIZE;
    }

    @Override
    public int dimension() {
        return DIMENSION;
    }

    @Override
    public ExecutionPlan plan(int batchSize, long memoryBudget) {
        return new ExecutionPlan("linear", threads, batchSize, batchSize, 0);
    }

    @Override
    public EmbeddingBatch embed(List<RgbImage> faces) {
        float[] pixels = new float[faces.size() * PIXELS];
        for (int i = 0; i < faces.size(); i++) {
            faces.get(i).copyTo(pixels, i * PIXELS);
        }
        return embed(pixels);
    }

    EmbeddingBatch embed(float[] pixels) {
        if (open) {
            throw new IllegalStateException("a pass is open");
        }
        int size = pixels.length / PIXELS;
        float[] out = new float[size * DIMENSION];
        for (int i = 0; i < out.length; i++) {
            for (int k = 0; k < PIXELS; k++) {
                out[i] += weights[i % DIMENSION * PIXELS + k] * pixels[i / DIMENSION * PIXELS + k];
            }
        }
        return new EmbeddingBatch(DIMENSION, out);
    }

    @Override
    public ForwardPass forward(FaceBatch batch, ExecutionPlan plan) {
        EmbeddingBatch embeddings = embed(batch.pixels());
        open = true;
        return new ForwardPass() {
            @Override
            public EmbeddingBatch embeddings() {
                return embeddings;
            }

            @Override
            public StepReport update(EmbeddingBatch gradient, Optimizer optimizer) {
                return step(batch.pixels(), gradient.values(), optimizer);
            }

            @Override
            public void close() {
                open = false;
            }
        };
    }

    StepReport step(float[] pixels, float[] gradient, Optimizer optimizer) {
        float[] own = new float[weights.length];
        for (int i = 0; i < gradient.length; i++) {
            for (int k = 0; k < PIXELS; k++) {
                own[i % DIMENSION * PIXELS + k] += gradient[i] * pixels[i / DIMENSION * PIXELS + k];
            }
        }
        steps++;
        double norm = 0;
        for (int i = 0; i < weights.length; i++) {
            norm += (double) own[i] * own[i];
            if (optimizer instanceof Optimizer.Adam adam) {
                mean[i] += (float) (1 - adam.beta1()) * (own[i] - mean[i]);
                square[i] += (float) (1 - adam.beta2()) * (own[i] * own[i] - square[i]);
                double m = mean[i] / (1 - Math.pow(adam.beta1(), steps));
                double v = square[i] / (1 - Math.pow(adam.beta2(), steps));
                weights[i] -= (float) (adam.learningRate() * m / (Math.sqrt(v) + adam.epsilon()));
            } else {
                weights[i] -= (float) optimizer.learningRate() * own[i];
            }
        }
        return new StepReport(Math.sqrt(norm), Optional.empty());
    }

    @Override
    public void writeState(OutputStream out) throws IOException {
        DataOutputStream data = new DataOutputStream(out);
        data.writeInt(steps);
        for (float[] values : List.of(weights, mean, square)) {
            for (float value : values) {
                data.writeFloat(value);
            }
        }
        data.flush();
    }

    @Override
    public void readState(InputStream in) throws IOException {
        DataInputStream data = new DataInputStream(in);
        steps = data.readInt();
        for (float[] values : List.of(weights, mean, square)) {
            for (int i = 0; i < values.length; i++) {
                values[i] = data.readFloat();
            }
        }
    }

    @Override
    public void forgetOptimizer() {
        steps = 0;
        Arrays.fill(mean, 0);
        Arrays.fill(square, 0);
    }

    @Override
    public FaceEmbedder averaged() {
        return this;
    }

    @Override
    public String weightsHash() {
        Hasher hasher = Hashing.sha256().newHasher();
        for (float weight : weights) {
            hasher.putFloat(weight);
        }
        return hasher.hash().toString();
    }

    @Override
    public void close() {}
}
