package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.openface.core.embedding.Optimizer;
import org.openface.nn4.Architecture.TensorSpec;

class UpdateRuleTest {
    private final List<TensorSpec> specs = List.of(new TensorSpec("w", List.of(2), true));
    private final Parameters parameters = Parameters.zeros(specs);
    private final UpdateRule rule = new UpdateRule(specs);

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
        assertThat(rule.steps()).isEqualTo(1);
        step(Optimizer.sgd(0.1), 1f, 1f);
        assertThat(rule.steps()).isEqualTo(1);
        assertThat(rule.kind()).isEqualTo("Sgd");
    }
}
