package org.openface.benchmarks;

import com.google.common.base.Splitter;
import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import com.google.common.util.concurrent.Uninterruptibles;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.training.Trainer;

/**
 * What a trainer does in a step beside forward, backward, update and loading: mining, loss, statistics, the doctor, tallies,
 * events. A whole {@link Trainer} runs on a network that computes nothing and gives out embeddings drawn beforehand.
 *
 * <pre>
 * java -cp benchmarks/target/benchmarks.jar org.openface.benchmarks.Bookkeeping [IMAGES,IMAGES [STRATEGY,STRATEGY]]
 * </pre>
 *
 * <p>Images are 100 and 1800; strategies {@code openface}, {@code semi-hard} and {@code batch-hard}. Times are medians in
 * milliseconds: mining with loss and gradient, the rest, and both; the share is that of a step of nn4.small2.
 */
public final class Bookkeeping {
    /** What a step of nn4.small2 takes on two cores, roughly. */
    private static final double MILLISECONDS_PER_IMAGE = 4.2;

    /** By images: the steps that are measured, the last of twice as many. */
    private static final Map<Integer, Integer> STEPS = Map.of(100, 300, 1_800, 60);

    private static final Map<String, TripletMiner> STRATEGIES = new LinkedHashMap<>();

    static {
        STRATEGIES.put("openface", TripletMiner.openFace());
        STRATEGIES.put("semi-hard", TripletMiner.faceNet());
        STRATEGIES.put("batch-hard", TripletMiner.batchHard());
    }

    private Bookkeeping() {}

    /** See the class comment. */
    public static void main(String[] args) throws IOException {
        List<String> sizes = Splitter.on(',').splitToList(args.length > 0 ? args[0] : "100,1800");
        List<String> strategies =
                args.length > 1 ? Splitter.on(',').splitToList(args[1]) : List.copyOf(STRATEGIES.keySet());
        System.out.println("images\tstrategy\tmining ms\trest ms\tall ms\tshare of a step");
        for (String size : sizes) {
            for (String strategy : strategies) {
                measure(Integer.parseInt(size), strategy);
            }
        }
        System.exit(0);
    }

    private static void measure(int size, String strategy) throws IOException {
        TripletMiner miner = STRATEGIES.get(strategy);
        Integer steps = STEPS.get(size);
        if (miner == null || steps == null) {
            throw new IllegalArgumentException("unknown " + size + " images or strategy " + strategy + "; there are "
                    + STEPS.keySet() + " and " + STRATEGIES.keySet());
        }
        MiningCase shape = size == 100 ? new MiningCase(10, 10) : MiningCase.of(size);
        Path scratch = Files.createTempDirectory("bookkeeping");
        Idle network = new Idle(shape);
        try {
            Trainer.builder()
                    .model(network)
                    .trainingSet(faces(shape, scratch.resolve("faces")))
                    .workDirectory(scratch.resolve("work"))
                    .identitiesPerBatch(shape.people())
                    .imagesPerIdentity(shape.images())
                    .miner(miner)
                    .batchesPerEpoch(2 * steps)
                    .epochs(1)
                    .plots(false)
                    .listener(event -> {})
                    .fit();
        } finally {
            MoreFiles.deleteRecursively(scratch, RecursiveDeleteOption.ALLOW_INSECURE);
        }
        double all = Compare.median(network.last(network.all, steps));
        System.out.printf(
                Locale.ROOT,
                "%d\t%s\t%.2f\t%.2f\t%.2f\t%.2f %%%n",
                size,
                strategy,
                Compare.median(network.last(network.mining, steps)),
                Compare.median(network.last(network.rest, steps)),
                all,
                100 * all / (MILLISECONDS_PER_IMAGE * size));
    }

    private static FaceDataset faces(MiningCase shape, Path folder) throws IOException {
        for (int person = 0; person < shape.people(); person++) {
            Path own = Files.createDirectories(folder.resolve("person-" + person));
            for (int image = 0; image < shape.images(); image++) {
                byte[] pixels = new byte[3 * Idle.SIDE * Idle.SIDE];
                ImageFiles.writePng(RgbImage.of(Idle.SIDE, Idle.SIDE, pixels), own.resolve(image + ".png"));
            }
        }
        return FaceDataset.index(folder);
    }

    /** Computes nothing and looks at the clock. */
    private static final class Idle implements TrainableEmbedder {
        private static final int SIDE = 4;

        /** In milliseconds, by step. */
        private final List<Double> mining = new ArrayList<>();

        private final List<Double> rest = new ArrayList<>();
        private final List<Double> all = new ArrayList<>();
        private final List<EmbeddingBatch> drawn = new ArrayList<>();
        private final Duration sleep;
        private int steps;
        private long handedOut;
        private long updated;

        Idle(MiningCase shape) {
            for (int seed = 0; seed < 5; seed++) {
                drawn.add(shape.embeddings(seed));
            }
            sleep = Duration.ofMillis(20 + shape.size() / 30);
        }

        List<Double> last(List<Double> milliseconds, int count) {
            return milliseconds.subList(milliseconds.size() - count, milliseconds.size());
        }

        @Override
        public ForwardPass forward(FaceBatch batch, ExecutionPlan plan) {
            if (steps > 0) {
                rest.add((System.nanoTime() - updated) / 1e6);
                all.add(mining.get(steps - 1) + rest.get(steps - 1));
            }
            // Time for the loader to prepare what comes next.
            Uninterruptibles.sleepUninterruptibly(sleep);
            EmbeddingBatch embeddings = drawn.get(steps++ % drawn.size());
            handedOut = System.nanoTime();
            return new ForwardPass() {
                @Override
                public EmbeddingBatch embeddings() {
                    return embeddings;
                }

                @Override
                public StepReport update(EmbeddingBatch gradient, Optimizer optimizer) {
                    updated = System.nanoTime();
                    mining.add((updated - handedOut) / 1e6);
                    return new StepReport(1, Optional.empty());
                }

                @Override
                public void close() {}
            };
        }

        @Override
        public EmbeddingBatch embed(List<RgbImage> faces) {
            throw new UnsupportedOperationException("embeds nobody's faces");
        }

        @Override
        public ExecutionPlan plan(int batchSize, long memoryBudget) {
            return new ExecutionPlan("idle", 1, batchSize, batchSize, 0);
        }

        @Override
        public int imageSize() {
            return SIDE;
        }

        @Override
        public int dimension() {
            return MiningCase.DIMENSION;
        }

        @Override
        public void writeState(OutputStream out) {}

        @Override
        public void readState(InputStream in) {}

        @Override
        public void forgetOptimizer() {}

        @Override
        public FaceEmbedder averaged() {
            return this;
        }

        @Override
        public String weightsHash() {
            return "none";
        }

        @Override
        public void close() {}
    }
}
