package org.openface.triplet.internal.cuda;

import com.sun.jna.Function;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The functions of NVIDIA's driver that are needed, by their names in {@code cuda.h}. */
final class Driver {
    private final NativeLibrary library;
    private final Map<String, Function> functions = new HashMap<>();

    private Driver(NativeLibrary library) {
        this.library = library;
    }

    /**
     * Loads the driver and starts it.
     *
     * @throws CudaFailure if it is not there or does not start
     */
    static Driver load(String name) {
        if (Native.POINTER_SIZE != 8) {
            throw new CudaFailure("CUDA wants a 64-bit Java");
        }
        try {
            Driver driver = new Driver(NativeLibrary.getInstance(name));
            driver.call("cuInit", 0);
            return driver;
        } catch (UnsatisfiedLinkError e) {
            throw new CudaFailure("NVIDIA's driver (" + name + ") cannot be loaded; install it, or mine on the CPU");
        }
    }

    /** The name of the driver's library on this system. */
    static String defaultName() {
        return System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("windows") ? "nvcuda" : "libcuda.so.1";
    }

    /**
     * Calls a function; an argument is an Integer, a Long (addresses on the GPU, sizes), or something that JNA takes for a
     * pointer.
     *
     * @throws CudaFailure if the function does not return 0
     */
    void call(String function, @Nullable Object... arguments) {
        int code;
        try {
            code = functions.computeIfAbsent(function, library::getFunction).invokeInt(arguments);
        } catch (UnsatisfiedLinkError e) {
            throw new CudaFailure("NVIDIA's driver has no function " + function + "; it is too old");
        }
        if (code != 0) {
            throw new CudaFailure(function + " failed: " + words(code), code);
        }
    }

    int integer(String function, @Nullable Object... arguments) {
        IntByReference value = new IntByReference();
        call(function, before(value, arguments));
        return value.getValue();
    }

    long number(String function, @Nullable Object... arguments) {
        LongByReference value = new LongByReference();
        call(function, before(value, arguments));
        return value.getValue();
    }

    Pointer pointer(String function, @Nullable Object... arguments) {
        PointerByReference value = new PointerByReference();
        call(function, before(value, arguments));
        return value.getValue();
    }

    private static @Nullable Object[] before(Object first, @Nullable Object[] rest) {
        @Nullable Object[] all = new @Nullable Object[rest.length + 1];
        all[0] = first;
        System.arraycopy(rest, 0, all, 1, rest.length);
        return all;
    }

    private String words(int code) {
        PointerByReference name = new PointerByReference();
        PointerByReference text = new PointerByReference();
        boolean known = library.getFunction("cuGetErrorName").invokeInt(new Object[] {code, name}) == 0
                && library.getFunction("cuGetErrorString").invokeInt(new Object[] {code, text}) == 0;
        return known
                ? name.getValue().getString(0) + " (" + code + "): "
                        + text.getValue().getString(0)
                : "error " + code;
    }
}
