package org.openface.nn4.internal.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.openface.core.drawn.DrawnFaces;
import org.openface.nn4.ForkedJvm;
import org.openface.nn4.Nn4Model;
import org.openface.nn4.Nn4Model.Engine;
import org.openface.nn4.Nn4Model.Precision;
import org.openface.nn4.Nn4Model.Variant;
import org.openface.nn4.Reference;
import org.openface.nn4.internal.engine.host.Runner;
import org.openface.nn4.internal.engine.onednn.OneDnnProgram.Mode;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.network.PlanText;

/** Training in bfloat16 against training in float32. */
@Tag("native")
class Bfloat16Test {
    private static final int IMAGES = 12;
    private static final List<TensorSpec> SPECS = Architecture.NN4_SMALL2.tensors(128);

    private static Map<String, float[]> pass(Mode mode) {
        Parameters parameters = Parameters.initial(SPECS, 3);
        try (Runner runner = new OneDnnRunner(PlanText.of(Architecture.NN4_SMALL2, 128), mode)) {
            float[] pixels = new float[IMAGES * 96 * 96 * 3];
            for (int i = 0; i < IMAGES; i++) {
                DrawnFaces.of(1).draw(i, 0, 96).copyTo(pixels, i * 96 * 96 * 3);
            }
            Runner.Pass pass = runner.forward(parameters, pixels, IMAGES);
            Map<String, float[]> all = new HashMap<>();
            all.put("embeddings", pass.embeddings());
            Runner.Result result = pass.backward(Reference.uniform(1001, IMAGES * 128));
            result.gradients().forEach((name, values) -> all.put(name, values.clone()));
            result.statistics().forEach((name, values) -> all.put(name + " mean", values.mean()));
            return all;
        }
    }

    private static double cosine(float[] a, float[] b) {
        double dot = 0;
        double squaresOfA = 0;
        double squaresOfB = 0;
        for (int i = 0; i < a.length; i++) {
            dot += (double) a[i] * b[i];
            squaresOfA += (double) a[i] * a[i];
            squaresOfB += (double) b[i] * b[i];
        }
        return dot / Math.sqrt(squaresOfA * squaresOfB);
    }

    private static void assumeBfloat16() {
        Assumptions.assumeTrue(OneDnn.hasBfloat16(), "this processor has no bfloat16");
    }

    /**
     * A ReLU or a maximum that turned the other way moves all gradients before it: PyTorch's mixed precision is, on the same
     * network, as far from its float32.
     */
    @Test
    void gradientsPointWhereThoseOfFloat32Do() {
        assumeBfloat16();
        Map<String, float[]> narrow = pass(Mode.TRAINING_BFLOAT16);
        Map<String, float[]> wide = pass(Mode.TRAINING);
        assertThat(narrow.keySet()).isEqualTo(wide.keySet());
        wide.forEach((name, values) -> {
            if (values.length > 1 && cosine(values, values) > 0.5) { // not the biases before batch-norms: all zero
                assertThat(cosine(narrow.get(name), values)).as(name).isGreaterThan(0.7);
            }
        });
        assertThat(cosine(narrow.get("embeddings"), wide.get("embeddings"))).isGreaterThan(0.998);
        assertThat(narrow.get("dense.weight")).isNotEqualTo(wide.get("dense.weight"));
    }

    @Test
    void itIsTheSameBitForBitEachTime() {
        assumeBfloat16();
        Map<String, float[]> again = pass(Mode.TRAINING_BFLOAT16);
        pass(Mode.TRAINING_BFLOAT16)
                .forEach((name, values) -> assertThat(again.get(name)).as(name).isEqualTo(values));
    }

    @Test
    void aPlanNamesItAndEmbeddingsAreThoseOfFloat32() {
        assumeBfloat16();
        try (Nn4Model wide = Nn4Model.builder(Variant.NN4_SMALL2)
                        .engine(Engine.ONEDNN)
                        .build();
                Nn4Model narrow = Nn4Model.builder(Variant.NN4_SMALL2)
                        .engine(Engine.ONEDNN)
                        .precision(Precision.BFLOAT16)
                        .build()) {
            assertThat(narrow.plan(12, 1L << 30).executor())
                    .isEqualTo(wide.plan(12, 1L << 30).executor() + "-bfloat16");
            assertThat(narrow.plan(200, 1L << 30).chunkSize())
                    .isGreaterThan(wide.plan(200, 1L << 30).chunkSize());
            assertThat(narrow.weightsHash()).isEqualTo(wide.weightsHash());
        }
    }

    /** Asks for bfloat16 on a processor that has none, or seems to. */
    public static final class Asking {
        private Asking() {}

        public static void main(String... arguments) {
            try (Nn4Model model = Nn4Model.builder(Variant.NN4_SMALL2)
                    .engine(Engine.ONEDNN)
                    .precision(Precision.BFLOAT16)
                    .build()) {
                System.out.println("built " + model.variant());
            } catch (IllegalStateException e) {
                System.out.println("refused: " + e.getMessage());
            }
        }
    }

    @Test
    void aProcessorWithoutItIsToldOf() throws Exception {
        String output = ForkedJvm.run(Asking.class, List.of(), Map.of("DNNL_MAX_CPU_ISA", "AVX2"));
        assertThat(output)
                .contains("refused: the network cannot run on oneDNN: this processor (avx2) does not multiply bfloat16")
                .contains("Precision.FLOAT32");
    }

    @Test
    void nd4jsSessionRefusesIt() {
        assertThatThrownBy(() -> Nn4Model.builder(Variant.NN4_SMALL2)
                        .engine(Engine.SAMEDIFF)
                        .precision(Precision.BFLOAT16)
                        .build())
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("float32 only");
    }
}
