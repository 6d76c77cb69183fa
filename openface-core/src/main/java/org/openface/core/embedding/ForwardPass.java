package org.openface.core.embedding;

/**
 * A forward pass whose backward pass is still to come: there is no backward without its forward.
 *
 * <p>Close it in any case; closing without {@link #update} drops the pass and leaves the weights as they were.
 */
public interface ForwardPass extends AutoCloseable {
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
