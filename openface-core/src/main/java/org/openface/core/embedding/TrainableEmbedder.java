package org.openface.core.embedding;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/**
 * A network that a trainer can drive: one forward pass over a batch, then one backward pass from the gradient of the
 * loss with respect to the embeddings.
 *
 * <p>The trainer sees only embeddings and their gradient, so that mining and loss are the same for every engine.
 * Closing releases native memory; afterwards every call is an {@link IllegalStateException}.
 */
public interface TrainableEmbedder extends FaceEmbedder, AutoCloseable {
    /**
     * Decides how steps of up to {@code batchSize} images will be executed. The same arguments give the same plan on the
     * same machine: a plan never depends on the memory that happens to be free.
     *
     * @param memoryBudget bytes that activations and workspaces may take
     * @throws IllegalArgumentException if not even the smallest plan fits the budget, with the bytes it would need
     */
    ExecutionPlan plan(int batchSize, long memoryBudget);

    /**
     * Embeds a batch in training mode (batch statistics) and keeps what the backward pass needs.
     *
     * <p>One pass may be open at a time.
     *
     * @throws IllegalArgumentException if images have another size than {@link #imageSize()} or are more than planned
     * @throws IllegalStateException if a pass is still open, or the network is closed
     */
    ForwardPass forward(FaceBatch batch, ExecutionPlan plan);

    /**
     * The whole state as a stream: weights, running statistics, the optimiser's state, and the average of the weights where
     * one is kept. Reading it back continues training bit for bit.
     */
    void writeState(OutputStream out) throws IOException;

    /**
     * Replaces the whole state by one written by {@link #writeState}.
     *
     * @throws IOException if the stream is damaged or belongs to another network; the state is then unchanged
     */
    void readState(InputStream in) throws IOException;

    /**
     * Empties the optimiser's memory, the average of {@link Optimizer#averaged} included, so that the next step is its
     * first; the weights that are trained and the running statistics stay.
     */
    void forgetOptimizer();

    /**
     * What embeds with the average of the weights that {@link Optimizer#averaged} keeps; this network itself while there
     * is none, or if it embeds with the average anyway. It belongs to this network: it follows its training and is closed with it.
     */
    FaceEmbedder averaged();

    /**
     * Takes what the training knows about this network, to be written and saved with it, in place of what it was told
     * before. Called at the start of a training, before each checkpoint, and after each evaluation. By default it is
     * forgotten.
     *
     * @throws IllegalArgumentException if the record holds what must not be saved, such as a path
     */
    default void describe(TrainingRecord record) {}

    /**
     * SHA-256 over the trained parameters in a fixed order, in hexadecimal: equal for two networks exactly when all the
     * weights are that training goes on from. An average that {@link Optimizer#averaged} keeps beside them is not in it, nor
     * are running statistics; for all that embeddings depend on there is {@link #fingerprint}.
     */
    String weightsHash();

    @Override
    void close();
}
