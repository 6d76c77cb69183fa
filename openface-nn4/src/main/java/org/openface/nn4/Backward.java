package org.openface.nn4;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.internal.SameDiffOp;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.impl.layers.convolution.BatchNorm;

/**
 * Adds the backward operations of a graph to the same graph, by walking its operations in reverse.
 *
 * <p>ND4J 1.0.0-M2.1's own {@code createGradFunction} cannot be used: its batch-norm gradient fails (its clones lose the
 * axis, and {@code BatchNormDerivative} rejects its inputs), and a gradient function would repeat the forward pass.
 */
final class Backward {
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
    static Map<String, SDVariable> add(SameDiff graph, String output, SDVariable outputGradient, Set<String> wanted) {
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
        List<@Nullable SDVariable> inputGradients = op.getOp() instanceof BatchNorm batchNorm
                ? batchNormGradients(batchNorm, outputGradients.get(0))
                : new ArrayList<@Nullable SDVariable>(op.getOp().doDiff(outputGradients));
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
            return Collections.nCopies(5, DataType.FLOAT);
        }
    }
}
