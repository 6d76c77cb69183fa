package org.openface.nn4.internal.engine.onednn;

import org.bytedeco.dnnl.memory;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.jspecify.annotations.Nullable;

/** Memory of a program with the range of steps that use it; persistent ones have their own all the time. */
final class Buffer {
    /** Bytes that it takes: the content, rounded up. */
    final long size;
    /** Bytes of values. */
    final long content;

    final boolean persistent;
    int first = Integer.MAX_VALUE;
    int last = -1;
    /** Where in the shared memory it begins, once it has a place. */
    long offset;

    private @Nullable BytePointer memory;

    /** @param own where the values lie all the time; null to be given a place in the shared memory */
    Buffer(long size, @Nullable BytePointer own) {
        content = size;
        this.size = (size + NativeMemory.ALIGNMENT - 1) / NativeMemory.ALIGNMENT * NativeMemory.ALIGNMENT;
        persistent = own != null;
        memory = own;
    }

    /** Keeps the values until the end of a run, to be read then. */
    Buffer kept() {
        last = Integer.MAX_VALUE;
        return this;
    }

    /** Says that a step uses it. */
    void usedBy(int step) {
        first = Math.min(first, step);
        last = Math.max(last, step);
    }

    boolean livesWith(Buffer other) {
        return other.first <= last && first <= other.last;
    }

    void liesAt(BytePointer place) {
        memory = place;
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
