package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.hash.Hashing;
import com.google.common.io.Resources;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.openface.core.image.AlignmentProfile;
import org.openface.nn4.internal.format.ModelFile;
import org.openface.nn4.internal.format.ModelFormats;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;

/**
 * Model files of the format before safetensors, as the versions of this library wrote them that knew no other: a training's
 * state of nn4.small2 with embeddings of 1, values by formula, Adam's memory after 12 steps, an average, and a passport.
 */
class EarlierVersionsTest {
    private static byte[] file(int version) throws IOException {
        try (InputStream in =
                new GZIPInputStream(Resources.getResource(EarlierVersionsTest.class, "version-" + version + ".nn4.gz")
                        .openStream())) {
            return in.readAllBytes();
        }
    }

    private static ModelPassport passport(int version) {
        ModelPassport passport = ModelPassport.EMPTY
                .withAlignment(new AlignmentProfile(
                        "haar", "dlib-68 sha256:00ff", "OUTER_EYES_AND_NOSE", "openface", 96, "0.1.0"))
                .withThreshold(0.99, 0.03)
                .withCount("images", 7)
                .withHash("trainingSet", "0123456789abcdef");
        return version < 4 ? passport : passport.of("00112233445566778899aabbccddeeff");
    }

    private static void check(ModelFile.Contents contents, int version) throws IOException {
        assertThat(contents.network()).isEqualTo(Architecture.NN4_SMALL2);
        assertThat(contents.embeddingSize()).isEqualTo(1);
        assertThat(contents.memory().kind()).isEqualTo("Adam");
        assertThat(contents.memory().steps()).isEqualTo(12);
        assertThat(contents.memory().average()).isPresent();
        assertThat(ModelPassport.read(contents.passport())).isEqualTo(passport(version));
        int array = 0;
        for (TensorSpec spec : contents.parameters().specs()) {
            check(contents.parameters().get(spec.name()), array++);
        }
        List<float[]> memory = contents.memory().memory();
        assertThat(memory).hasSize(2 * 4 * 37 + 2 * 2 + 6 * 37 + 2); // 37 convolutions and the linear layer
        for (float[] values : memory) {
            check(values, array++);
        }
    }

    private static void check(float[] values, int array) {
        for (int i = 0; i < values.length; i++) {
            if (values[i] != (i % 16 + 1 + array) / 64f) {
                throw new AssertionError("value " + i + " of array " + array + " is " + values[i]);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "3, c9b63d1fbe459b9874abf95063c83ef64dcba7fe707a7591c03a9c27f68134ab",
        "4, f124052c6879d4d89b61a9d1395ad82abe8a0ef60984dc9c60ac36642ad369cc"
    })
    void aStateIsReadAsItWasWritten(int version, String sha256, @TempDir Path folder) throws IOException {
        byte[] bytes = file(version);
        assertThat(Hashing.sha256().hashBytes(bytes)).hasToString(sha256);
        check(ModelFile.readState(new ByteArrayInputStream(bytes), Architecture.NN4_SMALL2, 1), version);
        Path file = folder.resolve("model-0012.nn4");
        Files.write(file, bytes);
        check(ModelFormats.read(file), version);
        check(ModelFormats.read(bytes), version);
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 4})
    void aTrainingGoesOnFromIt(int version, @TempDir Path folder) throws IOException {
        Path file = folder.resolve("model.nn4");
        Files.write(file, file(version));
        try (Nn4Model loaded = Nn4Model.load(file);
                Nn4Model read = Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2)
                        .embeddingSize(1)
                        .build();
                InputStream in = Files.newInputStream(file)) {
            read.readState(in);
            assertThat(read.weightsHash()).isEqualTo(loaded.weightsHash());
            assertThat(read.fingerprint()).isEqualTo(loaded.fingerprint());
            // Version 3 did not say of which weights a threshold is, version 4 does: here of others.
            Optional<Double> threshold = version < 4 ? Optional.of(0.99) : Optional.empty();
            assertThat(read.passport().threshold().stream().boxed().findFirst()).isEqualTo(threshold);
            // From now on it is written as all are.
            java.io.ByteArrayOutputStream out = new java.io.ByteArrayOutputStream();
            read.writeState(out);
            check(
                    ModelFile.readState(new ByteArrayInputStream(out.toByteArray()), Architecture.NN4_SMALL2, 1)
                            .memory()
                            .memory()
                            .get(0),
                    6 * 37 + 2);
        }
    }

    @Test
    void theWriterOfTheseTestsIsTheOneOfThatTime() throws IOException {
        byte[] bytes = file(4);
        assertThat(Examples.bytes(EarlierWriter::write, ModelFormats.read(bytes)))
                .isEqualTo(bytes);
    }
}
