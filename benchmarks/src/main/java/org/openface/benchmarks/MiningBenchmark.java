package org.openface.benchmarks;

import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openface.core.embedding.Distance;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.triplet.loss.TripletLoss;
import org.openface.triplet.mining.MiningBatch;
import org.openface.triplet.mining.MiningDevice;
import org.openface.triplet.mining.NegativeSelector;
import org.openface.triplet.mining.PairMiner;
import org.openface.triplet.mining.PairSelector;
import org.openface.triplet.mining.Pairs;
import org.openface.triplet.mining.TripletFilter;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.mining.Triplets;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Mining a batch of 128-d embeddings and the gradient of the loss, in milliseconds; the peers too, each with its gradient.
 *
 * <pre>
 * java -cp benchmarks/target/benchmarks.jar org.openjdk.jmh.Main MiningBenchmark
 * java -cp benchmarks/target/benchmarks.jar org.openjdk.jmh.Main MiningBenchmark.openFace -p size=1800,100000 -p device=CUDA
 * </pre>
 *
 * <p>Expect about ten minutes of the first. PyTorch's peers fail where there is no PyTorch, or too little memory for them.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 6, time = 1)
@Fork(1)
public class MiningBenchmark {
    private static final TripletMiner DISTANCE_WEIGHTED =
            TripletMiner.of(PairSelector.allPairs(), TripletFilter.any(), NegativeSelector.distanceWeighted());
    private static final TripletMiner HARDEST_OF_EACH_IDENTITY = TripletMiner.of(
            PairSelector.easiestPositive(), TripletFilter.any(), NegativeSelector.hardestOfEachIdentity());
    private static final PairMiner MULTI_SIMILARITY = PairMiner.multiSimilarity(0.2f);
    private static final TripletMiner UNION = TripletMiner.union(TripletMiner.openFace(), TripletMiner.faceNet());

    /** Images in the batch. */
    @Param({"300", "1800", "10000"})
    public int size;

    /** Where ours is mined. */
    @Param("CPU")
    public MiningDevice device = MiningDevice.CPU;

    private MiningCase shape = MiningCase.of(300);
    private EmbeddingBatch embeddings = new EmbeddingBatch(1, new float[0]);
    private int[] identities = new int[0];
    private TripletMiner openFace = TripletMiner.openFace();
    private TripletMiner faceNet = TripletMiner.faceNet();
    private TripletMiner batchHard = TripletMiner.batchHard();
    private final TripletMiner custom = MiningCase.custom();

    /** Makes the batch. */
    @Setup
    public void setUp() {
        shape = MiningCase.of(size);
        embeddings = shape.embeddings();
        identities = shape.identities();
        openFace = TripletMiner.openFace().on(device);
        faceNet = TripletMiner.faceNet().on(device);
        batchHard = TripletMiner.batchHard().on(device);
    }

    private MiningBatch batch() {
        return shape.batch(embeddings, identities);
    }

    /** OpenFace's strategy. */
    @Benchmark
    public Triplets openFace() {
        return openFace.mine(batch());
    }

    /** FaceNet's strategy. */
    @Benchmark
    public Triplets faceNet() {
        return faceNet.mine(batch());
    }

    /** Batch hard. */
    @Benchmark
    public Triplets batchHard() {
        return batchHard.mine(batch());
    }

    /** OpenFace's pairs, each with a negative drawn by its distance. */
    @Benchmark
    public Triplets distanceWeighted() {
        return DISTANCE_WEIGHTED.mine(batch());
    }

    /** For each anchor its nearest positive, with the nearest negative of every other identity. */
    @Benchmark
    public Triplets hardestOfEachIdentity() {
        return HARDEST_OF_EACH_IDENTITY.mine(batch());
    }

    /** The pairs of the multi-similarity loss. */
    @Benchmark
    public Pairs multiSimilarityPairs() {
        return MULTI_SIMILARITY.mine(batch());
    }

    /** OpenFace's strategy on plain distances. */
    @Benchmark
    public Triplets openFacePlain() {
        return openFace.mine(batch().measuredIn(Distance.EUCLIDEAN));
    }

    /** OpenFace's and FaceNet's triplets. */
    @Benchmark
    public Triplets union() {
        return UNION.mine(batch());
    }

    /** A user's own strategy. */
    @Benchmark
    public Triplets custom() {
        return custom.mine(batch());
    }

    /** OpenFace's strategy and the gradient. */
    @Benchmark
    public EmbeddingBatch openFaceWithGradient() {
        MiningBatch in = batch();
        return TripletLoss.margin().gradient(in, openFace.mine(in));
    }

    /** A peer: OpenFace's loop in plain Java, on one thread. */
    @Benchmark
    @Warmup(iterations = 1, time = 1)
    @Measurement(iterations = 2, time = 1)
    public float[] openFaceLoop() {
        List<int[]> triplets = OpenFaceLoop.mine(
                embeddings.values(),
                MiningCase.DIMENSION,
                shape.people(),
                shape.images(),
                MiningCase.MARGIN,
                new Random(1));
        return OpenFaceLoop.gradient(embeddings.values(), MiningCase.DIMENSION, triplets, MiningCase.MARGIN);
    }

    /** A peer's process. */
    @State(Scope.Benchmark)
    public static class PyTorch {
        /** In which formulation; see {@code mining_torch.py}. */
        @Param({"vectorised", "cubic"})
        public String formulation = "";

        private @Nullable PeerProcess peer;

        /** Starts it. */
        @Setup
        public void setUp(MiningBenchmark benchmark) throws IOException {
            peer = PeerProcess.pyTorch(
                            "mining_torch.py",
                            List.of(
                                    formulation,
                                    Integer.toString(benchmark.shape.people()),
                                    Integer.toString(benchmark.shape.images()),
                                    Integer.toString(Runtime.getRuntime().availableProcessors())))
                    .orElseThrow(() -> new IllegalStateException("no PyTorch for /usr/bin/python3"));
            if (peer.outOfMemory()) {
                peer.close();
                throw new IllegalStateException("PyTorch has too little memory for this");
            }
        }

        /** Ends it. */
        @TearDown
        public void tearDown() {
            if (peer != null) {
                peer.close();
            }
        }
    }

    /** A peer: PyTorch. */
    @Benchmark
    @Warmup(iterations = 1, time = 1)
    @Measurement(iterations = 3, time = 1)
    public List<Double> torch(PyTorch torch) throws IOException {
        return Objects.requireNonNull(torch.peer).run(1);
    }
}
