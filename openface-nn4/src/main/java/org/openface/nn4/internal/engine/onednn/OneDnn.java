package org.openface.nn4.internal.engine.onednn;

import org.bytedeco.dnnl.global.dnnl;
import org.jspecify.annotations.Nullable;

/** Whether oneDNN can be used here, and what the processor offers it. */
public final class OneDnn {
    private OneDnn() {}

    /** Why oneDNN cannot be used, with what to add; null when it can. */
    public static @Nullable String obstacle() {
        try {
            dnnl.dnnl_version();
            return null;
        } catch (LinkageError e) {
            return "org.bytedeco:dnnl:2.5.2-1.5.7 and org.bytedeco:opencl:3.0-1.5.7 with this system's classifier"
                    + " (such as linux-x86_64) are not on the class path or do not load: " + e;
        }
    }

    /** Channels per block of the layout that convolutions are fastest in: floats in a vector register. */
    static int blockSize() {
        return switch (dnnl.get_effective_cpu_isa().intern()) {
            case all, sse41, avx, avx2, avx2_vnni -> 8;
            default -> 16;
        };
    }

    /** Whether the processor multiplies bfloat16 by itself; oneDNN would emulate it otherwise, more slowly than float32. */
    static boolean hasBfloat16() {
        return switch (dnnl.get_effective_cpu_isa().intern()) {
            case avx512_core_bf16, avx512_core_amx -> true;
            default -> false;
        };
    }

    /** What oneDNN makes of the processor, such as {@code avx2} or {@code avx512_core}. */
    static String instructionSet() {
        return dnnl.get_effective_cpu_isa().intern().name();
    }
}
