package org.openface.nn4.internal.engine.onednn;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;
import static org.bytedeco.dnnl.global.dnnl.*;

import com.google.common.primitives.Floats;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.batch_normalization_backward;
import org.bytedeco.dnnl.batch_normalization_forward;
import org.bytedeco.dnnl.convolution_backward_data;
import org.bytedeco.dnnl.convolution_backward_weights;
import org.bytedeco.dnnl.convolution_forward;
import org.bytedeco.dnnl.eltwise_backward;
import org.bytedeco.dnnl.eltwise_forward;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.inner_product_backward_data;
import org.bytedeco.dnnl.inner_product_backward_weights;
import org.bytedeco.dnnl.inner_product_forward;
import org.bytedeco.dnnl.lrn_backward;
import org.bytedeco.dnnl.lrn_forward;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.memory.data_type;
import org.bytedeco.dnnl.memory.format_tag;
import org.bytedeco.dnnl.pooling_backward;
import org.bytedeco.dnnl.pooling_forward;
import org.bytedeco.dnnl.post_ops;
import org.bytedeco.dnnl.primitive;
import org.bytedeco.dnnl.primitive_attr;
import org.bytedeco.dnnl.reorder;
import org.bytedeco.dnnl.stream;
import org.bytedeco.dnnl.sum;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.javacpp.PointerScope;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.engine.host.Runner;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.network.Plan;
import org.openface.nn4.internal.network.Plan.Op;
import org.openface.nn4.internal.network.Plan.Tensor;

/**
 * A plan compiled for batches of one size: oneDNN primitives in order, on buffers that are laid out once.
 *
 * <p>Activations are in oneDNN's blocked layout (nChw16c or nChw8c by the processor), in which its convolutions are fastest
 * and need no reordering between layers. A training program keeps each activation until its last use in the backward pass;
 * buffers whose lives do not overlap share memory.
 */
@SuppressWarnings({
    "unchecked", // PointerScope has a generic varargs constructor
    "try", // and is used for its effect
    "VariableNameSameAsType" // the preset has types named memory, stream, primitive
})
public final class OneDnnProgram implements AutoCloseable {
    /** Alignment of buffers, in bytes: a cache line and a vector register. */
    private static final long ALIGNMENT = 64;

    private static final data_type F32 = data_type.f32;

    /** What a program is for. */
    public enum Mode {
        /** Forward only, batch-norm folded into the convolutions. */
        INFERENCE,
        /** Forward and backward, batch-norm with the batch's statistics. */
        TRAINING,
        /** Forward and backward, batch-norm with the running statistics as constants. */
        TRAINING_FROZEN
    }

    private final PointerScope scope;
    private final Plan plan;
    private final int images;
    private final Mode mode;
    private final boolean training;
    private final engine cpu;
    private final stream stream;
    private final format_tag layout;
    /** Of all primitives: scratchpads lie in the shared memory, where they are counted, and not in the library's own. */
    private final primitive_attr attributes;

    private final List<Buffer> buffers = new ArrayList<>();
    private final List<Step> steps = new ArrayList<>();
    /** Kinds of operation by {@link #implementation}. */
    private final Map<String, Set<String>> implementations = new TreeMap<>();

    private int forwardSteps;
    /** What to do in the backward pass, pushed by each operation of the forward pass. */
    private final List<Runnable> tape = new ArrayList<>();
    /** Contributions to the gradient of a tensor. */
    private final Map<Tensor, List<Buffer>> gradients = new HashMap<>();

    private final Map<Tensor, Buffer> values = new HashMap<>();
    private final Map<Tensor, memory.desc> descriptions = new HashMap<>();
    private final OneDnnWeights weights;
    /** What is borrowed of them, by name. */
    private final Map<String, List<OneDnnWeights.Stored>> borrowed = new LinkedHashMap<>();

    private final List<Download> downloads = new ArrayList<>();
    private final Map<String, BatchStatistics> statistics = new LinkedHashMap<>();

    private final Buffer pixels;
    private final Buffer linearOut;
    private final @Nullable Buffer linearGradient;
    private final double normalizeEpsilon;
    private final int embeddingSize;
    private final long sharedBytes;
    /** Address of the memory that all arguments of steps point into; 0 for none. */
    private long boundTo;

    private PointerScope argumentScope = emptyScope();
    private float[] lengths = new float[0];
    private float[] embeddings = new float[0];

    /** Memory with the range of steps that use it; persistent ones have their own all the time. */
    private final class Buffer {
        final long size;
        final boolean persistent;
        int first = Integer.MAX_VALUE;
        int last = -1;
        long offset;

        @Nullable
        BytePointer memory;

        Buffer(long size) {
            this(size, null);
        }

        private Buffer(long size, @Nullable BytePointer own) {
            this.size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            persistent = own != null;
            memory = own;
            buffers.add(this);
        }

        /** Keeps the values until the end of a run, to be read then. */
        Buffer kept() {
            last = Integer.MAX_VALUE;
            return this;
        }

        FloatPointer floats() {
            return new FloatPointer(pointer());
        }

        BytePointer pointer() {
            if (memory == null) {
                throw new IllegalStateException("the program is bound to no memory");
            }
            return memory;
        }
    }

    private record Operand(int argument, Buffer buffer, memory.desc desc) {}

    /** A primitive with its operands, or Java code. */
    private static final class Step {
        final String kind;
        final List<Operand> operands;
        final @Nullable primitive primitive;
        final @Nullable Runnable code;

        @Nullable
        IntMemoryMap arguments;

        long nanos;

        Step(String kind, @Nullable primitive primitive, @Nullable Runnable code, List<Operand> operands) {
            this.kind = kind;
            this.primitive = primitive;
            this.code = code;
            this.operands = operands;
        }
    }

    /** Copies a gradient out of a program's buffer. */
    @FunctionalInterface
    private interface Download {
        void into(Map<String, float[]> gradients);
    }

    private record BatchStatistics(Buffer mean, Buffer variance, int channels, String bias) {}

    public OneDnnProgram(Plan plan, int images, Mode mode, engine cpu, OneDnnWeights weights) {
        this(plan, images, mode, cpu, weights, true);
    }

    /**
     * A program for batches of one size.
     *
     * @param weights where parameters are borrowed until the program is closed
     * @param sharing whether buffers share memory; if not, {@link #valueOf} and {@link #gradientOf} can be read after a run
     */
    public OneDnnProgram(Plan plan, int images, Mode mode, engine cpu, OneDnnWeights weights, boolean sharing) {
        checkArgument(images > 0, "images (%s) must be positive", images);
        requireBatchNormBehindConvolutions(plan);
        this.plan = plan;
        this.images = images;
        this.mode = mode;
        training = mode != Mode.INFERENCE;
        this.cpu = cpu;
        this.weights = weights;
        // Everything native made here belongs to the scope, which outlives this block and is closed by close().
        scope = new PointerScope();
        try (PointerScope building = scope) {
            building.extend();
            stream = new stream(cpu);
            layout = OneDnn.blockSize() == 16 ? format_tag.nChw16c : format_tag.nChw8c;
            Tensor in = plan.input();
            attributes = new primitive_attr();
            attributes.set_scratchpad_mode(scratchpad_mode.user);
            pixels = new Buffer(4L * images * in.channels() * in.side() * in.side());
            Buffer planar = new Buffer(pixels.size);
            values.put(in, planar);
            memory.desc planarDesc = new memory.desc(dims(in), F32, format_tag.nchw);
            descriptions.put(in, planarDesc);
            reorder("reorder", pixels, new memory.desc(dims(in), F32, format_tag.nhwc), planar, planarDesc);
            Op.Normalize last = (Op.Normalize) plan.ops().get(plan.ops().size() - 1);
            normalizeEpsilon = last.epsilon();
            embeddingSize = last.out().channels();
            linearOut = new Buffer(4L * images * embeddingSize);
            linearGradient = training ? new Buffer(4L * images * embeddingSize) : null;
            for (int i = 0; i < plan.ops().size() - 1; i++) {
                compile(plan.ops().get(i), plan.ops().get(i + 1));
            }
            forwardSteps = steps.size();
            if (training) {
                for (int i = tape.size() - 1; i >= 0; i--) {
                    tape.get(i).run();
                }
            }
            sharedBytes = layOut(sharing);
        } catch (Throwable e) {
            close();
            throw e;
        }
    }

    /** Aligned memory of its own, filled with zeros; belongs to the innermost scope. */
    static BytePointer zeros(long size) {
        BytePointer raw = new BytePointer(size + ALIGNMENT);
        Pointer.memset(raw, 0, size + ALIGNMENT);
        return aligned(raw);
    }

    static PointerScope emptyScope() {
        try (PointerScope empty = new PointerScope()) {
            empty.extend();
            return empty;
        }
    }

    private static BytePointer aligned(BytePointer raw) {
        return raw.getPointer((ALIGNMENT - raw.address() % ALIGNMENT) % ALIGNMENT);
    }

    /** Bytes that {@link #bind} needs: pixels, activations, gradients, workspaces and scratchpads. */
    public long sharedBytes() {
        return sharedBytes + ALIGNMENT;
    }

    /**
     * Makes the program work in the given memory, which other programs may use too, though not between a forward pass and
     * its backward pass.
     */
    public void bind(BytePointer arena) {
        if (boundTo == arena.address()) {
            return;
        }
        checkArgument(
                arena.capacity() >= sharedBytes(),
                "%s bytes are too few, %s are needed",
                arena.capacity(),
                sharedBytes());
        boundTo = 0; // until all of it is done: there may be no memory for the arguments
        BytePointer start = aligned(arena);
        for (Buffer buffer : buffers) {
            if (!buffer.persistent) {
                buffer.memory = start.getPointer(buffer.offset);
            }
        }
        PointerScope old = argumentScope;
        argumentScope = emptyScope();
        old.close();
        argumentScope = new PointerScope();
        try (PointerScope arguments = argumentScope) {
            arguments.extend();
            for (Step step : steps) {
                if (step.primitive != null) {
                    IntMemoryMap map = new IntMemoryMap();
                    for (Operand operand : step.operands) {
                        map.put(operand.argument, new memory(operand.desc, cpu, operand.buffer.pointer()));
                    }
                    step.arguments = map;
                }
            }
        }
        boundTo = arena.address();
    }

    // ---- running

    /** Copies the parameters in, if they have changed. */
    public void load(Parameters parameters) {
        try (PointerScope temporary = new PointerScope()) {
            weights.load(parameters, borrowed);
        }
    }

    /** Runs forward over {@code [images][row][column][channel]} pixels. */
    public float[] forward(float[] nhwc) {
        try (PointerScope temporary = new PointerScope()) {
            pixels.floats().put(nhwc);
            run(0, forwardSteps);
            float[] linear = new float[images * embeddingSize];
            linearOut.floats().get(linear);
            normalize(linear);
            return embeddings;
        }
    }

    /** Runs backward from the gradient of the embeddings; by parameter name, in arrays that the next call overwrites. */
    public Map<String, float[]> backward(float[] gradient) {
        if (linearGradient == null) {
            throw new IllegalStateException("an inference program has no backward pass");
        }
        try (PointerScope temporary = new PointerScope()) {
            linearGradient.floats().put(normalizeGradient(gradient));
            run(forwardSteps, steps.size());
            Map<String, float[]> result = new HashMap<>();
            for (Download download : downloads) {
                download.into(result);
            }
            return result;
        }
    }

    Map<String, Runner.Statistics> statistics(Parameters parameters) {
        Map<String, Runner.Statistics> all = new LinkedHashMap<>();
        try (PointerScope temporary = new PointerScope()) {
            statistics.forEach((layer, s) -> {
                float[] mean = new float[s.channels];
                float[] variance = new float[s.channels];
                s.mean.floats().get(mean);
                s.variance.floats().get(variance);
                float[] bias = parameters.get(s.bias); // left out of the convolution, see there
                for (int c = 0; c < mean.length; c++) {
                    mean[c] += bias[c];
                }
                all.put(layer, new Runner.Statistics(mean, variance));
            });
        }
        return all;
    }

    private void run(int from, int to) {
        checkState(boundTo != 0, "the program is bound to no memory");
        for (int i = from; i < to; i++) {
            Step step = steps.get(i);
            long start = System.nanoTime();
            if (step.primitive != null) {
                step.primitive.execute(stream, step.arguments);
            } else if (step.code != null) {
                step.code.run();
            }
            step.nanos += System.nanoTime() - start;
        }
        stream._wait();
    }

    /** What the last forward pass computed for a tensor, as [image][channel][row][column]; for tests. */
    public float[] valueOf(String name) {
        if (name.equals(plan.output().name())) {
            return embeddings;
        }
        Tensor tensor = tensor(name);
        return name.equals(linear().out().name())
                ? plainValues(linearOut, tensor)
                : blockedValues(value(tensor), tensor);
    }

    /** The gradient of a tensor in the last backward pass, as [image][channel][row][column]; for tests. */
    public float[] gradientOf(String name) {
        Tensor tensor = tensor(name);
        return name.equals(linear().out().name()) && linearGradient != null
                ? plainValues(linearGradient, tensor)
                : blockedValues(gradients.getOrDefault(tensor, List.of()).get(0), tensor);
    }

    private Op.Linear linear() {
        return (Op.Linear) plan.ops().get(plan.ops().size() - 2);
    }

    private Tensor tensor(String name) {
        return plan.ops().stream()
                .map(Op::out)
                .filter(out -> out.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private float[] plainValues(Buffer buffer, Tensor tensor) {
        float[] values = new float[images * tensor.channels()];
        buffer.floats().get(values);
        return values;
    }

    private float[] blockedValues(Buffer buffer, Tensor tensor) {
        float[] values = new float[images * tensor.channels() * tensor.side() * tensor.side()];
        try (PointerScope temporary = new PointerScope()) {
            FloatPointer plain = new FloatPointer(values.length);
            memory from = new memory(description(tensor), cpu, buffer.pointer());
            memory to = new memory(new memory.desc(dims(tensor), F32, format_tag.nchw), cpu, plain);
            new reorder(from, to).execute(stream, from, to);
            stream._wait();
            plain.get(values);
        }
        return values;
    }

    /** Milliseconds since the start, by kind of operation; for benchmarks. */
    Map<String, Double> milliseconds() {
        Map<String, Double> byKind = new TreeMap<>();
        for (Step step : steps) {
            byKind.merge(step.kind, step.nanos / 1e6, Double::sum);
        }
        return byKind;
    }

    void resetTimes() {
        steps.forEach(step -> step.nanos = 0);
    }

    @Override
    public void close() {
        argumentScope.close();
        borrowed.values().forEach(layouts -> layouts.forEach(weights::giveBack));
        borrowed.clear();
        scope.close();
    }

    /** Memory of the parameters that the program works with, which others may share. */
    Set<OneDnnWeights.Stored> borrowed() {
        Set<OneDnnWeights.Stored> all = new HashSet<>();
        borrowed.values().forEach(all::addAll);
        return all;
    }

    // ---- unit length, in Java: some ten thousand values

    private void normalize(float[] linear) {
        lengths = new float[images];
        embeddings = new float[linear.length];
        for (int n = 0; n < images; n++) {
            double sum = normalizeEpsilon;
            for (int c = 0; c < embeddingSize; c++) {
                float v = linear[n * embeddingSize + c];
                sum += (double) v * v;
            }
            lengths[n] = (float) Math.sqrt(sum);
            for (int c = 0; c < embeddingSize; c++) {
                embeddings[n * embeddingSize + c] = linear[n * embeddingSize + c] / lengths[n];
            }
        }
    }

    /** For e = x / ‖x‖: dx = (g − (g·e) e) / ‖x‖. */
    private float[] normalizeGradient(float[] gradient) {
        float[] result = new float[gradient.length];
        for (int n = 0; n < images; n++) {
            double dot = 0;
            for (int c = 0; c < embeddingSize; c++) {
                dot += (double) gradient[n * embeddingSize + c] * embeddings[n * embeddingSize + c];
            }
            for (int c = 0; c < embeddingSize; c++) {
                int i = n * embeddingSize + c;
                result[i] = (float) ((gradient[i] - dot * embeddings[i]) / lengths[n]);
            }
        }
        return result;
    }

    // ---- compiling

    /** Both are compiled together: folded into one for inference, without the convolution's bias for training. */
    private static void requireBatchNormBehindConvolutions(Plan plan) {
        List<Op> ops = plan.ops();
        Set<Tensor> normalized = new HashSet<>();
        for (int i = 0; i < ops.size(); i++) {
            Op op = ops.get(i);
            if (op instanceof Op.Convolution c) {
                checkArgument(
                        i + 1 < ops.size()
                                && ops.get(i + 1) instanceof Op.BatchNormRelu norm
                                && norm.in().equals(c.out()),
                        "oneDNN has a program only for convolutions with their batch-norm directly behind: %s",
                        c);
                normalized.add(c.out());
            } else {
                boolean behind = i > 0 && ops.get(i - 1) instanceof Op.Convolution;
                checkArgument(
                        op instanceof Op.BatchNormRelu
                                ? behind
                                : op.ins().stream().noneMatch(normalized::contains),
                        "oneDNN has no program for what takes a convolution without its batch-norm, or batch-norm without"
                                + " its convolution: %s",
                        op);
            }
        }
    }

    private void compile(Op op, Op next) {
        if (op instanceof Op.Convolution c) {
            if (training) {
                convolution(c);
            } else if (next instanceof Op.BatchNormRelu norm) {
                foldedConvolution(c, norm);
            }
        } else if (op instanceof Op.BatchNormRelu b) {
            if (training) {
                batchNormRelu(b);
            }
        } else if (op instanceof Op.MaxPool p) {
            maxPool(p);
        } else if (op instanceof Op.L2Pool p) {
            l2Pool(p);
        } else if (op instanceof Op.LocalResponseNorm l) {
            localResponseNorm(l);
        } else if (op instanceof Op.Concat c) {
            concat(c);
        } else if (op instanceof Op.Mean m) {
            mean(m);
        } else if (op instanceof Op.Linear l) {
            linear(l);
        } else {
            throw new IllegalArgumentException("oneDNN has no program for " + op);
        }
    }

    /**
     * Without its bias: batch-norm subtracts the mean, so that a bias changes neither output nor gradient, and has gradient
     * zero. Only the reported batch mean needs it. (With frozen statistics a bias would have a gradient: it is taken for
     * frozen, too.)
     */
    private void convolution(Op.Convolution c) {
        memory.desc src = description(c.in());
        memory.desc dst = description(c.out());
        memory.desc any = new memory.desc(weightDims(c), F32, format_tag.any);
        long[] stride = {c.stride(), c.stride()};
        long[] left = {c.padding(), c.padding()};
        long[] right = rightPadding(c.in().side(), c.out().side(), c.kernel(), c.stride(), c.padding());
        var forward = new convolution_forward.primitive_desc(
                new convolution_forward.desc(
                        prop_kind.forward_training, algorithm(c, 12), src, any, dst, stride, left, right),
                attributes,
                cpu);
        memory.desc plain = new memory.desc(weightDims(c), F32, format_tag.oihw);
        Buffer kernels = parameter(c.weight(), plain, forward.weights_desc());
        String kind = c.kernel() + "x" + c.kernel();
        Buffer x = value(c.in());
        Buffer y = value(c.out());
        step(
                kind + " forward",
                new convolution_forward(forward),
                new Operand(DNNL_ARG_SRC, x, src),
                new Operand(DNNL_ARG_WEIGHTS, kernels, forward.weights_desc()),
                new Operand(DNNL_ARG_DST, y, dst));
        tape.add(() -> {
            Buffer dy = gradient(c.out());
            var backwardWeights = new convolution_backward_weights.primitive_desc(
                    new convolution_backward_weights.desc(algorithm(c, 1), src, any, dst, stride, left, right),
                    attributes,
                    cpu,
                    forward);
            memory.desc layoutOfGradient = backwardWeights.diff_weights_desc();
            Buffer dw = new Buffer(layoutOfGradient.get_size());
            step(
                    kind + " backward weights",
                    new convolution_backward_weights(backwardWeights),
                    new Operand(DNNL_ARG_SRC, x, src),
                    new Operand(DNNL_ARG_DIFF_DST, dy, dst),
                    new Operand(DNNL_ARG_DIFF_WEIGHTS, dw, layoutOfGradient));
            gradientOf(c.weight(), dw, layoutOfGradient, plain);
            downloads.add(into -> into.put(c.bias(), new float[c.out().channels()]));
            if (c.in().equals(plan.input())) {
                return;
            }
            var backwardData = new convolution_backward_data.primitive_desc(
                    new convolution_backward_data.desc(algorithm(c, 12), src, any, dst, stride, left, right),
                    attributes,
                    cpu,
                    forward);
            Buffer again = parameter(c.weight(), plain, backwardData.weights_desc());
            Buffer dx = contribution(c.in());
            step(
                    kind + " backward data",
                    new convolution_backward_data(backwardData),
                    new Operand(DNNL_ARG_DIFF_DST, dy, dst),
                    new Operand(DNNL_ARG_WEIGHTS, again, backwardData.weights_desc()),
                    new Operand(DNNL_ARG_DIFF_SRC, dx, src));
        });
    }

    /**
     * Winograd's minimal filtering needs 36 multiplications where the direct way needs 144 (Lavin and Gray, <i>Fast
     * Algorithms for Convolutional Neural Networks</i>, 2016). oneDNN has it for 3×3 with stride 1 on AVX-512; it pays from
     * a certain size of map on, which differs between directions and was measured.
     */
    private static algorithm algorithm(Op.Convolution c, int smallestSide) {
        boolean winograd = OneDnn.blockSize() == 16
                && c.kernel() == 3
                && c.stride() == 1
                && c.out().side() >= smallestSide;
        return winograd ? algorithm.convolution_winograd : algorithm.convolution_direct;
    }

    private void batchNormRelu(Op.BatchNormRelu b) {
        boolean frozen = mode == Mode.TRAINING_FROZEN;
        int flags = normalization_flags.use_scale_shift.value
                | normalization_flags.fuse_norm_relu.value
                | (frozen ? normalization_flags.use_global_stats.value : 0);
        memory.desc desc = description(b.in());
        int channels = b.in().channels();
        var forward = new batch_normalization_forward.primitive_desc(
                new batch_normalization_forward.desc(
                        prop_kind.forward_training.value, desc, (float) b.epsilon(), flags),
                attributes,
                cpu);
        memory.desc pair = new memory.desc(new long[] {2, channels}, F32, format_tag.nc);
        memory.desc vector = new memory.desc(new long[] {channels}, F32, format_tag.x);
        Buffer scaleShift = borrow(
                b.scale() + ", " + b.shift(),
                parameters -> Floats.concat(parameters.get(b.scale()), parameters.get(b.shift())),
                pair,
                pair);
        String bias = b.layer() + ".bias";
        Buffer mean;
        Buffer variance;
        if (frozen) {
            String runningMean = b.layer() + ".bn.running_mean";
            mean = borrow(
                    runningMean + " - " + bias,
                    parameters -> {
                        float[] m = parameters.get(runningMean).clone();
                        float[] left = parameters.get(bias); // left out of the convolution, see there
                        for (int c = 0; c < channels; c++) {
                            m[c] -= left[c];
                        }
                        return m;
                    },
                    vector,
                    vector);
            variance = parameter(b.layer() + ".bn.running_var", vector, vector);
        } else {
            mean = new Buffer(4L * channels, zeros(4L * channels));
            variance = new Buffer(4L * channels, zeros(4L * channels));
        }
        statistics.put(b.layer(), new BatchStatistics(mean, variance, channels, bias));
        Operand workspace = workspace(forward.workspace_desc());
        Buffer x = value(b.in());
        Buffer y = value(b.out());
        descriptions.put(b.out(), desc);
        step(
                "batch-norm forward",
                new batch_normalization_forward(forward),
                new Operand(DNNL_ARG_SRC, x, desc),
                new Operand(DNNL_ARG_DST, y, desc),
                new Operand(DNNL_ARG_SCALE_SHIFT, scaleShift, pair),
                new Operand(DNNL_ARG_MEAN, mean, vector),
                new Operand(DNNL_ARG_VARIANCE, variance, vector),
                workspace);
        tape.add(() -> {
            Buffer dy = gradient(b.out());
            var backward = new batch_normalization_backward.primitive_desc(
                    new batch_normalization_backward.desc(
                            prop_kind.backward.value, desc, desc, (float) b.epsilon(), flags),
                    attributes,
                    cpu,
                    forward);
            Buffer dx = contribution(b.in());
            Buffer dScaleShift = new Buffer(8L * channels).kept();
            step(
                    "batch-norm backward",
                    new batch_normalization_backward(backward),
                    new Operand(DNNL_ARG_SRC, x, desc),
                    new Operand(DNNL_ARG_DIFF_DST, dy, desc),
                    new Operand(DNNL_ARG_DIFF_SRC, dx, desc),
                    new Operand(DNNL_ARG_SCALE_SHIFT, scaleShift, pair),
                    new Operand(DNNL_ARG_DIFF_SCALE_SHIFT, dScaleShift, pair),
                    new Operand(DNNL_ARG_MEAN, mean, vector),
                    new Operand(DNNL_ARG_VARIANCE, variance, vector),
                    workspace);
            float[] both = new float[2 * channels];
            downloads.add(into -> {
                dScaleShift.floats().get(both);
                into.put(b.scale(), Arrays.copyOf(both, channels));
                into.put(b.shift(), Arrays.copyOfRange(both, channels, 2 * channels));
            });
        });
    }

    /** For inference: batch-norm's affine map is multiplied into the convolution's weights and bias. */
    private void foldedConvolution(Op.Convolution c, Op.BatchNormRelu norm) {
        memory.desc src = description(c.in());
        memory.desc dst = description(norm.out());
        memory.desc any = new memory.desc(weightDims(c), F32, format_tag.any);
        memory.desc biasDesc = new memory.desc(new long[] {c.out().channels()}, F32, format_tag.x);
        post_ops relu = new post_ops();
        relu.append_eltwise(1f, algorithm.eltwise_relu, 0f, 0f);
        primitive_attr fused = new primitive_attr();
        fused.set_scratchpad_mode(scratchpad_mode.user);
        fused.set_post_ops(relu);
        var forward = new convolution_forward.primitive_desc(
                new convolution_forward.desc(
                        prop_kind.forward_inference,
                        algorithm(c, 12),
                        src,
                        any,
                        biasDesc,
                        dst,
                        new long[] {c.stride(), c.stride()},
                        new long[] {c.padding(), c.padding()},
                        rightPadding(c.in().side(), c.out().side(), c.kernel(), c.stride(), c.padding())),
                fused,
                cpu);
        memory.desc weightDesc = forward.weights_desc();
        Function<Parameters, float[]> factors = parameters -> {
            float[] scale = parameters.get(norm.scale()).clone();
            float[] variance = parameters.get(norm.layer() + ".bn.running_var");
            for (int o = 0; o < scale.length; o++) {
                scale[o] = (float) (scale[o] / Math.sqrt(variance[o] + norm.epsilon()));
            }
            return scale;
        };
        Buffer kernels = borrow(
                c.weight() + ", folded",
                parameters -> {
                    float[] w = parameters.get(c.weight()).clone();
                    float[] factor = factors.apply(parameters);
                    int perChannel = w.length / factor.length;
                    for (int i = 0; i < w.length; i++) {
                        w[i] *= factor[i / perChannel];
                    }
                    return w;
                },
                new memory.desc(weightDims(c), F32, format_tag.oihw),
                weightDesc);
        Buffer bias = borrow(
                c.bias() + ", folded",
                parameters -> {
                    float[] b = parameters.get(c.bias()).clone();
                    float[] factor = factors.apply(parameters);
                    float[] mean = parameters.get(norm.layer() + ".bn.running_mean");
                    float[] shift = parameters.get(norm.shift());
                    for (int o = 0; o < b.length; o++) {
                        b[o] = (b[o] - mean[o]) * factor[o] + shift[o];
                    }
                    return b;
                },
                biasDesc,
                biasDesc);
        step(
                c.kernel() + "x" + c.kernel() + " forward",
                new convolution_forward(forward),
                new Operand(DNNL_ARG_SRC, value(c.in()), src),
                new Operand(DNNL_ARG_WEIGHTS, kernels, weightDesc),
                new Operand(DNNL_ARG_BIAS, bias, biasDesc),
                new Operand(DNNL_ARG_DST, value(norm.out()), dst));
    }

    private void maxPool(Op.MaxPool p) {
        memory.desc src = description(p.in());
        memory.desc dst = description(p.out());
        long[] stride = {p.stride(), p.stride()};
        long[] kernel = {3, 3};
        long[] left = {p.padding(), p.padding()};
        long[] right = rightPadding(p.in().side(), p.out().side(), 3, p.stride(), p.padding());
        var forward = new pooling_forward.primitive_desc(
                new pooling_forward.desc(propagation(), algorithm.pooling_max, src, dst, stride, kernel, left, right),
                attributes,
                cpu);
        List<Operand> operands = new ArrayList<>(
                List.of(new Operand(DNNL_ARG_SRC, value(p.in()), src), new Operand(DNNL_ARG_DST, value(p.out()), dst)));
        if (!training) {
            step("max pooling forward", new pooling_forward(forward), operands);
            return;
        }
        Operand workspace = workspace(forward.workspace_desc());
        operands.add(workspace);
        step("max pooling forward", new pooling_forward(forward), operands);
        tape.add(() -> {
            Buffer dy = gradient(p.out());
            var backward = new pooling_backward.primitive_desc(
                    new pooling_backward.desc(algorithm.pooling_max, src, dst, stride, kernel, left, right),
                    attributes,
                    cpu,
                    forward);
            step(
                    "max pooling backward",
                    new pooling_backward(backward),
                    new Operand(DNNL_ARG_DIFF_DST, dy, dst),
                    new Operand(DNNL_ARG_DIFF_SRC, contribution(p.in()), src),
                    workspace);
        });
    }

    /** Square, mean over 3×3, × 9 + epsilon, root; backwards the same way. */
    private void l2Pool(Op.L2Pool p) {
        memory.desc src = description(p.in());
        memory.desc dst = description(p.out());
        Buffer x = value(p.in());
        Buffer y = value(p.out());
        Buffer squares = new Buffer(src.get_size());
        elementwise("L2 pooling forward", algorithm.eltwise_square, 0, 0, x, squares, src);
        long[] stride = {p.stride(), p.stride()};
        long[] kernel = {3, 3};
        long[] none = {0, 0};
        var pooling = new pooling_forward.primitive_desc(
                new pooling_forward.desc(
                        prop_kind.forward_inference,
                        algorithm.pooling_avg_exclude_padding,
                        src,
                        dst,
                        stride,
                        kernel,
                        none,
                        none),
                attributes,
                cpu);
        step(
                "L2 pooling forward",
                new pooling_forward(pooling),
                new Operand(DNNL_ARG_SRC, squares, src),
                new Operand(DNNL_ARG_DST, y, dst));
        elementwise("L2 pooling forward", algorithm.eltwise_linear, 9, (float) p.epsilon(), y, y, dst);
        elementwise("L2 pooling forward", algorithm.eltwise_sqrt, 0, 0, y, y, dst);
        tape.add(() -> {
            Buffer dy = gradient(p.out());
            elementwiseBackward(algorithm.eltwise_sqrt_use_dst_for_bwd, DNNL_ARG_DST, y, dy, dy, dst);
            elementwise("L2 pooling backward", algorithm.eltwise_linear, 9, 0, dy, dy, dst);
            Buffer dx = contribution(p.in());
            var trainable = new pooling_forward.primitive_desc(
                    new pooling_forward.desc(
                            prop_kind.forward_training,
                            algorithm.pooling_avg_exclude_padding,
                            src,
                            dst,
                            stride,
                            kernel,
                            none,
                            none),
                    attributes,
                    cpu);
            var backward = new pooling_backward.primitive_desc(
                    new pooling_backward.desc(
                            algorithm.pooling_avg_exclude_padding, src, dst, stride, kernel, none, none),
                    attributes,
                    cpu,
                    trainable);
            step(
                    "L2 pooling backward",
                    new pooling_backward(backward),
                    new Operand(DNNL_ARG_DIFF_DST, dy, dst),
                    new Operand(DNNL_ARG_DIFF_SRC, dx, src));
            elementwiseBackward(algorithm.eltwise_square, DNNL_ARG_SRC, x, dx, dx, src);
        });
    }

    private void elementwise(
            String kind, algorithm function, float alpha, float beta, Buffer in, Buffer out, memory.desc desc) {
        var forward = new eltwise_forward.primitive_desc(
                new eltwise_forward.desc(prop_kind.forward_inference, function, desc, alpha, beta), attributes, cpu);
        step(
                kind,
                new eltwise_forward(forward),
                new Operand(DNNL_ARG_SRC, in, desc),
                new Operand(DNNL_ARG_DST, out, desc));
    }

    private void elementwiseBackward(
            algorithm function, int argument, Buffer value, Buffer in, Buffer out, memory.desc desc) {
        var forward = new eltwise_forward.primitive_desc(
                new eltwise_forward.desc(prop_kind.forward_training, function, desc, 0f, 0f), attributes, cpu);
        var backward = new eltwise_backward.primitive_desc(
                new eltwise_backward.desc(function, desc, desc, 0f, 0f), attributes, cpu, forward);
        step(
                "L2 pooling backward",
                new eltwise_backward(backward),
                new Operand(argument, value, desc),
                new Operand(DNNL_ARG_DIFF_DST, in, desc),
                new Operand(DNNL_ARG_DIFF_SRC, out, desc));
    }

    private void localResponseNorm(Op.LocalResponseNorm l) {
        memory.desc desc = description(l.in());
        descriptions.put(l.out(), desc);
        long size = 2L * l.depth() + 1;
        float alpha = (float) (l.alpha() * size); // oneDNN divides by the size, as Torch does
        var forward = new lrn_forward.primitive_desc(
                new lrn_forward.desc(
                        propagation(), algorithm.lrn_across_channels, desc, size, alpha, (float) l.beta(), (float)
                                l.bias()),
                attributes,
                cpu);
        Buffer x = value(l.in());
        Buffer y = value(l.out());
        List<Operand> operands =
                new ArrayList<>(List.of(new Operand(DNNL_ARG_SRC, x, desc), new Operand(DNNL_ARG_DST, y, desc)));
        if (!training) {
            step("LRN forward", new lrn_forward(forward), operands);
            return;
        }
        Operand workspace = workspace(forward.workspace_desc());
        operands.add(workspace);
        step("LRN forward", new lrn_forward(forward), operands);
        tape.add(() -> {
            Buffer dy = gradient(l.out());
            var backward = new lrn_backward.primitive_desc(
                    new lrn_backward.desc(
                            algorithm.lrn_across_channels, desc, desc, size, alpha, (float) l.beta(), (float) l.bias()),
                    attributes,
                    cpu,
                    forward);
            step(
                    "LRN backward",
                    new lrn_backward(backward),
                    new Operand(DNNL_ARG_SRC, x, desc),
                    new Operand(DNNL_ARG_DST, y, desc),
                    new Operand(DNNL_ARG_DIFF_DST, dy, desc),
                    new Operand(DNNL_ARG_DIFF_SRC, contribution(l.in()), desc),
                    workspace);
        });
    }

    private void concat(Op.Concat c) {
        memory.desc dst = description(c.out());
        Buffer y = value(c.out());
        if (c.ins().stream().anyMatch(in -> in.side() < c.out().side())) {
            code("concat", () -> Pointer.memset(y.pointer(), 0, y.size), new Operand(0, y, dst));
        }
        int channel = 0;
        for (Tensor in : c.ins()) {
            reorder(
                    "concat",
                    value(in),
                    description(in),
                    y,
                    slice(dst, in, channel, c.out().side()));
            channel += in.channels();
        }
        tape.add(() -> {
            Buffer dy = gradient(c.out());
            int from = 0;
            for (Tensor in : c.ins()) {
                reorder("split", dy, slice(dst, in, from, c.out().side()), contribution(in), description(in));
                from += in.channels();
            }
        });
    }

    /** The part of a concatenation that one input fills: its channels, centred. */
    private memory.desc slice(memory.desc whole, Tensor part, int channel, int side) {
        long margin = (side - part.side()) / 2L;
        return whole.submemory_desc(dims(part), new long[] {0, channel, margin, margin});
    }

    private void mean(Op.Mean m) {
        memory.desc src = description(m.in());
        memory.desc dst = description(m.out());
        long[] window = {m.in().side(), m.in().side()};
        long[] none = {0, 0};
        var forward = new pooling_forward.primitive_desc(
                new pooling_forward.desc(
                        propagation(), algorithm.pooling_avg_exclude_padding, src, dst, window, window, none, none),
                attributes,
                cpu);
        step(
                "head",
                new pooling_forward(forward),
                new Operand(DNNL_ARG_SRC, value(m.in()), src),
                new Operand(DNNL_ARG_DST, value(m.out()), dst));
        if (training) {
            tape.add(() -> {
                var backward = new pooling_backward.primitive_desc(
                        new pooling_backward.desc(
                                algorithm.pooling_avg_exclude_padding, src, dst, window, window, none, none),
                        attributes,
                        cpu,
                        forward);
                Buffer dy = gradient(m.out());
                step(
                        "head",
                        new pooling_backward(backward),
                        new Operand(DNNL_ARG_DIFF_DST, dy, dst),
                        new Operand(DNNL_ARG_DIFF_SRC, contribution(m.in()), src));
            });
        }
    }

    /** A 1×1 map in blocked layout is a plain row when the channels are a multiple of the block. */
    private void linear(Op.Linear l) {
        if (l.in().channels() % OneDnn.blockSize() != 0) {
            throw new IllegalArgumentException(l.in().channels() + " features are no multiple of " + OneDnn.blockSize()
                    + ", which the oneDNN executor needs");
        }
        memory.desc src = new memory.desc(new long[] {images, l.in().channels()}, F32, format_tag.nc);
        memory.desc dst = new memory.desc(new long[] {images, l.out().channels()}, F32, format_tag.nc);
        memory.desc any = new memory.desc(new long[] {l.out().channels(), l.in().channels()}, F32, format_tag.any);
        memory.desc plain = new memory.desc(new long[] {l.out().channels(), l.in().channels()}, F32, format_tag.oi);
        memory.desc biasDesc = new memory.desc(new long[] {l.out().channels()}, F32, format_tag.x);
        var forward = new inner_product_forward.primitive_desc(
                new inner_product_forward.desc(propagation(), src, any, biasDesc, dst), attributes, cpu);
        Buffer kernels = parameter(l.weight(), plain, forward.weights_desc());
        Buffer bias = parameter(l.bias(), biasDesc, biasDesc);
        Buffer x = value(l.in());
        step(
                "head",
                new inner_product_forward(forward),
                new Operand(DNNL_ARG_SRC, x, src),
                new Operand(DNNL_ARG_WEIGHTS, kernels, forward.weights_desc()),
                new Operand(DNNL_ARG_BIAS, bias, biasDesc),
                new Operand(DNNL_ARG_DST, linearOut, dst));
        if (!training || linearGradient == null) {
            return;
        }
        Buffer dy = linearGradient;
        tape.add(() -> {
            var backwardWeights = new inner_product_backward_weights.primitive_desc(
                    new inner_product_backward_weights.desc(src, any, biasDesc, dst), attributes, cpu, forward);
            memory.desc layoutOfGradient = backwardWeights.diff_weights_desc();
            Buffer dw = new Buffer(layoutOfGradient.get_size());
            Buffer db = new Buffer(biasDesc.get_size());
            step(
                    "head",
                    new inner_product_backward_weights(backwardWeights),
                    new Operand(DNNL_ARG_SRC, x, src),
                    new Operand(DNNL_ARG_DIFF_DST, dy, dst),
                    new Operand(DNNL_ARG_DIFF_WEIGHTS, dw, layoutOfGradient),
                    new Operand(DNNL_ARG_DIFF_BIAS, db, biasDesc));
            gradientOf(l.weight(), dw, layoutOfGradient, plain);
            gradientOf(l.bias(), db, biasDesc, biasDesc);
            var backwardData = new inner_product_backward_data.primitive_desc(
                    new inner_product_backward_data.desc(src, any, dst), attributes, cpu, forward);
            Buffer again = parameter(l.weight(), plain, backwardData.weights_desc());
            step(
                    "head",
                    new inner_product_backward_data(backwardData),
                    new Operand(DNNL_ARG_DIFF_DST, dy, dst),
                    new Operand(DNNL_ARG_WEIGHTS, again, backwardData.weights_desc()),
                    new Operand(DNNL_ARG_DIFF_SRC, contribution(l.in()), src));
        });
    }

    // ---- building blocks

    /** What a forward primitive leaves for its backward one. */
    private Operand workspace(memory.desc desc) {
        return new Operand(DNNL_ARG_WORKSPACE, new Buffer(desc.get_size()), desc);
    }

    private prop_kind propagation() {
        return training ? prop_kind.forward_training : prop_kind.forward_inference;
    }

    private long[] dims(Tensor t) {
        return new long[] {images, t.channels(), t.side(), t.side()};
    }

    private static long[] weightDims(Op.Convolution c) {
        return new long[] {c.out().channels(), c.in().channels(), c.kernel(), c.kernel()};
    }

    private static long[] rightPadding(int in, int out, int kernel, int stride, int left) {
        long right = Math.max(0, (out - 1L) * stride + kernel - left - in); // rows at the end may go unused
        return new long[] {right, right};
    }

    private memory.desc description(Tensor t) {
        return descriptions.computeIfAbsent(t, x -> new memory.desc(dims(x), F32, layout));
    }

    private Buffer value(Tensor t) {
        return values.computeIfAbsent(t, x -> new Buffer(description(x).get_size()));
    }

    /** A new buffer for one more contribution to the gradient of a tensor. */
    private Buffer contribution(Tensor t) {
        Buffer buffer = new Buffer(description(t).get_size());
        gradients.computeIfAbsent(t, x -> new ArrayList<>()).add(buffer);
        return buffer;
    }

    /** The whole gradient of a tensor: its contributions, added up into the first. */
    private Buffer gradient(Tensor t) {
        List<Buffer> parts = gradients.get(t);
        if (parts == null) {
            throw new IllegalStateException("nothing uses " + t);
        }
        Buffer total = parts.get(0);
        if (parts.size() > 1) {
            memory.desc desc = description(t);
            memory.desc descs = new memory.desc((long) parts.size()); // an array of them
            float[] ones = new float[parts.size()];
            Arrays.fill(ones, 1f);
            List<Operand> operands = new ArrayList<>();
            for (int i = 0; i < parts.size(); i++) {
                descs.position(i).put(desc);
                operands.add(new Operand(DNNL_ARG_MULTIPLE_SRC + i, parts.get(i), desc));
            }
            operands.add(new Operand(DNNL_ARG_DST, total, desc));
            step(
                    "sum",
                    new sum(new sum.primitive_desc(desc, new FloatPointer(ones), descs.position(0), cpu, attributes)),
                    operands);
        }
        return total;
    }

    /** A buffer with a parameter in the wanted layout. */
    private Buffer parameter(String name, memory.desc plain, memory.desc wanted) {
        return borrow(name, parameters -> parameters.get(name), plain, wanted);
    }

    /** A buffer with what is derived from parameters, in the wanted layout. */
    private Buffer borrow(String name, Function<Parameters, float[]> values, memory.desc plain, memory.desc wanted) {
        OneDnnWeights.Stored stored = weights.borrow(name, values, plain, wanted);
        borrowed.computeIfAbsent(name, x -> new ArrayList<>()).add(stored);
        return new Buffer(stored.size(), stored.pointer());
    }

    /** Hands a parameter's gradient out in Torch's layout, in an array that the next run overwrites. */
    private void gradientOf(String name, Buffer gradient, memory.desc layoutOfGradient, memory.desc plain) {
        Buffer out = gradient;
        if (!plain.equals(layoutOfGradient)) {
            out = new Buffer(plain.get_size());
            reorder("gradients out", gradient, layoutOfGradient, out, plain);
        }
        Buffer kept = out.kept();
        float[] result = new float[(int) (plain.get_size() / Float.BYTES)];
        downloads.add(into -> {
            kept.floats().get(result);
            into.put(name, result);
        });
    }

    private void reorder(String kind, Buffer from, memory.desc fromDesc, Buffer to, memory.desc toDesc) {
        step(
                kind,
                new reorder(new reorder.primitive_desc(cpu, fromDesc, cpu, toDesc, attributes, false)),
                new Operand(DNNL_ARG_FROM, from, fromDesc),
                new Operand(DNNL_ARG_TO, to, toDesc));
    }

    private void step(String kind, primitive primitive, Operand... operands) {
        step(kind, primitive, List.of(operands));
    }

    private void step(String kind, primitive primitive, List<Operand> operands) {
        implementations
                .computeIfAbsent(implementation(primitive), x -> new TreeSet<>())
                .add(kind);
        memory.desc scratchpad = new memory.desc(
                dnnl_primitive_desc_query_md(primitive.get_dnnl_primitive_desc(), dnnl_query_scratchpad_md, 0));
        List<Operand> all = new ArrayList<>(operands);
        if (scratchpad.get_size() > 0) {
            all.add(new Operand(DNNL_ARG_SCRATCHPAD, new Buffer(scratchpad.get_size()), scratchpad));
        }
        add(new Step(kind, primitive, null, all));
    }

    /** oneDNN's name for the code that computes a primitive, such as {@code jit:avx2} or {@code ref:any}. */
    private static String implementation(primitive primitive) {
        try (PointerPointer<BytePointer> name = new PointerPointer<>(1)) {
            dnnl_primitive_desc_query(primitive.get_dnnl_primitive_desc(), dnnl_query_impl_info_str, 0, name);
            return name.get(BytePointer.class).getString();
        }
    }

    /** The kinds of operation for which oneDNN has no code made for the processor but its slow reference. */
    Set<String> slowKinds() {
        Set<String> slow = new TreeSet<>();
        implementations.forEach((name, kinds) -> {
            if (name.contains("ref")) {
                slow.addAll(kinds);
            }
        });
        return slow;
    }

    private void code(String kind, Runnable code, Operand... operands) {
        add(new Step(kind, null, code, List.of(operands)));
    }

    private void add(Step step) {
        int index = steps.size();
        for (Operand operand : step.operands) {
            operand.buffer.first = Math.min(operand.buffer.first, index);
            operand.buffer.last = Math.max(operand.buffer.last, index);
        }
        steps.add(step);
    }

    /** Gives every shared buffer a place, largest first, where no buffer alive at the same time lies; returns the total. */
    private long layOut(boolean sharing) {
        List<Buffer> bySize = buffers.stream()
                .filter(b -> !b.persistent)
                .sorted(Comparator.comparingLong((Buffer b) -> b.size).reversed())
                .toList();
        List<Buffer> placed = new ArrayList<>(); // sorted by offset
        long total = 0;
        for (Buffer buffer : bySize) {
            long offset = 0;
            for (Buffer other : placed) {
                boolean together = !sharing || (other.first <= buffer.last && buffer.first <= other.last);
                if (together && other.offset < offset + buffer.size && offset < other.offset + other.size) {
                    offset = other.offset + other.size;
                }
            }
            buffer.offset = offset;
            total = Math.max(total, offset + buffer.size);
            placed.add(buffer);
            placed.sort(Comparator.comparingLong(b -> b.offset));
        }
        return total;
    }
}
