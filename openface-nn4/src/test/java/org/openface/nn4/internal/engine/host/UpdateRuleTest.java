package org.openface.nn4.internal.engine.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.openface.core.embedding.Optimizer;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.state.OptimizerMemory;

class UpdateRuleTest {
    private final List<TensorSpec> specs = List.of(new TensorSpec("w", List.of(2), true));
    private final Parameters parameters = Parameters.zeros(specs);
    private final OptimizerMemory memory = new OptimizerMemory(specs);
    private final UpdateRule rule = new UpdateRule(memory);

    private float[] step(Optimizer optimizer, float... gradient) {
        rule.apply(optimizer, parameters, Map.of("w", gradient));
        return parameters.get("w").clone();
    }

    @Test
    void adamFollowsThePaper() {
        // The first step is the learning rate against the gradient's sign, whatever its size.
        assertThat(step(Optimizer.adam(0.1), 3f, -0.001f)).containsExactly(new float[] {-0.1f, 0.1f}, within(1e-5f));
        // Second step by hand for gradients 3 then 1: m = .9·.3 + .1·1 = .37, corrected .37/.19;
        // v = .999·.009 + .001 = .009991, corrected .009991/.001999.
        double expected = -0.1 - 0.1 * (0.37 / 0.19) / Math.sqrt(0.009991 / 0.001999);
        assertThat((double) step(Optimizer.adam(0.1), 1f, 0f)[0]).isCloseTo(expected, within(1e-6));
    }

    @Test
    void momentumGathersVelocity() {
        assertThat(step(Optimizer.sgd(0.5, 0.5), 1f, 2f)).containsExactly(-0.5f, -1f);
        assertThat(step(Optimizer.sgd(0.5, 0.5), 1f, 0f)).containsExactly(-1.25f, -1.5f);
    }

    @Test
    void anotherOptimizerStartsAfresh() {
        step(Optimizer.adam(0.1), 1f, 1f);
        assertThat(memory.steps()).isEqualTo(1);
        step(Optimizer.sgd(0.1), 1f, 1f);
        assertThat(memory.steps()).isEqualTo(1);
        assertThat(memory.kind()).isEqualTo("Sgd");
    }

    /** Three steps from (1, −2) of a weight, or of a bias, compared with PyTorch 1.13 in float64. */
    private static void assertLikePyTorch(boolean weight, Optimizer optimizer, double first, double second) {
        List<TensorSpec> one = List.of(new TensorSpec("w", weight ? List.of(1, 2) : List.of(2), true));
        Parameters values = Parameters.zeros(one);
        values.get("w")[0] = 1;
        values.get("w")[1] = -2;
        UpdateRule update = new UpdateRule(new OptimizerMemory(one));
        for (float[] gradient : new float[][] {{0.5f, -1}, {0.25f, 2}, {-1.5f, 0.125f}}) {
            update.apply(optimizer, values, Map.of("w", gradient));
        }
        assertThat((double) values.get("w")[0]).as("%s", optimizer).isCloseTo(first, within(3e-7));
        assertThat((double) values.get("w")[1]).as("%s", optimizer).isCloseTo(second, within(6e-7));
    }

    @Test
    void threeStepsOfEachRuleAreThoseOfPyTorch() {
        assertLikePyTorch(true, Optimizer.adam(0.1), 0.8415043907981822, -1.9684337378859402);
        assertLikePyTorch(true, Optimizer.adamW(0.1, 0.2), 0.7885207499494329, -1.8540455307968986);
        assertLikePyTorch(true, new Optimizer.Sgd(0.1, 0.9, 0.2), 0.860992, -1.904484);
        assertLikePyTorch(true, Optimizer.adaDelta(), 0.9993286284511503, -2.0012314940580254);
        assertLikePyTorch(true, Optimizer.rmsProp(0.01), 0.9489055109907852, -1.9951473879646195);
        assertLikePyTorch(true, new Optimizer.RmsProp(0.01, 0.9, 0.5, 1e-8), 0.952491489142033, -1.9893962672919034);
        assertLikePyTorch(true, Optimizer.sgd(0.1).clippedTo(1), 1.042529722762526, -2.0180896418086953);
    }

    @Test
    void biasesDoNotDecay() {
        assertLikePyTorch(false, Optimizer.adamW(0.1, 0.2), 0.8415043907981822, -1.9684337378859402);
        assertLikePyTorch(false, new Optimizer.Sgd(0.1, 0, 0.2), 1 + 0.075, -2 - 0.1125);
    }

    @Test
    void theNormToClipIsThatOfAllParametersTogether() {
        List<TensorSpec> two = List.of(new TensorSpec("a", List.of(1), true), new TensorSpec("b", List.of(1), true));
        Parameters values = Parameters.zeros(two);
        new UpdateRule(new OptimizerMemory(two))
                .apply(Optimizer.sgd(1).clippedTo(1), values, Map.of("a", new float[] {3}, "b", new float[] {-4}));
        assertThat(values.get("a")).containsExactly(new float[] {-0.6f}, within(1e-7f));
        assertThat(values.get("b")).containsExactly(new float[] {0.8f}, within(1e-7f));
    }

    @Test
    void theAverageFollowsTheWeights() {
        // Gradient −1 and rate 1: the weight is 1, 2, 3. Decays are min(0.25, 3/12) and min(0.25, 4/13).
        Optimizer averaged = Optimizer.sgd(1).averaged(0.25);
        for (int i = 0; i < 3; i++) {
            step(averaged, -1, 0);
            rule.average(averaged, parameters);
        }
        double expected = 0.25 * (0.25 * 1 + 0.75 * 2) + 0.75 * 3;
        assertThat((double) memory.average().orElseThrow().get("w")[0]).isCloseTo(expected, within(1e-6));
        rule.average(Optimizer.sgd(1), parameters);
        assertThat(memory.average()).isEmpty();
    }

    /** Every rule, led to overflow in its own way: nothing moves, not even the parameter before the one that overflows. */
    @Test
    void aStepToWhatIsNoNumberIsNamedAndNotTaken() {
        List<TensorSpec> two = List.of(new TensorSpec("a", List.of(1), true), new TensorSpec("b", List.of(2, 1), true));
        float large = 3e38f;
        for (Optimizer optimizer : List.of(
                Optimizer.sgd(1e30),
                Optimizer.adam(1e-3), // its second moment overflows, and would freeze the weight without a trace
                Optimizer.adamW(1e-3, 0.1),
                new Optimizer.AdaDelta(1, 0.9, 1e-6),
                new Optimizer.RmsProp(0.01, 0.9, 0.5, 1e-8),
                Optimizer.sgd(1e30).averaged(0.9))) {
            Parameters values = Parameters.zeros(two);
            OptimizerMemory remembered = new OptimizerMemory(two);
            UpdateRule update = new UpdateRule(remembered);
            assertThat(update.apply(optimizer, values, Map.of("a", new float[] {1e-3f}, "b", new float[] {1, 1})))
                    .isEmpty();
            float[] a = values.get("a").clone();
            float[] b = values.get("b").clone();
            int version = values.version();
            assertThat(update.apply(optimizer, values, Map.of("a", new float[] {1e-3f}, "b", new float[] {1, large})))
                    .as("%s", optimizer)
                    .contains("b");
            assertThat(values.get("a")).isEqualTo(a);
            assertThat(values.get("b")).isEqualTo(b);
            assertThat(values.version()).isEqualTo(version);
            assertThat(remembered.kind()).isEmpty(); // and the memory that led there is gone
            assertThat(remembered.memory()).isEmpty();
            assertThat(update.apply(optimizer, values, Map.of("a", new float[] {1e-3f}, "b", new float[] {1, 1})))
                    .isEmpty();
        }
    }
}
