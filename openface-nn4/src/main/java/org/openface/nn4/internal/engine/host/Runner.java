package org.openface.nn4.internal.engine.host;

import java.util.Map;
import org.openface.nn4.internal.engine.Executor;
import org.openface.nn4.internal.network.Parameters;

/**
 * Runs the network with parameters that each call brings along, and hands gradients and statistics out: what an engine has
 * to offer for {@link HostExecutor} to make an {@link Executor} of it. Arrays are as there.
 *
 * <p>Used by one thread at a time.
 */
public interface Runner extends AutoCloseable {
    /** As {@link Executor#name}. */
    String name();

    /** As {@link Executor#threads}. */
    int threads();

    /** As {@link Executor#bytes}. */
    long bytes(int images);

    /** As {@link Executor#mostBytes}. */
    long mostBytes();

    /** Embeds in inference mode, with the running statistics. There may be more behind the pixels of the images. */
    float[] embed(Parameters parameters, float[] pixels, int images);

    /** Runs forward in training mode for the batch statistics alone. */
    Map<String, Statistics> batchStatistics(Parameters parameters, float[] pixels, int images);

    /** Runs forward in training mode and stays ready for the backward pass. */
    Pass forward(Parameters parameters, float[] pixels, int images);

    @Override
    void close();

    /** A forward pass waiting for its gradient. Ends with {@link #backward} or {@link #drop}. */
    interface Pass {
        float[] embeddings();

        Result backward(float[] embeddingGradient);

        void drop();
    }

    /** Mean and biased variance of each channel in front of one batch-norm. */
    @SuppressWarnings("ArrayRecordComponent") // handed over, never compared
    record Statistics(float[] mean, float[] variance) {}

    /**
     * What a backward pass found.
     *
     * @param gradients by parameter name, in arrays that may be written to, and that the runner's next pass fills anew
     * @param statistics by convolution name
     */
    record Result(Map<String, float[]> gradients, Map<String, Statistics> statistics) {}
}
