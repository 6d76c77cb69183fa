package org.openface.nn4.internal.engine.onednn;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.memory.format_tag;
import org.bytedeco.dnnl.reorder;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
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
    /** Address of the memory that all arguments of steps point into; 0 for none. */
    private long boundTo;

    private PointerScope argumentScope = NativeMemory.emptyScope();

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
        ProgramCompiler.requireBatchNormBehindConvolutions(plan);
        this.plan = plan;
        this.images = images;
        this.cpu = cpu;
        this.weights = weights;
        // Everything native made here belongs to the scope, which outlives this block and is closed by close().
        scope = new PointerScope();
        try (PointerScope building = scope) {
            building.extend();
            stream = new stream(cpu);
            Op.Normalize last = (Op.Normalize) plan.ops().get(plan.ops().size() - 1);
            embeddingSize = last.out().channels();
            unitLength = new UnitLength(images, embeddingSize, last.epsilon());
            program = new ProgramBuilder(plan, images, mode, cpu, weights, borrowed);
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
        program.buffers.bind(NativeMemory.aligned(arena));
        PointerScope old = argumentScope;
        argumentScope = NativeMemory.emptyScope();
        old.close();
        argumentScope = new PointerScope();
        try (PointerScope arguments = argumentScope) {
            arguments.extend();
            for (Step step : steps) {
                step.bind(cpu);
            }
        }
        boundTo = arena.address();
    }

    /** Copies the parameters in, if they have changed. */
    public void load(Parameters parameters) {
        try (PointerScope temporary = new PointerScope()) {
            weights.load(parameters, borrowed);
        }
    }

    /** Runs forward over {@code [images][row][column][channel]} pixels. */
    public float[] forward(float[] nhwc) {
        try (PointerScope temporary = new PointerScope()) {
            program.pixels.floats().put(nhwc);
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
            run(forwardSteps, steps.size());
            Map<String, float[]> result = new HashMap<>();
            for (ProgramBuilder.Download download : program.downloads) {
                download.into(result);
            }
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
        checkState(boundTo != 0, "the program is bound to no memory");
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
        float[] values = new float[images * tensor.channels() * tensor.side() * tensor.side()];
        try (PointerScope temporary = new PointerScope()) {
            FloatPointer plain = new FloatPointer(values.length);
            memory from = new memory(program.description(tensor), cpu, buffer.pointer());
            memory to =
                    new memory(new memory.desc(program.dims(tensor), ProgramBuilder.F32, format_tag.nchw), cpu, plain);
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

    /** The kinds of operation for which oneDNN has no code made for the processor but its slow reference. */
    Set<String> slowKinds() {
        return program.slowKinds();
    }
}
