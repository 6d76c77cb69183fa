package org.openface.benchmarks;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.image.RgbImage;
import org.openface.nn4.Nn4Model;
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
 * A batch of faces through nn4.small2: ours, and ONNX Runtime with the same weights and threads. PyTorch's time is beside
 * ours in {@code Compare inference}.
 *
 * <pre>
 * java -cp benchmarks/target/benchmarks.jar org.openjdk.jmh.Main InferenceBenchmark
 * </pre>
 */
@SuppressWarnings("NullAway.Init") // JMH calls prepare() first
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class InferenceBenchmark {
    /** Images in a batch. */
    @Param({"1", "16", "64"})
    public int images;

    private Nn4Model model;
    private List<RgbImage> faces;
    private OnnxRuntimePeer peer;

    /** Makes the network, its export and the faces. */
    @Setup
    public void prepare() throws IOException {
        model = Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).build();
        faces = NetworkComparison.faces(model.imageSize(), images);
        peer = new OnnxRuntimePeer(model, faces, Runtime.getRuntime().availableProcessors());
    }

    @Benchmark
    public EmbeddingBatch ours() {
        return model.embed(faces);
    }

    @Benchmark
    public float[][] onnxRuntime() {
        return peer.embed();
    }

    /** Lets go of both. */
    @TearDown
    public void close() throws IOException {
        peer.close();
        model.close();
    }
}
