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
    /** Where it begins in the shared memory, once it has a place, or in the whole. */
    long offset;

    private @Nullable BytePointer memory;
    /** What this is a part of, with its memory and its life. */
    private final @Nullable Buffer whole;

    /** @param own where the values lie all the time; null to be given a place in the shared memory */
    Buffer(long size, @Nullable BytePointer own) {
        content = size;
        this.size = (size + NativeMemory.ALIGNMENT - 1) / NativeMemory.ALIGNMENT * NativeMemory.ALIGNMENT;
        persistent = own != null;
        memory = own;
        whole = null;
    }

    private Buffer(Buffer whole, long offset, long size) {
        content = size;
        this.size = size;
        persistent = false;
        this.whole = whole;
        this.offset = offset;
    }

    /** Some of the values, without a place of their own. */
    Buffer part(long from, long bytes) {
        return new Buffer(this, from, bytes);
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
        if (whole != null) {
            whole.usedBy(step);
        }
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
        if (whole != null) {
            return whole.pointer().getPointer(offset);
        }
        if (memory == null) {
            throw new IllegalStateException("the program is bound to no memory");
        }
        return memory;
    }
}
