package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.embedding.Optimizer;
import org.openface.nn4.internal.engine.host.UpdateRule;
import org.openface.nn4.internal.format.ModelFile;
import org.openface.nn4.internal.format.ModelFormats;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.state.OptimizerMemory;

class ModelFileTest {
    private static ModelFile.Contents contents;
    private static byte[] bytes;

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
        bytes = write(contents);
    }

    private static byte[] write(ModelFile.Contents contents) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ModelFile.write(out, contents);
        return out.toByteArray();
    }

    private static ModelFile.Contents read(byte[] file) throws IOException {
        return ModelFile.read(new ByteArrayInputStream(file), file.length);
    }

    @Test
    void readsWhatItWrote() throws IOException {
        ModelFile.Contents read = read(bytes);
        assertThat(read.network()).isEqualTo(contents.network());
        assertThat(read.parameters().hash()).isEqualTo(contents.parameters().hash());
        assertThat(read.memory().steps()).isEqualTo(1);
        assertThat(write(read)).isEqualTo(bytes);
    }

    @Test
    void keepsTheMemoryOfEachOptimizerAndTheAverage() throws IOException {
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
            byte[] file = write(new ModelFile.Contents(
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

    @Test
    void refusesAFileCutShort() {
        for (int length : new int[] {0, 7, 15, 40, bytes.length / 2, bytes.length - 1}) {
            assertThatThrownBy(() -> read(Arrays.copyOf(bytes, length)))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("cut short");
        }
    }

    @Test
    void refusesOtherFilesAndOtherVersions() {
        assertThatThrownBy(() -> read(
                        "this is a text, and a long one at that".getBytes(java.nio.charset.StandardCharsets.UTF_8)))
                .hasMessageContaining("not an OpenFace model");
        byte[] newer = bytes.clone();
        newer[8] = 9;
        assertThatThrownBy(() -> read(newer)).hasMessageContaining("format version 9");
    }

    @Test
    void noticesEveryFlippedBit() {
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 40; i++) {
            // half of them in the header, where a flip could ask for anything
            int at = i % 2 == 0 ? random.nextInt(100) : random.nextInt(bytes.length);
            byte[] changed = bytes.clone();
            changed[at] ^= (byte) (1 << random.nextInt(8));
            assertThatThrownBy(() -> read(changed)).as("byte %s", at).isInstanceOf(IOException.class);
        }
    }

    @Test
    void aStateOfAnotherNetworkIsNamedAndDamageIsNot() throws IOException {
        var specs = Architecture.NN4.tensors(64);
        byte[] file = write(new ModelFile.Contents( // larger than any state of the network below
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
            byte[] damaged = bytes.clone();
            int at = new String(damaged, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf("embeddingSize=8") + 14;
            damaged[at] = '9'; // claims to be another network
            assertThatThrownBy(() -> model.readState(new ByteArrayInputStream(damaged)))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("cut short");
            damaged[at] = '7';
            assertThatThrownBy(() -> model.readState(new ByteArrayInputStream(damaged)))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("damaged: its checksum");
        }
    }

    /** A file is as large as its network, and a stream is not read whole. */
    @Test
    void whatCanBeBuiltCanBeSavedAndLoaded(@TempDir Path folder) throws IOException {
        assertThatThrownBy(() -> Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).embeddingSize((1 << 16) + 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("65536");
        Path file = folder.resolve("large.nn4");
        Files.write(file, bytes);
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(3L << 30); // larger than an array can be, as a state of the largest network nearly is
        }
        assertThat(ModelFormats.read(file).embeddingSize()).isEqualTo(8);
    }
}
