package org.openface.nn4;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;
import org.openface.core.embedding.TrainableEmbedder.StepReport;
import org.openface.nn4.internal.training.TrainingStep;

/** A training step in the hands of a caller; holds the network until closed. */
final class ModelPass implements ForwardPass {
    private final TrainingStep step;
    private final int embeddingSize;
    private final ExclusiveUse use;
    private boolean updated;
    private boolean done;

    ModelPass(TrainingStep step, int embeddingSize, ExclusiveUse use) {
        this.step = step;
        this.embeddingSize = embeddingSize;
        this.use = use;
    }

    @Override
    public EmbeddingBatch embeddings() {
        checkState(!done, "this forward pass is closed");
        return new EmbeddingBatch(embeddingSize, step.embeddings().clone());
    }

    @Override
    public StepReport update(EmbeddingBatch gradient, Optimizer optimizer) {
        checkState(!done, "this forward pass is closed");
        checkState(!updated, "this forward pass was already used for an update");
        int images = step.embeddings().length / embeddingSize;
        checkArgument(
                gradient.size() == images && gradient.dimension() == embeddingSize,
                "the gradient is %s x %s, the embeddings are %s x %s",
                gradient.size(),
                gradient.dimension(),
                images,
                embeddingSize);
        updated = true;
        return use.computing(() -> step.update(gradient.values(), optimizer));
    }

    @Override
    public void close() {
        if (!done) {
            done = true;
            try {
                step.drop();
            } finally {
                use.closePass();
            }
        }
    }
}
