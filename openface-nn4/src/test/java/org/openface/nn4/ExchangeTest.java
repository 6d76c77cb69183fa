package org.openface.nn4;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import com.google.common.base.Joiner;
import com.google.common.base.Splitter;
import com.google.common.hash.Hashing;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import onnx.Onnx;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;
import org.openface.core.image.RgbImage;
import org.openface.nn4.internal.engine.host.Runner;
import org.openface.nn4.internal.engine.onednn.OneDnnRunner;
import org.openface.nn4.internal.format.ModelFile;
import org.openface.nn4.internal.format.OnnxFile;
import org.openface.nn4.internal.format.Safetensors;
import org.openface.nn4.internal.format.TorchNetwork;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Lowering;
import org.openface.nn4.internal.network.Nn4Graph;
import org.openface.nn4.internal.network.Parameters;

/** The same embeddings from every format, by programs that share no code with the library. */
@Tag("native")
class ExchangeTest {
    @TempDir
    private Path folder;

    private static RgbImage face(int side, long seed) {
        byte[] rgb = new byte[side * side * 3];
        new SplittableRandom(seed).nextBytes(rgb);
        return RgbImage.of(side, side, rgb);
    }

    @Test
    void embeddingsAreTheSameThroughTheFormats() throws Exception {
        throughTheFormats(
                Nn4Model.Variant.NN4_SMALL2,
                List.of(Nn4Model.Format.SAFETENSORS, Nn4Model.Format.TORCH, Nn4Model.Format.ONNX));
    }

    @ParameterizedTest
    @EnumSource
    @Tag("soak")
    void ofAllNetworksAndAsText(Nn4Model.Variant variant) throws Exception {
        throughTheFormats(variant, List.of(Nn4Model.Format.values()));
    }

    private void throughTheFormats(Nn4Model.Variant variant, List<Nn4Model.Format> formats) throws Exception {
        int side = variant.architecture().imageSize();
        List<RgbImage> faces = List.of(face(side, 1), face(side, 2), face(side, 3));
        float[] pixels = new float[3 * side * side * 3];
        for (int i = 0; i < 3; i++) {
            faces.get(i).copyTo(pixels, i * side * side * 3);
        }
        FaceBatch batch = FaceBatch.of(side, pixels, new int[3]);
        float[] expected;
        try (Nn4Model model = Nn4Model.builder(variant).embeddingSize(16).build()) {
            try (ForwardPass pass = model.forward(batch, model.plan(3, 2L << 30))) { // for running statistics
                pass.update(pass.embeddings(), Optimizer.adam(1e-4));
            }
            model.setPassport(ModelPassport.EMPTY.withThreshold(0.9));
            expected = model.embed(faces).values();
            model.save(folder.resolve("own"));
            for (Nn4Model.Format format : formats) {
                model.export(folder.resolve(format.name()), format);
            }
        }
        List<String> readable = new ArrayList<>(List.of("own"));
        formats.stream().filter(f -> f != Nn4Model.Format.ONNX).forEach(f -> readable.add(f.name()));
        for (String name : readable) {
            try (Nn4Model model = Nn4Model.load(folder.resolve(name))) {
                assertThat(model.variant()).isEqualTo(variant);
                assertThat(model.embed(faces).values()).as(name).containsExactly(expected, within(1e-6f));
                assertThat(model.passport().threshold().isPresent()).isEqualTo(!name.startsWith("TORCH"));
            }
        }
        assertThatThrownBy(() -> Nn4Model.load(folder.resolve("ONNX")))
                .isInstanceOf(IOException.class)
                .hasMessage(folder.resolve("ONNX")
                        + ": this is an ONNX model: ONNX can be exported but not read, as batch-norm is folded into its"
                        + " weights; load the model it was exported from");
        assertThat(onnx(Files.readAllBytes(folder.resolve("ONNX")), pixels, 3, side))
                .containsExactly(expected, within(1e-5f));
        try (Nn4Model model = Nn4Model.load(folder.resolve("TORCH"))) { // and it learns on
            try (ForwardPass pass = model.forward(batch, model.plan(3, 2L << 30))) {
                assertThat(pass.update(pass.embeddings(), Optimizer.adam(1e-4)).firstNonFinite())
                        .isEmpty();
            }
        }
    }

    @Test
    void anIndependentReaderFindsTheSameTensorsInSafetensors() throws Exception {
        ModelFile.Contents network = Examples.network(Nn4Model.Variant.NN4_SMALL2, 24);
        Path file = folder.resolve("network.safetensors");
        Files.write(file, Examples.bytes(Safetensors::write, network));
        List<String> expected = lines(network.parameters(), "");
        List<String> lines = python("read_safetensors.py", file.toString());
        assertThat(lines).contains("metadata openface.variant NN4_SMALL2");
        assertThat(lines.stream().filter(line -> line.startsWith("tensor ")))
                .containsExactlyInAnyOrderElementsOf(expected);
    }

    /** The weights, what Adam remembers, their average, and the checksum over all. */
    @Test
    void anIndependentReaderFindsTheStateOfATraining() throws Exception {
        Path file = folder.resolve("model-0001.nn4");
        ModelFile.Contents state;
        try (Nn4Model model =
                Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).embeddingSize(16).build()) {
            float[] pixels = new float[3 * 96 * 96 * 3];
            for (int i = 0; i < 3; i++) {
                face(96, i).copyTo(pixels, i * 96 * 96 * 3);
            }
            FaceBatch batch = FaceBatch.of(96, pixels, new int[3]);
            for (int step = 0; step < 2; step++) {
                try (ForwardPass pass = model.forward(batch, model.plan(3, 2L << 30))) {
                    pass.update(pass.embeddings(), Optimizer.adam(1e-4).averaged(0.9));
                }
            }
            try (OutputStream out = Files.newOutputStream(file)) {
                model.writeState(out);
            }
            state = ModelFile.readState(Files.newInputStream(file), Architecture.NN4_SMALL2, 16);
            assertThat(state.parameters().hash()).isEqualTo(model.weightsHash());
        }
        List<String> expected = lines(state.parameters(), "");
        expected.addAll(lines(state.memory().average().orElseThrow(), "openface.average."));
        int array = 0;
        for (Architecture.TensorSpec spec : state.parameters().specs()) {
            if (spec.trained()) {
                for (String moment : List.of("exp_avg", "exp_avg_sq")) {
                    float[] values = state.memory().memory().get(array++);
                    expected.add(line("openface.optimizer." + moment + "." + spec.name(), spec, values));
                }
            }
        }
        List<String> lines = python("read_safetensors.py", file.toString());
        assertThat(lines)
                .contains(
                        "metadata openface.version 5", "metadata openface.optimizer Adam", "metadata openface.steps 2");
        assertThat(lines.stream().filter(line -> line.startsWith("metadata openface.sha256 ")))
                .hasSize(1);
        assertThat(lines.stream().filter(line -> line.startsWith("tensor ")))
                .containsExactlyInAnyOrderElementsOf(expected);
    }

    private static List<String> lines(Parameters parameters, String prefix) {
        List<String> lines = new ArrayList<>();
        for (Architecture.TensorSpec spec : parameters.specs()) {
            lines.add(line(prefix + spec.name(), spec, parameters.get(spec.name())));
        }
        return lines;
    }

    /** As the program in Python prints it. */
    private static String line(String name, Architecture.TensorSpec spec, float[] values) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return "tensor " + name + " " + Joiner.on('x').join(spec.shape()) + " "
                + Hashing.sha256().hashBytes(bytes.array());
    }

    /** ONNX's own description of its messages, as ND4J brings it along: it shares no code with the writer. */
    @ParameterizedTest
    @EnumSource(Nn4Model.Variant.class)
    void onnxIsWhatItsDescriptionSays(Nn4Model.Variant variant) throws Exception {
        ModelFile.Contents network = Examples.network(variant, 8);
        ModelPassport passport = ModelPassport.EMPTY.withThreshold(0.9, 0.1).withCount("images", 7);
        ModelFile.Contents known = new ModelFile.Contents(
                network.network(), 8, network.parameters(), network.memory(), passport.toFields());
        Onnx.ModelProto model = Onnx.ModelProto.parseFrom(Examples.bytes(OnnxFile::write, known));
        assertThat(model.getIrVersion()).isEqualTo(7);
        assertThat(model.getOpsetImportList()).hasSize(1);
        assertThat(model.getOpsetImport(0).getVersion()).isEqualTo(12);
        Map<String, String> metadata = new HashMap<>();
        model.getMetadataPropsList().forEach(entry -> metadata.put(entry.getKey(), entry.getValue()));
        assertThat(metadata.remove("openface.variant")).isEqualTo(variant.name());
        Map<String, String> fields = new HashMap<>();
        metadata.forEach((key, value) -> fields.put(key.substring("openface.".length()), value));
        assertThat(ModelPassport.read(fields)).isEqualTo(passport);

        Onnx.GraphProto graph = model.getGraph();
        long side = variant.architecture().imageSize();
        assertThat(sides(graph.getInputList(), "images")).containsExactly(0L, 3L, side, side); // 0: any number
        assertThat(sides(graph.getOutputList(), "embeddings")).containsExactly(0L, 8L);
        Set<String> there = new HashSet<>(Set.of("images"));
        for (Onnx.TensorProto tensor : graph.getInitializerList()) {
            long count = tensor.getDimsList().stream().reduce(1L, Math::multiplyExact);
            int bytes = tensor.getDataType() == Onnx.TensorProto.DataType.FLOAT_VALUE ? 4 : 8;
            assertThat(tensor.getRawData().size()).as(tensor.getName()).isEqualTo((int) count * bytes);
            assertThat(there.add(tensor.getName())).as(tensor.getName()).isTrue();
        }
        for (Onnx.NodeProto node : graph.getNodeList()) { // in an order in which each finds its inputs
            assertThat(there).as(node.getName()).containsAll(node.getInputList());
            assertThat(there.add(node.getOutput(0))).as(node.getName()).isTrue();
        }
        assertThat(there).contains("embeddings");
        assertThat(graph.getNodeList().stream().filter(node -> node.getOpType().equals("Conv")))
                .hasSize(variant.architecture().convolutions().size());
    }

    private static List<Long> sides(List<Onnx.ValueInfoProto> values, String name) {
        assertThat(values).hasSize(1);
        assertThat(values.get(0).getName()).isEqualTo(name);
        return values.get(0).getType().getTensorType().getShape().getDimList().stream()
                .map(Onnx.TensorShapeProto.Dimension::getDimValue)
                .toList();
    }

    @Test
    void onnxRuntimeFindsThePassport() throws Exception {
        ModelFile.Contents network = Examples.network(Nn4Model.Variant.NN4_SMALL2, 8);
        ModelFile.Contents known = new ModelFile.Contents(
                network.network(),
                8,
                network.parameters(),
                network.memory(),
                ModelPassport.EMPTY.withThreshold(0.9).toFields());
        try (OrtSession session = OrtEnvironment.getEnvironment()
                .createSession(Examples.bytes(OnnxFile::write, known), new OrtSession.SessionOptions())) {
            assertThat(session.getMetadata().getCustomMetadata())
                    .containsEntry("openface.variant", "NN4_SMALL2")
                    .containsEntry("openface.preprocessing", ModelPassport.RGB)
                    .containsEntry("openface.threshold", "0.9");
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Nn4Model.Variant.class,
            names = {"NN4_SMALL2", "NN4_SMALL2_V1", "NN2"})
    void onnxRuntimeAndPyTorchEmbedAsWeDo(Nn4Model.Variant variant) throws Exception {
        embedsInOtherPrograms(variant, false);
    }

    @ParameterizedTest
    @EnumSource
    @Tag("soak")
    void allOfThemAlsoFromText(Nn4Model.Variant variant) throws Exception {
        embedsInOtherPrograms(variant, true);
        embedsInOtherPrograms(variant, false);
    }

    private void embedsInOtherPrograms(Nn4Model.Variant variant, boolean ascii) throws Exception {
        ModelFile.Contents network = Examples.network(variant, 24);
        int side = variant.architecture().imageSize();
        float[] pixels = Reference.pixels(2, side);
        float[] expected;
        try (Runner executor =
                new OneDnnRunner(Lowering.of(new Nn4Graph(variant.architecture(), 24, true).sameDiff()))) {
            expected = executor.embed(network.parameters(), pixels, 2);
        }
        assertThat(onnx(Examples.bytes(OnnxFile::write, network), pixels, 2, side))
                .as("ONNX Runtime")
                .containsExactly(expected, within(1e-5f));
        Path file = folder.resolve("network.t7");
        Files.write(file, Examples.bytes((out, c) -> TorchNetwork.write(out, c, ascii), network));
        List<String> lines = python("read_t7.py", file.toString(), Integer.toString(side), "2");
        long trained = network.parameters().trainedCount();
        long values = network.parameters().specs().stream()
                .mapToLong(Architecture.TensorSpec::length)
                .sum();
        assertThat(lines.get(0)).endsWith(" values " + (values + trained)); // the gradients, too
        Assumptions.assumeTrue(lines.size() > 1, "PyTorch is not there");
        List<Float> embeddings = new ArrayList<>();
        for (String line : lines.subList(1, lines.size())) {
            Splitter.on(' ').split(line).forEach(word -> embeddings.add(Float.valueOf(word)));
        }
        assertThat(embeddings).hasSize(expected.length);
        for (int i = 0; i < expected.length; i++) {
            assertThat(embeddings.get(i)).as("PyTorch").isCloseTo(expected[i], within(1e-5f));
        }
    }

    /** Runs one of our readers in Python; skips the rest of the test where there is no Python. */
    private static List<String> python(String script, String... arguments) throws IOException, InterruptedException {
        Path python = Path.of("/usr/bin/python3");
        Assumptions.assumeTrue(Files.isExecutable(python), "Python is not there");
        List<String> command = new ArrayList<>(List.of(
                python.toString(), Path.of("src", "test", "python", script).toString()));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(output).isZero();
        return output.lines().toList();
    }

    private static float[] onnx(byte[] model, float[] pixels, int images, int side) throws OrtException {
        float[] planes = new float[pixels.length];
        for (int n = 0; n < images; n++) {
            for (int at = 0; at < side * side; at++) {
                for (int c = 0; c < 3; c++) {
                    planes[(n * 3 + c) * side * side + at] = pixels[(n * side * side + at) * 3 + c];
                }
            }
        }
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        try (OrtSession session = environment.createSession(model, new OrtSession.SessionOptions());
                OnnxTensor input = OnnxTensor.createTensor(
                        environment, FloatBuffer.wrap(planes), new long[] {images, 3, side, side});
                OrtSession.Result result = session.run(Map.of("images", input))) {
            float[][] rows = (float[][]) result.get("embeddings").orElseThrow().getValue();
            float[] all = new float[images * rows[0].length];
            for (int n = 0; n < images; n++) {
                System.arraycopy(rows[n], 0, all, n * rows[0].length, rows[0].length);
            }
            return all;
        }
    }
}
