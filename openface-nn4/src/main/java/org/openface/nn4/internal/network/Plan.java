package org.openface.nn4.internal.network;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.List;

/**
 * The network as a list of nine kinds of operation: what executors other than SameDiff's own session run. It is read off the
 * SameDiff graph, which stays the only definition, by {@code Lowering}; the result is kept as text among the resources ({@code PlanText}), so
 * that ND4J is not needed to run it, and a test compares the two.
 *
 * @param ops in order of execution
 */
public record Plan(Tensor input, List<Op> ops) {
    /**
     * An array {@code [image][channel][row][column]} in whatever layout the executor likes; 1×1 for vectors.
     *
     * @param side rows, and columns
     */
    public record Tensor(String name, int channels, int side) {}

    public sealed interface Op {
        Tensor out();

        /** The input, or the first of several. */
        Tensor in();

        default List<Tensor> ins() {
            return List.of(in());
        }

        /** Parameters {@code weight} (out, in, kernel, kernel) and {@code bias}. */
        record Convolution(Tensor in, Tensor out, String weight, String bias, int kernel, int stride, int padding)
                implements Op {}

        /** Batch-norm with the batch's statistics, then ReLU; {@code layer} names the statistics. */
        record BatchNormRelu(String layer, Tensor in, Tensor out, String scale, String shift, double epsilon)
                implements Op {}

        /** 3×3. */
        record MaxPool(Tensor in, Tensor out, int stride, int padding) implements Op {}

        /** 3×3, no padding: √(sum of squares + epsilon). */
        record L2Pool(Tensor in, Tensor out, int stride, double epsilon) implements Op {}

        /** Across channels: {@code x / (bias + alpha · Σ x²)^beta} over {@code 2 · depth + 1} channels. */
        record LocalResponseNorm(Tensor in, Tensor out, int depth, double bias, double alpha, double beta)
                implements Op {}

        /** By channel; inputs that are smaller are centred in zeros, an odd row or column of which is at the end. */
        record Concat(List<Tensor> ins, Tensor out) implements Op {
            @Override
            public Tensor in() {
                return ins.get(0);
            }
        }

        /** Over rows and columns. */
        record Mean(Tensor in, Tensor out) implements Op {}

        /** Parameters {@code weight} (out, in) and {@code bias}. */
        record Linear(Tensor in, Tensor out, String weight, String bias) implements Op {}

        /** To length 1: {@code x / √(Σ x² + epsilon)}. */
        record Normalize(Tensor in, Tensor out, double epsilon) implements Op {}
    }

    /** The tensor that the last operation makes: the embeddings. */
    public Tensor output() {
        checkArgument(!ops.isEmpty(), "the plan is empty");
        return ops.get(ops.size() - 1).out();
    }
}
