package org.openface.triplet.internal.cuda;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openface.triplet.internal.cuda.MiningTask.Choice;

/** Mines one batch on a GPU: the buffers, and the way through it chunk by chunk. */
final class MiningCall {
    private static final int TILE = 64;
    private static final int THREADS = 256;
    private static final int LARGEST_GRID_Y = 65535;

    /** What a Java array holds. */
    private static final int MOST_LISTED = Integer.MAX_VALUE - 8;

    private final Gpu gpu;
    private final long scratchLimit;
    private final long listLimit;
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

    /**
     * Readies the memory.
     *
     * @param scratchLimit bytes that comparisons may take at a time
     * @param listLimit negatives that may be listed at a time, where all are wanted
     */
    MiningCall(Gpu gpu, MiningTask task, long scratchLimit, long listLimit) {
        this.gpu = gpu;
        this.scratchLimit = scratchLimit;
        this.listLimit = listLimit;
        this.task = task;
        outcome = new MiningOutcome(task);
        tiles = Gpu.blocks(task.images(), TILE);
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
                Gpu.blocks(task.pairs(), THREADS),
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
                Gpu.blocks(runCount, TILE),
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
                Gpu.blocks(pairCount, THREADS),
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
                Gpu.blocks(runCount, THREADS),
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
                Gpu.blocks(pairCount, THREADS),
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
