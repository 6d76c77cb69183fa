package org.openface.nn4;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.openface.core.embedding.Optimizer;
import org.openface.nn4.internal.engine.host.UpdateRule;
import org.openface.nn4.internal.format.ModelFile;
import org.openface.nn4.internal.format.ModelFormats;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.state.OptimizerMemory;

class ModelFileTest {
    /** The format that is written now, and the one before it, which is read still. */
    private enum Written {
        NOW(ModelFile::write, "embeddingSize\":\"8\"", 16, "version\":\"5"),
        EARLIER(EarlierWriter::write, "embeddingSize=8", 14, "OPENFACE\4");

        private final Examples.Write write;
        private final String size;
        private final int sizePlace;
        private final String version;

        Written(Examples.Write write, String size, int sizePlace, String version) {
            this.write = write;
            this.size = size;
            this.sizePlace = sizePlace;
            this.version = version;
        }

        byte[] bytes(ModelFile.Contents model) throws IOException {
            return Examples.bytes(write, model);
        }

        byte[] example() {
            return requireNonNull(FILES.get(this));
        }
    }

    private static final Map<Written, byte[]> FILES = new EnumMap<>(Written.class);
    private static ModelFile.Contents contents;

    @BeforeAll
    static void writeOneWithMemory() throws IOException {
        var specs = Architecture.NN4_SMALL2.tensors(8);
        Parameters parameters = Parameters.initial(specs, 7);
        OptimizerMemory memory = new OptimizerMemory(specs);
        Map<String, float[]> gradients = new HashMap<>();
        for (TensorSpec spec : specs) {
            if (spec.trained()) {
                float[] g = new float[spec.length()];
                Arrays.fill(g, 0.5f);
                gradients.put(spec.name(), g);
            }
        }
        new UpdateRule(memory).apply(Optimizer.adam(1e-3), parameters, gradients);
        contents =
                new ModelFile.Contents(Architecture.NN4_SMALL2, 8, parameters, memory, ModelPassport.EMPTY.toFields());
        for (Written written : Written.values()) {
            FILES.put(written, written.bytes(contents));
        }
    }

    private static ModelFile.Contents read(byte[] file) throws IOException {
        return ModelFile.read(new ByteArrayInputStream(file), file.length);
    }

    @ParameterizedTest
    @EnumSource
    void readsWhatItWrote(Written written) throws IOException {
        ModelFile.Contents read = read(written.example());
        assertThat(read.network()).isEqualTo(contents.network());
        assertThat(read.parameters().hash()).isEqualTo(contents.parameters().hash());
        assertThat(read.memory().steps()).isEqualTo(1);
        assertThat(written.bytes(read)).isEqualTo(written.example());
    }

    @ParameterizedTest
    @EnumSource
    void keepsTheMemoryOfEachOptimizerAndTheAverage(Written written) throws IOException {
        var specs = Architecture.NN4_SMALL2.tensors(1);
        Map<String, float[]> gradients = new HashMap<>();
        specs.stream()
                .filter(TensorSpec::trained)
                .forEach(spec -> gradients.put(spec.name(), new float[spec.length()]));
        for (Optimizer optimizer : new Optimizer[] {
            Optimizer.adamW(0.1, 0.1), Optimizer.adaDelta(), Optimizer.rmsProp(0.1), Optimizer.sgd(0.1, 0.9)
        }) {
            Parameters parameters = Parameters.initial(specs, 3);
            OptimizerMemory memory = new OptimizerMemory(specs);
            gradients.get("conv1.weight")[0] = 2;
            new UpdateRule(memory).apply(optimizer, parameters, gradients);
            new UpdateRule(memory).average(optimizer.averaged(0.9), parameters);
            byte[] file = written.bytes(new ModelFile.Contents(
                    Architecture.NN4_SMALL2, 1, parameters, memory, ModelPassport.EMPTY.toFields()));
            OptimizerMemory read = read(file).memory();
            assertThat(read.kind()).isEqualTo(memory.kind());
            assertThat(read.memory()).hasSameSizeAs(memory.memory());
            for (int i = 0; i < read.memory().size(); i++) {
                assertThat(read.memory().get(i)).isEqualTo(memory.memory().get(i));
            }
            assertThat(read.average()).isPresent();
        }
    }

    @ParameterizedTest
    @EnumSource
    void refusesAFileCutShort(Written written) {
        byte[] bytes = written.example();
        for (int length : new int[] {0, 7, 15, 40, bytes.length / 2, bytes.length - 1}) {
            assertThatThrownBy(() -> read(Arrays.copyOf(bytes, length)))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("cut short");
        }
    }

    @ParameterizedTest
    @EnumSource
    void refusesOtherFilesAndOtherVersions(Written written) {
        assertThatThrownBy(() -> read("this is a text, and a long one at that".getBytes(UTF_8)))
                .hasMessageContaining("not an OpenFace model");
        byte[] newer = written.example().clone();
        int at = new String(newer, ISO_8859_1).indexOf(written.version) + written.version.length() - 1;
        newer[at] = (byte) (written == Written.NOW ? '9' : 9);
        assertThatThrownBy(() -> read(newer))
                .hasMessage(
                        "the model has format version 9, this library reads versions 1 to 5; use the library version"
                                + " that wrote it");
    }

    @ParameterizedTest
    @EnumSource
    void noticesEveryFlippedBit(Written written) {
        byte[] bytes = written.example();
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 40; i++) {
            // half of them in the header, where a flip could ask for anything
            int at = i % 2 == 0 ? random.nextInt(100) : random.nextInt(bytes.length);
            byte[] changed = bytes.clone();
            changed[at] ^= (byte) (1 << random.nextInt(8));
            assertThatThrownBy(() -> read(changed)).as("byte %s", at).isInstanceOf(IOException.class);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aStateOfAnotherNetworkIsNamedAndDamageIsNot(Written written) throws IOException {
        var specs = Architecture.NN4.tensors(64);
        byte[] file = written.bytes(new ModelFile.Contents( // larger than any state of the network below
                Architecture.NN4,
                64,
                Parameters.initial(specs, 1),
                OptimizerMemory.restored(specs, "Adam", 1, false),
                ModelPassport.EMPTY.toFields()));
        try (Nn4Model model =
                Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).embeddingSize(8).build()) {
            assertThatThrownBy(() -> model.readState(new ByteArrayInputStream(file)))
                    .isInstanceOf(IOException.class)
                    .hasMessage("the state belongs to NN4 with embeddings of 64, this is NN4_SMALL2 with 8");
            byte[] damaged = written.example().clone();
            int at = new String(damaged, ISO_8859_1).indexOf(written.size) + written.sizePlace;
            damaged[at] = '9'; // claims to be another network
            assertThatThrownBy(() -> model.readState(new ByteArrayInputStream(damaged)))
                    .isInstanceOf(IOException.class)
                    // The earlier format has no other place that says how much follows.
                    .hasMessageContaining(written == Written.NOW ? "damaged: its checksum" : "cut short");
            damaged[at] = '7';
            assertThatThrownBy(() -> model.readState(new ByteArrayInputStream(damaged)))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("damaged: its checksum");
        }
    }

    // ---- what other programs make of it

    /** The same file with another header; the numbers stay. */
    private static byte[] withHeader(UnaryOperator<String> change) {
        byte[] file = Written.NOW.example();
        int length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
        byte[] header =
                change.apply(new String(file, 8, length, UTF_8)).stripTrailing().getBytes(UTF_8);
        return ByteBuffer.allocate(file.length - length + header.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(header.length)
                .put(header)
                .put(file, 8 + length, file.length - 8 - length)
                .array();
    }

    private static String without(String header, String key) {
        String less = header.replaceFirst("\"openface\\." + key + "\":\"[^\"]*\",?", "")
                .replace(",}", "}");
        assertThat(less).isNotEqualTo(header);
        return less;
    }

    @Test
    void theChecksumIsOfWhatItSaysAndNotOfHowItIsLaidOut() throws IOException {
        byte[] file = withHeader(header -> {
            int first = header.indexOf(",\"conv1.weight\"");
            String metadata = header.substring(1, first);
            return "{ " + header.substring(first + 1, header.lastIndexOf('}')) + " ,\n" + metadata + "}";
        });
        assertThat(Written.NOW.bytes(read(file))).isEqualTo(Written.NOW.example());
    }

    @Test
    void whatIsChangedOnPurposeLeavesOutVersionAndChecksum() throws IOException {
        for (String key : List.of("version", "sha256")) {
            assertThatThrownBy(() -> read(withHeader(header -> without(header, key))))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("damaged: its metadata have no openface." + key)
                    .hasMessageContaining("on purpose leaves out openface.version and openface.sha256");
        }
        // What begins with our prefix is no weight of a network, and nothing vouches for it any more.
        byte[] file = withHeader(header -> without(without(header, "version"), "sha256"));
        file[file.length - 1] ^= 1; // of the optimiser's memory
        ModelFile.Contents read = read(file);
        assertThat(read.parameters().hash()).isEqualTo(contents.parameters().hash());
        assertThat(read.memory().kind()).isEmpty();
        assertThat(read.memory().steps()).isZero();
        assertThat(read.network()).isEqualTo(Architecture.NN4_SMALL2);
        byte[] bare = withHeader(header -> header.replaceFirst("\"__metadata__\":\\{[^}]*\\},", ""));
        assertThat(read(bare).parameters().hash())
                .isEqualTo(contents.parameters().hash());
        assertThatThrownBy(() -> ModelFile.readState(new ByteArrayInputStream(bare), Architecture.NN4_SMALL2, 8))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("no state of a training: its metadata have no openface.version");
    }

    @Test
    void everyOptimizersMemoryHasNames() throws IOException {
        for (String kind : List.of("", "Adam", "AdamW", "Sgd", "AdaDelta", "RmsProp")) {
            var specs = Architecture.NN4_SMALL2.tensors(1);
            ModelFile.Contents state = new ModelFile.Contents(
                    Architecture.NN4_SMALL2,
                    1,
                    Parameters.zeros(specs),
                    OptimizerMemory.restored(specs, kind, 3, true),
                    ModelPassport.EMPTY.toFields());
            ModelFile.Contents read = read(Written.NOW.bytes(state));
            assertThat(read.memory().memory()).hasSameSizeAs(state.memory().memory());
            assertThat(OptimizerMemory.arrays(kind) * 4 * 37 + OptimizerMemory.arrays(kind) * 2 + specs.size())
                    .isEqualTo(state.memory().memory().size());
        }
    }

    @Test
    void aHeaderThatClaimsMuchIsRefusedBeforeAnythingIsAllocated() {
        byte[] large = withHeader(header -> header.replace("\"shape\":[8,736]", "\"shape\":[65536,736]"));
        assertThatThrownBy(() -> read(large)).isInstanceOf(IOException.class).hasMessageContaining("dense.weight");
        byte[] endless = new byte[64];
        ByteBuffer.wrap(endless).order(ByteOrder.LITTLE_ENDIAN).putLong(1 << 21).put((byte) '{');
        assertThatThrownBy(() -> ModelFile.readState(new ByteArrayInputStream(endless), Architecture.NN4_SMALL2, 8))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("claims 2097152 bytes");
    }

    /** As a state of the largest network nearly is; it is read as it comes. */
    @Test
    void aFileMayBeLargerThanAnArray(@TempDir Path folder) throws IOException {
        long gap = 3L << 30;
        byte[] file = withHeader(header -> {
            String less =
                    header.replaceFirst("\"__metadata__\":\\{[^}]*\\},", "").stripTrailing();
            long end = Written.NOW.example().length - 8L - header.length();
            return less.substring(0, less.length() - 1)
                    + ",\"openface.gap\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[%d,%d]}}"
                            .formatted(gap / 4, end, end + gap);
        });
        Path large = folder.resolve("large.safetensors");
        Files.write(large, file);
        try (RandomAccessFile sparse = new RandomAccessFile(large.toFile(), "rw")) {
            sparse.setLength(file.length + gap);
        }
        assertThat(ModelFormats.read(large).parameters().hash())
                .isEqualTo(contents.parameters().hash());
    }

    /** A file is as large as its network, and a stream is not read whole. */
    @Test
    void whatCanBeBuiltCanBeSavedAndLoaded(@TempDir Path folder) throws IOException {
        assertThatThrownBy(() -> Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).embeddingSize((1 << 16) + 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("65536");
        Path file = folder.resolve("large.nn4");
        Files.write(file, Written.EARLIER.example());
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(3L << 30); // larger than an array can be, as a state of the largest network nearly is
        }
        assertThat(ModelFormats.read(file).embeddingSize()).isEqualTo(8);
    }
}
