package org.openface.nn4.internal.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.function.LongFunction;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.memory.data_type;
import org.bytedeco.dnnl.memory.format_tag;
import org.bytedeco.dnnl.primitive;
import org.bytedeco.dnnl.primitive_attr;
import org.bytedeco.dnnl.reorder;
import org.bytedeco.dnnl.sum;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.engine.onednn.OneDnnProgram.Mode;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.network.Plan;
import org.openface.nn4.internal.network.Plan.Op;
import org.openface.nn4.internal.network.Plan.Tensor;

/**
 * A program while it is compiled: the steps so far and the buffers, layouts and parameters that they use. Operations are
 * translated by compilers, one for each family, which add steps here and leave on the tape what is to be done backwards.
 */
// Longer than a class should be, as all compilers add to it: buffers, layouts, gradients and steps know each other.
@SuppressWarnings("VariableNameSameAsType") // the preset has types named memory, stream, primitive
final class ProgramBuilder {
    static final data_type F32 = data_type.f32;

    final Plan plan;
    final int room;
    /** Images of the present runs; as many as there is room for until it is said. */
    int images;

    final Mode mode;
    final boolean training;
    /** Of activations, their gradients, and the weights of convolutions. */
    final data_type type;

    final engine cpu;
    /** Of all primitives: scratchpads lie in the shared memory, where they are counted, and not in the library's own. */
    final primitive_attr attributes;

    /** What to do in the backward pass, pushed by each operation of the forward pass. */
    final List<Runnable> tape = new ArrayList<>();
    /** Copy gradients out when a run is done. */
    final List<Download> downloads = new ArrayList<>();
    /** By layer. */
    final Map<String, BatchStatistics> statistics = new LinkedHashMap<>();

    final List<Step> steps = new ArrayList<>();
    final BufferLayout buffers = new BufferLayout();

    final Buffer pixels;
    final Buffer linearOut;
    final @Nullable Buffer linearGradient;

    private final format_tag layout;
    private final OneDnnWeights weights;
    /** What is borrowed of them, by name. */
    private final Map<String, List<OneDnnWeights.Stored>> borrowed;
    /** Kinds of operation by {@link #implementation}. */
    private final Map<String, Set<String>> implementations = new TreeMap<>();
    /** Contributions to the gradient of a tensor. */
    private final Map<Tensor, List<Buffer>> gradients = new HashMap<>();

    private final Map<Tensor, Buffer> values = new HashMap<>();
    private final Map<Tensor, memory.desc> descriptions = new HashMap<>();

    /** Copies a gradient out of a program's buffer. */
    @FunctionalInterface
    interface Download {
        void into(Map<String, float[]> gradients);
    }

    /** Mean and variance of a layer, and the name of the bias that was left out of its convolution. */
    record BatchStatistics(Buffer mean, Buffer variance, int channels, String bias) {}

    /**
     * Begins a program. All that is native belongs to the innermost scope.
     *
     * @param borrowed where it is noted what is borrowed of the weights, to be given back even if compiling fails
     */
    ProgramBuilder(
            Plan plan,
            int room,
            Mode mode,
            engine cpu,
            OneDnnWeights weights,
            Map<String, List<OneDnnWeights.Stored>> borrowed) {
        this.plan = plan;
        this.room = room;
        images = room;
        this.mode = mode;
        training = mode != Mode.INFERENCE;
        type = mode == Mode.TRAINING_BFLOAT16 ? data_type.bf16 : F32;
        this.cpu = cpu;
        this.weights = weights;
        this.borrowed = borrowed;
        layout = OneDnn.blockSize() == 16 ? format_tag.nChw16c : format_tag.nChw8c;
        Tensor in = plan.input();
        attributes = new primitive_attr();
        attributes.set_scratchpad_mode(scratchpad_mode.user);
        pixels = buffer(4L * room * in.channels() * in.side() * in.side());
        memory.desc planarDesc = new memory.desc(dims(in), type, format_tag.nchw);
        Buffer planar = buffer(planarDesc.get_size());
        values.put(in, planar);
        descriptions.put(in, planarDesc);
        reorder("reorder", pixels, new memory.desc(dims(in), F32, format_tag.nhwc), planar, planarDesc);
        int embeddingSize = plan.output().channels();
        linearOut = buffer(4L * room * embeddingSize);
        linearGradient = training ? buffer(4L * room * embeddingSize) : null;
    }

    /** A new buffer in the shared memory. */
    Buffer buffer(long size) {
        return buffers.shared(size);
    }

    /** A new buffer with memory of its own, filled with zeros. */
    Buffer ownBuffer(long size) {
        return buffers.persistent(size, NativeMemory.zeros(size));
    }

    /** Has a tensor be in another layout than the usual one. */
    void describe(Tensor tensor, memory.desc desc) {
        descriptions.put(tensor, desc);
    }

    /** The contributions to the gradient of a tensor so far; after a run the first holds their sum. */
    List<Buffer> contributions(Tensor t) {
        return gradients.getOrDefault(t, List.of());
    }

    /** What a forward primitive leaves for its backward one. */
    Step.Operand workspace(memory.desc desc) {
        return new Step.Operand(DNNL_ARG_WORKSPACE, buffer(desc.get_size()), desc);
    }

    prop_kind propagation() {
        return training ? prop_kind.forward_training : prop_kind.forward_inference;
    }

    long[] dims(Tensor t) {
        return dims(t, room);
    }

    private static long[] dims(Tensor t, int images) {
        return new long[] {images, t.channels(), t.side(), t.side()};
    }

    static long[] weightDims(Op.Convolution c) {
        return new long[] {c.out().channels(), c.in().channels(), c.kernel(), c.kernel()};
    }

    static long[] rightPadding(int in, int out, int kernel, int stride, int left) {
        long right = Math.max(0, (out - 1L) * stride + kernel - left - in); // rows at the end may go unused
        return new long[] {right, right};
    }

    /** A tensor in the usual layout with the values of float32. */
    memory.desc wide(Tensor t) {
        return new memory.desc(dims(t), F32, layout);
    }

    /** The first images of a tensor in the usual layout. */
    memory.desc description(Tensor t, int first) {
        return new memory.desc(dims(t, first), type, layout);
    }

    memory.desc description(Tensor t) {
        return descriptions.computeIfAbsent(t, x -> new memory.desc(dims(x), type, layout));
    }

    Buffer value(Tensor t) {
        Buffer known = values.get(t);
        if (known == null) {
            Op.Concat whole = liesIn(t);
            known = whole == null
                    ? buffer(description(t).get_size())
                    : value(whole.out())
                            .part(bytesBefore(whole, t), description(t).get_size());
            values.put(t, known);
        }
        return known;
    }

    /**
     * The concatenation in whose memory a tensor lies; null for one that has its own. The channels of one image follow each
     * other, so that what makes them can write them where they belong; those of several images do not.
     */
    Op.@Nullable Concat liesIn(Tensor t) {
        if (room > 1 || training) {
            return null;
        }
        for (Op op : plan.ops()) {
            if (op instanceof Op.Concat c
                    && c.ins().contains(t)
                    && t.side() == c.out().side()) {
                return c;
            }
        }
        return null;
    }

    /** Of one image: where the part of a concatenation begins that one input fills. */
    long bytesBefore(Op.Concat c, Tensor part) {
        long channels = c.ins().stream()
                .takeWhile(in -> !in.equals(part))
                .mapToLong(Tensor::channels)
                .sum();
        return channels * bytesOfChannel(c);
    }

    long bytesOfChannel(Op.Concat c) {
        return description(c.out()).get_size() / room / c.out().channels();
    }

    /** A new buffer for one more contribution to the gradient of a tensor. */
    Buffer contribution(Tensor t) {
        Buffer buffer = buffer(description(t).get_size());
        gradients.computeIfAbsent(t, x -> new ArrayList<>()).add(buffer);
        return buffer;
    }

    /** The whole gradient of a tensor: its contributions, added up into the first. */
    Buffer gradient(Tensor t) {
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
            List<Step.Operand> operands = new ArrayList<>();
            for (int i = 0; i < parts.size(); i++) {
                descs.position(i).put(desc);
                operands.add(new Step.Operand(DNNL_ARG_MULTIPLE_SRC + i, parts.get(i), desc));
            }
            operands.add(new Step.Operand(DNNL_ARG_DST, total, desc));
            step(
                    "sum",
                    new sum(new sum.primitive_desc(desc, new FloatPointer(ones), descs.position(0), cpu, attributes)),
                    operands);
        }
        return total;
    }

    /** Hands a part of what a buffer holds out as a parameter's gradient, in an array that the next run overwrites. */
    void gradientOf(String name, Buffer kept, int from, int length) {
        float[] result = weights.gradient(name, length);
        downloads.add(into -> {
            kept.floats().position(from).get(result);
            into.put(name, result);
        });
    }

    /** Hands zeros out as a parameter's gradient. */
    void noGradientOf(String name, int length) {
        float[] result = weights.gradient(name, length);
        downloads.add(into -> {
            Arrays.fill(result, 0);
            into.put(name, result);
        });
    }

    /** A buffer with a parameter in the wanted layout. */
    Buffer parameter(String name, memory.desc plain, memory.desc wanted) {
        return borrow(name, parameters -> parameters.get(name), plain, wanted);
    }

    /** A buffer with what is derived from parameters, in the wanted layout. */
    Buffer borrow(String name, Function<Parameters, float[]> values, memory.desc plain, memory.desc wanted) {
        OneDnnWeights.Stored stored = weights.borrow(name, values, plain, wanted);
        borrowed.computeIfAbsent(name, x -> new ArrayList<>()).add(stored);
        return buffers.persistent(stored.size(), stored.pointer());
    }

    /** Hands a parameter's gradient out in Torch's layout, in an array that the next run overwrites. */
    void gradientOf(String name, Buffer gradient, memory.desc layoutOfGradient, memory.desc plain) {
        Buffer out = gradient;
        if (!plain.equals(layoutOfGradient)) {
            out = buffer(plain.get_size());
            reorder("gradients out", gradient, layoutOfGradient, out, plain);
        }
        Buffer kept = out.kept();
        float[] result = weights.gradient(name, (int) (plain.get_size() / Float.BYTES));
        downloads.add(into -> {
            kept.floats().get(result);
            into.put(name, result);
        });
    }

    void reorder(String kind, Buffer from, memory.desc fromDesc, Buffer to, memory.desc toDesc) {
        step(
                kind,
                new reorder(new reorder.primitive_desc(cpu, fromDesc, cpu, toDesc, attributes, false)),
                new Step.Operand(DNNL_ARG_FROM, from, fromDesc),
                new Step.Operand(DNNL_ARG_TO, to, toDesc));
    }

    void step(String kind, primitive primitive, Step.Operand... operands) {
        step(kind, primitive, List.of(operands));
    }

    void step(String kind, primitive primitive, List<Step.Operand> operands) {
        add(Step.of(kind, complete(kind, primitive, operands, this::buffer)));
    }

    /**
     * Adds a step with a primitive for each number of images: one whose result for an image depends on how many others there
     * are. What follows the last image in its outputs becomes zero.
     *
     * @param calls for a number of images, without their scratchpads
     * @param outputs of the size of a batch
     */
    void sizedStep(String kind, IntFunction<Step.Call> calls, Buffer... outputs) {
        Step.Call largest = calls.apply(room);
        Step.Call complete = complete(kind, largest.primitive(), largest.operands(), this::buffer);
        add(Step.sized(kind, room, complete, count -> {
            Step.Call call = calls.apply(count);
            return complete(kind, call.primitive(), call.operands(), size -> {
                Buffer scratchpad = complete.buffer(DNNL_ARG_SCRATCHPAD);
                if (scratchpad == null || scratchpad.size < size) {
                    throw new IllegalStateException(
                            kind + " of " + count + " images needs more memory than of " + room);
                }
                return scratchpad;
            });
        }));
        if (room > 1) {
            List<Step.Operand> operands = new ArrayList<>();
            for (Buffer output : outputs) {
                operands.add(new Step.Operand(DNNL_ARG_DST, output, new memory.desc()));
            }
            add(Step.of(
                    kind,
                    () -> {
                        for (Buffer output : outputs) {
                            clearEmptyRoom(output);
                        }
                    },
                    operands));
        }
    }

    /** Zeros what follows the last image. */
    void clearEmptyRoom(Buffer buffer) {
        if (images < room) {
            long each = buffer.content / room;
            Pointer.memset(buffer.pointer().getPointer(each * images), 0, each * (room - images));
        }
    }

    /** With a scratchpad, if the primitive wants one. */
    private Step.Call complete(
            String kind, primitive primitive, List<Step.Operand> operands, LongFunction<Buffer> scratchpads) {
        implementations
                .computeIfAbsent(implementation(primitive), x -> new TreeSet<>())
                .add(kind);
        memory.desc scratchpad = new memory.desc(
                dnnl_primitive_desc_query_md(primitive.get_dnnl_primitive_desc(), dnnl_query_scratchpad_md, 0));
        List<Step.Operand> all = new ArrayList<>(operands);
        if (scratchpad.get_size() > 0) {
            all.add(new Step.Operand(DNNL_ARG_SCRATCHPAD, scratchpads.apply(scratchpad.get_size()), scratchpad));
        }
        return new Step.Call(primitive, all);
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

    void code(String kind, Runnable code, Step.Operand... operands) {
        add(Step.of(kind, code, List.of(operands)));
    }

    private void add(Step step) {
        step.uses(steps.size());
        steps.add(step);
    }
}
