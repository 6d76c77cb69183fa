package org.openface.benchmarks;

import static java.util.Objects.requireNonNull;

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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.openface.core.image.RgbImage;
import org.openface.nn4.Nn4Model;

/** The same network, exported to ONNX, in ONNX Runtime in this process. Its pixels lie ready in memory. */
final class OnnxRuntimePeer implements AutoCloseable {
    private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
    private final OrtSession session;
    /** The first faces as one input, by their number. */
    private final Map<Integer, OnnxTensor> inputs = new HashMap<>();

    OnnxRuntimePeer(Nn4Model model, List<RgbImage> faces, int threads) throws IOException {
        Path file = Files.createTempFile("openface-peer", ".onnx");
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
            model.export(file, Nn4Model.Format.ONNX);
            options.setIntraOpNumThreads(threads);
            options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
            session = environment.createSession(Files.readAllBytes(file), options);
            long side = model.imageSize();
            for (int images = 1; images <= faces.size(); images++) {
                FloatBuffer planes = planes(faces.subList(0, images), model.imageSize());
                inputs.put(images, OnnxTensor.createTensor(environment, planes, new long[] {images, 3, side, side}));
            }
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

    /** The embeddings of the first faces, as a Java caller gets them. */
    float[][] embed(int images) {
        try (OrtSession.Result result = session.run(Map.of("images", requireNonNull(inputs.get(images))))) {
            return (float[][]) result.get(0).getValue();
        } catch (OrtException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Milliseconds of each batch of so many images. */
    List<Double> run(List<Integer> images) {
        List<Double> times = new ArrayList<>();
        for (int count : images) {
            times.addAll(Compare.time(() -> embed(count), 1));
        }
        return times;
    }

    @Override
    public void close() throws IOException {
        try {
            inputs.values().forEach(OnnxTensor::close);
            session.close();
        } catch (OrtException e) {
            throw new IOException(e);
        }
    }
}
