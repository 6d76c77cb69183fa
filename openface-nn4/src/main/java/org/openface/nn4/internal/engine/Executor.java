package org.openface.nn4.internal.engine;

import java.util.Optional;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.StepReport;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.state.State;

/**
 * A network on an engine, which owns all that a training changes: weights, running statistics, the optimiser's memory and
 * the average of the weights. Where they lie and in which layout is the engine's own business; a step moves only pixels in,
 * embeddings out and their gradient in.
 *
 * <p>A training step is {@link #begin}, then for each chunk of the batch {@link #forward} and {@link Pass#backward}, then
 * {@link #finish}. Statistics are estimated by {@link #begin}, {@link #addStatistics} for each batch and {@link
 * #finishStatistics}. Until the finish nothing changes that embeds or is saved; what was begun and is not finished is
 * forgotten at the next {@link #begin}.
 *
 * <p>Arrays on this side are plain: pixels {@code [images][side][side][3]} in [0, 1], embeddings and their gradients
 * {@code [images][embeddingSize]}, tensors in Torch's layout (convolutions {@code [out][in][row][column]}), all row by row
 * without gaps. An engine reads arguments during the call only and does not write to them; arrays that it returns are the
 * caller's, but for those of {@link #state}.
 *
 * <p>Used by one thread at a time, not always the same: the caller's lock orders the calls. An engine that has to compute on
 * one thread, as a context of a GPU, keeps one itself. Nobody but the engine writes to its state.
 *
 * <p>The same calls in the same order give the same bits on the same machine.
 */
public interface Executor extends AutoCloseable {
    /** Images embedded in one pass, so that memory does not grow with the request. */
    int INFERENCE_BATCH = 32;

    /** Name for execution plans, such as {@code samediff}: another name, other rounding. */
    String name();

    /** Threads that it computes on, for execution plans; 1 where the number means nothing. */
    int threads();

    /**
     * Memory that a chunk of so many images takes, in bytes: all that the engine has while it trains on it and embeds in
     * between, so with what does not depend on the number. A pure function of the number.
     */
    long bytes(int images);

    /** The most memory of that kind that this process lets it have, in bytes. */
    long mostBytes();

    // ---- what it owns

    /**
     * Replaces all that it owns. The arrays are handed over: the engine may go on with them or copy them, and the caller
     * leaves them alone.
     *
     * @throws IllegalArgumentException if the tensors are another network's; nothing has changed then
     */
    void load(State state);

    /**
     * All that it owns, to be read until the next call that changes something; never to be written to. Costs nothing until
     * a part of it is asked for, which an engine with memory of its own then copies to the host, once for each version.
     */
    State state();

    /**
     * A number that changes with every change to what embeds, and that no other weights in this process ever have. Asking for
     * it copies nothing.
     */
    int version();

    /**
     * What embeds, kept as it is now: whoever holds it embeds with it for as long as he wants, while training goes on. A copy
     * where the engine computes, made once for each version; the engine may hold the latest, and an earlier one goes when
     * nobody holds it any more.
     */
    Weights weights();

    // ---- embedding

    /**
     * Embeds in inference mode, with the running statistics: with the average of the weights where one is kept.
     *
     * @param pixels those of the images, and perhaps more behind them
     */
    float[] embed(float[] pixels, int images);

    /** As above with weights of an earlier moment, of this executor. */
    float[] embed(Weights weights, float[] pixels, int images);

    // ---- training

    /** Begins a step, or an estimate of statistics: what is added up starts from zero. */
    void begin();

    /** Runs forward in training mode, with the batch's statistics, and stays ready for the backward pass. */
    Pass forward(float[] pixels, int images);

    /**
     * Ends a step: takes what the backward passes since {@link #begin} have added up into the weights by the rule, and into
     * the running statistics, and the new weights into the average if the rule keeps one, and drops the average otherwise.
     *
     * <p>The norm is that of the gradient before it is clipped. What is looked for NaN and infinity: the new running
     * statistics, then the gradients, then the new weights and what the optimiser would remember, each in the order of the
     * network. When anything is found, all stays as it was, except that the optimiser's memory is emptied if it led there.
     */
    StepReport finish(Optimizer optimizer);

    // ---- statistics alone

    /** Runs forward in training mode with what embeds, and adds the batch's statistics up with the given weight. */
    void addStatistics(float[] pixels, int images, float share);

    /**
     * Makes the statistics added up since {@link #begin} the running ones of what embeds.
     *
     * @return the first that has a value that is NaN or infinite, and nothing has changed then
     */
    Optional<String> finishStatistics();

    /** Frees all memory. */
    @Override
    void close();

    /** A forward pass waiting for its gradient. Ends with {@link #backward} or {@link #drop}; only the latest can go on. */
    interface Pass {
        float[] embeddings();

        /**
         * Adds up inside the engine: the gradients of the parameters, and with the given weight the batch's means and
         * unbiased variances. Sums are formed in the order of calls.
         *
         * @param embeddingGradient of the whole step's loss, this pass's rows
         * @param share this pass's images of the step's, which the shares of all its passes make 1; with 1 it is the only
         *     pass, and there is nothing to add up
         */
        void backward(float[] embeddingGradient, float share);

        void drop();
    }

    /** What embedded at one moment. */
    interface Weights {
        /** As {@link Executor#version} was. */
        int version();

        /** The values, fetched when first asked for, to be read only. */
        Parameters values();
    }
}
