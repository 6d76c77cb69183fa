package org.openface.benchmarks;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.openface.core.image.RgbImage;
import org.openface.nn4.Nn4Model;

/** The same network, exported to ONNX, in ONNX Runtime in this process. Its pixels lie ready in memory. */
final class OnnxRuntimePeer implements AutoCloseable {
    private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
    private final OrtSession session;
    private final OnnxTensor input;

    OnnxRuntimePeer(Nn4Model model, List<RgbImage> faces, int threads) throws IOException {
        Path file = Files.createTempFile("openface-peer", ".onnx");
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
            model.export(file, Nn4Model.Format.ONNX);
            options.setIntraOpNumThreads(threads);
            options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
            session = environment.createSession(Files.readAllBytes(file), options);
            long side = model.imageSize();
            input = OnnxTensor.createTensor(
                    environment, planes(faces, model.imageSize()), new long[] {faces.size(), 3, side, side});
        } catch (OrtException e) {
            throw new IOException(e);
        } finally {
            Files.deleteIfExists(file);
        }
    }

    /** [image][channel][row][column], where ours is [image][row][column][channel]. */
    private static FloatBuffer planes(List<RgbImage> faces, int side) {
        int area = side * side;
        FloatBuffer planes = ByteBuffer.allocateDirect(4 * 3 * area * faces.size())
                .order(ByteOrder.nativeOrder())
                .asFloatBuffer();
        float[] pixels = new float[3 * area];
        for (RgbImage face : faces) {
            face.copyTo(pixels, 0);
            for (int channel = 0; channel < 3; channel++) {
                for (int at = 0; at < area; at++) {
                    planes.put(pixels[3 * at + channel]);
                }
            }
        }
        return planes.flip();
    }

    String version() {
        return environment.getVersion();
    }

    /** The embeddings, as a Java caller gets them. */
    float[][] embed() {
        try (OrtSession.Result result = session.run(Map.of("images", input))) {
            return (float[][]) result.get(0).getValue();
        } catch (OrtException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Milliseconds of each of so many runs. */
    List<Double> run(int count) {
        List<Double> times = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            long start = System.nanoTime();
            embed();
            times.add((System.nanoTime() - start) / 1e6);
        }
        return times;
    }

    @Override
    public void close() throws IOException {
        try {
            input.close();
            session.close();
        } catch (OrtException e) {
            throw new IOException(e);
        }
    }
}
