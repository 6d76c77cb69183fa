package org.openface.nn4.internal.network;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.internal.SameDiffOp;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.ReduceOp;
import org.nd4j.linalg.api.ops.ScalarOp;
import org.openface.nn4.internal.network.Plan.Op;
import org.openface.nn4.internal.network.Plan.Op.BatchNormRelu;
import org.openface.nn4.internal.network.Plan.Op.Concat;
import org.openface.nn4.internal.network.Plan.Op.Convolution;
import org.openface.nn4.internal.network.Plan.Op.L2Pool;
import org.openface.nn4.internal.network.Plan.Op.Linear;
import org.openface.nn4.internal.network.Plan.Op.LocalResponseNorm;
import org.openface.nn4.internal.network.Plan.Op.MaxPool;
import org.openface.nn4.internal.network.Plan.Op.Mean;
import org.openface.nn4.internal.network.Plan.Op.Normalize;
import org.openface.nn4.internal.network.Plan.Tensor;

/** Walks the graph's operations in order; what only makes sense with a later operation waits in {@code pending}. */
public final class Lowering {
    /** Scale and shift are there; the channel is axis 3. */
    private static final long[] BATCH_NORM = {1, 1, 3};

    private final SameDiff graph;
    private final Map<String, Tensor> tensors = new HashMap<>();
    private final Map<String, SameDiffOp> pending = new HashMap<>();
    private final List<Op> ops = new ArrayList<>();

    private Lowering(SameDiff graph) {
        this.graph = graph;
    }

    /**
     * Reads the plan off a training graph.
     *
     * @throws IllegalArgumentException naming the first operation that is not understood
     */
    public static Plan of(SameDiff graph) {
        return new Lowering(graph).run();
    }

    private Plan run() {
        long[] shape = graph.getVariable(Nn4Graph.INPUT).placeholderShape();
        Tensor input = new Tensor(Nn4Graph.INPUT, (int) shape[3], (int) shape[1]);
        tensors.put(input.name(), input);
        for (SameDiffOp op : graph.getOps().values()) {
            lower(op);
        }
        return new Plan(input, List.copyOf(ops));
    }

    private void lower(SameDiffOp op) {
        DifferentialFunction f = op.getOp();
        switch (f.opName()) {
            case "conv2d" -> convolution(op, integers(f));
            case "relu" -> batchNormRelu(op);
            case "maxpool2d" -> maxPool(op, integers(f));
            case "lrn" -> localResponseNorm(op, (DynamicCustomOp) f);
            case "sqrt" -> l2PoolOrWait(op);
            case "concat" -> concat(op);
            case "reduce_mean" -> mean(op, (ReduceOp) f);
            case "add" -> linear(op);
            case "divide" -> normalize(op);
            case "moments",
                    "batchnorm",
                    "square",
                    "avgpool2d",
                    "mul_scalar",
                    "add_scalar",
                    "pad",
                    "matmul",
                    "reduce_sum" -> op.getOutputsOfOp().forEach(name -> pending.put(name, op));
            default -> throw refusal(op);
        }
    }

    private void convolution(SameDiffOp op, long[] i) {
        // Square; not dilated, no padding by itself, channels last, weights as Torch has them.
        require(op, i[0] == i[1] && i[2] == i[3] && i[4] == i[5]);
        require(op, Arrays.equals(Arrays.copyOfRange(i, 6, 11), new long[] {1, 1, 0, 1, 1}));
        Tensor in = tensor(op, 0);
        int kernel = (int) i[0];
        int stride = (int) i[2];
        int padding = (int) i[4];
        int channels = (int) graph.getVariable(input(op, 1)).getArr().size(0);
        Tensor out = new Tensor(output(op), channels, (in.side() + 2 * padding - kernel) / stride + 1);
        emit(new Convolution(in, out, input(op, 1), input(op, 2), kernel, stride, padding));
    }

    private void batchNormRelu(SameDiffOp op) {
        SameDiffOp norm = waiting(op, input(op, 0), "batchnorm");
        SameDiffOp moments = waiting(op, input(norm, 1), "moments");
        require(op, input(moments, 0).equals(input(norm, 0)) && scalar(op) == 0);
        require(moments, Arrays.equals(integers(moments.getOp()), new long[] {0, 1, 2})); // over all but channels
        require(norm, Arrays.equals(integers(norm.getOp()), BATCH_NORM));
        require(norm, input(norm, 2).equals(moments.getOutputsOfOp().get(1)));
        Tensor in = tensor(norm, 0);
        String scale = input(norm, 3);
        double epsilon = ((DynamicCustomOp) norm.getOp()).tArgs()[0];
        emit(new BatchNormRelu(
                scale.substring(0, scale.lastIndexOf(".bn.")),
                in,
                new Tensor(output(op), in.channels(), in.side()),
                scale,
                input(norm, 4),
                epsilon));
    }

    private void maxPool(SameDiffOp op, long[] i) {
        requirePooling(op, i);
        Tensor in = tensor(op, 0);
        int stride = (int) i[2];
        int padding = (int) i[4];
        int side = (in.side() + 2 * padding - 3) / stride + 1;
        emit(new MaxPool(in, new Tensor(output(op), in.channels(), side), stride, padding));
    }

    /** 3×3 and square; not dilated, no padding by itself, and not part of a mean; channels last. */
    private static void requirePooling(SameDiffOp op, long[] i) {
        require(op, i[0] == 3 && i[1] == 3 && i[2] == i[3] && i[4] == i[5]);
        require(op, Arrays.equals(Arrays.copyOfRange(i, 6, 11), new long[] {1, 1, 0, 0, 1}));
    }

    private void localResponseNorm(SameDiffOp op, DynamicCustomOp f) {
        Tensor in = tensor(op, 0);
        double[] t = f.tArgs();
        emit(new LocalResponseNorm(
                in, new Tensor(output(op), in.channels(), in.side()), (int) f.iArgs()[0], t[0], t[1], t[2]));
    }

    /** √(9 · mean of squares + ε) is L2 pooling; √(sum of squares + ε) belongs to a later division. */
    private void l2PoolOrWait(SameDiffOp op) {
        SameDiffOp sum = waiting(op, input(op, 0), "add_scalar");
        SameDiffOp inner = pending.get(input(sum, 0));
        if (inner == null || !inner.getOp().opName().equals("mul_scalar")) {
            pending.put(output(op), op);
            return;
        }
        SameDiffOp average = waiting(op, input(inner, 0), "avgpool2d");
        long[] i = integers(average.getOp());
        requirePooling(average, i);
        require(op, scalar(inner) == 9 && i[4] == 0);
        int stride = (int) i[2];
        Tensor in = tensor(waiting(op, input(average, 0), "square"), 0);
        int side = (in.side() - 3) / stride + 1;
        emit(new L2Pool(in, new Tensor(output(op), in.channels(), side), stride, scalar(sum)));
    }

    private void concat(SameDiffOp op) {
        require(op, integers(op.getOp())[0] == 3);
        List<Tensor> ins = new ArrayList<>();
        int channels = 0;
        int side = 0;
        for (String name : op.getInputsToOp()) {
            Tensor in = tensors.get(name);
            if (in == null) {
                SameDiffOp pad = waiting(op, name, "pad");
                int[][] frame = graph.getVariable(input(pad, 1)).getArr().toIntMatrix();
                int before = frame[1][0];
                int after = frame[1][1];
                int[][] centred = {{0, 0}, {before, after}, {before, after}, {0, 0}};
                require(pad, Arrays.equals(integers(pad.getOp()), new long[] {0})); // with a constant
                require(pad, Arrays.equals(((DynamicCustomOp) pad.getOp()).tArgs(), new double[] {0}));
                require(pad, Arrays.deepEquals(frame, centred) && (after == before || after == before + 1));
                in = tensor(pad, 0);
                side = Math.max(side, in.side() + before + after);
            } else {
                side = Math.max(side, in.side());
            }
            ins.add(in);
            channels += in.channels();
        }
        emit(new Concat(List.copyOf(ins), new Tensor(output(op), channels, side)));
    }

    private void mean(SameDiffOp op, ReduceOp f) {
        require(op, Arrays.equals(f.dimensions().toIntVector(), new int[] {1, 2}));
        Tensor in = tensor(op, 0);
        emit(new Mean(in, new Tensor(output(op), in.channels(), 1)));
    }

    private void linear(SameDiffOp op) {
        SameDiffOp product = waiting(op, input(op, 0), "matmul");
        require(product, Arrays.equals(integers(product.getOp()), new long[] {0, 1, 0}));
        require(product, Arrays.equals(((DynamicCustomOp) product.getOp()).tArgs(), new double[] {1, 0}));
        String weight = input(product, 1);
        int channels = (int) graph.getVariable(weight).getArr().size(0);
        emit(new Linear(tensor(product, 0), new Tensor(output(op), channels, 1), weight, input(op, 1)));
    }

    private void normalize(SameDiffOp op) {
        SameDiffOp sum = waiting(op, input(waiting(op, input(op, 1), "sqrt"), 0), "add_scalar");
        SameDiffOp total = waiting(op, input(sum, 0), "reduce_sum");
        require(total, Arrays.equals(((ReduceOp) total.getOp()).dimensions().toIntVector(), new int[] {1}));
        SameDiffOp square = waiting(op, input(total, 0), "square");
        require(op, input(square, 0).equals(input(op, 0)));
        Tensor in = tensor(op, 0);
        emit(new Normalize(in, new Tensor(output(op), in.channels(), 1), scalar(sum)));
    }

    private void emit(Op op) {
        ops.add(op);
        tensors.put(op.out().name(), op.out());
    }

    private Tensor tensor(SameDiffOp op, int input) {
        Tensor tensor = tensors.get(input(op, input));
        if (tensor == null) {
            throw refusal(op);
        }
        return tensor;
    }

    private SameDiffOp waiting(SameDiffOp user, String name, String kind) {
        @Nullable SameDiffOp op = pending.get(name);
        if (op == null || !op.getOp().opName().equals(kind)) {
            throw refusal(user);
        }
        return op;
    }

    private static String input(SameDiffOp op, int index) {
        return op.getInputsToOp().get(index);
    }

    private static String output(SameDiffOp op) {
        return op.getOutputsOfOp().get(0);
    }

    private static long[] integers(DifferentialFunction f) {
        return ((DynamicCustomOp) f).iArgs();
    }

    private static double scalar(SameDiffOp op) {
        return ((ScalarOp) op.getOp()).scalar().getDouble(0);
    }

    private static void require(SameDiffOp op, boolean understood) {
        if (!understood) {
            throw refusal(op);
        }
    }

    private static IllegalArgumentException refusal(SameDiffOp op) {
        return new IllegalArgumentException("the graph has an operation that no plan knows: "
                + op.getOp().opName() + " " + op.getInputsToOp() + " -> " + op.getOutputsOfOp());
    }
}
