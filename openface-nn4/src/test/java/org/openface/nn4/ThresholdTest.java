package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.drawn.DrawnFaces;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.FaceEmbedder.Calibration;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;
import org.openface.core.embedding.TrainableEmbedder.TrainingRecord;
import org.openface.core.eval.Verification;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.triplet.training.Trainer;
import org.openface.triplet.training.TrainingResult;

/** A model answers whether two faces are of one person, and only with a threshold of its present weights. */
@Tag("native")
class ThresholdTest {
    @TempDir
    private Path folder;

    private Nn4Model model;

    @BeforeEach
    void make() {
        model = Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).embeddingSize(16).build();
    }

    @AfterEach
    void close() {
        model.close();
    }

    private static void step(Nn4Model model) {
        FaceBatch batch = FaceBatch.of(96, Reference.pixels(4, 96), new int[] {0, 0, 1, 1});
        try (ForwardPass pass = model.forward(batch, model.plan(4, Long.MAX_VALUE))) {
            pass.update(new EmbeddingBatch(16, Reference.uniform(5, 4 * 16)), Optimizer.adam(1e-3));
        }
    }

    private static RgbImage face(int seed) {
        byte[] rgb = new byte[3 * 96 * 96];
        new java.util.SplittableRandom(seed).nextBytes(rgb);
        return RgbImage.of(96, 96, rgb);
    }

    private OptionalDouble threshold() {
        return model.passport().threshold();
    }

    @Test
    void isDroppedWhenWeightsOrStatisticsChange() throws IOException {
        ByteArrayOutputStream state = new ByteArrayOutputStream();
        model.setPassport(model.passport().withThreshold(0.9));
        model.writeState(state);
        try (ForwardPass pass =
                model.forward(FaceBatch.of(96, Reference.pixels(4, 96), new int[4]), model.plan(4, Long.MAX_VALUE))) {
            assertThat(pass.embeddings().size()).isEqualTo(4);
        }
        assertThat(threshold()).hasValue(0.9); // the pass was dropped
        step(model);
        assertThat(threshold()).isEmpty();
        model.setPassport(model.passport().withThreshold(0.8));
        model.estimateBatchStatistics(List.of(face(1), face(2)), 2);
        assertThat(threshold()).isEmpty();
        model.setPassport(model.passport().withThreshold(0.7, 0.1));
        model.readState(new ByteArrayInputStream(state.toByteArray()));
        assertThat(threshold()).hasValue(0.9); // the state's own
        model.setPassport(model.passport().withCount("mine", 1));
        model.forgetOptimizer();
        assertThat(threshold()).hasValue(0.9); // as what embeds has not changed
    }

    @Test
    void isBoundToWhatItWasMeasuredWith() throws IOException {
        model.setPassport(model.passport().withThreshold(0.9));
        ModelPassport passport = model.passport();
        assertThat(passport.thresholdWeights()).isEqualTo(model.fingerprint());
        Path file = folder.resolve("model.safetensors");
        model.export(file, Nn4Model.Format.SAFETENSORS);
        try (Nn4Model loaded = Nn4Model.load(file)) {
            assertThat(loaded.passport()).isEqualTo(passport);
        }
        step(model);
        model.setPassport(passport); // of weights that are gone
        assertThat(threshold()).isEmpty();
        // Another tool trains on, and keeps the metadata it does not know.
        byte[] changed = Files.readAllBytes(file);
        changed[changed.length - 3] ^= 1;
        Files.write(file, changed);
        try (Nn4Model loaded = Nn4Model.load(file)) {
            assertThat(loaded.passport().threshold()).isEmpty();
        }
    }

    @Test
    void aTrainingsThresholdIsOneOfThePresentWeights() {
        TrainingRecord record = new TrainingRecord(
                Optional.empty(), OptionalDouble.of(0.9), OptionalDouble.of(0.1), new TreeMap<>(), new TreeMap<>());
        model.describe(record);
        assertThat(threshold()).hasValue(0.9);
        step(model);
        assertThat(threshold()).isEmpty();
    }

    @Test
    void isFilledInByAnEvaluationOfTheseWeightsIfThereIsNone() {
        String before = model.fingerprint().orElseThrow();
        model.calibrate(new Calibration(before, 0.9, 0.1));
        assertThat(threshold()).hasValue(0.9);
        model.calibrate(new Calibration(before, 0.5, 0.1)); // to measure is not to change
        assertThat(threshold()).hasValue(0.9);
        step(model);
        model.calibrate(new Calibration(before, 0.7, 0.1)); // measured while training went on
        assertThat(threshold()).isEmpty();
    }

    @Test
    void tellsWhetherTwoFacesAreOfOnePerson() {
        assertThatThrownBy(() -> model.samePerson(face(1), face(2)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("no threshold")
                .hasMessageContaining("Verification.pairs");
        double distance = model.embed(face(1)).squaredDistance(model.embed(face(2)));
        model.setPassport(model.passport().withThreshold(Math.nextUp(distance)));
        assertThat(model.samePerson(model.embed(face(1)), model.embed(face(2)))).isTrue();
        model.setPassport(model.passport().withThreshold(distance)); // below it, as in verification
        assertThat(model.samePerson(model.embed(face(1)), model.embed(face(2)))).isFalse();
        model.setPassport(model.passport().withThreshold(distance / 2));
        assertThat(model.samePerson(face(1), face(2))).isFalse();
        assertThat(model.samePerson(face(1), face(1))).isTrue();
    }

    @Test
    void isThereAfterTheReadmesRecipe() throws IOException {
        DrawnFaces.of(1).writeTo(folder.resolve("faces"), 4, 4);
        FaceDataset faces = FaceDataset.index(folder.resolve("faces"));
        Trainer.Builder trainer = Trainer.builder()
                .model(model)
                .trainingSet(faces)
                .workDirectory(folder.resolve("work"))
                .identitiesPerBatch(3)
                .imagesPerIdentity(3)
                .batchesPerEpoch(2)
                .optimizer(Optimizer.adam(1e-3).averaged(0.9))
                .plots(false)
                .epochs(1);
        TrainingResult trained = trainer.fit();
        Verification.Result result = Verification.pairs(faces).evaluate(model);
        Path file = folder.resolve("model.nn4");
        model.save(file);
        RgbImage one = ImageFiles.read(faces.faces().get(0).file()).resized(96, 96);
        RgbImage two = ImageFiles.read(faces.faces().get(5).file()).resized(96, 96);
        try (Nn4Model saved = Nn4Model.load(file);
                Nn4Model checkpoint = Nn4Model.load(trained.modelFile())) {
            assertThat(saved.passport().threshold()).hasValue(result.threshold());
            assertThat(saved.passport().thresholdHalfWidth()).hasValue(result.thresholdHalfWidth());
            assertThat(saved.embed(one)).isEqualTo(checkpoint.embed(one));
            assertThat(saved.samePerson(one, two))
                    .isEqualTo(model.embed(one).squaredDistance(model.embed(two)) < result.threshold());
            // The weights that were averaged are in the checkpoint, and training goes on from them.
            assertThat(checkpoint.weightsHash()).isEqualTo(trained.weightsHash());
            assertThat(saved.weightsHash()).isNotEqualTo(trained.weightsHash());
        }
    }

    @Test
    void aSavedFileKeepsThePermissionsOfTheOneBefore() throws IOException {
        assumeTrue(folder.getFileSystem().supportedFileAttributeViews().contains("posix"));
        Path file = folder.resolve("model.nn4");
        model.save(file);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
        model.save(file);
        model.export(file, Nn4Model.Format.SAFETENSORS);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-r-----");
        Path missing = folder.resolve("missing");
        assertThatThrownBy(() -> model.export(missing.resolve("face.onnx"), Nn4Model.Format.ONNX))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(missing.resolve("face.onnx") + ": its folder does not exist")
                .message()
                .doesNotContain(".tmp");
    }

    @Test
    void imagesPreparedOtherwiseAreNoneOfItsPassport() {
        ModelPassport other = ModelPassport.ofFields(Map.of("preprocessing", "BGR 0..255"));
        assertThatThrownBy(() -> model.setPassport(other))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("BGR 0..255");
    }
}
