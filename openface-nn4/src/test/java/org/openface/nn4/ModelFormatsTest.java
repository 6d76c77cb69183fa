package org.openface.nn4;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.hash.Hashing;
import com.sun.management.ThreadMXBean;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.openface.core.embedding.TrainableEmbedder.TrainingRecord;
import org.openface.core.image.AlignmentProfile;
import org.openface.nn4.internal.format.ModelFile;
import org.openface.nn4.internal.format.ModelFormats;
import org.openface.nn4.internal.format.OnnxFile;
import org.openface.nn4.internal.format.Safetensors;
import org.openface.nn4.internal.format.TorchNetwork;
import org.openface.nn4.internal.format.TorchValues.Storage;
import org.openface.nn4.internal.format.TorchValues.Table;
import org.openface.nn4.internal.format.TorchValues.Tensor;
import org.openface.nn4.internal.format.TorchValues.TorchModule;
import org.openface.nn4.internal.format.TorchWriter;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;

class ModelFormatsTest {
    private static final ModelFile.Contents SMALL = Examples.network(Nn4Model.Variant.NN4_SMALL2, 8);

    @ParameterizedTest
    @EnumSource(Nn4Model.Variant.class)
    void everyNetworkComesBackFromTorchAndSafetensors(Nn4Model.Variant variant) throws IOException {
        ModelFile.Contents network = Examples.network(variant, 5);
        Examples.assertSame(
                ModelFormats.read(Examples.bytes((out, c) -> TorchNetwork.write(out, c, false), network)), network);
        Examples.assertSame(ModelFormats.read(Examples.bytes(Safetensors::write, network)), network);
    }

    @Test
    void comesBackFromTorchAsText() throws IOException {
        byte[] text = Examples.bytes((out, c) -> TorchNetwork.write(out, c, true), SMALL);
        assertThat(new String(text, 0, 8, UTF_8)).isEqualTo("4\n1\n3\nV ");
        Examples.assertSame(ModelFormats.read(text), SMALL);
    }

    private static AlignmentProfile profile(String detector) {
        return new AlignmentProfile(detector, "dlib-68 sha256:00ff", "OUTER_EYES_AND_NOSE", "openface", 96, "0.1.0");
    }

    private static ModelPassport passport(byte[] file) throws IOException {
        return ModelPassport.read(ModelFormats.read(file).passport());
    }

    @Test
    void thePassportTravelsAlong() throws IOException {
        ModelPassport passport = ModelPassport.EMPTY
                .withAlignment(profile("haar"))
                .withThreshold(0.99, 0.03)
                .withCount("identities", 12)
                .withHash("trainingSet", "0123456789abcdef");
        ModelFile.Contents network = new ModelFile.Contents(
                SMALL.network(), SMALL.embeddingSize(), SMALL.parameters(), SMALL.memory(), passport.toFields());
        assertThat(passport(Examples.bytes(ModelFile::write, network))).isEqualTo(passport);
        assertThat(passport(Examples.bytes(EarlierWriter::write, network))).isEqualTo(passport);
        assertThat(passport(Examples.bytes(Safetensors::write, network))).isEqualTo(passport);
    }

    @Test
    void aTrainingFillsThePassportAndLeavesTheOwnersEntries() {
        ModelPassport before =
                ModelPassport.EMPTY.withThreshold(1.1, 0.2).withCount("mine", 1).withAlignment(profile("haar"));
        SortedMap<String, Long> counts = new TreeMap<>(Map.of("images", 7L));
        SortedMap<String, String> hashes = new TreeMap<>(Map.of("trainingSet", "00ff00ff"));
        TrainingRecord evaluated = new TrainingRecord(
                Optional.of(profile("yunet")), OptionalDouble.of(0.9), OptionalDouble.of(0.1), counts, hashes);
        assertThat(before.after(evaluated))
                .isEqualTo(ModelPassport.EMPTY
                        .withAlignment(profile("yunet"))
                        .withThreshold(0.9, 0.1)
                        .withCount("mine", 1)
                        .withCount("images", 7)
                        .withHash("trainingSet", "00ff00ff"));
        // Faces of unknown alignment say nothing against the known one; other weights take the threshold away.
        TrainingRecord unknown = new TrainingRecord(
                Optional.empty(), OptionalDouble.empty(), OptionalDouble.empty(), new TreeMap<>(), new TreeMap<>());
        assertThat(before.after(unknown).alignment()).contains(profile("haar"));
        assertThat(before.after(unknown).threshold()).isEmpty();
    }

    @Test
    void aPassportTakesNoPathsAndNoNames() {
        assertThatThrownBy(() -> ModelPassport.EMPTY.withAlignment(profile("/home/jane/faces")))
                .hasMessageContaining("alignment's detector (/home/jane/faces) must be");
        assertThatThrownBy(() -> ModelPassport.EMPTY.withHash("trainingSet", "Jane Doe"))
                .hasMessageContaining("no hexadecimal digest");
        assertThatThrownBy(() -> ModelPassport.EMPTY.withCount("a/b", 1)).hasMessageContaining("a/b");
        assertThatThrownBy(() -> ModelPassport.EMPTY.withThreshold(-1)).hasMessageContaining("threshold");
    }

    /** As the first version of this library wrote it. */
    @Test
    void aFileOfVersionOneStillLoads() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        byte[] header = "variant=NN4_SMALL2\nembeddingSize=8\noptimizer=\nsteps=0\n".getBytes(UTF_8);
        out.write("OPENFACE".getBytes(UTF_8));
        out.write(new byte[] {1, 0, 0, 0, (byte) header.length, 0, 0, 0});
        out.write(header);
        for (TensorSpec spec : SMALL.parameters().specs()) {
            ByteBuffer floats = ByteBuffer.allocate(4 * spec.length()).order(ByteOrder.LITTLE_ENDIAN);
            floats.asFloatBuffer().put(SMALL.parameters().get(spec.name()));
            out.write(floats.array());
        }
        out.write(Hashing.sha256().hashBytes(out.toByteArray()).asBytes());
        ModelFile.Contents read = ModelFormats.read(out.toByteArray());
        Examples.assertSame(read, SMALL);
        assertThat(ModelPassport.read(read.passport())).isEqualTo(ModelPassport.EMPTY);
    }

    /** Whose passport said in words how faces are aligned. */
    @Test
    void aFileOfVersionTwoStillLoads() throws IOException {
        ModelPassport passport = ModelPassport.EMPTY.withThreshold(0.9).withCount("images", 7);
        byte[] now = Examples.bytes(
                EarlierWriter::write,
                new ModelFile.Contents(
                        SMALL.network(),
                        SMALL.embeddingSize(),
                        SMALL.parameters(),
                        SMALL.memory(),
                        passport.toFields()));
        int length = ByteBuffer.wrap(now).order(ByteOrder.LITTLE_ENDIAN).getInt(12);
        byte[] header = ("alignment=eye centres, 96 px\n" + new String(now, 16, length, UTF_8)).getBytes(UTF_8);
        ByteBuffer then =
                ByteBuffer.allocate(now.length - length + header.length - 32).order(ByteOrder.LITTLE_ENDIAN);
        then.put(now, 0, 8).putInt(2).putInt(header.length).put(header).put(now, 16 + length, now.length - 48 - length);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(then.array());
        out.write(Hashing.sha256().hashBytes(then.array()).asBytes());
        ModelFile.Contents read = ModelFormats.read(out.toByteArray());
        Examples.assertSame(read, SMALL);
        assertThat(ModelPassport.read(read.passport())).isEqualTo(passport);
    }

    @Test
    void aHeaderThatClaimsMoreThanTheFileHasIsRefusedAtOnce() {
        byte[] header = "variant=NN2\nembeddingSize=65536\noptimizer=Adam\nsteps=0\n".getBytes(UTF_8);
        ByteBuffer file = ByteBuffer.allocate(16 + header.length).order(ByteOrder.LITTLE_ENDIAN);
        file.put("OPENFACE".getBytes(UTF_8)).putInt(2).putInt(header.length).put(header);
        assertThatThrownBy(() -> ModelFormats.read(file.array())).hasMessageContaining("cut short");
    }

    @Test
    void safetensorsWithPyTorchsNamesAndNoMetadata() throws IOException {
        byte[] file = Examples.bytes(Safetensors::write, SMALL);
        int length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
        String header = new String(file, 8, length, UTF_8)
                .replaceAll("\"__metadata__\":\\{[^}]*\\},", "")
                .replaceAll("\"((conv\\d|inception_[^.\"]*\\.[^.\"]*))\\.(weight|bias)\"", "\"$1.conv.$3\"");
        assertThat(header).contains("\"inception_3a.3x3_reduce.conv.weight\"").doesNotContain("variant");
        byte[] text = header.getBytes(UTF_8);
        ByteBuffer renamed =
                ByteBuffer.allocate(file.length - length + text.length).order(ByteOrder.LITTLE_ENDIAN);
        renamed.putLong(text.length).put(text).put(file, 8 + length, file.length - 8 - length);
        Examples.assertSame(ModelFormats.read(renamed.array()), SMALL);
    }

    @Test
    void saysWhatToDoWithPyTorchsOwnFiles() {
        assertThatThrownBy(() -> ModelFormats.read("PK\3\4 and more".getBytes(UTF_8)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("safetensors.torch.save_file");
    }

    // ---- what OpenFace's own files have and ours have not

    private static ModelFile.Contents read(TorchModule tree) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        TorchWriter.write(out, tree, false);
        return ModelFormats.read(out.toByteArray());
    }

    private static TorchModule child(TorchModule parent, int... path) {
        TorchModule module = parent;
        for (int index : path) {
            module = (TorchModule) ((Table) module.fields.get("modules")).get((double) index);
        }
        return module;
    }

    @Test
    void readsWeightsThatLieInOneStorage() throws IOException {
        TorchModule tree = TorchNetwork.tree(SMALL);
        float[] flat = new float[SMALL.parameters().get("conv1.weight").length + 64];
        System.arraycopy(SMALL.parameters().get("conv1.weight"), 0, flat, 0, flat.length - 64);
        System.arraycopy(SMALL.parameters().get("conv1.bias"), 0, flat, flat.length - 64, 64);
        Storage storage = Storage.of(flat);
        Tensor weight = (Tensor) child(tree, 1).fields.get("weight");
        weight.storage = storage;
        Tensor bias = (Tensor) child(tree, 1).fields.get("bias");
        bias.storage = storage;
        bias.offset = flat.length - 64L;
        Examples.assertSame(read(tree), SMALL);
    }

    @Test
    void readsOlderFields() throws IOException {
        TorchModule tree = TorchNetwork.tree(SMALL);
        Table conv = child(tree, 1).fields;
        conv.entries.remove("padW");
        conv.entries.remove("padH");
        conv.put("padding", 3.0);
        Table norm = child(tree, 2).fields;
        float[] variance = SMALL.parameters().get("conv1.bn.running_var");
        float[] inverse = new float[variance.length];
        for (int i = 0; i < variance.length; i++) {
            inverse[i] = (float) (1 / Math.sqrt(variance[i] + 1e-5));
        }
        norm.entries.remove("running_var");
        norm.put("running_std", Tensor.of(inverse, 64));
        float[] read = read(tree).parameters().get("conv1.bn.running_var");
        for (int i = 0; i < read.length; i++) {
            assertThat(read[i]).isCloseTo(variance[i], org.assertj.core.data.Offset.offset(1e-6f));
        }
    }

    @Test
    void readsColumnsBeforeRows() throws IOException {
        TorchModule tree = TorchNetwork.tree(SMALL);
        float[] plain = SMALL.parameters().get("dense.weight"); // 8 x 736
        float[] turned = new float[plain.length];
        for (int i = 0; i < 8; i++) {
            for (int j = 0; j < 736; j++) {
                turned[j * 8 + i] = plain[i * 736 + j];
            }
        }
        TorchModule linear = child(tree, ((Table) tree.fields.get("modules")).entries.size() - 1);
        Tensor weight = Tensor.of(turned, 8, 736);
        weight.stride = new long[] {1, 8};
        linear.fields.put("weight", weight);
        Examples.assertSame(read(tree), SMALL);
    }

    @Test
    void refusesAnotherNetworkAndSaysWhereItDiffers() {
        TorchModule tree = TorchNetwork.tree(SMALL);
        TorchModule pool = child(tree, 14, 1, 3, 1);
        assertThat(pool.type).isEqualTo("nn.SpatialMaxPooling");
        pool.fields.put("dW", 3.0).put("dH", 3.0);
        assertThatThrownBy(() -> read(tree))
                .hasMessageContaining("not NN4_SMALL2: layer")
                .hasMessageContaining("is max pooling 3, stride 3, padding 1")
                .hasMessageContaining("expected was max pooling 3, stride 1, padding 1");
    }

    @Test
    void deserialisesNothingThatIsNotExpected() {
        TorchModule tree = TorchNetwork.tree(SMALL);
        child(tree, 1).fields.put("hook", new TorchModule("os.Execute", 1));
        assertThatThrownBy(() -> read(tree)).hasMessageContaining("class os.Execute, which no nn4 network has");
        byte[] function = {4, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 'V', ' ', '1', 7, 0, 0, 0};
        byte[] file = Arrays.copyOf(function, 64);
        System.arraycopy("nn.ReLU".getBytes(UTF_8), 0, file, function.length, 7);
        file[function.length + 7] = 8; // a function for its fields
        assertThatThrownBy(() -> ModelFormats.read(file)).hasMessageContaining("a Lua function, which is not read");
    }

    @Test
    void refusesModulesThatContainThemselves() {
        TorchModule tree = TorchNetwork.tree(SMALL);
        ((Table) tree.fields.get("modules")).put(1.0, tree);
        assertThatThrownBy(() -> read(tree)).hasMessageContaining("contain each other");
    }

    // ---- safetensors of other programs

    /** A file whose tensors are of the given types, {@code F32} where nothing is said, under the given names. */
    private static byte[] safetensors(
            ModelFile.Contents network, String metadata, Map<String, String> types, UnaryOperator<String> names) {
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        StringBuilder header = new StringBuilder("{" + metadata);
        for (TensorSpec spec : network.parameters().specs()) {
            String type = types.getOrDefault(spec.name(), types.getOrDefault("", "F32"));
            int start = data.size();
            for (float value : network.parameters().get(spec.name())) {
                int bits = Float.floatToRawIntBits(value);
                int half = ((bits >>> 16) & 0x8000) | (((bits >>> 13) & 0x3ffff) - 0x1c000); // of normal numbers
                byte[] bytes =
                        switch (type) {
                            case "F16" -> little(value == 0 ? 0 : half, 2);
                            case "BF16" -> little(bits >>> 16, 2);
                            case "I64" -> little((long) value, 8);
                            default -> little(bits, 4);
                        };
                data.writeBytes(bytes);
            }
            header.append(header.length() > 1 ? "," : "")
                    .append("\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
                            .formatted(names.apply(spec.name()), type, spec.shape(), start, data.size()));
        }
        byte[] text = header.append('}').toString().getBytes(UTF_8);
        ByteBuffer file = ByteBuffer.allocate(8 + text.length + data.size()).order(ByteOrder.LITTLE_ENDIAN);
        return file.putLong(text.length).put(text).put(data.toByteArray()).array();
    }

    private static byte[] little(long value, int bytes) {
        return Arrays.copyOf(
                ByteBuffer.allocate(8)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(value)
                        .array(),
                bytes);
    }

    /** A network of eighths, which every type of number holds. */
    private static ModelFile.Contents eighths() {
        ModelFile.Contents network = Examples.network(Nn4Model.Variant.NN4_SMALL2, 8);
        for (TensorSpec spec : network.parameters().specs()) {
            float[] values = network.parameters().get(spec.name());
            for (int i = 0; i < values.length; i++) {
                values[i] = (i % 15 - 7) / 8f;
            }
        }
        return network;
    }

    @ParameterizedTest
    @ValueSource(strings = {"F16", "BF16"})
    void safetensorsOfHalfPrecisionAreRead(String type) throws IOException {
        ModelFile.Contents network = eighths();
        byte[] file = safetensors(network, "", Map.of("", type), name -> name);
        Examples.assertSame(ModelFormats.read(file), network);
    }

    @Test
    void halfPrecisionIsReadToTheEndsOfItsRange() throws IOException {
        byte[] file = safetensors(eighths(), "", Map.of("dense.bias", "F16"), name -> name); // the last tensor
        int[] halves = {0x0001, 0x83ff, 0x0400, 0x3c00, 0x7bff, 0x8000, 0x3555, 0xc000};
        ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 8; i++) {
            bytes.putShort(file.length - 16 + 2 * i, (short) halves[i]);
        }
        assertThat(ModelFormats.read(file).parameters().get("dense.bias"))
                .containsExactly(0x1p-24f, -0x3ffp-24f, 0x1p-14f, 1, 65504, -0f, 0x1.554p-2f, -2);
    }

    @Test
    void wholeNumbersAreNoWeightsInSafetensors() {
        byte[] file = safetensors(eighths(), "", Map.of("dense.weight", "I64"), name -> name);
        assertThatThrownBy(() -> ModelFormats.read(file))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("dense.weight has the type I64; F16, BF16, F32 and F64 can be read");
    }

    @Test
    void aTensorUnderTwoNamesIsRefused() {
        byte[] one = plain(eighths());
        int end = one.length
                - 8
                - (int) ByteBuffer.wrap(one).order(ByteOrder.LITTLE_ENDIAN).getLong();
        byte[] file = replaced(
                Arrays.copyOf(one, one.length + 256),
                "{",
                "{\"conv1.conv.bias\":{\"dtype\":\"F32\",\"shape\":[64],\"data_offsets\":[%d,%d]},"
                        .formatted(end, end + 256));
        assertThatThrownBy(() -> ModelFormats.read(file)) // one would silently take the other's place
                .isInstanceOf(IOException.class)
                .hasMessageContaining("conv1.conv.bias and conv1.bias, which are one");
        byte[] twice = safetensors(eighths(), "\"__metadata__\":{},\"__metadata__\":{}", Map.of(), name -> name);
        assertThatThrownBy(() -> ModelFormats.read(twice))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("__metadata__ twice");
        byte[] place = replaced(
                plain(eighths()),
                "\"dtype\":\"F32\",\"shape\":[64]",
                "\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[64]");
        assertThatThrownBy(() -> ModelFormats.read(place))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("dtype twice");
    }

    private static byte[] plain(ModelFile.Contents network) {
        return safetensors(network, "", Map.of(), name -> name);
    }

    /** A safetensors file with the first occurrence of something in its header replaced. */
    private static byte[] replaced(byte[] file, String old, String by) {
        int length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
        String before = new String(file, 8, length, UTF_8);
        assertThat(before).contains(old);
        byte[] header = before.replaceFirst(Pattern.quote(old), Matcher.quoteReplacement(by))
                .getBytes(UTF_8);
        ByteBuffer changed =
                ByteBuffer.allocate(file.length - length + header.length).order(ByteOrder.LITTLE_ENDIAN);
        return changed.putLong(header.length)
                .put(header)
                .put(file, 8 + length, file.length - 8 - length)
                .array();
    }

    @Test
    void metadataOfOtherToolsAreNoneOfOurs() throws IOException {
        String theirs = "\"__metadata__\":{\"format\":\"pt\",\"variant\":\"fp16\",\"threshold\":\"strict\","
                + "\"count.layers\":\"many\",\"preprocessing\":\"BGR\"}";
        ModelFile.Contents read = ModelFormats.read(safetensors(eighths(), theirs, Map.of(), name -> name));
        Examples.assertSame(read, eighths());
        assertThat(ModelPassport.read(read.passport())).isEqualTo(ModelPassport.EMPTY);
    }

    @Test
    void metadataAsEarlierVersionsWroteThemAreRead() throws IOException {
        String earlier =
                "\"__metadata__\":{\"format\":\"pt\",\"variant\":\"NN4_SMALL2_V1\",\"preprocessing\":\"RGB 0..1\","
                        + "\"threshold\":\"0.75\",\"count.images\":\"7\"}";
        ModelFile.Contents read = ModelFormats.read(safetensors(eighths(), earlier, Map.of(), name -> name));
        assertThat(read.network()).isEqualTo(Architecture.NN4_SMALL2_V1);
        assertThat(ModelPassport.read(read.passport()))
                .isEqualTo(ModelPassport.EMPTY.withThreshold(0.75).withCount("images", 7));
    }

    @Test
    void metadataHaveAPrefixOfTheirOwn() throws IOException {
        byte[] file = Examples.bytes(Safetensors::write, SMALL);
        String start = new String(file, 8, 200, UTF_8);
        assertThat(start).contains("\"openface.variant\":\"NN4_SMALL2\"").doesNotContain("\"variant\"");
    }

    @Test
    void imagesPreparedOtherwiseAreRefused() throws IOException {
        ModelPassport passport = ModelPassport.EMPTY;
        byte[] file = Examples.bytes(Safetensors::write, SMALL);
        assertThatThrownBy(() -> passport(replaced(file, passport.preprocessing(), "BGR 0..255")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("BGR 0..255")
                .hasMessageContaining("RGB 0..1");
        byte[] own =
                ownWithHeader("variant=NN4_SMALL2\nembeddingSize=8\noptimizer=\nsteps=0\npreprocessing=BGR 0..255\n");
        assertThatThrownBy(() -> passport(own))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("BGR 0..255")
                .hasMessageContaining("RGB 0..1");
    }

    /** A sound file of our own format, version 3, with this header and the weights of {@link #SMALL}. */
    private static byte[] ownWithHeader(String text) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        byte[] header = text.getBytes(UTF_8);
        out.write("OPENFACE".getBytes(UTF_8));
        out.write(new byte[] {3, 0, 0, 0, (byte) header.length, 0, 0, 0});
        out.write(header);
        for (TensorSpec spec : SMALL.parameters().specs()) {
            ByteBuffer floats = ByteBuffer.allocate(4 * spec.length()).order(ByteOrder.LITTLE_ENDIAN);
            floats.asFloatBuffer().put(SMALL.parameters().get(spec.name()));
            out.write(floats.array());
        }
        out.write(Hashing.sha256().hashBytes(out.toByteArray()).asBytes());
        return out.toByteArray();
    }

    // ---- what is no model

    @Test
    void saysWhatAnotherFileIs() throws IOException {
        byte[] onnx = Examples.bytes(OnnxFile::write, SMALL);
        assertThatThrownBy(() -> ModelFormats.read(onnx))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("ONNX can be exported but not read");
        Map<String, String> starts = Map.of(
                "\u0089PNG\r\n\u001a\n", "PNG image",
                "\u00ff\u00d8\u00ff\u00e0", "JPEG image",
                "\u0089HDF\r\n\u001a\n", "HDF5",
                "\u001f\u008b\u0008", "gzip");
        starts.forEach((start, name) -> {
            byte[] file = Arrays.copyOf(start.getBytes(ISO_8859_1), 64);
            assertThatThrownBy(() -> ModelFormats.read(file))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("not an OpenFace model")
                    .hasMessageContaining(name);
        });
    }

    @Test
    void aFileThatCannotBeOpenedIsNamedOnce(@TempDir Path folder) {
        Path missing = folder.resolve("missing.nn4");
        assertThatThrownBy(() -> Nn4Model.load(missing))
                .isInstanceOf(IOException.class)
                .hasMessage("there is no file " + missing);
        assertThatThrownBy(() -> Nn4Model.load(folder))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith(folder + ": ")
                .hasMessageContaining("is a folder");
    }

    // ---- more of Torch

    @Test
    void refusesAWeightOfAnotherShape() {
        TorchModule tree = TorchNetwork.tree(SMALL);
        Tensor weight = (Tensor) child(tree, 1).fields.get("weight"); // 64 x 147, of 64 x 3 x 7 x 7
        weight.size = new long[] {147, 64};
        weight.stride = new long[] {64, 1};
        assertThatThrownBy(() -> read(tree))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("conv1.weight has the shape [147, 64], expected was [64, 3, 7, 7]");
        TorchModule other = TorchNetwork.tree(SMALL);
        Tensor bias = (Tensor) child(other, 1).fields.get("bias");
        bias.size = new long[] {8, 8};
        bias.stride = new long[] {8, 1};
        assertThatThrownBy(() -> read(other)).hasMessageContaining("conv1.bias has the shape [8, 8]");
    }

    @Test
    void convolutionsAreReadFlatAndInFourDimensions() throws IOException {
        TorchModule tree = TorchNetwork.tree(SMALL);
        Tensor weight = (Tensor) child(tree, 1).fields.get("weight");
        weight.size = new long[] {64, 3, 7, 7};
        weight.stride = new long[] {147, 49, 7, 1};
        Examples.assertSame(read(tree), SMALL);
    }

    @Test
    void textThatClaimsManyValuesCostsNoMoreThanItCanHold() {
        String start = "4\n1\n3\nV 1\n18\ntorch.FloatStorage\n";
        int size = 4 << 20;
        byte[] file = Arrays.copyOf((start + (size - 100) + "\nx").getBytes(UTF_8), size);
        ThreadMXBean memory = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = memory.getCurrentThreadAllocatedBytes();
        assertThatThrownBy(() -> ModelFormats.read(file)).isInstanceOf(IOException.class);
        assertThat(memory.getCurrentThreadAllocatedBytes() - before).isLessThan(size);
        // as many values as bytes can be: a digit and a space for each
        byte[] densest = Arrays.copyOf((start + size / 2 + "\nx").getBytes(UTF_8), size);
        assertThatThrownBy(() -> ModelFormats.read(densest)).isInstanceOf(IOException.class);
        assertThat(memory.getCurrentThreadAllocatedBytes() - before).isLessThan(4L * size);
    }
}
