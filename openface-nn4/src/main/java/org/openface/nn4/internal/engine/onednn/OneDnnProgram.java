package org.openface.nn4.internal.engine.onednn;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.memory.format_tag;
import org.bytedeco.dnnl.reorder;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.openface.nn4.internal.engine.Workers;
import org.openface.nn4.internal.engine.host.Runner;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.network.Plan;
import org.openface.nn4.internal.network.Plan.Op;
import org.openface.nn4.internal.network.Plan.Tensor;

/**
 * A plan compiled for batches of up to so many images: oneDNN primitives in order, on buffers that are laid out once.
 *
 * <p>With fewer images all but batch-norm works on the full room, in which what follows the last image is zero all the way
 * forward and back, and so adds nothing to any gradient; batch-norm, whose result depends on the number, has a primitive for
 * each. So batches of many sizes share a program, and pay for the room they leave empty.
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
    /** What a program is for. */
    public enum Mode {
        /** Forward only, batch-norm folded into the convolutions. */
        INFERENCE,
        /** Forward and backward, batch-norm with the batch's statistics. */
        TRAINING,
        /**
         * As {@link #TRAINING}, with activations, their gradients and the convolutions' weights rounded to bfloat16, in which
         * processors multiply twice as fast and memory holds twice as much. Products are added up in float32, as are batch
         * statistics and the gradients of weights; the head is float32.
         */
        TRAINING_BFLOAT16,
        /** Forward and backward, batch-norm with the running statistics as constants. */
        TRAINING_FROZEN
    }

    private final PointerScope scope;
    private final Plan plan;
    private final int room;
    private final int embeddingSize;
    private final engine cpu;
    private final OneDnnWeights weights;
    /** What is borrowed of them, by name. */
    private final Map<String, List<OneDnnWeights.Stored>> borrowed = new LinkedHashMap<>();

    private final stream stream;
    private final ProgramBuilder program;
    private final List<Step> steps;
    private final int forwardSteps;
    private final UnitLength unitLength;
    private final long sharedBytes;
    /** Numbers of images that there are all primitives for. */
    private final Set<Integer> sizes = new HashSet<>();
    /** Own them. */
    private final List<PointerScope> made = new ArrayList<>();
    /** Address of the memory that all arguments of steps point into; 0 for none. */
    private long boundTo;
    /** Own the arguments, which are made as steps need them. */
    private final List<PointerScope> arguments = new ArrayList<>();
    /** Images of the runs to come; 0 before it is known. */
    private int images;

    public OneDnnProgram(Plan plan, int room, Mode mode, engine cpu, OneDnnWeights weights) {
        this(plan, room, mode, cpu, weights, true);
    }

    /**
     * A program for batches of up to so many images.
     *
     * @param weights where parameters are borrowed until the program is closed
     * @param sharing whether buffers share memory; if not, {@link #valueOf} and {@link #gradientOf} can be read after a run
     */
    public OneDnnProgram(Plan plan, int room, Mode mode, engine cpu, OneDnnWeights weights, boolean sharing) {
        checkArgument(room > 0, "room (%s) must be positive", room);
        ProgramCompiler.requireBatchNormBehindConvolutions(plan);
        this.plan = plan;
        this.room = room;
        this.cpu = cpu;
        this.weights = weights;
        // Everything native made here belongs to the scope, which outlives this block and is closed by close().
        scope = new PointerScope();
        try (PointerScope building = scope) {
            building.extend();
            stream = new stream(cpu);
            Op.Normalize last = (Op.Normalize) plan.ops().get(plan.ops().size() - 1);
            embeddingSize = last.out().channels();
            unitLength = new UnitLength(embeddingSize, last.epsilon());
            program = new ProgramBuilder(plan, room, mode, cpu, weights, borrowed);
            forwardSteps = ProgramCompiler.compile(program);
            steps = program.steps;
            sharedBytes = program.buffers.place(sharing);
        } catch (Throwable e) {
            close();
            throw e;
        }
    }

    /** Bytes that {@link #bind} needs: pixels, activations, gradients, workspaces and scratchpads. */
    public long sharedBytes() {
        return sharedBytes + NativeMemory.ALIGNMENT;
    }

    /**
     * Makes the program work in the given memory, which other programs may use too, though not between a forward pass and
     * its backward pass.
     *
     * @param count images of the runs to come, at most those there is room for
     */
    public void bind(BytePointer arena, int count) {
        checkArgument(count > 0 && count <= room, "%s images, there is room for 1 to %s", count, room);
        checkArgument(
                arena.capacity() >= sharedBytes(),
                "%s bytes are too few, %s are needed",
                arena.capacity(),
                sharedBytes());
        if (boundTo == arena.address() && images == count) {
            return;
        }
        images = 0; // until all of it is done: there may be no memory
        if (boundTo != arena.address()) {
            boundTo = 0;
            unbind();
            program.buffers.bind(NativeMemory.aligned(arena));
        }
        if (!sizes.contains(count)) {
            inScope(made, () -> steps.forEach(step -> step.size(count)));
            sizes.add(count);
        } else {
            steps.forEach(step -> step.size(count));
        }
        if (!steps.stream().allMatch(Step::isBound)) {
            inScope(arguments, () -> steps.forEach(step -> step.bind(cpu)));
        }
        boundTo = arena.address();
        images = count;
        program.images = count;
    }

    /** Has what is made belong to a new scope, even if only a part of it is made. */
    private static void inScope(List<PointerScope> owners, Runnable making) {
        try (PointerScope scope = new PointerScope()) {
            scope.extend();
            owners.add(scope);
            making.run();
        }
    }

    private void unbind() {
        steps.forEach(Step::unbind);
        arguments.forEach(PointerScope::close);
        arguments.clear();
    }

    /** Copies the parameters in, if they have changed. */
    public void load(Parameters parameters) {
        try (PointerScope temporary = new PointerScope()) {
            weights.load(parameters, borrowed);
        }
    }

    /** Runs forward over {@code [images][row][column][channel]} pixels. */
    public float[] forward(float[] nhwc) {
        return forward(nhwc, 0);
    }

    /** @param first image of those in the array */
    float[] forward(float[] nhwc, int first) {
        try (PointerScope temporary = new PointerScope()) {
            int perImage =
                    plan.input().channels() * plan.input().side() * plan.input().side();
            program.pixels.floats().put(nhwc, first * perImage, images * perImage);
            program.clearEmptyRoom(program.pixels);
            run(0, forwardSteps);
            float[] linear = new float[images * embeddingSize];
            program.linearOut.floats().get(linear);
            return unitLength.normalize(linear);
        }
    }

    /** Runs backward from the gradient of the embeddings; by parameter name, in arrays that the next call overwrites. */
    public Map<String, float[]> backward(float[] gradient) {
        Buffer linearGradient = program.linearGradient;
        if (linearGradient == null) {
            throw new IllegalStateException("an inference program has no backward pass");
        }
        try (PointerScope temporary = new PointerScope()) {
            linearGradient.floats().put(unitLength.gradient(gradient));
            program.clearEmptyRoom(linearGradient);
            run(forwardSteps, steps.size());
            Map<String, float[]> result = new ConcurrentHashMap<>();
            Workers.forEach(
                    program.downloads.size(), i -> program.downloads.get(i).into(result));
            return result;
        }
    }

    Map<String, Runner.Statistics> statistics(Parameters parameters) {
        Map<String, Runner.Statistics> all = new LinkedHashMap<>();
        try (PointerScope temporary = new PointerScope()) {
            program.statistics.forEach((layer, s) -> {
                float[] mean = new float[s.channels()];
                float[] variance = new float[s.channels()];
                s.mean().floats().get(mean);
                s.variance().floats().get(variance);
                float[] bias = parameters.get(s.bias()); // left out of the convolution, see there
                for (int c = 0; c < mean.length; c++) {
                    mean[c] += bias[c];
                }
                all.put(layer, new Runner.Statistics(mean, variance));
            });
        }
        return all;
    }

    private void run(int from, int to) {
        checkState(boundTo != 0 && images != 0, "the program is bound to no memory");
        for (int i = from; i < to; i++) {
            steps.get(i).run(stream);
        }
        stream._wait();
    }

    /** What the last forward pass computed for a tensor, as [image][channel][row][column]; for tests. */
    public float[] valueOf(String name) {
        if (name.equals(plan.output().name())) {
            return unitLength.embeddings();
        }
        Tensor tensor = tensor(name);
        return name.equals(linear().out().name())
                ? plainValues(program.linearOut, tensor)
                : blockedValues(program.value(tensor), tensor);
    }

    /** The gradient of a tensor in the last backward pass, as [image][channel][row][column]; for tests. */
    public float[] gradientOf(String name) {
        Tensor tensor = tensor(name);
        Buffer linearGradient = program.linearGradient;
        return name.equals(linear().out().name()) && linearGradient != null
                ? plainValues(linearGradient, tensor)
                : blockedValues(program.contributions(tensor).get(0), tensor);
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
        float[] values = new float[room * tensor.channels() * tensor.side() * tensor.side()];
        try (PointerScope temporary = new PointerScope()) {
            FloatPointer plain = new FloatPointer(values.length);
            memory from = new memory(program.description(tensor), cpu, buffer.pointer());
            memory to =
                    new memory(new memory.desc(program.dims(tensor), ProgramBuilder.F32, format_tag.nchw), cpu, plain);
            new reorder(from, to).execute(stream, from, to);
            stream._wait();
            plain.get(values);
        }
        return Arrays.copyOf(values, values.length / room * images);
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
        arguments.forEach(PointerScope::close);
        made.forEach(PointerScope::close);
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

    /** The kinds of operation for which oneDNN has no code made for the processor but its slow reference. */
    Set<String> slowKinds() {
        return program.slowKinds();
    }
}
