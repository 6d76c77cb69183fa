package org.openface.benchmarks;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
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
 * A batch of faces through nn4.small2: ours, ONNX Runtime in this process with the same weights, and PyTorch in a Python
 * process of its own, all with as many threads as there are processors. PyTorch's figure contains a line to that process
 * and back, some hundredths of a millisecond; it computes in whichever of its ways is fastest for the batch.
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
    private Optional<PeerProcess> pyTorch;

    /** Makes the network, its export and the faces. */
    @Setup
    public void prepare() throws IOException {
        model = Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).build();
        faces = NetworkComparison.faces(model.imageSize(), images);
        int threads = Runtime.getRuntime().availableProcessors();
        peer = new OnnxRuntimePeer(model, faces, threads);
        pyTorch = PeerProcess.pyTorch("nn4_small2", images, threads, "embed");
    }

    @Benchmark
    public EmbeddingBatch ours() {
        return model.embed(faces);
    }

    @Benchmark
    public float[][] onnxRuntime() {
        return peer.embed(images);
    }

    @Benchmark
    public List<Double> pyTorch() throws IOException {
        return pyTorch.orElseThrow(() -> new IOException("/usr/bin/python3 has no PyTorch"))
                .run(List.of(images));
    }

    /** Lets go of all. */
    @TearDown
    public void close() throws IOException {
        pyTorch.ifPresent(PeerProcess::close);
        peer.close();
        model.close();
    }
}
