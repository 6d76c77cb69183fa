package org.openface.benchmarks;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.triplet.loss.TripletLoss;
import org.openface.triplet.mining.MiningBatch;
import org.openface.triplet.mining.TripletMiner;

/**
 * Mining one batch (OpenFace's strategy) and the gradient of the loss, against PyTorch in two formulations and against
 * OpenFace's own loop in plain Java; further, a user's own strategy, and the cost of ever larger batches.
 */
final class MiningComparison {
    private static final int THREADS = Runtime.getRuntime().availableProcessors();

    private MiningComparison() {}

    static List<String> mining(int rounds) throws IOException {
        List<String> lines = new ArrayList<>();
        for (int size : new int[] {300, 1_800, 10_000}) {
            lines.addAll(compare(MiningCase.of(size), rounds));
        }
        for (int size : new int[] {1_000, 3_000, 10_000, 30_000, 100_000}) {
            scale(MiningCase.of(size));
        }
        return lines;
    }

    static List<String> compare(MiningCase shape, int rounds) throws IOException {
        EmbeddingBatch embeddings = shape.embeddings();
        int[] identities = shape.identities();
        Runnable ours = () -> step(TripletMiner.openFace(), shape, embeddings, identities);
        Runnable custom = () -> step(MiningCase.custom(), shape, embeddings, identities);
        Runnable loop = () -> loop(shape, embeddings);
        int each = Math.max(1, 20_000 / shape.size());
        // The compiler needs a while.
        Compare.time(ours, 10 * each);
        Compare.time(custom, 10 * each);
        List<String> lines = new ArrayList<>();
        for (String kind : List.of("vectorised", "cubic")) {
            lines.add(said(againstPyTorch(kind, shape, ours, rounds, each)));
        }
        lines.add(
                said(against("openface-loop-java", "plain", 1, shape, ours, n -> Compare.time(loop, n), rounds, each)));
        List<Double> preset = new ArrayList<>();
        List<Double> own = new ArrayList<>();
        for (int round = 0; round < rounds; round++) {
            preset.addAll(Compare.time(ours, each));
            own.addAll(Compare.time(custom, each));
        }
        said(String.format(
                Locale.ROOT,
                "mining: a strategy of a user's own at %d images: %.3f ms, %.2f times the preset",
                shape.size(),
                Compare.median(own),
                Compare.median(own) / Compare.median(preset)));
        return lines;
    }

    /** Says at once what takes long to come together. */
    private static String said(String line) {
        System.out.println("# " + line);
        return line;
    }

    private interface Peer {
        List<Double> run(int count) throws IOException;
    }

    private static void step(TripletMiner miner, MiningCase shape, EmbeddingBatch embeddings, int[] identities) {
        MiningBatch in = shape.batch(embeddings, identities);
        TripletLoss.margin().gradient(in, miner.mine(in));
    }

    private static void loop(MiningCase shape, EmbeddingBatch embeddings) {
        float[] values = embeddings.values();
        List<int[]> triplets = OpenFaceLoop.mine(
                values, MiningCase.DIMENSION, shape.people(), shape.images(), MiningCase.MARGIN, new Random(1));
        OpenFaceLoop.gradient(values, MiningCase.DIMENSION, triplets, MiningCase.MARGIN);
    }

    private static String againstPyTorch(String kind, MiningCase shape, Runnable ours, int rounds, int each)
            throws IOException {
        String name = "torch-" + kind;
        Optional<PeerProcess> found = PeerProcess.pyTorch(
                "mining_torch.py",
                List.of(
                        kind,
                        Integer.toString(shape.people()),
                        Integer.toString(shape.images()),
                        Integer.toString(THREADS)));
        if (found.isEmpty()) {
            return "mining case=openface-" + shape.size() + " peer-name=" + name
                    + " peer=none (install PyTorch for /usr/bin/python3)";
        }
        try (PeerProcess peer = found.get()) {
            if (peer.outOfMemory()) {
                return String.format(
                        Locale.ROOT,
                        "mining case=openface-%d peer-name=%s version=%s threads=%d ours=%.3f peer=oom ratio=none",
                        shape.size(),
                        name,
                        peer.version(),
                        THREADS,
                        Compare.median(Compare.time(ours, rounds)));
            }
            String line = against(name, peer.version(), THREADS, shape, ours, peer::run, rounds, each);
            System.out.printf(
                    Locale.ROOT,
                    "# mining: peak memory of %s at %d images: %d MB%n",
                    name,
                    shape.size(),
                    peer.peakMegabytes());
            return line;
        }
    }

    private static String against(
            String name, String version, int threads, MiningCase shape, Runnable ours, Peer peer, int rounds, int each)
            throws IOException {
        List<Double> mine = new ArrayList<>();
        List<Double> theirs = new ArrayList<>();
        // Of a slow peer less is measured: about a second a round, and one round if a step takes several.
        double step = peer.run(1).get(0);
        int theirEach = (int) Math.max(1, Math.min(each, 1000 / step));
        for (int round = 0; round < (step > 3000 ? 1 : rounds); round++) {
            mine.addAll(Compare.time(ours, each));
            theirs.addAll(peer.run(theirEach));
        }
        return Compare.line(
                "mining",
                "openface-" + shape.size(),
                name,
                version,
                threads,
                Compare.median(mine),
                Compare.median(theirs));
    }

    static void scale(MiningCase shape) {
        EmbeddingBatch embeddings = shape.embeddings();
        int[] identities = shape.identities();
        System.gc();
        long before = heap(false);
        long start = System.nanoTime();
        step(TripletMiner.openFace(), shape, embeddings, identities);
        double seconds = (System.nanoTime() - start) / 1e9;
        System.out.printf(
                Locale.ROOT,
                "# mining: %s: %.3f s, at most %d MB of heap beside the embeddings, collected or not (N x N would be %d MB)%n",
                shape,
                seconds,
                (heap(true) - before) >> 20,
                (4L * shape.size() * shape.size()) >> 20);
    }

    /** Heap in use now, or the most in use since that was asked last. */
    private static long heap(boolean peak) {
        long bytes = 0;
        for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
            if (pool.getType() == MemoryType.HEAP) {
                bytes += (peak ? pool.getPeakUsage() : pool.getUsage()).getUsed();
                if (!peak) {
                    pool.resetPeakUsage();
                }
            }
        }
        return bytes;
    }
}
