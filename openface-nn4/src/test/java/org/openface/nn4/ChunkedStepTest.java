package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.ExecutionPlan;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.ForwardPass;
import org.openface.core.embedding.Optimizer;
import org.openface.nn4.Architecture.TensorSpec;

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
        Plan plan = Plan.of(new Nn4Graph(Architecture.NN4_SMALL2, 128, true).sameDiff());
        try (Executor batch = new OneDnnExecutor(plan);
                Executor frozen = new OneDnnExecutor(plan, OneDnnProgram.Mode.TRAINING_FROZEN)) {
            batch.batchStatistics(parameters, pixels, IMAGES).forEach((layer, statistics) -> {
                copy(statistics.mean(), parameters.get(layer + ".bn.running_mean"));
                copy(statistics.variance(), parameters.get(layer + ".bn.running_var"));
            });
            parameters.changed();
            Executor.Pass pass = frozen.forward(parameters, pixels, IMAGES);
            float[] embeddings = pass.embeddings();
            Map<String, float[]> whole = new LinkedHashMap<>();
            pass.backward(gradient).gradients().forEach((name, values) -> whole.put(name, values.clone()));

            Map<String, float[]> sum = new LinkedHashMap<>();
            for (int from = 0; from < IMAGES; from += 8) {
                Executor.Pass part =
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

    /** The model's own chunked step against its parts run one by one. */
    @Test
    void theModelTrainsOnTheSumOfItsChunks() {
        FaceBatch batch = FaceBatch.of(96, Reference.pixels(IMAGES, 96), new int[IMAGES]);
        ExecutionPlan plan = new ExecutionPlan("onednn", 2, IMAGES, 10, 0); // chunks of 8
        float[] gradient = Reference.uniform(1001, IMAGES * 128);
        try (Nn4Model chunked = fresh();
                Nn4Model whole = fresh()) {
            EmbeddingBatch embeddings;
            try (ForwardPass pass = chunked.forward(batch, plan)) {
                embeddings = pass.embeddings();
                pass.update(new EmbeddingBatch(128, gradient), Optimizer.sgd(1));
            }
            try (ForwardPass pass = whole.forward(batch, new ExecutionPlan("onednn", 2, IMAGES, IMAGES, 0))) {
                // In batch order, though chunks mix it; near the whole batch's, though statistics are per chunk.
                EmbeddingBatch expected = pass.embeddings();
                for (int i = 0; i < IMAGES; i++) {
                    assertThat(embeddings.get(i).squaredDistance(expected.get(i)))
                            .isLessThan(0.5);
                }
                pass.update(new EmbeddingBatch(128, gradient), Optimizer.sgd(1));
            }
            // dense.bias: its gradient is Σ of the rows behind normalisation; and each image counts once for
            // statistics.
            assertThat(relativeDistance(
                            difference(chunked.parameter("dense.bias"), fresh("dense.bias")),
                            difference(whole.parameter("dense.bias"), fresh("dense.bias"))))
                    .isLessThan(0.3);
            assertThat(chunked.parameter("conv1.bn.running_mean"))
                    .containsExactly(whole.parameter("conv1.bn.running_mean"), within(1e-4f));
            assertThat(chunked.parameter("conv1.bn.running_var"))
                    .containsExactly(whole.parameter("conv1.bn.running_var"), within(1e-2f));
        }
    }

    private static Nn4Model fresh() {
        return Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).build();
    }

    private static float[] fresh(String parameter) {
        return Parameters.initial(SPECS, 2).get(parameter);
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

    private static float[] difference(float[] a, float[] b) {
        float[] difference = a.clone();
        for (int i = 0; i < difference.length; i++) {
            difference[i] -= b[i];
        }
        return difference;
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
