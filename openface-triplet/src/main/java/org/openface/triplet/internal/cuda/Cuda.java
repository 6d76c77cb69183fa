package org.openface.triplet.internal.cuda;

import static com.google.common.base.Preconditions.checkState;

import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The process's GPU, looked for when it is first asked for. Nothing else loads the driver, and everything works without a
 * driver and without JNA.
 */
public final class Cuda {
    /** Path of the driver's library. */
    public static final String LIBRARY = "openface.cuda.library";

    /** Of work for the CPU that makes it worth while to ask the GPU: copies there and back and launches take part of it. */
    private static final double WORTH_MILLISECONDS = 1;

    /** What there is where there is a GPU: on Linux, under WSL, on Jetson, on Windows. */
    private static final List<String> SIGNS =
            List.of("/dev/nvidiactl", "/dev/dxg", "/dev/nvhost-gpu", "C:\\Windows\\System32\\nvcuda.dll");

    private static final boolean PLAUSIBLE =
            System.getProperty(LIBRARY) != null || SIGNS.stream().anyMatch(sign -> Files.exists(Path.of(sign)));

    private static @Nullable Found found;

    private Cuda() {}

    /** The device, or null; in words, or why there is none. */
    private record Found(@Nullable CudaDevice device, String description) {}

    /** Whether it makes sense to look for a GPU unasked. */
    public static boolean isPlausible() {
        return PLAUSIBLE;
    }

    /** Whether the driver has been asked, which costs time and memory. */
    public static synchronized boolean isLookedFor() {
        return found != null;
    }

    /** Whether there is a GPU that can be used. */
    public static boolean isAvailable() {
        return find().device != null;
    }

    /** The GPU and its driver, or what is missing, in words. */
    public static String description() {
        return find().description;
    }

    /**
     * Refuses to go on without a GPU.
     *
     * @throws IllegalStateException if there is none; the message says what is missing
     */
    public static void check() {
        checkState(
                isAvailable(),
                "there is no GPU to mine on: %s. MiningDevice.AUTO takes the CPU then, with the same result",
                description());
    }

    /**
     * Does something on the GPU, or returns nothing if the CPU shall do it.
     *
     * @param demanded whether the CPU may not; otherwise it shall where there is no GPU, or this is not worth one
     * @param milliseconds that the CPU would take, roughly
     * @throws IllegalStateException if the GPU is demanded and there is none
     * @throws CudaFailure if the GPU is demanded and fails
     */
    public static <T> Optional<T> attempt(boolean demanded, double milliseconds, Function<CudaDevice, T> work) {
        if (!demanded && (milliseconds < WORTH_MILLISECONDS || !PLAUSIBLE)) {
            return Optional.empty();
        }
        CudaDevice device = find().device;
        if (device == null) {
            if (demanded) {
                check();
            }
            return Optional.empty();
        }
        try {
            return Optional.of(work.apply(device));
        } catch (CudaFailure e) {
            if (demanded) {
                throw e;
            }
            giveUp(device, e);
            return Optional.empty();
        }
    }

    private static synchronized Found find() {
        if (found == null) {
            found = open();
            log(
                    PLAUSIBLE ? Level.INFO : Level.DEBUG,
                    found.device == null
                            ? "mining on the CPU: " + found.description
                            : "mining large batches on the GPU: " + found.description);
        }
        return found;
    }

    private static Found open() {
        try {
            CudaDevice device = CudaDevice.open(System.getProperty(LIBRARY));
            return new Found(device, device.description());
        } catch (NoClassDefFoundError e) {
            return new Found(null, "JNA (net.java.dev.jna:jna) is not on the class path");
        } catch (CudaFailure | LinkageError e) {
            return new Found(null, String.valueOf(e.getMessage()));
        }
    }

    /** Of threads that fail at a time, the first one's failure counts: the others' may be that the device is closed. */
    private static void giveUp(CudaDevice device, CudaFailure e) {
        synchronized (Cuda.class) {
            if (find().device != device) {
                return;
            }
            found = new Found(null, String.valueOf(e.getMessage()));
        }
        log(Level.WARNING, "mining on the CPU from now on, with the same result: " + e.getMessage());
        device.close();
    }

    private static void log(Level level, String message) {
        System.getLogger(Cuda.class.getName()).log(level, message);
    }
}
