package org.openface.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;
import org.openface.core.image.RgbImage;
import org.openface.nn4.Nn4Model;
import org.openface.nn4.Nn4Model.Variant;
import org.openface.triplet.loss.TripletLoss;
import org.openface.triplet.mining.Draws;
import org.openface.triplet.mining.MiningBatch;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.mining.Triplets;

/** The network against PyTorch: a whole training step (forward, backward, Adam), and inference. */
final class NetworkComparison {
    private static final int THREADS = Runtime.getRuntime().availableProcessors();
    private static final long BUDGET = 8L << 30;

    private NetworkComparison() {}

    static List<String> trainingStep(int rounds) throws IOException {
        List<String> lines = new ArrayList<>();
        for (Variant variant : List.of(Variant.NN4_SMALL2, Variant.NN4)) {
            for (int images : new int[] {30, 60, 100}) {
                try (Nn4Model model = Nn4Model.builder(variant).build()) {
                    FaceBatch batch = batch(model.imageSize(), images);
                    ExecutionPlan plan = model.plan(images, BUDGET);
                    EmbeddingBatch gradient = gradient(images, model.dimension());
                    lines.add(compare("training-step", variant, images, "step", rounds, 3, () -> {
                        try (ForwardPass pass = model.forward(batch, plan)) {
                            pass.update(gradient, Optimizer.adam(1e-4));
                        }
                    }));
                    sharesOfStep(variant, images, model, plan, rounds);
                }
            }
        }
        return lines;
    }

    /** Says how a whole training step's time is shared out: forward, mining, loss with its gradient, backward with Adam. */
    private static void sharesOfStep(Variant variant, int images, Nn4Model model, ExecutionPlan plan, int rounds)
            throws IOException {
        int perIdentity = 10;
        int[] identities = new int[images];
        for (int i = 0; i < images; i++) {
            identities[i] = i / perIdentity;
        }
        FaceBatch batch =
                FaceBatch.of(model.imageSize(), batch(model.imageSize(), images).pixels(), identities);
        List<List<Double>> times = List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
        for (int step = 0; step < 5 + rounds; step++) {
            long[] clock = new long[5];
            clock[0] = System.nanoTime();
            try (ForwardPass pass = model.forward(batch, plan)) {
                EmbeddingBatch embeddings = pass.embeddings();
                clock[1] = System.nanoTime();
                MiningBatch in = MiningBatch.of(embeddings, identities, batch.roles(), 0.2f, new Draws(2, 1, step));
                Triplets triplets = TripletMiner.openFace().mine(in);
                clock[2] = System.nanoTime();
                TripletLoss.margin().value(in, triplets);
                EmbeddingBatch gradient = TripletLoss.margin().gradient(in, triplets);
                clock[3] = System.nanoTime();
                pass.update(gradient, Optimizer.adam(1e-4));
                clock[4] = System.nanoTime();
            }
            for (int part = 0; step >= 5 && part < 4; part++) {
                times.get(part).add((clock[part + 1] - clock[part]) / 1e6);
            }
        }
        double forward = Compare.median(times.get(0));
        double mining = Compare.median(times.get(1));
        double loss = Compare.median(times.get(2));
        double backward = Compare.median(times.get(3));
        System.out.printf(
                Locale.ROOT,
                "# training-step %s-%d: forward %.1f ms, mining %.2f ms, loss and its gradient %.2f ms, backward and Adam"
                        + " %.1f ms: mining takes %.2f %% of the step, with the loss %.2f %%%n",
                variant.name().toLowerCase(Locale.ROOT),
                images,
                forward,
                mining,
                loss,
                backward,
                100 * mining / (forward + mining + loss + backward),
                100 * (mining + loss) / (forward + mining + loss + backward));
    }

    static List<String> inference(int rounds) throws IOException {
        List<String> lines = new ArrayList<>();
        for (int images : new int[] {1, 16, 64}) {
            try (Nn4Model model = Nn4Model.builder(Variant.NN4_SMALL2).build()) {
                List<RgbImage> faces = faces(model.imageSize(), images);
                int each = Math.max(3, 64 / images);
                lines.add(compare(
                        "inference", Variant.NN4_SMALL2, images, "embed", rounds, each, () -> model.embed(faces)));
                lines.add(onnxRuntime(model, faces, rounds, each));
            }
        }
        return lines;
    }

    private static String compare(
            String name, Variant variant, int images, String what, int rounds, int each, Runnable work)
            throws IOException {
        String lower = variant.name().toLowerCase(Locale.ROOT);
        String benchmarkCase = lower + "-" + images;
        Optional<PyTorchPeer> found = PyTorchPeer.start(lower, images, THREADS, what);
        if (found.isEmpty()) {
            return name + " case=" + benchmarkCase + " peer=none (install PyTorch for /usr/bin/python3)";
        }
        try (PyTorchPeer peer = found.get()) {
            List<Double> ours = new ArrayList<>();
            List<Double> theirs = new ArrayList<>();
            List<Double> ratios = new ArrayList<>();
            Compare.time(work, Math.max(3, each)); // warm-up of both
            peer.run(Math.max(3, each));
            for (int round = 0; round < rounds; round++) {
                List<Double> a = Compare.time(work, each);
                List<Double> b = peer.run(each);
                ours.addAll(a);
                theirs.addAll(b);
                ratios.add(Compare.median(a) / Compare.median(b));
            }
            System.out.printf(
                    Locale.ROOT,
                    "# %s %s: peak memory ours %d MB (whole JVM), PyTorch %d MB; ratio by round: median %.3f, %s%n",
                    name,
                    benchmarkCase,
                    peakMegabytes(),
                    peer.peakMegabytes(),
                    Compare.median(ratios),
                    ratios.stream()
                            .map(r -> String.format(Locale.ROOT, "%.2f", r))
                            .toList());
            return Compare.line(
                    name,
                    benchmarkCase,
                    peer.name(),
                    peer.version(),
                    THREADS,
                    Compare.median(ours) / images,
                    Compare.median(theirs) / images);
        }
    }

    /** Embeddings by ONNX Runtime from the same weights; the result is compared, too. */
    private static String onnxRuntime(Nn4Model model, List<RgbImage> faces, int rounds, int each) throws IOException {
        int images = faces.size();
        try (OnnxRuntimePeer peer = new OnnxRuntimePeer(model, faces, THREADS)) {
            float[] first = model.embed(faces).get(0).values();
            float[] other = peer.embed()[0];
            for (int i = 0; i < first.length; i++) {
                if (Math.abs(first[i] - other[i]) > 1e-5f) {
                    throw new IllegalStateException("ONNX Runtime gives " + other[i] + ", ours " + first[i]);
                }
            }
            List<Double> ours = new ArrayList<>();
            List<Double> theirs = new ArrayList<>();
            Compare.time(() -> model.embed(faces), Math.max(3, each)); // warm-up of both
            peer.run(Math.max(3, each));
            for (int round = 0; round < rounds; round++) {
                ours.addAll(Compare.time(() -> model.embed(faces), each));
                theirs.addAll(peer.run(each));
            }
            return Compare.line(
                    "inference",
                    model.variant().name().toLowerCase(Locale.ROOT) + "-" + images,
                    "onnxruntime",
                    peer.version(),
                    THREADS,
                    Compare.median(ours) / images,
                    Compare.median(theirs) / images);
        }
    }

    /** The largest resident memory of this process so far; −1 where the system does not tell. */
    private static long peakMegabytes() throws IOException {
        Path status = Path.of("/proc/self/status");
        if (Files.exists(status)) {
            for (String line : Files.readAllLines(status)) {
                if (line.startsWith("VmHWM:")) {
                    return Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024;
                }
            }
        }
        return -1;
    }

    private static FaceBatch batch(int side, int images) {
        float[] pixels = new float[images * side * side * 3];
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) random.nextDouble();
        }
        return FaceBatch.of(side, pixels, new int[images]);
    }

    static List<RgbImage> faces(int side, int images) {
        List<RgbImage> faces = new ArrayList<>();
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < images; i++) {
            byte[] rgb = new byte[side * side * 3];
            random.nextBytes(rgb);
            faces.add(RgbImage.of(side, side, rgb));
        }
        return faces;
    }

    private static EmbeddingBatch gradient(int images, int dimension) {
        float[] values = new float[images * dimension];
        SplittableRandom random = new SplittableRandom(2);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextDouble(-1, 1) / images;
        }
        return new EmbeddingBatch(dimension, values);
    }
}
