package org.openface.nn4.internal.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.openface.nn4.Reference;
import org.openface.nn4.internal.engine.host.Runner;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Lowering;
import org.openface.nn4.internal.network.Nn4Graph;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.network.Plan;

/** Batches of more sizes than programs are kept for, in any order: every result is that of a fresh executor, bit for bit. */
@Tag("native")
class ProgramEvictionTest {
    private static final List<TensorSpec> SPECS = Architecture.NN4_SMALL2.tensors(128);
    private static final Plan PLAN = Lowering.of(new Nn4Graph(Architecture.NN4_SMALL2, 128, true).sameDiff());

    private enum Use {
        EMBED,
        STATISTICS,
        DROPPED,
        STEP
    }

    private static final class Weights {
        final Parameters first = Reference.parameters(SPECS);
        final Parameters second = Parameters.initial(SPECS, 5);
    }

    /** All that the executor gives for one use of it. */
    private static List<float[]> use(Runner executor, Use use, Parameters weights, int images) {
        float[] pixels = Reference.pixels(images, 96);
        List<float[]> all = new ArrayList<>();
        switch (use) {
            case EMBED -> all.add(executor.embed(weights, pixels, images));
            case STATISTICS -> executor.batchStatistics(weights, pixels, images)
                    .values()
                    .forEach(s -> {
                        all.add(s.mean());
                        all.add(s.variance());
                    });
            case DROPPED -> {
                Runner.Pass pass = executor.forward(weights, pixels, images);
                all.add(pass.embeddings());
                pass.drop();
            }
            case STEP -> {
                Runner.Pass pass = executor.forward(weights, pixels, images);
                all.add(pass.embeddings());
                Runner.Result result = pass.backward(Reference.uniform(1001, images * 128));
                SPECS.stream()
                        .filter(TensorSpec::trained)
                        .forEach(spec ->
                                all.add(result.gradients().get(spec.name()).clone()));
                result.statistics().values().forEach(s -> {
                    all.add(s.mean());
                    all.add(s.variance());
                });
            }
        }
        return all;
    }

    private static void mix(int sizes, int uses, long seed) {
        Weights weights = new Weights();
        Map<String, List<float[]>> fresh = new HashMap<>();
        Random random = new Random(seed);
        try (Runner executor = new OneDnnRunner(PLAN)) {
            for (int i = 0; i < uses; i++) {
                Use use = Use.values()[random.nextInt(4)];
                int images = 1 + random.nextInt(sizes);
                boolean first = sizes <= 2 || random.nextBoolean();
                String what = use + " of " + images + (first ? ", first" : ", second") + " weights";
                List<float[]> expected = fresh.computeIfAbsent(what, x -> {
                    try (Runner own = new OneDnnRunner(PLAN)) {
                        return use(own, use, first ? weights.first : weights.second, images);
                    }
                });
                List<float[]> actual = use(executor, use, first ? weights.first : weights.second, images);
                assertThat(Arrays.deepEquals(actual.toArray(), expected.toArray()))
                        .as("use %s: %s", i, what)
                        .isTrue();
                weights.first.changed(); // so that what is loaded anew is tested, too
            }
        }
    }

    @Test
    void batchesOfTwoSizesInFourUses() {
        mix(2, 8, 4);
    }

    @Test
    @Tag("soak")
    void batchesOfManySizes() {
        mix(12, 150, 2);
    }

    @Test
    void aPassWhoseActivationsAreOverwrittenIsRefused() {
        Parameters weights = Reference.parameters(SPECS);
        try (Runner executor = new OneDnnRunner(PLAN)) {
            Runner.Pass pass = executor.forward(weights, Reference.pixels(2, 96), 2);
            executor.embed(weights, Reference.pixels(1, 96), 1);
            assertThatThrownBy(() -> pass.backward(new float[2 * 128]))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("overwritten");
        }
    }
}
