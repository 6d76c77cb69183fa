package org.openface.nn4.internal.engine;

import java.util.Map;
import org.openface.nn4.Nn4Model;
import org.openface.nn4.internal.network.Parameters;

/**
 * Runs the network. Arrays are plain: pixels {@code [images][side][side][3]} in [0, 1], embeddings and their gradients
 * {@code [images][embeddingSize]}, parameters in Torch's layout.
 *
 * <p>Used by one thread at a time; {@link Nn4Model} sees to that.
 */
public interface Executor extends AutoCloseable {
    /** Images embedded in one pass, so that memory does not grow with the request. */
    int INFERENCE_BATCH = 32;

    /** Name for execution plans, such as {@code samediff}. */
    String name();

    /** Threads it computes on. */
    int threads();

    /** Native memory that training steps over so many images take, with what embedding between them needs, in bytes. */
    long bytes(int images);

    /** The most native memory that this process lets it have, in bytes. */
    long mostBytes();

    /** Embeds in inference mode, with the running statistics. */
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
     * @param gradients by parameter name, in arrays that may be written to, and that the executor's next pass fills anew
     * @param statistics by convolution name
     */
    record Result(Map<String, float[]> gradients, Map<String, Statistics> statistics) {}
}
