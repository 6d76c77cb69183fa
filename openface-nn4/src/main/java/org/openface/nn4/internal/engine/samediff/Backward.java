package org.openface.nn4.internal.engine.samediff;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.internal.SameDiffOp;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.impl.layers.convolution.BatchNorm;
import org.nd4j.linalg.api.ops.impl.layers.convolution.LocalResponseNormalization;
import org.nd4j.linalg.factory.Nd4j;
import org.openface.nn4.internal.network.Nn4Graph;

/**
 * Adds the backward operations of a graph to the same graph, by walking its operations in reverse.
 *
 * <p>ND4J 1.0.0-M2.1's own {@code createGradFunction} cannot be used: its batch-norm gradient fails (its clones lose the
 * axis, and {@code BatchNormDerivative} rejects its inputs), its {@code lrn_bp} is off by some 1e-4 of the gradient even in
 * float64, and a gradient function would repeat the forward pass.
 */
public final class Backward {
    private final SameDiff graph;
    private final Map<String, SDVariable> gradients = new LinkedHashMap<>();

    private Backward(SameDiff graph) {
        this.graph = graph;
    }

    /**
     * Adds the backward operations.
     *
     * @param output the array that the gradient is given for
     * @param outputGradient an array of the same shape
     * @param wanted names of the variables whose gradients are wanted
     * @return for each of them the array that holds its gradient
     */
    public static Map<String, SDVariable> add(
            SameDiff graph, String output, SDVariable outputGradient, Set<String> wanted) {
        Backward backward = new Backward(graph);
        backward.walk(output, outputGradient, wanted);
        Map<String, SDVariable> result = new LinkedHashMap<>();
        for (String name : wanted) {
            SDVariable gradient = backward.gradients.get(name);
            if (gradient == null) {
                throw new IllegalStateException("parameter " + name + " does not influence " + output);
            }
            result.put(name, gradient);
        }
        return result;
    }

    private void walk(String output, SDVariable outputGradient, Set<String> wanted) {
        // In order of definition, which for a graph built by SameDiff is an order of execution.
        List<SameDiffOp> ops = new ArrayList<>(graph.getOps().values());
        Set<String> onPath = new HashSet<>(wanted);
        for (SameDiffOp op : ops) {
            if (op.getInputsToOp() != null && !Collections.disjoint(op.getInputsToOp(), onPath)) {
                onPath.addAll(op.getOutputsOfOp());
            }
        }
        gradients.put(output, outputGradient);
        Collections.reverse(ops);
        for (SameDiffOp op : ops) {
            boolean reached = op.getOutputsOfOp().stream().anyMatch(gradients::containsKey);
            if (reached && onPath.contains(op.getOutputsOfOp().get(0))) {
                spread(op, onPath);
            }
        }
    }

    private void spread(SameDiffOp op, Set<String> onPath) {
        List<SDVariable> outputGradients = new ArrayList<>();
        for (String name : op.getOutputsOfOp()) {
            SDVariable gradient = gradients.get(name);
            outputGradients.add(gradient != null ? gradient : graph.zerosLike(graph.getVariable(name)));
        }
        List<@Nullable SDVariable> inputGradients;
        if (op.getOp() instanceof BatchNorm batchNorm) {
            inputGradients = batchNormGradients(batchNorm, outputGradients.get(0));
        } else if (op.getOp() instanceof LocalResponseNormalization norm) {
            inputGradients = List.of(localResponseNormGradient(norm, outputGradients.get(0)));
        } else {
            inputGradients = new ArrayList<@Nullable SDVariable>(op.getOp().doDiff(outputGradients));
        }
        List<String> inputs = op.getInputsToOp();
        for (int i = 0; i < Math.min(inputs.size(), inputGradients.size()); i++) {
            SDVariable gradient = inputGradients.get(i);
            if (gradient != null && onPath.contains(inputs.get(i))) {
                gradients.merge(inputs.get(i), gradient, (a, b) -> a.add(b));
            }
        }
    }

    /**
     * The native {@code batchnorm_bp} already differentiates through the batch's mean and variance, so nothing flows back
     * into the operation that computed them.
     */
    private List<@Nullable SDVariable> batchNormGradients(BatchNorm forward, SDVariable outputGradient) {
        SDVariable[] in = forward.args(); // x, mean, variance, scale, shift
        SDVariable[] out =
                new BatchNormGradient(graph, in[0], in[1], in[2], in[3], in[4], outputGradient).outputVariables();
        List<@Nullable SDVariable> result = new ArrayList<>();
        result.add(out[0]);
        result.add(null);
        result.add(null);
        result.add(out[3]);
        result.add(out[4]);
        return result;
    }

    /** For y = x · v^−β with v = bias + α · Σ x²: dx = dy · v^−β − 2αβ · x · Σ (dy · x · v^(−β−1)). */
    private SDVariable localResponseNormGradient(LocalResponseNormalization forward, SDVariable outputGradient) {
        SDVariable x = forward.args()[0];
        int depth = (int) forward.iArgs()[0];
        double bias = forward.tArgs()[0];
        double alpha = forward.tArgs()[1];
        double beta = forward.tArgs()[2];
        SDVariable v = sumOverChannels(graph.math.square(x), depth).mul(alpha).add(bias);
        SDVariable direct = outputGradient.mul(graph.math.pow(v, -beta));
        return direct.sub(sumOverChannels(direct.mul(x).div(v), depth).mul(x).mul(2 * alpha * beta));
    }

    /** For each channel of [image][row][column][channel], the sum over itself and {@code depth} neighbours to each side. */
    private SDVariable sumOverChannels(SDVariable x, int depth) {
        int[][] frame = {{0, 0}, {0, 0}, {0, 0}, {depth, depth}};
        SDVariable padded = graph.nn.pad(x, graph.constant(Nd4j.createFromArray(frame)), 0);
        SDVariable sum = null;
        for (int first = 0; first <= 2 * depth; first++) {
            int left = first - 2 * depth; // channels cut off at the end, as a negative number
            SDVariable shifted = graph.stridedSlice(
                    padded,
                    new long[] {0, 0, 0, first},
                    new long[] {0, 0, 0, left},
                    new long[] {1, 1, 1, 1},
                    0b0111, // all of the first three axes
                    left == 0 ? 0b1111 : 0b0111,
                    0,
                    0,
                    0);
            sum = sum == null ? shifted : sum.add(shifted);
        }
        return Objects.requireNonNull(sum);
    }

    /** Outputs: the gradients of x, mean, variance, scale and shift. */
    static final class BatchNormGradient extends DynamicCustomOp {
        BatchNormGradient(SameDiff graph, SDVariable... inputs) {
            super("batchnorm_bp", graph, inputs);
            addIArgument(1, 1, 3); // scale and shift are there; the channel is axis 3
            addTArgument(Nn4Graph.BATCH_NORM_EPSILON);
        }

        @Override
        public String opName() {
            return "batchnorm_bp";
        }

        @Override
        public int getNumOutputs() {
            return 5;
        }

        @Override
        public List<DataType> calculateOutputDataTypes(List<DataType> inputs) {
            return Collections.nCopies(5, inputs.get(0));
        }
    }
}
