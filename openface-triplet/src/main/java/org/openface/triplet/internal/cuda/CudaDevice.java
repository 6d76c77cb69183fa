package org.openface.triplet.internal.cuda;

import static com.google.common.base.Preconditions.checkArgument;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.jna.Memory;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.openface.triplet.internal.cuda.MiningTask.Choice;

/**
 * The first GPU, with the kernels of {@code mining.cu} on it. Its memory grows with what was asked of it and is kept for the
 * next batch. One call at a time is served; any thread may make it.
 */
public final class CudaDevice implements AutoCloseable {
    private static final int TILE = 64;
    private static final int THREADS = 256;
    private static final int THREADS_OF_AN_IMAGE = 128;
    private static final int SCAN_THREADS = 1024;
    private static final int LARGEST_GRID_Y = 65535;

    private static final int COMPUTE_CAPABILITY_MAJOR = 75;
    private static final int COMPUTE_CAPABILITY_MINOR = 76;

    /** Memory that comparisons take at a time, at most; more gains nothing. */
    private static final long SCRATCH = 1L << 30;

    /** Negatives that are listed at a time where all are wanted. */
    private static final long LISTED = 32L << 20;

    /** What a Java array holds. */
    private static final int MOST_LISTED = Integer.MAX_VALUE - 8;

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
                return use(() -> new Mining(task).run());
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
        int blocks = blocks(triplets, THREADS);
        gpu.launch("count_uses", blocks, 1, THREADS, deviceMembers, triplets, size, counts);
        gpu.launch("scan_uses", 1, 1, SCAN_THREADS, counts, size, starts, cursors);
        gpu.launch("fill_uses", blocks, 1, THREADS, deviceMembers, triplets, size, cursors, uses);
        gpu.launch("order_uses", size, 1, THREADS_OF_AN_IMAGE, starts, uses);
        gpu.launch(
                "add_gradients",
                size,
                blocks(dimension, THREADS_OF_AN_IMAGE),
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

    private static int blocks(long count, int each) {
        return Math.toIntExact((count + each - 1) / each);
    }

    /** The buffers of one batch, and the way through it chunk by chunk. */
    private final class Mining {
        private final MiningTask task;
        private final MiningOutcome outcome;
        private final int tiles;
        private final long vectors;
        private final long identities;
        private final long anchors;
        private final long starts;
        private final long runOf;
        private final long positives;
        private final long distances;
        private final long bounds;
        private final long from;
        private final long to;
        private final long chosen;
        private final long chosenDistances;
        private final long violators;
        private final long hinges;
        private final long counts;
        private final long sums;
        private final long places;
        private final long eligible;
        private final long violations;
        private final long nearest;
        private final long negatives;

        /** The runs at which a chunk begins, and their number. */
        private final List<Integer> chunks = new ArrayList<>(List.of(0));

        Mining(MiningTask task) {
            this.task = task;
            outcome = new MiningOutcome(task);
            tiles = blocks(task.images(), TILE);
            vectors = gpu.buffer("embeddings", 4L * task.images() * task.dimension);
            identities = gpu.buffer("identities", 4L * task.images());
            anchors = gpu.buffer("anchors", 4L * task.runs());
            starts = gpu.buffer("starts", 4L * (task.runs() + 1));
            runOf = gpu.buffer("runOf", 4L * task.pairs());
            positives = gpu.buffer("positives", 4L * task.pairs());
            distances = gpu.buffer("distances", 4L * task.pairs());
            bounds = gpu.buffer("bounds", 4L * task.pairs());
            from = gpu.buffer("from", 4L * task.pairs());
            to = gpu.buffer("to", 4L * task.pairs());
            chosen = gpu.buffer("chosen", 4L * task.pairs());
            chosenDistances = gpu.buffer("chosenDistances", 4L * task.pairs());
            violators = gpu.buffer("violators", 4L * task.pairs());
            hinges = gpu.buffer("hinges", 8L * task.pairs());
            counts = gpu.buffer("runCounts", 32L * task.runs());
            sums = gpu.buffer("runSums", 16L * task.runs());
            places = gpu.buffer("runPlaces", 8L * task.runs());
            int mostPairs = 0;
            int mostRuns = 0;
            for (int first = 0; first < task.runs(); ) {
                int end = endOfChunk(first);
                mostPairs = Math.max(mostPairs, task.starts[end] - task.starts[first]);
                mostRuns = Math.max(mostRuns, end - first);
                chunks.add(end);
                first = end;
            }
            eligible = gpu.buffer("eligible", 8L * tiles * mostPairs);
            violations = gpu.buffer("violations", 8L * tiles * mostPairs);
            nearest = gpu.buffer("nearest", 8L * tiles * mostRuns);
            negatives = gpu.buffer("negatives", 8L * tiles * mostRuns);
        }

        MiningOutcome run() {
            uploadAll();
            gpu.beginTiming();
            gpu.launch(
                    "pair_bounds",
                    blocks(task.pairs(), THREADS),
                    1,
                    THREADS,
                    vectors,
                    task.dimension,
                    anchors,
                    runOf,
                    positives,
                    task.pairs(),
                    task.margin,
                    task.band,
                    distances,
                    bounds,
                    from,
                    to);
            for (int chunk = 1; chunk < chunks.size(); chunk++) {
                mineChunk(chunks.get(chunk - 1), chunks.get(chunk));
            }
            gpu.endTiming();
            downloadAll();
            return outcome;
        }

        private void uploadAll() {
            int[] runs = new int[task.pairs()];
            for (int run = 0; run < task.runs(); run++) {
                Arrays.fill(runs, task.starts[run], task.starts[run + 1], run);
            }
            Map<Long, Object> input = new LinkedHashMap<>();
            input.put(vectors, task.embeddings);
            if (task.references.length > 0) {
                input.put(vectors + 4L * task.embeddings.length, task.references);
            }
            input.put(identities, task.identities);
            input.put(anchors, task.anchors);
            input.put(starts, task.starts);
            input.put(runOf, runs);
            input.put(positives, task.positives);
            gpu.upload(input);
        }

        private void downloadAll() {
            Map<Long, Object> output = new LinkedHashMap<>();
            output.put(chosen, outcome.chosen);
            output.put(distances, outcome.positiveDistances);
            if (outcome.negativeDistances.length > 0) {
                output.put(chosenDistances, outcome.negativeDistances);
            }
            output.put(counts, outcome.counts);
            output.put(sums, outcome.sums);
            output.put(places, outcome.places);
            gpu.download(output);
        }

        /** As many runs as the bounds of memory allow, and at least one. */
        private int endOfChunk(int first) {
            int end = first + 1;
            while (end < task.runs() && end - first < (long) TILE * LARGEST_GRID_Y) {
                long pairs = (long) task.starts[end + 1] - task.starts[first];
                boolean fits = 16L * tiles * (pairs + end + 1 - first) <= scratchLimit
                        && (task.choice != Choice.ALL || pairs * task.images() <= listLimit);
                if (!fits) {
                    break;
                }
                end++;
            }
            return end;
        }

        private void mineChunk(int firstRun, int endRun) {
            int runCount = endRun - firstRun;
            int firstPair = task.starts[firstRun];
            int pairCount = task.starts[endRun] - firstPair;
            int choice = task.choice.code;
            gpu.launch(
                    "compare_tiles",
                    tiles,
                    blocks(runCount, TILE),
                    THREADS,
                    vectors,
                    identities,
                    task.images(),
                    task.dimension,
                    anchors,
                    starts,
                    runOf,
                    firstRun,
                    runCount,
                    firstPair,
                    pairCount,
                    task.margin,
                    distances,
                    bounds,
                    from,
                    to,
                    choice,
                    eligible,
                    violations,
                    nearest,
                    negatives);
            gpu.launch(
                    "choose_negatives",
                    blocks(pairCount, THREADS),
                    1,
                    THREADS,
                    vectors,
                    task.dimension,
                    eligible,
                    violations,
                    tiles,
                    anchors,
                    runOf,
                    positives,
                    firstPair,
                    pairCount,
                    task.key,
                    choice,
                    chosen,
                    chosenDistances,
                    violators,
                    hinges);
            gpu.launch(
                    "tally_runs",
                    blocks(runCount, THREADS),
                    1,
                    THREADS,
                    nearest,
                    negatives,
                    tiles,
                    starts,
                    firstRun,
                    runCount,
                    choice,
                    chosen,
                    violators,
                    hinges,
                    counts,
                    sums,
                    places);
            if (task.choice == Choice.ALL) {
                list(firstPair, pairCount);
            }
        }

        private void list(int firstPair, int pairCount) {
            int[] listStarts = new int[pairCount];
            gpu.download(Map.of(chosen + 4L * firstPair, listStarts));
            long all = 0;
            for (int i = 0; i < pairCount; i++) {
                int count = listStarts[i];
                listStarts[i] = (int) all;
                all += count;
            }
            checkArgument(
                    all <= MOST_LISTED,
                    "%s triplets of one anchor are too many, %s is the limit: choose fewer for each pair, or take fewer images",
                    all,
                    MOST_LISTED);
            int total = (int) all;
            if (total == 0) {
                return;
            }
            int[] listed = new int[total];
            float[] listedDistances = new float[total];
            long deviceStarts = gpu.buffer("listStarts", 4L * pairCount);
            long deviceListed = gpu.buffer("listed", 4L * total);
            long deviceDistances = gpu.buffer("listedDistances", 4L * total);
            gpu.upload(Map.of(deviceStarts, listStarts));
            gpu.launch(
                    "list_negatives",
                    blocks(pairCount, THREADS),
                    1,
                    THREADS,
                    vectors,
                    task.dimension,
                    eligible,
                    tiles,
                    anchors,
                    runOf,
                    firstPair,
                    pairCount,
                    deviceStarts,
                    deviceListed,
                    deviceDistances);
            gpu.download(Map.of(deviceListed, listed, deviceDistances, listedDistances));
            outcome.listed.add(listed);
            outcome.listedDistances.add(listedDistances);
        }
    }
}
