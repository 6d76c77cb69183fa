package org.openface.nn4.internal.engine.onednn;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;

/** Memory that native code likes, and scopes that own it. */
@SuppressWarnings("unchecked") // PointerScope has a generic varargs constructor
final class NativeMemory {
    /** Of buffers, in bytes: a cache line and a vector register. */
    static final long ALIGNMENT = 64;

    private NativeMemory() {}

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

    /** The first aligned place; less than {@link #ALIGNMENT} bytes are lost. */
    static BytePointer aligned(BytePointer raw) {
        return raw.getPointer((ALIGNMENT - raw.address() % ALIGNMENT) % ALIGNMENT);
    }
}
