package org.openface.triplet.internal.cuda;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.jna.Memory;
import java.io.IOException;
import java.io.InputStream;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The first GPU, with the kernels of {@code mining.cu} on it. Its memory grows with what was asked of it and is kept for the
 * next batch. One call at a time is served; any thread may make it.
 */
public final class CudaDevice implements AutoCloseable {
    private static final int THREADS = 256;
    private static final int THREADS_OF_AN_IMAGE = 128;
    private static final int SCAN_THREADS = 1024;

    private static final int COMPUTE_CAPABILITY_MAJOR = 75;
    private static final int COMPUTE_CAPABILITY_MINOR = 76;

    /** Memory that comparisons take at a time, at most; more gains nothing. */
    private static final long SCRATCH = 1L << 30;

    /** Negatives that are listed at a time where all are wanted. */
    private static final long LISTED = 32L << 20;

    private static volatile double lastKernelMillis;

    private final Gpu gpu;
    private final String description;
    private long scratchLimit;
    private long listLimit = LISTED;
    private boolean closed;

    private CudaDevice(Gpu gpu, String description) {
        this.gpu = gpu;
        this.description = description;
        scratchLimit = Math.min(SCRATCH, gpu.inContext(gpu::freeMemory) / 4);
    }

    /**
     * Loads the driver and readies its first GPU.
     *
     * @param library the driver's library, or null for the system's
     * @throws CudaFailure if there is none, or it cannot be used; the message says why
     */
    public static CudaDevice open(@Nullable String library) {
        Driver driver = Driver.load(library == null ? Driver.defaultName() : library);
        if (driver.integer("cuDeviceGetCount") == 0) {
            throw new CudaFailure("NVIDIA's driver sees no GPU");
        }
        int device = driver.integer("cuDeviceGet", 0);
        int major = driver.integer("cuDeviceGetAttribute", COMPUTE_CAPABILITY_MAJOR, device);
        int minor = driver.integer("cuDeviceGetAttribute", COMPUTE_CAPABILITY_MINOR, device);
        int version = driver.integer("cuDriverGetVersion");
        Memory name = new Memory(256);
        driver.call("cuDeviceGetName", name, 256, device);
        String description = String.format(
                Locale.ROOT,
                "%s, compute capability %d.%d, driver for CUDA %d.%d",
                name.getString(0),
                major,
                minor,
                version / 1000,
                version % 1000 / 10);
        if (10 * major + minor < 75) {
            throw new CudaFailure("the kernels want compute capability 7.5 (Turing) or later; this is " + description);
        }
        Gpu gpu = new Gpu(driver, device);
        try {
            gpu.inContext(() -> {
                gpu.load(kernels());
                return true;
            });
            return new CudaDevice(gpu, description);
        } catch (CudaFailure e) {
            gpu.close();
            throw e;
        }
    }

    private static String kernels() {
        try (InputStream compiled = CudaDevice.class.getResourceAsStream("mining.ptx")) {
            if (compiled == null) {
                throw new CudaFailure("the kernels are missing: keep org/openface/triplet/internal/cuda/mining.ptx of"
                        + " openface-triplet when you pack it into a jar of your own");
            }
            return new String(compiled.readAllBytes(), UTF_8);
        } catch (IOException e) {
            throw new CudaFailure("the kernels, mining.ptx of openface-triplet, cannot be read: " + e.getMessage());
        }
    }

    /** The GPU and its driver, in words. */
    public String description() {
        return description;
    }

    /** Milliseconds from the first kernel to the last of the last call of any device, by the GPU's clock; for benchmarks. */
    public static double lastKernelMillis() {
        return lastKernelMillis;
    }

    /** Bounds the memory that comparisons take at a time, and the negatives that are listed at a time; for tests. */
    public synchronized void limit(long scratch, long listed) {
        scratchLimit = scratch;
        listLimit = listed;
    }

    /**
     * Mines a batch with at least one pair. Where memory does not suffice, smaller parts are compared at a time, from then on.
     *
     * @throws CudaFailure if the driver fails, after which the device is of no use; or if memory does not suffice for one
     *     anchor at a time
     */
    public synchronized MiningOutcome mine(MiningTask task) {
        long scratchBefore = scratchLimit;
        long listBefore = listLimit;
        while (true) {
            try {
                return use(() -> new MiningCall(gpu, task, scratchLimit, listLimit).run());
            } catch (CudaFailure e) {
                if (!e.isOutOfMemory()) {
                    throw e;
                }
                release();
                if (scratchLimit == 0) {
                    scratchLimit = scratchBefore;
                    listLimit = listBefore;
                    throw e;
                }
                scratchLimit /= 4;
                listLimit = Math.min(listLimit, scratchLimit);
            }
        }
    }

    /**
     * The gradient of a loss over triplets with respect to the batch's embeddings.
     *
     * @param references {@code [more][dimension]}; they get none
     * @param embeddings {@code [size][dimension]}
     * @param members {@code [3][triplets]}: anchors, positives, negatives; at least one triplet
     * @param weights of the triplets
     * @param meanOverUses whether to divide an image's gradient by the number of triplets it takes part in
     * @return {@code [size][dimension]}
     * @throws CudaFailure if the driver fails, after which the device is of no use; or if memory does not suffice
     */
    public synchronized float[] gradient(
            int dimension,
            float[] embeddings,
            float[] references,
            int[] members,
            double[] weights,
            boolean meanOverUses) {
        Supplier<float[]> gradient =
                () -> formGradient(dimension, embeddings, references, members, weights, meanOverUses);
        try {
            return use(gradient);
        } catch (CudaFailure e) {
            if (!e.isOutOfMemory()) {
                throw e;
            }
            // Mining may have left too little.
            release();
            return use(gradient);
        }
    }

    private float[] formGradient(
            int dimension,
            float[] embeddings,
            float[] references,
            int[] members,
            double[] weights,
            boolean meanOverUses) {
        int size = embeddings.length / dimension;
        int triplets = weights.length;
        long vectors = gpu.buffer("embeddings", 4L * (embeddings.length + references.length));
        long deviceMembers = gpu.buffer("members", 4L * members.length);
        long deviceWeights = gpu.buffer("weights", 8L * triplets);
        long counts = gpu.buffer("counts", 4L * size);
        long starts = gpu.buffer("useStarts", 4L * (size + 1));
        long cursors = gpu.buffer("cursors", 4L * size);
        long uses = gpu.buffer("uses", 4L * members.length);
        long gradient = gpu.buffer("gradient", 4L * embeddings.length);
        Map<Long, Object> input = new LinkedHashMap<>();
        input.put(vectors, embeddings);
        if (references.length > 0) {
            input.put(vectors + 4L * embeddings.length, references);
        }
        input.put(deviceMembers, members);
        input.put(deviceWeights, weights);
        gpu.upload(input);
        gpu.beginTiming();
        gpu.clear(counts, size);
        int blocks = Gpu.blocks(triplets, THREADS);
        gpu.launch("count_uses", blocks, 1, THREADS, deviceMembers, triplets, size, counts);
        gpu.launch("scan_uses", 1, 1, SCAN_THREADS, counts, size, starts, cursors);
        gpu.launch("fill_uses", blocks, 1, THREADS, deviceMembers, triplets, size, cursors, uses);
        gpu.launch("order_uses", size, 1, THREADS_OF_AN_IMAGE, starts, uses);
        gpu.launch(
                "add_gradients",
                size,
                Gpu.blocks(dimension, THREADS_OF_AN_IMAGE),
                THREADS_OF_AN_IMAGE,
                vectors,
                dimension,
                deviceMembers,
                deviceWeights,
                triplets,
                starts,
                uses,
                meanOverUses ? 1 : 0,
                gradient);
        gpu.endTiming();
        float[] result = new float[embeddings.length];
        gpu.download(Map.of(gradient, result));
        return result;
    }

    private <T> T use(Supplier<T> work) {
        if (closed) {
            throw new CudaFailure("the device is closed");
        }
        return gpu.inContext(() -> {
            T result = work.get();
            lastKernelMillis = gpu.timed();
            return result;
        });
    }

    /** Gives all of the GPU's memory back; the next call takes what it needs. */
    public synchronized void release() {
        gpu.inContext(() -> {
            gpu.release();
            return true;
        });
    }

    /** Gives back everything; nothing can be asked of the device after that. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            gpu.close();
        }
    }
}
