package org.openface.nn4.internal.engine.onednn;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.primitive;
import org.bytedeco.dnnl.stream;
import org.jspecify.annotations.Nullable;

/** A primitive with its operands, or Java code; or one primitive for each number of images. */
@SuppressWarnings("VariableNameSameAsType") // the preset has types named memory, stream, primitive
final class Step {
    /** A buffer as one argument of a primitive. */
    record Operand(int argument, Buffer buffer, memory.desc desc) {}

    /** A primitive with its operands. */
    record Call(primitive primitive, List<Operand> operands) {
        /** The buffer of an argument; null if there is no such argument. */
        @Nullable
        Buffer buffer(int argument) {
            for (Operand operand : operands) {
                if (operand.argument == argument) {
                    return operand.buffer;
                }
            }
            return null;
        }
    }

    /** What is run, once it is known where the operands lie. */
    private static final class Bound {
        final Call call;

        @Nullable
        IntMemoryMap arguments;

        Bound(Call call) {
            this.call = call;
        }

        void bind(engine cpu) {
            IntMemoryMap map = new IntMemoryMap();
            for (Operand operand : call.operands) {
                map.put(operand.argument, new memory(operand.desc, cpu, operand.buffer.pointer()));
            }
            arguments = map;
        }
    }

    final String kind;
    /** All that it reads and writes. */
    private final List<Operand> operands;
    /** What is made for a number of images; none for code. */
    private final @Nullable IntFunction<Call> calls;
    /** Whether the same is run for any number of images. */
    private final boolean sized;

    private final Map<Integer, Bound> made = new HashMap<>();
    private final @Nullable Runnable code;
    private @Nullable Bound current;

    long nanos;

    private Step(
            String kind,
            List<Operand> operands,
            @Nullable IntFunction<Call> calls,
            boolean sized,
            @Nullable Runnable code) {
        this.kind = kind;
        this.operands = operands;
        this.calls = calls;
        this.sized = sized;
        this.code = code;
    }

    static Step of(String kind, Call call) {
        return new Step(kind, call.operands, images -> call, false, null);
    }

    static Step of(String kind, Runnable code, List<Operand> operands) {
        return new Step(kind, operands, null, false, code);
    }

    /**
     * A step whose primitive depends on the number of images.
     *
     * @param largest for the most images
     * @param calls for any number up to that, on the same buffers
     */
    static Step sized(String kind, int most, Call largest, IntFunction<Call> calls) {
        Step step = new Step(kind, largest.operands, calls, true, null);
        step.made.put(most, new Bound(largest));
        return step;
    }

    /** Says to all operands that the step of this number uses them. */
    void uses(int number) {
        operands.forEach(operand -> operand.buffer.usedBy(number));
    }

    /** Has the next runs be for so many images; what has to be made belongs to the innermost scope. */
    void size(int images) {
        if (calls != null) {
            current = made.computeIfAbsent(sized ? images : 0, x -> new Bound(calls.apply(images)));
        }
    }

    /** Forgets where operands lay. */
    void unbind() {
        made.values().forEach(bound -> bound.arguments = null);
    }

    /** Whether it can run. */
    boolean isBound() {
        return current == null || current.arguments != null;
    }

    /** Has the primitive take its operands from where they lie now; what has to be made belongs to the innermost scope. */
    void bind(engine cpu) {
        if (current != null && current.arguments == null) {
            current.bind(cpu);
        }
    }

    void run(stream stream) {
        long start = System.nanoTime();
        if (current != null) {
            current.call.primitive.execute(stream, current.arguments);
        } else if (code != null) {
            code.run();
        }
        nanos += System.nanoTime() - start;
    }
}
