package org.openface.triplet.internal.cuda;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.FloatByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One GPU with a module of kernels: memory, copies and launches, all in the order of the calls on one stream. Not for several
 * threads at once. Everything but {@link #inContext} is to be called within it.
 */
final class Gpu {
    private static final int JIT_ERROR_LOG_BUFFER = 5;
    private static final int JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6;
    private static final int LOG_BYTES = 8192;
    /** Others in this context, ND4J among them, use its default stream: it does not wait for ours, nor ours for it. */
    private static final int STREAM_NON_BLOCKING = 1;

    private static final int MOST_PARAMETERS = 32;

    private final Driver driver;
    private final int device;
    private final Pointer context;
    private final Map<String, Room<Long>> buffers = new HashMap<>();
    private final Map<String, Pointer> kernels = new HashMap<>();
    /** Page-locked memory, which copies go through: the GPU then copies by itself. */
    private final Staging in = new Staging();

    private final Staging out = new Staging();
    /** Whether something was begun on the stream that has not been waited for. */
    private boolean busy;

    /** A kernel's arguments, eight bytes each, and where they lie. */
    private final Memory arguments = new Memory(8L * MOST_PARAMETERS);

    private final Memory argumentAddresses = new Memory(8L * MOST_PARAMETERS);

    private @Nullable Pointer module;
    private @Nullable Pointer stream;
    private @Nullable Pointer begin;
    private @Nullable Pointer end;

    Gpu(Driver driver, int device) {
        this.driver = driver;
        this.device = device;
        // The context that everything in the process shares, ND4J's included; one of our own would cost memory and
        // switching.
        context = driver.pointer("cuDevicePrimaryCtxRetain", device);
        for (int i = 0; i < MOST_PARAMETERS; i++) {
            argumentAddresses.setPointer(8L * i, arguments.share(8L * i));
        }
    }

    /** Does something with this GPU as the calling thread's own; the thread gets back the one that it had. */
    <T> T inContext(Supplier<T> work) {
        Pointer before = driver.pointer("cuCtxGetCurrent");
        driver.call("cuCtxSetCurrent", context);
        try {
            return work.get();
        } finally {
            driver.call("cuCtxSetCurrent", before);
        }
    }

    /** Has the driver compile the kernels. */
    void load(String ptx) {
        byte[] text = ptx.getBytes(UTF_8);
        Memory image = new Memory(text.length + 1L);
        image.write(0, text, 0, text.length);
        image.setByte(text.length, (byte) 0);
        Memory log = new Memory(LOG_BYTES);
        log.clear();
        Memory options = new Memory(16);
        options.setPointer(0, log);
        options.setLong(8, LOG_BYTES);
        PointerByReference loaded = new PointerByReference();
        try {
            driver.call(
                    "cuModuleLoadDataEx",
                    loaded,
                    image,
                    2,
                    new int[] {JIT_ERROR_LOG_BUFFER, JIT_ERROR_LOG_BUFFER_SIZE_BYTES},
                    options);
        } catch (CudaFailure e) {
            throw new CudaFailure("the driver cannot compile the kernels; a newer one may. " + e.getMessage() + " "
                    + log.getString(0));
        }
        module = loaded.getValue();
        stream = driver.pointer("cuStreamCreate", STREAM_NON_BLOCKING);
        begin = driver.pointer("cuEventCreate", 0);
        end = driver.pointer("cuEventCreate", 0);
    }

    long freeMemory() {
        LongByReference free = new LongByReference();
        driver.call("cuMemGetInfo_v2", free, new LongByReference());
        return free.getValue();
    }

    /** The address of a buffer of that name with room for so many bytes. What it held is lost if it had less. */
    long buffer(String name, long bytes) {
        Room<Long> buffer = buffers.get(name);
        if (buffer == null || buffer.bytes < bytes) {
            free(name);
            buffer = room(buffer, bytes, size -> driver.number("cuMemAlloc_v2", size));
            buffers.put(name, buffer);
        }
        return buffer.at;
    }

    private void free(String name) {
        Room<Long> buffer = buffers.get(name);
        if (buffer != null) {
            settle();
            buffers.remove(name);
            driver.call("cuMemFree_v2", buffer.at);
        }
    }

    /**
     * Memory of at least so many bytes. In place of less it has half as much again, so that batches that grow little by little
     * do not each cost an allocation; where that is too much, what is needed.
     */
    private static <T> Room<T> room(@Nullable Room<T> before, long bytes, LongFunction<T> allocate) {
        long needed = Math.max(bytes, 8);
        long roomy = before == null ? needed : Math.max(needed, before.bytes + before.bytes / 2);
        try {
            return new Room<>(allocate.apply(roomy), roomy);
        } catch (CudaFailure e) {
            if (!e.isOutOfMemory() || roomy == needed) {
                throw e;
            }
            return new Room<>(allocate.apply(needed), needed);
        }
    }

    /** Copies an array to each address. The arrays may change after that. */
    void upload(Map<Long, Object> arrays) {
        settle();
        in.reserve(arrays.values().stream().mapToLong(Numbers::bytes).sum());
        long at = 0;
        for (Map.Entry<Long, Object> copy : arrays.entrySet()) {
            long bytes = Numbers.bytes(copy.getValue());
            if (bytes > 0) {
                Pointer from = in.at(at);
                Numbers.write(copy.getValue(), from);
                begun("cuMemcpyHtoDAsync_v2", copy.getKey(), from, bytes, stream);
                at += bytes;
            }
        }
    }

    /** Fills an array from each address, when all that was begun is done. */
    void download(Map<Long, Object> arrays) {
        out.reserve(arrays.values().stream().mapToLong(Numbers::bytes).sum());
        long at = 0;
        for (Map.Entry<Long, Object> copy : arrays.entrySet()) {
            long bytes = Numbers.bytes(copy.getValue());
            if (bytes > 0) {
                begun("cuMemcpyDtoHAsync_v2", out.at(at), copy.getKey(), bytes, stream);
                at += bytes;
            }
        }
        settle();
        at = 0;
        for (Object array : arrays.values()) {
            Numbers.read(array, out.at(at));
            at += Numbers.bytes(array);
        }
    }

    void clear(long address, long words) {
        begun("cuMemsetD32Async", address, 0, words, stream);
    }

    /** Launches a kernel; its arguments are Integers, Floats and Longs. */
    void launch(String kernel, int gridX, int gridY, int threads, Object... given) {
        for (int i = 0; i < given.length; i++) {
            if (given[i] instanceof Integer number) {
                arguments.setInt(8L * i, number);
            } else if (given[i] instanceof Float number) {
                arguments.setFloat(8L * i, number);
            } else {
                arguments.setLong(8L * i, (Long) given[i]);
            }
        }
        Pointer function = kernels.computeIfAbsent(kernel, name -> driver.pointer("cuModuleGetFunction", module, name));
        begun("cuLaunchKernel", function, gridX, gridY, 1, threads, 1, 1, 0, stream, argumentAddresses, null);
    }

    void beginTiming() {
        begun("cuEventRecord", begin, stream);
    }

    void endTiming() {
        begun("cuEventRecord", end, stream);
    }

    /** Milliseconds between the two, when all that was begun is done. */
    double timed() {
        FloatByReference milliseconds = new FloatByReference();
        driver.call("cuEventElapsedTime", milliseconds, begin, end);
        return milliseconds.getValue();
    }

    private void begun(String function, @Nullable Object... given) {
        busy = true;
        driver.call(function, given);
    }

    /** Waits for what was begun. */
    private void settle() {
        if (busy) {
            busy = false;
            driver.call("cuStreamSynchronize", stream);
        }
    }

    /** Gives all memory back; what is asked for after that is new. */
    void release() {
        for (String name : List.copyOf(buffers.keySet())) {
            free(name);
        }
        in.free();
        out.free();
    }

    /** Gives back everything. What the driver does not take, as it may after a failure, goes with the context. */
    void close() {
        quietly(() -> inContext(() -> {
            quietly(this::settle);
            for (String name : List.copyOf(buffers.keySet())) {
                quietly(() -> free(name));
            }
            quietly(in::free);
            quietly(out::free);
            destroy("cuEventDestroy_v2", end);
            destroy("cuEventDestroy_v2", begin);
            destroy("cuStreamDestroy_v2", stream);
            destroy("cuModuleUnload", module);
            return true;
        }));
        quietly(() -> driver.call("cuDevicePrimaryCtxRelease_v2", device));
    }

    private void destroy(String function, @Nullable Pointer handle) {
        if (handle != null) {
            quietly(() -> driver.call(function, handle));
        }
    }

    private static void quietly(Runnable step) {
        try {
            step.run();
        } catch (CudaFailure e) {
            // The next step is worth a try all the same.
        }
    }

    private record Room<T>(T at, long bytes) {}

    private final class Staging {
        private @Nullable Room<Pointer> memory;

        void reserve(long bytes) {
            Room<Pointer> before = memory;
            if (before == null || before.bytes < bytes) {
                free();
                memory = room(before, bytes, size -> driver.pointer("cuMemHostAlloc", size, 0));
            }
        }

        Pointer at(long offset) {
            if (memory == null) {
                throw new IllegalStateException("nothing reserved");
            }
            return memory.at.share(offset);
        }

        void free() {
            Room<Pointer> before = memory;
            if (before != null) {
                settle();
                memory = null;
                driver.call("cuMemFreeHost", before.at);
            }
        }
    }

    /** Arrays of numbers, to and from memory outside Java. */
    private static final class Numbers {
        static long bytes(Object array) {
            if (array instanceof float[] values) {
                return 4L * values.length;
            }
            if (array instanceof int[] values) {
                return 4L * values.length;
            }
            if (array instanceof long[] values) {
                return 8L * values.length;
            }
            return 8L * ((double[]) array).length;
        }

        static void write(Object array, Pointer to) {
            if (array instanceof float[] values) {
                to.write(0, values, 0, values.length);
            } else if (array instanceof int[] values) {
                to.write(0, values, 0, values.length);
            } else if (array instanceof long[] values) {
                to.write(0, values, 0, values.length);
            } else {
                double[] values = (double[]) array;
                to.write(0, values, 0, values.length);
            }
        }

        static void read(Object array, Pointer from) {
            if (array instanceof float[] values) {
                from.read(0, values, 0, values.length);
            } else if (array instanceof int[] values) {
                from.read(0, values, 0, values.length);
            } else if (array instanceof long[] values) {
                from.read(0, values, 0, values.length);
            } else {
                double[] values = (double[]) array;
                from.read(0, values, 0, values.length);
            }
        }
    }

    /** Blocks of so many threads each for a number of threads. */
    static int blocks(long threads, int each) {
        return Math.toIntExact((threads + each - 1) / each);
    }
}
