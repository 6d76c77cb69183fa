package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.hash.Hashing;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.openface.core.embedding.Embedding;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;
import org.openface.core.embedding.TrainableEmbedder.StepReport;
import org.openface.core.image.RgbImage;

@Tag("native")
class Nn4ModelTest {
    private static final long GIGABYTE = 1L << 30;
    private static Nn4Model model;

    @BeforeAll
    static void make() {
        model = fresh();
    }

    private static Nn4Model fresh() {
        return Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2)
                .embeddingSize(16)
                .seed(2)
                .build();
    }

    @AfterAll
    static void close() {
        model.close();
    }

    private static RgbImage face(long seed) {
        byte[] rgb = new byte[96 * 96 * 3];
        SplittableRandom random = new SplittableRandom(seed);
        random.nextBytes(rgb);
        return RgbImage.of(96, 96, rgb);
    }

    private static double distance(float[] a, float[] b) {
        return Embedding.of(a).squaredDistance(Embedding.of(b));
    }

    private static FaceBatch batch(int images) {
        float[] pixels = new float[images * 96 * 96 * 3];
        for (int i = 0; i < images; i++) {
            face(i).copyTo(pixels, i * 96 * 96 * 3);
        }
        return FaceBatch.of(96, pixels, new int[images]);
    }

    /** One step that pulls every embedding towards the first axis; returns the loss −Σ e₀ before it. */
    private static double step(Nn4Model m, FaceBatch batch) {
        ExecutionPlan plan = m.plan(batch.size(), GIGABYTE);
        try (ForwardPass pass = m.forward(batch, plan)) {
            EmbeddingBatch e = pass.embeddings();
            float[] gradient = new float[e.values().length];
            double loss = 0;
            for (int i = 0; i < e.size(); i++) {
                loss -= e.values()[i * e.dimension()];
                gradient[i * e.dimension()] = -1;
            }
            StepReport report = pass.update(new EmbeddingBatch(e.dimension(), gradient), Optimizer.adam(1e-3));
            assertThat(report.firstNonFinite()).isEmpty();
            assertThat(report.gradientNorm()).isPositive();
            return loss;
        }
    }

    @Test
    void embedsToUnitLengthAndTheSameInAnyCompany() {
        List<RgbImage> faces = new ArrayList<>();
        for (int i = 0; i < 35; i++) { // more than one inference batch
            faces.add(face(i));
        }
        EmbeddingBatch all = model.embed(faces);
        assertThat(all.size()).isEqualTo(35);
        double length = 0;
        for (float v : all.get(34).values()) {
            length += v * v;
        }
        assertThat(length).isCloseTo(1, within(1e-5));
        List<Embedding> stream = model.embed(faces.stream()).toList();
        assertThat(stream).hasSize(35);
        assertThat(stream.get(34).values()).isEqualTo(all.get(34).values());
        assertThat(model.embed(faces.get(34)).squaredDistance(all.get(34))).isLessThan(1e-9);
        assertThat(model.embed(faces.get(0)).squaredDistance(all.get(1))).isPositive();
    }

    @Test
    void learns() {
        try (Nn4Model m = fresh()) {
            FaceBatch batch = batch(6);
            double first = step(m, batch);
            double last = first;
            for (int i = 0; i < 5; i++) {
                last = step(m, batch);
            }
            assertThat(last).isLessThan(first - 1);
        }
    }

    @Test
    void goesOnFromItsStateBitForBit() throws IOException {
        FaceBatch batch = batch(4);
        ByteArrayOutputStream state = new ByteArrayOutputStream();
        String expected;
        float[] expectedMean;
        try (Nn4Model m = fresh()) {
            step(m, batch);
            step(m, batch);
            m.writeState(state);
            step(m, batch);
            step(m, batch);
            expected = m.weightsHash();
            expectedMean = m.parameter("conv3.bn.running_mean");
        }
        try (Nn4Model m = fresh()) {
            m.readState(new ByteArrayInputStream(state.toByteArray()));
            step(m, batch);
            step(m, batch);
            assertThat(m.weightsHash()).isEqualTo(expected);
            assertThat(m.parameter("conv3.bn.running_mean")).isEqualTo(expectedMean);
        }
    }

    @Test
    void aDroppedPassChangesNothing() throws IOException {
        String before = model.weightsHash();
        FaceBatch batch = batch(3);
        ExecutionPlan plan = model.plan(3, GIGABYTE);
        EmbeddingBatch first;
        try (ForwardPass pass = model.forward(batch, plan)) {
            first = pass.embeddings();
        }
        assertThat(model.weightsHash()).isEqualTo(before);
        try (ForwardPass pass = model.forward(batch, plan)) {
            assertThat(pass.embeddings().values()).isEqualTo(first.values());
        }
    }

    @Test
    void aGradientThatIsNoNumberIsNamedAndNotApplied() {
        String before = model.weightsHash();
        try (ForwardPass pass = model.forward(batch(3), model.plan(3, GIGABYTE))) {
            float[] gradient = new float[3 * 16];
            gradient[5] = Float.NaN;
            StepReport report = pass.update(new EmbeddingBatch(16, gradient), Optimizer.adam(1e-3));
            assertThat(report.firstNonFinite()).contains("conv1.weight");
        }
        assertThat(model.weightsHash()).isEqualTo(before);
    }

    @Test
    void refusesCallsOutOfOrder() {
        ExecutionPlan plan = model.plan(3, GIGABYTE);
        try (ForwardPass pass = model.forward(batch(3), plan)) {
            assertThatThrownBy(() -> model.embed(face(1)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("forward pass open");
            EmbeddingBatch zero = new EmbeddingBatch(16, new float[3 * 16]);
            assertThatThrownBy(() -> pass.update(new EmbeddingBatch(16, new float[16]), Optimizer.sgd(0)))
                    .hasMessageContaining("the gradient is 1 x 16, the embeddings are 3 x 16");
            pass.update(zero, Optimizer.sgd(0));
            assertThatThrownBy(() -> pass.update(zero, Optimizer.sgd(0))).isInstanceOf(IllegalStateException.class);
            pass.close();
            assertThatThrownBy(pass::embeddings).isInstanceOf(IllegalStateException.class);
        }
        assertThatThrownBy(() -> model.plan(1000, 1000)).hasMessageContaining("memory budget is 0 MB; raise it");
        assertThat(model.plan(1000, GIGABYTE).chunkSize()).isBetween(90, 250);
        assertThatThrownBy(() -> model.forward(batch(4), plan)).hasMessageContaining("planned were at most 3");
        assertThatThrownBy(() -> model.embed(RgbImage.of(1, 1, new byte[3]))).hasMessageContaining("align");
        Nn4Model closed = fresh();
        closed.close();
        closed.close();
        assertThatThrownBy(() -> closed.embed(face(1)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
    }

    @Test
    void embedsFromSeveralThreadsAndWhileTraining() {
        double[] expected = {model.embed(face(1)).squaredDistance(model.embed(face(2)))};
        List<CompletableFuture<Double>> others = new ArrayList<>();
        try (ForwardPass pass = model.forward(batch(3), model.plan(3, GIGABYTE))) {
            for (int i = 0; i < 4; i++) {
                others.add(CompletableFuture.supplyAsync(
                        () -> model.embed(face(1)).squaredDistance(model.embed(face(2)))));
            }
            assertThat(pass.embeddings().size()).isEqualTo(3);
        }
        for (CompletableFuture<Double> other : others) {
            assertThat(other.join()).isEqualTo(expected[0]);
        }
    }

    @Test
    void savesAndLoads(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("modèle.nn4");
        model.save(file);
        model.save(file);
        assertThat(folder).isDirectoryContaining("glob:**modèle.nn4");
        try (var files = Files.list(folder)) {
            assertThat(files).hasSize(1);
        }
        try (Nn4Model loaded = Nn4Model.load(file)) {
            assertThat(loaded.weightsHash()).isEqualTo(model.weightsHash());
            assertThat(loaded.embed(face(3))).isEqualTo(model.embed(face(3)));
        }
        Files.write(file, new byte[] {1, 2, 3});
        assertThatThrownBy(() -> Nn4Model.load(file))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("modèle.nn4");
    }

    @Test
    void estimatesStatisticsThatMakeInferenceLikeTraining() {
        try (Nn4Model m = fresh()) {
            List<RgbImage> faces = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                faces.add(face(i));
            }
            float[] before = m.embed(faces).values();
            m.estimateBatchStatistics(faces, 8);
            float[] after = m.embed(faces).values();
            float[] inTraining;
            try (ForwardPass pass = m.forward(batch(8), m.plan(8, GIGABYTE))) {
                inTraining = pass.embeddings().values();
            }
            // Not equal: inference takes the unbiased variance, training the biased one.
            assertThat(distance(after, inTraining)).isLessThan(0.05 * distance(before, inTraining));
        }
    }

    private static String state(Nn4Model m) throws IOException {
        ByteArrayOutputStream state = new ByteArrayOutputStream();
        m.writeState(state);
        return Hashing.sha256().hashBytes(state.toByteArray()).toString();
    }

    private static StepReport overflowing(Nn4Model m, Optimizer optimizer) {
        try (ForwardPass pass = m.forward(batch(3), m.plan(3, GIGABYTE))) {
            return pass.update(new EmbeddingBatch(16, Reference.uniform(1001, 3 * 16)), optimizer);
        }
    }

    /** New weights that overflow under a finite gradient, and statistics that do under finite weights. */
    @ParameterizedTest
    @EnumSource(
            value = Nn4Model.Engine.class,
            names = {"ONEDNN", "SAMEDIFF"})
    void aStepToWhatIsNoNumberIsNamedAndLeavesTheStateAlone(Nn4Model.Engine engine) throws IOException {
        try (Nn4Model m = Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2)
                .embeddingSize(16)
                .engine(engine)
                .build()) {
            String before = state(m);
            assertThat(overflowing(m, Optimizer.sgd(1e42)).firstNonFinite()).contains("conv1.weight");
            assertThat(state(m)).isEqualTo(before);

            // Of squares 1e40 no float is the mean.
            m.scale("conv3.weight", 1e20f);
            before = state(m);
            assertThat(overflowing(m, Optimizer.sgd(1e-3)).firstNonFinite()).contains("conv3.bn.running_var");
            assertThat(state(m)).isEqualTo(before);
            assertThatThrownBy(() -> m.estimateBatchStatistics(List.of(face(1), face(2), face(3)), 3))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("conv3.bn.running_var over these faces has values that are NaN or infinite");
            assertThat(state(m)).isEqualTo(before);
        }
    }
}
