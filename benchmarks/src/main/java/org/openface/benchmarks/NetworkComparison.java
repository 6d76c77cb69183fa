package org.openface.benchmarks;

import com.google.common.util.concurrent.Uninterruptibles;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;
import org.openface.core.image.RgbImage;
import org.openface.nn4.Nn4Model;
import org.openface.nn4.Nn4Model.Precision;
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
    private static final int IMAGE_SIZE = 96;

    private NetworkComparison() {}

    /** A peer's work, and ours: the milliseconds of each batch of so many images. */
    @FunctionalInterface
    private interface Work {
        List<Double> run(List<Integer> images) throws IOException;
    }

    private record Peer(String name, String version, Work work) {}

    static List<String> trainingStep(int rounds) throws IOException {
        sayHowPeersRun();
        List<String> lines = new ArrayList<>();
        for (Precision precision : Precision.values()) {
            for (Variant variant : List.of(Variant.NN4_SMALL2, Variant.NN4)) {
                for (int images : new int[] {30, 60, 100}) {
                    lines.addAll(trainingStep(variant, precision, Integer.toString(images), evenly(images, 3), rounds));
                }
            }
        }
        lines.addAll(trainingStep(Variant.NN4_SMALL2, Precision.FLOAT32, "uneven", uneven(), Math.min(rounds, 2)));
        return lines;
    }

    private static void sayHowPeersRun() {
        System.out.println("# the peers' processes run with " + PeerProcess.settings());
        System.out.println("# instruction set: " + System.getenv().getOrDefault("DNNL_MAX_CPU_ISA", "all there is")
                + " (ours), " + System.getenv().getOrDefault("ATEN_CPU_CAPABILITY", "all there is")
                + " (PyTorch, with DNNL_MAX_CPU_ISA); ONNX Runtime takes what there is");
    }

    private static List<Integer> evenly(int images, int count) {
        return Collections.nCopies(count, images);
    }

    /** Batches of 15 people with 2 to 20 images each, after ten that are not counted. */
    private static List<Integer> uneven() {
        SplittableRandom random = new SplittableRandom(7);
        List<Integer> sizes = new ArrayList<>();
        for (int batch = 0; batch < 50; batch++) {
            sizes.add(random.ints(15, 2, 21).sum());
        }
        return sizes;
    }

    private static List<String> trainingStep(
            Variant variant, Precision precision, String name, List<Integer> sizes, int rounds) throws IOException {
        int most = Collections.max(sizes);
        boolean narrow = precision == Precision.BFLOAT16;
        List<PeerProcess> processes = new ArrayList<>();
        try (Nn4Model model = Nn4Model.builder(variant).precision(precision).build()) {
            ExecutionPlan plan = model.plan(most, BUDGET);
            FaceBatch all = batch(model.imageSize(), most);
            Work ours = images -> {
                List<Double> times = new ArrayList<>();
                for (int count : images) {
                    FaceBatch batch = first(all, count);
                    EmbeddingBatch gradient = gradient(count, model.dimension());
                    times.addAll(Compare.time(
                            () -> {
                                try (ForwardPass pass = model.forward(batch, plan)) {
                                    pass.update(gradient, Optimizer.adam(1e-4));
                                }
                            },
                            1));
                }
                return times;
            };
            String lower = variant.name().toLowerCase(Locale.ROOT);
            PeerProcess.pyTorch(lower, most, THREADS, narrow ? "step-bfloat16" : "step")
                    .ifPresent(processes::add);
            if (!name.equals("uneven")) { // a process of 3 GB that is not the fastest
                PeerProcess.libtorch(lower, most, THREADS, "step").ifPresent(processes::add);
            }
            String benchmarkCase = lower + "-" + name + (narrow ? " precision=bf16" : "");
            List<String> lines = compare("training-step", benchmarkCase, sizes, ours, peers(processes), rounds);
            if (name.equals("uneven")) {
                compareWithEven(sizes, ours);
            } else if (!narrow) {
                sharesOfStep(variant, most, model, plan, rounds);
            }
            return lines;
        } finally {
            processes.forEach(PeerProcess::close);
        }
    }

    /** Says what batches of many sizes cost beside batches of their mean. */
    private static void compareWithEven(List<Integer> sizes, Work ours) throws IOException {
        List<Integer> counted = sizes.subList(10, sizes.size());
        int images = counted.stream().mapToInt(Integer::intValue).sum();
        int mean = images / counted.size();
        ours.run(evenly(mean, 5));
        List<Double> ratios = new ArrayList<>();
        List<Double> worst = new ArrayList<>();
        for (int round = 0; round < 3; round++) {
            List<Double> even = ours.run(evenly(mean, 20));
            List<Double> uneven = ours.run(counted);
            ratios.add(sum(uneven) / images / (sum(even) / 20 / mean));
            List<Double> perImage = new ArrayList<>();
            for (int i = 0; i < uneven.size(); i++) {
                perImage.add(uneven.get(i) / counted.get(i));
            }
            worst.add(Collections.max(perImage) / Compare.median(perImage));
        }
        System.out.printf(
                Locale.ROOT,
                "# training-step nn4_small2-uneven: %.3f times the time per image of even batches of %d; the slowest batch"
                        + " %.2f times the median%n",
                Compare.median(ratios),
                mean,
                Compare.median(worst));
    }

    private static double sum(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).sum();
    }

    private static List<Peer> peers(List<PeerProcess> processes) {
        List<Peer> peers = new ArrayList<>();
        for (PeerProcess process : processes) {
            peers.add(new Peer(process.name(), process.version(), process::run));
        }
        if (processes.stream().noneMatch(process -> process.name().startsWith("pytorch"))) {
            System.out.println("# no PyTorch: install it for /usr/bin/python3 (Debian: python3-torch)");
        }
        if (!Files.isDirectory(PeerProcess.LIBTORCH)) {
            System.out.println(
                    "# no libtorch: mvn -Plibtorch -pl benchmarks -am package -DskipTests fetches it, 130 MB");
        }
        return peers;
    }

    /** Ours and all peers in turn, round by round; a line for each, and one for the fastest. */
    private static List<String> compare(
            String name, String benchmarkCase, List<Integer> sizes, Work ours, List<Peer> peers, int rounds)
            throws IOException {
        boolean uneven = sizes.stream().distinct().count() > 1;
        List<Work> all = new ArrayList<>(List.of(ours));
        peers.forEach(peer -> all.add(peer.work()));
        List<List<Double>> perImage = new ArrayList<>();
        for (Work work : all) {
            perImage.add(new ArrayList<>());
            for (int i = 0; i < 3; i++) { // warm-up
                work.run(uneven ? sizes.subList(0, 10) : sizes);
            }
        }
        for (int round = 0; round < rounds; round++) {
            for (int i = 0; i < all.size(); i++) {
                List<Integer> counted = uneven ? sizes.subList(10, sizes.size()) : sizes;
                Uninterruptibles.sleepUninterruptibly(
                        Duration.ofMillis(100)); // until the others' threads no longer spin
                List<Double> times = all.get(i).run(counted);
                if (uneven) {
                    int images = counted.stream().mapToInt(Integer::intValue).sum();
                    perImage.get(i).add(sum(times) / images);
                } else {
                    for (double time : times) {
                        perImage.get(i).add(time / sizes.get(0));
                    }
                }
            }
        }
        List<String> lines = new ArrayList<>();
        double own = Compare.median(perImage.get(0));
        int fastest = 1;
        for (int i = 1; i < all.size(); i++) {
            Peer peer = peers.get(i - 1);
            double theirs = Compare.median(perImage.get(i));
            lines.add(Compare.line(name, benchmarkCase, peer.name(), peer.version(), THREADS, own, theirs));
            fastest = theirs < Compare.median(perImage.get(fastest)) ? i : fastest;
        }
        if (peers.isEmpty()) {
            lines.add(name + " case=" + benchmarkCase + " peer=none");
        } else {
            Peer peer = peers.get(fastest - 1);
            lines.add(Compare.line(
                    name,
                    benchmarkCase,
                    "fastest:" + peer.name(),
                    peer.version(),
                    THREADS,
                    own,
                    Compare.median(perImage.get(fastest))));
        }
        lines.forEach(line -> System.out.println("# " + line)); // at once, as all may take long
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
        sayHowPeersRun();
        List<String> lines = new ArrayList<>();
        for (int images : new int[] {1, 16, 64}) {
            lines.addAll(inference(Integer.toString(images), evenly(images, Math.max(3, 64 / images)), rounds));
        }
        lines.addAll(inference("1to5", List.of(1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 5, 4, 3, 2, 1), rounds));
        return lines;
    }

    private static List<String> inference(String name, List<Integer> sizes, int rounds) throws IOException {
        int most = Collections.max(sizes);
        Variant variant = Variant.NN4_SMALL2;
        String lower = variant.name().toLowerCase(Locale.ROOT);
        List<PeerProcess> processes = new ArrayList<>();
        List<RgbImage> faces = faces(IMAGE_SIZE, most);
        try (Nn4Model model = Nn4Model.builder(variant).build();
                OnnxRuntimePeer onnx = new OnnxRuntimePeer(model, faces, THREADS)) {
            Work ours = images -> {
                List<Double> times = new ArrayList<>();
                for (int count : images) {
                    List<RgbImage> some = faces.subList(0, count);
                    times.addAll(Compare.time(() -> model.embed(some), 1));
                }
                return times;
            };
            if (most > 1 && name.contains("to")) {
                System.out.println(
                        "# the first time, 1 to 5 faces take us " + ours.run(List.of(1, 2, 3, 4, 5)) + " ms");
            }
            requireTheSame(model.embed(faces).get(0).values(), onnx.embed(most)[0]);
            PeerProcess.pyTorch(lower, most, THREADS, "embed").ifPresent(processes::add);
            // Libtorch in the usual way takes ten times as long for one image as PyTorch's optimised graph.
            List<Peer> peers = peers(processes);
            peers.add(new Peer("onnxruntime", onnx.version(), onnx::run));
            return compare("inference", lower + "-" + name, sizes, ours, peers, rounds);
        } finally {
            processes.forEach(PeerProcess::close);
        }
    }

    private static void requireTheSame(float[] ours, float[] theirs) {
        for (int i = 0; i < ours.length; i++) {
            if (Math.abs(ours[i] - theirs[i]) > 1e-5f) {
                throw new IllegalStateException("ONNX Runtime gives " + theirs[i] + ", ours " + ours[i]);
            }
        }
    }

    private static FaceBatch first(FaceBatch all, int images) {
        int side = all.imageSize();
        return FaceBatch.of(side, Arrays.copyOf(all.pixels(), images * side * side * 3), new int[images]);
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
