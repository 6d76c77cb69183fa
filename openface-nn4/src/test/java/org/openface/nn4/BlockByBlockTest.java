package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.openface.nn4.Architecture.TensorSpec;

/**
 * oneDNN against the oracle with nn4 cut off after each block in turn: an error shows at the first block that has it, in
 * the outputs or in the gradient of one of its parameters.
 */
@Tag("native")
class BlockByBlockTest {
    private static final int IMAGES = 3;

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
    void agreesWithTheOracleUpToTheBlock(int blocks) {
        Architecture whole = Architecture.NN4;
        Architecture part = new Architecture(whole.imageSize(), whole.blocks().subList(0, blocks));
        List<TensorSpec> specs = part.tensors(128);
        Parameters parameters = Reference.parameters(specs);
        float[] pixels = Reference.pixels(IMAGES, whole.imageSize());
        float[] gradient = Reference.uniform(1001, IMAGES * 128);
        Plan plan = Plan.of(new Nn4Graph(part, 128, true).sameDiff());
        Map<String, float[]> expected = new HashMap<>();
        try (Executor fast = new OneDnnExecutor(plan);
                Executor oracle = new SameDiffExecutor(part, 128)) {
            Executor.Pass pass = oracle.forward(parameters, pixels, IMAGES);
            float[] embeddings = pass.embeddings();
            pass.backward(gradient).gradients().forEach((name, values) -> expected.put(name, values.clone()));

            Executor.Pass other = fast.forward(parameters, pixels, IMAGES);
            assertThat(other.embeddings()).containsExactly(embeddings, within(1e-5f));
            Map<String, float[]> actual = other.backward(gradient).gradients();
            for (TensorSpec spec : specs) {
                boolean cancelled = spec.name().endsWith(".bias")
                        && !spec.name().contains(".bn.")
                        && !spec.name().equals("dense.bias"); // in front of batch-norm: zero but for rounding
                if (spec.trained() && !cancelled) {
                    // Rounding flips a ReLU here and there, and the deeper the cut the more flips lie behind a
                    // parameter.
                    boolean own = blocks == 0
                            || spec.name().startsWith("dense")
                            || spec.name()
                                    .startsWith("inception_"
                                            + part.blocks().get(blocks - 1).name() + ".");
                    assertThat(relativeDistance(actual.get(spec.name()), expected.get(spec.name())))
                            .as(spec.name())
                            .isLessThan(own ? 1e-2 : 5e-2);
                }
            }
        }
    }

    private static double relativeDistance(float[] a, float[] b) {
        double squares = 0;
        double norm = 0;
        for (int i = 0; i < a.length; i++) {
            squares += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
            norm += (double) b[i] * b[i];
        }
        return Math.sqrt(squares / norm);
    }
}
