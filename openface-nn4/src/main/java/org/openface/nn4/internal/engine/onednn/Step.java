package org.openface.nn4.internal.engine.onednn;

import java.util.List;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.primitive;
import org.bytedeco.dnnl.stream;
import org.jspecify.annotations.Nullable;

/** A primitive with its operands, or Java code. */
@SuppressWarnings("VariableNameSameAsType") // the preset has types named memory, stream, primitive
final class Step {
    /** A buffer as one argument of a primitive. */
    record Operand(int argument, Buffer buffer, memory.desc desc) {}

    final String kind;
    private final List<Operand> operands;
    private final @Nullable primitive primitive;
    private final @Nullable Runnable code;
    private @Nullable IntMemoryMap arguments;

    long nanos;

    private Step(String kind, @Nullable primitive primitive, @Nullable Runnable code, List<Operand> operands) {
        this.kind = kind;
        this.primitive = primitive;
        this.code = code;
        this.operands = operands;
    }

    static Step of(String kind, primitive primitive, List<Operand> operands) {
        return new Step(kind, primitive, null, operands);
    }

    static Step of(String kind, Runnable code, List<Operand> operands) {
        return new Step(kind, null, code, operands);
    }

    /** Says to all operands that the step of this number uses them. */
    void uses(int number) {
        operands.forEach(operand -> operand.buffer.usedBy(number));
    }

    /** Has the primitive take its operands from where they lie now. */
    void bind(engine cpu) {
        if (primitive != null) {
            IntMemoryMap map = new IntMemoryMap();
            for (Operand operand : operands) {
                map.put(operand.argument, new memory(operand.desc, cpu, operand.buffer.pointer()));
            }
            arguments = map;
        }
    }

    void run(stream stream) {
        long start = System.nanoTime();
        if (primitive != null) {
            primitive.execute(stream, arguments);
        } else if (code != null) {
            code.run();
        }
        nanos += System.nanoTime() - start;
    }
}
