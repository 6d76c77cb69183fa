package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.openface.nn4.internal.engine.host.Runner;
import org.openface.nn4.internal.engine.onednn.OneDnnRunner;
import org.openface.nn4.internal.engine.samediff.SameDiffRunner;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Lowering;
import org.openface.nn4.internal.network.Nn4Graph;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.network.Plan;

/** Outputs, statistics and gradients of the whole network against PyTorch in float64. */
@Tag("native")
public class PyTorchComparisonTest {
    @ParameterizedTest
    @EnumSource(Nn4Model.Variant.class)
    void samediffGivesTheEmbeddingsAndGradientsOfPyTorch(Nn4Model.Variant variant) {
        try (Runner executor = new SameDiffRunner(variant.architecture(), 128)) {
            compare(variant, executor);
        }
    }

    @ParameterizedTest
    @EnumSource(Nn4Model.Variant.class)
    void oneDnnGivesTheEmbeddingsAndGradientsOfPyTorch(Nn4Model.Variant variant) {
        Plan plan = Lowering.of(new Nn4Graph(variant.architecture(), 128, true).sameDiff());
        try (Runner executor = new OneDnnRunner(plan)) {
            compare(variant, executor);
        }
    }

    public static void compare(Nn4Model.Variant variant, Runner executor) {
        Reference reference = Reference.of(variant);
        Architecture architecture = variant.architecture();
        List<TensorSpec> specs = architecture.tensors(128);
        Parameters parameters = Reference.parameters(specs);
        float[] pixels = Reference.pixels(reference.images(), architecture.imageSize());
        {
            Runner.Pass pass = executor.forward(parameters, pixels, reference.images());
            assertClose(pass.embeddings(), reference.embeddings(), 2e-5);
            Runner.Result result = pass.backward(Reference.uniform(1001, reference.images() * 128));
            double worst = compareGradients(specs, result.gradients(), reference);
            System.getLogger("test").log(System.Logger.Level.INFO, variant + " worst gradient error " + worst);

            // One more pass with the running statistics of this one, as PyTorch's eval() has them.
            blend(architecture, parameters, result.statistics(), reference);
            assertClose(executor.embed(parameters, pixels, reference.images()), reference.inference(), 5e-5);
        }
    }

    /** The largest error of a parameter's gradient, relative to its norm, among norm, projection and first values. */
    private static double compareGradients(
            List<TensorSpec> specs, Map<String, float[]> gradients, Reference reference) {
        // Rounding may flip a ReLU or the choice of a maximum, and which one is chance: PyTorch's own float32 gives the
        // scale for the network.
        double rounding = specs.stream()
                .map(spec -> reference.gradients().get(spec.name()))
                .filter(g -> g != null && g.rounding() < 1) // not the biases whose gradient is zero
                .mapToDouble(Reference.Gradient::rounding)
                .max()
                .orElseThrow();
        double worst = 0;
        int place = 0;
        for (TensorSpec spec : specs) {
            if (!spec.trained()) {
                continue;
            }
            float[] actual = gradients.get(spec.name());
            float[] weights = Reference.uniform(2000 + place++, spec.length());
            Reference.Gradient expected = reference.gradients().get(spec.name());
            assertThat(actual).as(spec.name()).hasSize(spec.length());
            double squares = 0;
            double projection = 0;
            for (int i = 0; i < actual.length; i++) {
                squares += (double) actual[i] * actual[i];
                projection += (double) actual[i] * weights[i];
            }
            if (spec.name().endsWith(".bias")
                    && !spec.name().contains(".bn.")
                    && !spec.name().equals("dense.bias")) {
                // A bias in front of batch-norm has gradient zero; what is left is rounding.
                double scale = reference
                        .gradients()
                        .get(spec.name().replace(".bias", ".weight"))
                        .norm();
                assertThat(Math.sqrt(squares)).as(spec.name()).isLessThan(1e-4 * scale);
                continue;
            }
            double error = Math.abs(Math.sqrt(squares) - expected.norm()) / expected.norm();
            // A random projection of an error e has a standard deviation of ‖e‖ / √3.
            error = Math.max(error, Math.abs(projection - expected.projection()) / expected.norm() / 2);
            for (int i = 0; i < expected.head().size(); i++) {
                error = Math.max(error, Math.abs(actual[i] - expected.head().get(i)) / expected.norm());
            }
            assertThat(error).as(spec.name()).isLessThan(Math.max(2e-3, 5 * rounding));
            worst = Math.max(worst, error);
        }
        return worst;
    }

    private static void blend(
            Architecture architecture,
            Parameters parameters,
            Map<String, Runner.Statistics> statistics,
            Reference reference) {
        for (Architecture.Convolution layer : architecture.convolutions()) {
            double count = (double) reference.images() * layer.side() * layer.side();
            Runner.Statistics batch = statistics.get(layer.name());
            float[] mean = parameters.get(layer.name() + ".bn.running_mean");
            float[] variance = parameters.get(layer.name() + ".bn.running_var");
            for (int c = 0; c < mean.length; c++) {
                mean[c] = 0.1f * batch.mean()[c];
                variance[c] = 0.9f + (float) (0.1 * batch.variance()[c] * count / (count - 1));
            }
            assertClose(head(mean), reference.statistics().get(layer.name() + ".bn.running_mean"), 1e-4);
            assertClose(head(variance), reference.statistics().get(layer.name() + ".bn.running_var"), 1e-3);
        }
        parameters.changed();
    }

    private static float[] head(float[] values) {
        return java.util.Arrays.copyOf(values, 6);
    }

    private static void assertClose(float[] actual, List<Double> expected, double tolerance) {
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < actual.length; i++) {
            assertThat((double) actual[i]).isCloseTo(expected.get(i), within(tolerance));
        }
    }
}
