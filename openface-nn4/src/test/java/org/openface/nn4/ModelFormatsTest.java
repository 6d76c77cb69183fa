package org.openface.nn4;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.hash.Hashing;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.openface.core.embedding.TrainingRecord;
import org.openface.core.image.AlignmentProfile;
import org.openface.nn4.Architecture.TensorSpec;
import org.openface.nn4.TorchFile.Storage;
import org.openface.nn4.TorchFile.Table;
import org.openface.nn4.TorchFile.Tensor;
import org.openface.nn4.TorchFile.TorchModule;

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

    @Test
    void thePassportTravelsAlong() throws IOException {
        ModelPassport passport = ModelPassport.EMPTY
                .withAlignment(profile("haar"))
                .withThreshold(0.99, 0.03)
                .withCount("identities", 12)
                .withHash("trainingSet", "0123456789abcdef");
        ModelFile.Contents network = new ModelFile.Contents(
                SMALL.variant(), SMALL.embeddingSize(), SMALL.parameters(), SMALL.memory(), passport);
        assertThat(ModelFormats.read(Examples.bytes(ModelFile::write, network)).passport())
                .isEqualTo(passport);
        assertThat(ModelFormats.read(Examples.bytes(Safetensors::write, network))
                        .passport())
                .isEqualTo(passport);
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
        assertThat(read.passport()).isEqualTo(ModelPassport.EMPTY);
    }

    /** Whose passport said in words how faces are aligned. */
    @Test
    void aFileOfVersionTwoStillLoads() throws IOException {
        ModelPassport passport = ModelPassport.EMPTY.withThreshold(0.9).withCount("images", 7);
        byte[] now = Examples.bytes(
                ModelFile::write,
                new ModelFile.Contents(
                        SMALL.variant(), SMALL.embeddingSize(), SMALL.parameters(), SMALL.memory(), passport));
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
        assertThat(read.passport()).isEqualTo(passport);
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
        TorchFile.write(out, tree, false);
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
}
