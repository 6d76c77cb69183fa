package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.embedding.Embedding;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;
import org.openface.core.image.RgbImage;

@Tag("native")
class AveragedWeightsTest {
    private static final int IMAGES = 8;

    private static void step(Nn4Model model, Optimizer optimizer) {
        FaceBatch batch = FaceBatch.of(
                model.imageSize(), Reference.pixels(IMAGES, model.imageSize()), new int[] {0, 0, 1, 1, 2, 2, 3, 3});
        try (ForwardPass pass = model.forward(batch, model.plan(IMAGES, Long.MAX_VALUE))) {
            float[] gradient = Reference.uniform(5, IMAGES * model.dimension());
            pass.update(new EmbeddingBatch(model.dimension(), gradient), optimizer);
        }
    }

    @Test
    void areEvaluatedWithoutDisturbingTrainingAndLastInItsState() throws IOException {
        RgbImage face = RgbImage.of(96, 96, new byte[3 * 96 * 96]);
        Optimizer optimizer = Optimizer.adam(1e-3).averaged(0.9); // the largest state there is
        try (Nn4Model plain = Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).build();
                Nn4Model model = Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).build();
                Nn4Model other =
                        Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).seed(9).build()) {
            FaceEmbedder averaged = model.averaged();
            assertThat(averaged.embed(face)).isEqualTo(model.embed(face)); // there is no average yet
            assertThatThrownBy(model::becomeAverage).isInstanceOf(IllegalStateException.class);
            for (int i = 0; i < 3; i++) {
                step(plain, Optimizer.adam(1e-3));
                step(model, optimizer);
                averaged.embed(List.of(face, face));
            }
            assertThat(model.weightsHash()).isEqualTo(plain.weightsHash());
            Embedding average = averaged.embed(face);
            assertThat(average).isNotEqualTo(plain.embed(face));

            ByteArrayOutputStream state = new ByteArrayOutputStream();
            model.writeState(state);
            other.readState(new ByteArrayInputStream(state.toByteArray()));
            assertThat(other.averaged().embed(face)).isEqualTo(average);
            other.becomeAverage();
            assertThat(other.embed(face)).isEqualTo(average);
        }
    }

    @Test
    void areWhatEmbedsAndWhatIsSavedWhileTrainingGoesOnFromTheOthers(@TempDir Path folder) throws IOException {
        RgbImage face = RgbImage.of(96, 96, new byte[3 * 96 * 96]);
        Optimizer optimizer = Optimizer.adam(1e-3).averaged(0.9);
        try (Nn4Model model = Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).build()) {
            step(model, optimizer);
            step(model, optimizer);
            Embedding average = model.averaged().embed(face);
            assertThat(model.embed(face)).isEqualTo(average);
            model.save(folder.resolve("own"));
            model.export(folder.resolve("other"), Nn4Model.Format.SAFETENSORS);
            ByteArrayOutputStream state = new ByteArrayOutputStream();
            model.writeState(state);
            Files.write(folder.resolve("state"), state.toByteArray()); // as in a checkpoint
            for (String name : List.of("own", "other", "state")) {
                try (Nn4Model loaded = Nn4Model.load(folder.resolve(name))) {
                    assertThat(loaded.embed(face)).as(name).isEqualTo(average);
                    assertThat(loaded.weightsHash().equals(model.weightsHash()))
                            .as(name)
                            .isEqualTo(name.equals("state"));
                }
            }
            step(model, optimizer);
            try (Nn4Model resumed = Nn4Model.load(folder.resolve("state"))) {
                step(resumed, optimizer);
                assertThat(resumed.weightsHash()).isEqualTo(model.weightsHash());
                assertThat(resumed.embed(face)).isEqualTo(model.embed(face)).isNotEqualTo(average);
            }
        }
    }
}
