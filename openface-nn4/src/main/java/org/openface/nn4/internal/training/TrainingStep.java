package org.openface.nn4.internal.training;

import org.jspecify.annotations.Nullable;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.StepReport;
import org.openface.nn4.internal.engine.Executor;

/**
 * A step over one batch, between its forward and its backward pass: the order in which an executor does the chunks.
 *
 * <p>A batch larger than a chunk is done as GradCache does (Gao and Callan, <i>Scaling Deep Contrastive Learning Batch
 * Size under Memory Limited Setup</i>, 2021): all chunks run forward, one after the other in the same memory, for the
 * embeddings; when the gradient of all embeddings is there, each chunk runs forward again and backward with its share,
 * and the parameter gradients add up. The last chunk's activations are still there and are used first. The result is
 * the gradient of the whole batch, except that batch-norm normalises each chunk by itself; for that to resemble the
 * batch, images are dealt to chunks at random. Each image counts once in the running statistics.
 */
public final class TrainingStep {
    private final Executor executor;
    private final float[] pixels;
    private final int images;
    private final int embeddingSize;
    /** Which image of the batch stands at each place of the chunks. */
    private final int[] order;
    /** Chunk c holds the places from start[c] to start[c + 1]. */
    private final int[] start;

    private final float[] embeddings;
    /** The last chunk's pass, until it is used. */
    private Executor.@Nullable Pass open;

    /**
     * Runs all chunks forward.
     *
     * @param pixels as executors take them; not written to, and to stay as they are until the step is done
     * @param chunkSize images that the executor may have in memory at a time
     */
    public TrainingStep(Executor executor, float[] pixels, int images, int embeddingSize, int chunkSize) {
        this.executor = executor;
        this.pixels = pixels;
        this.images = images;
        this.embeddingSize = embeddingSize;
        Chunks chunks = Chunks.of(images, chunkSize);
        order = chunks.order();
        start = chunks.start();
        embeddings = new float[images * embeddingSize];
        for (int c = 0; c < chunks(); c++) {
            drop();
            open = forward(c);
            float[] values = open.embeddings();
            for (int i = start[c]; i < start[c + 1]; i++) {
                System.arraycopy(
                        values, (i - start[c]) * embeddingSize, embeddings, order[i] * embeddingSize, embeddingSize);
            }
        }
    }

    /** The embeddings of the batch, in its order. */
    public float[] embeddings() {
        return embeddings;
    }

    /** Runs all chunks backward, the last first, and has the executor finish the step. At most once. */
    public StepReport update(float[] gradient, Optimizer optimizer) {
        executor.begin();
        for (int c = chunks() - 1; c >= 0; c--) {
            Executor.Pass pass = open != null ? open : forward(c);
            open = null;
            pass.backward(share(gradient, c), (float) size(c) / images);
        }
        return executor.finish(optimizer);
    }

    /** Gives up what waits for a gradient, if anything does. */
    public void drop() {
        Executor.Pass pass = open;
        open = null;
        if (pass != null) {
            pass.drop();
        }
    }

    private int chunks() {
        return start.length - 1;
    }

    private int size(int chunk) {
        return start[chunk + 1] - start[chunk];
    }

    private Executor.Pass forward(int chunk) {
        int perImage = pixels.length / images;
        int size = size(chunk);
        if (size == images) {
            return executor.forward(pixels, images);
        }
        float[] some = new float[size * perImage];
        for (int i = 0; i < size; i++) {
            System.arraycopy(pixels, order[start[chunk] + i] * perImage, some, i * perImage, perImage);
        }
        return executor.forward(some, size);
    }

    /** The gradient's rows for one chunk, in the chunk's order. */
    private float[] share(float[] gradient, int chunk) {
        float[] rows = new float[size(chunk) * embeddingSize];
        for (int i = start[chunk]; i < start[chunk + 1]; i++) {
            System.arraycopy(
                    gradient, order[i] * embeddingSize, rows, (i - start[chunk]) * embeddingSize, embeddingSize);
        }
        return rows;
    }
}
