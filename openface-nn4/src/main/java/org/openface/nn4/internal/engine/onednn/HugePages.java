package org.openface.nn4.internal.engine.onednn;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;

/**
 * Asks Linux to back memory with pages of 2 MB. What is touched for the first time costs one interruption for each page:
 * with 4 kB, on a virtual machine, some seconds for a gigabyte of activations.
 */
final class HugePages {
    private static final System.Logger LOG = System.getLogger(HugePages.class.getName());

    private static final long HUGE = 2L << 20;
    /** {@code MADV_HUGEPAGE} of {@code <sys/mman.h>}. */
    private static final int ADVICE = 14;

    private HugePages() {}

    /** Asks for it; where it cannot be had, nothing is different but the time. */
    static void wantedFor(BytePointer memory) {
        long start = (memory.address() + HUGE - 1) / HUGE * HUGE;
        long length = (memory.address() + memory.capacity() - start) / HUGE * HUGE;
        if (length <= 0 || !Loader.getPlatform().startsWith("linux")) {
            return;
        }
        try {
            Function madvise = NativeLibrary.getInstance("c").getFunction("madvise", Function.C_CONVENTION);
            madvise.invokeInt(new Object[] {start, length, ADVICE});
        } catch (LinkageError e) { // JNA may be left out
            LOG.log(System.Logger.Level.DEBUG, "Linux cannot be asked for large pages", e);
        }
    }
}
