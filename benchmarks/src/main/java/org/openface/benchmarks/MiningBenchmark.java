package org.openface.benchmarks;

import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.triplet.MiningBatch;
import org.openface.triplet.TripletLoss;
import org.openface.triplet.TripletMiner;
import org.openface.triplet.Triplets;
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
import org.openjdk.jmh.annotations.Warmup;

/**
 * Mining a batch of 128-d embeddings and the gradient of the loss, in milliseconds.
 *
 * <pre>
 * java -cp benchmarks/target/benchmarks.jar org.openjdk.jmh.Main MiningBenchmark -p size=300,1800
 * </pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 6, time = 1)
@Fork(1)
public class MiningBenchmark {
    /** Images in the batch. */
    @Param({"300", "1800", "10000"})
    public int size;

    private MiningCase shape = MiningCase.of(300);
    private EmbeddingBatch embeddings = new EmbeddingBatch(1, new float[0]);
    private int[] identities = new int[0];
    private final TripletMiner openFace = TripletMiner.openFace();
    private final TripletMiner faceNet = TripletMiner.faceNet();
    private final TripletMiner batchHard = TripletMiner.batchHard();
    private final TripletMiner custom = MiningCase.custom();

    /** Makes the batch. */
    @Setup
    public void setUp() {
        shape = MiningCase.of(size);
        embeddings = shape.embeddings();
        identities = shape.identities();
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

    /** The peer: OpenFace's loop and the gradient. */
    @Benchmark
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
}
