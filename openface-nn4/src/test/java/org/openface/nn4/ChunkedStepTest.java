package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;
import org.openface.nn4.internal.engine.host.Runner;
import org.openface.nn4.internal.engine.onednn.OneDnnProgram;
import org.openface.nn4.internal.engine.onednn.OneDnnRunner;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Lowering;
import org.openface.nn4.internal.network.Nn4Graph;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.network.Plan;
import org.openface.nn4.internal.training.Chunks;

/** Large batches in chunks: the gradient is the whole batch's. */
@Tag("native")
class ChunkedStepTest {
    private static final int IMAGES = 24;
    private static final int PIXELS = 96 * 96 * 3;
    private static final List<TensorSpec> SPECS = Architecture.NN4_SMALL2.tensors(128);

    /** With batch-norm's statistics frozen an image does not see its company, so that chunks must add up exactly. */
    @Test
    void chunksAddUpToTheWholeWhenBatchNormIsFrozen() {
        Parameters parameters = Reference.parameters(SPECS);
        float[] pixels = Reference.pixels(IMAGES, 96);
        float[] gradient = Reference.uniform(1001, IMAGES * 128);
        Plan plan = Lowering.of(new Nn4Graph(Architecture.NN4_SMALL2, 128, true).sameDiff());
        try (Runner batch = new OneDnnRunner(plan);
                Runner frozen = new OneDnnRunner(plan, OneDnnProgram.Mode.TRAINING_FROZEN)) {
            batch.batchStatistics(parameters, pixels, IMAGES).forEach((layer, statistics) -> {
                copy(statistics.mean(), parameters.get(layer + ".bn.running_mean"));
                copy(statistics.variance(), parameters.get(layer + ".bn.running_var"));
            });
            parameters.changed();
            Runner.Pass pass = frozen.forward(parameters, pixels, IMAGES);
            float[] embeddings = pass.embeddings();
            Map<String, float[]> whole = new LinkedHashMap<>();
            pass.backward(gradient).gradients().forEach((name, values) -> whole.put(name, values.clone()));

            Map<String, float[]> sum = new LinkedHashMap<>();
            for (int from = 0; from < IMAGES; from += 8) {
                Runner.Pass part =
                        frozen.forward(parameters, Arrays.copyOfRange(pixels, from * PIXELS, (from + 8) * PIXELS), 8);
                assertThat(part.embeddings())
                        .containsExactly(Arrays.copyOfRange(embeddings, from * 128, (from + 8) * 128), within(1e-5f));
                part.backward(Arrays.copyOfRange(gradient, from * 128, (from + 8) * 128))
                        .gradients()
                        .forEach((name, values) -> sum.merge(name, values.clone(), ChunkedStepTest::add));
            }
            for (TensorSpec spec : SPECS) {
                if (spec.trained()) {
                    assertThat(relativeDistance(sum.get(spec.name()), whole.get(spec.name())))
                            .as(spec.name())
                            .isLessThan(1e-5);
                }
            }
        }
    }

    /**
     * The model's own chunked step against passes of an executor over the same chunks: embeddings, weights and running
     * statistics, bit for bit.
     */
    @Test
    void theModelTrainsOnTheSumOfItsChunks() {
        float[] pixels = Reference.pixels(IMAGES, 96);
        float[] gradient = Reference.uniform(1001, IMAGES * 128);
        Chunks chunks = Chunks.of(IMAGES, 10); // 8 each
        assertThat(chunks.start()).containsExactly(0, 8, 16, 24);
        try (Nn4Model model = fresh()) {
            EmbeddingBatch embeddings;
            FaceBatch batch = FaceBatch.of(96, pixels, new int[IMAGES]);
            String name = model.plan(IMAGES, Long.MAX_VALUE).executor();
            try (ForwardPass pass = model.forward(batch, new ExecutionPlan(name, 2, IMAGES, 10, 0))) {
                embeddings = pass.embeddings();
                pass.update(new EmbeddingBatch(128, gradient), Optimizer.sgd(1));
            }
            Stepped expected = stepped(pixels, gradient, chunks.order());
            assertThat(embeddings.values()).isEqualTo(expected.embeddings);
            for (TensorSpec spec : SPECS) {
                assertThat(model.parameter(spec.name()))
                        .as(spec.name())
                        .isEqualTo(expected.parameters.get(spec.name()));
            }
            // The comparison tells one image in the wrong place from the right order.
            int[] wrong = chunks.order().clone();
            wrong[7] = chunks.order()[8];
            wrong[8] = chunks.order()[7];
            Stepped other = stepped(pixels, gradient, wrong);
            assertThat(other.embeddings).isNotEqualTo(expected.embeddings);
            assertThat(other.parameters.get("conv1.weight")).isNotEqualTo(expected.parameters.get("conv1.weight"));
        }
    }

    @Test
    void aPlanOfAnotherExecutorIsRefusedAndLeavesTheModelFree() {
        FaceBatch batch = FaceBatch.of(96, Reference.pixels(2, 96), new int[2]);
        try (Nn4Model model = fresh()) {
            assertThatThrownBy(() -> model.forward(batch, new ExecutionPlan("another", 2, 2, 2, 0)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("the plan is one for another, the network runs on onednn-");
            model.forward(batch, model.plan(2, Long.MAX_VALUE)).close();
        }
    }

    @SuppressWarnings("ArrayRecordComponent") // handed over, never compared
    private record Stepped(Parameters parameters, float[] embeddings) {}

    /** A step of plain gradient descent over chunks of 8, written out; the images of the batch stand in the given order. */
    private static Stepped stepped(float[] pixels, float[] gradient, int[] order) {
        Parameters parameters = Parameters.initial(SPECS, 2);
        float[] embeddings = new float[IMAGES * 128];
        Map<String, float[]> sum = new LinkedHashMap<>();
        Map<String, float[]> mean = new LinkedHashMap<>();
        Map<String, float[]> variance = new LinkedHashMap<>();
        try (Runner executor =
                new OneDnnRunner(Lowering.of(new Nn4Graph(Architecture.NN4_SMALL2, 128, true).sameDiff()))) {
            for (int from = IMAGES - 8; from >= 0; from -= 8) { // the last is done first
                Runner.Pass pass = executor.forward(parameters, rows(pixels, PIXELS, order, from), 8);
                for (int i = 0; i < 8; i++) {
                    System.arraycopy(pass.embeddings(), i * 128, embeddings, order[from + i] * 128, 128);
                }
                Runner.Result result = pass.backward(rows(gradient, 128, order, from));
                result.gradients().forEach((name, values) -> sum.merge(name, values.clone(), ChunkedStepTest::add));
                for (Architecture.Convolution layer : Architecture.NN4_SMALL2.convolutions()) {
                    Runner.Statistics batch = result.statistics().get(layer.name());
                    double count = 8.0 * layer.side() * layer.side();
                    float unbiased = (float) (count / (count - 1));
                    float share = 8f / IMAGES;
                    addScaled(mean, layer.name() + ".bn.running_mean", batch.mean(), share);
                    addScaled(variance, layer.name() + ".bn.running_var", batch.variance(), share * unbiased);
                }
            }
        }
        mean.putAll(variance);
        for (TensorSpec spec : SPECS) {
            float[] values = parameters.get(spec.name());
            for (int i = 0; i < values.length; i++) {
                values[i] = spec.trained()
                        ? values[i] - sum.get(spec.name())[i]
                        : (1 - 0.1f) * values[i] + 0.1f * mean.get(spec.name())[i];
            }
        }
        return new Stepped(parameters, embeddings);
    }

    private static float[] rows(float[] all, int width, int[] order, int from) {
        float[] rows = new float[8 * width];
        for (int i = 0; i < 8; i++) {
            System.arraycopy(all, order[from + i] * width, rows, i * width, width);
        }
        return rows;
    }

    private static void addScaled(Map<String, float[]> sums, String name, float[] values, float factor) {
        float[] sum = sums.computeIfAbsent(name, x -> new float[values.length]);
        for (int i = 0; i < sum.length; i++) {
            sum[i] += factor * values[i];
        }
    }

    private static Nn4Model fresh() {
        return Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).build();
    }

    private static void copy(float[] from, float[] to) {
        System.arraycopy(from, 0, to, 0, to.length);
    }

    private static float[] add(float[] a, float[] b) {
        float[] sum = a.clone();
        for (int i = 0; i < sum.length; i++) {
            sum[i] += b[i];
        }
        return sum;
    }

    /** ‖a − b‖ / ‖b‖; 0 when both are zero. */
    private static double relativeDistance(float[] a, float[] b) {
        double squares = 0;
        double norm = 0;
        for (int i = 0; i < a.length; i++) {
            squares += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
            norm += (double) b[i] * b[i];
        }
        return squares == 0 ? 0 : Math.sqrt(squares / norm);
    }
}
