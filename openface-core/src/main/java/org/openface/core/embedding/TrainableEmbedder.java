package org.openface.core.embedding;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SortedMap;
import java.util.TreeMap;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.RgbImage;

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
     * Replaces the running statistics of what {@link #averaged} embeds with by those of some faces under the present weights: the
     * average over batches. Running ones trail behind weights that change fast, which makes evaluations jump. By default there is
     * nothing to replace; networks with batch normalisation do.
     *
     * @param faces of {@link #imageSize}, in random order, at least 2; a few hundred will do
     * @param batchSize images of a batch, at least 2
     * @param memoryBudget bytes that activations and workspaces may take; a batch that does not fit is cut
     * @throws IllegalStateException if the statistics are not finite; the old ones then stay
     */
    default void estimateBatchStatistics(List<RgbImage> faces, int batchSize, long memoryBudget) {}

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

    /**
     * How training steps are executed: decided once, said to the user and kept in the checkpoint, since another plan may
     * round differently.
     *
     * @param executor what runs the network, such as {@code samediff} or {@code onednn}
     * @param threads compute threads
     * @param batchSize largest batch, in images
     * @param chunkSize images in memory at a time; equal to {@code batchSize} when the batch runs whole
     * @param estimatedBytes memory outside of Java's heap that steps are expected to take, in bytes, with the copies of the
     *     weights that the executor computes with
     */
    record ExecutionPlan(String executor, int threads, int batchSize, int chunkSize, long estimatedBytes) {
        public ExecutionPlan {
            checkArgument(!executor.isEmpty(), "executor must have a name");
            checkArgument(threads > 0, "threads (%s) must be positive", threads);
            checkArgument(batchSize > 0, "batchSize (%s) must be positive", batchSize);
            checkArgument(
                    chunkSize > 0 && chunkSize <= batchSize, "chunkSize (%s) must be 1 to %s", chunkSize, batchSize);
        }
    }

    /**
     * A forward pass whose backward pass is still to come: there is no backward without its forward.
     *
     * <p>Close it in any case; closing without {@link #update} drops the pass and leaves the weights as they were.
     */
    interface ForwardPass extends AutoCloseable {
        /** The batch's embeddings, in its order; a copy that stays valid after closing. */
        EmbeddingBatch embeddings();

        /**
         * Backward pass and optimiser step.
         *
         * @param gradient of the loss with respect to {@link #embeddings()}, of the same shape
         * @param optimizer the rule that turns parameter gradients into new parameters
         * @return what happened; if something was not finite, the step was not applied and the report names where
         * @throws IllegalStateException if called twice or after closing
         */
        StepReport update(EmbeddingBatch gradient, Optimizer optimizer);

        @Override
        void close();
    }

    /**
     * What one backward pass and optimiser step did.
     *
     * @param gradientNorm Euclidean norm of all parameter gradients together
     * @param firstNonFinite the first running statistic or parameter, from the network's input on, whose gradient or new
     *     value is NaN or infinite; empty when all is well. When present, the step was not applied: weights and running
     *     statistics are as before. The optimiser's memory is empty if it led to the value.
     */
    record StepReport(double gradientNorm, Optional<String> firstNonFinite) {}

    /**
     * What a training tells its network, for whoever uses the network later: how the faces were aligned, which distance tells
     * two people apart, and where the weights come from. Counts and hashes only, never names or paths: a network is passed on
     * to people who must not learn whose faces it was trained on.
     *
     * @param alignment how the training faces were aligned, if that is known
     * @param threshold squared distance up to which two faces count as one person, by the evaluation of the present weights;
     *     empty if they have not been evaluated
     * @param thresholdHalfWidth half the width of the interval around {@code threshold}
     * @param counts such as {@code images}
     * @param hashes such as {@code trainingSet}: hexadecimal digests
     */
    record TrainingRecord(
            Optional<AlignmentProfile> alignment,
            OptionalDouble threshold,
            OptionalDouble thresholdHalfWidth,
            SortedMap<String, Long> counts,
            SortedMap<String, String> hashes) {
        public TrainingRecord {
            counts = Collections.unmodifiableSortedMap(new TreeMap<>(counts));
            hashes = Collections.unmodifiableSortedMap(new TreeMap<>(hashes));
        }
    }
}
