package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;
import org.openface.nn4.Nn4Model.Engine;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Lowering;
import org.openface.nn4.internal.network.Nn4Graph;
import org.openface.nn4.internal.network.Plan;

/** oneDNN against the oracle, ND4J's own session, over training steps. */
@Tag("native")
class ExecutorAgreementTest {
    private static final int IMAGES = 4;
    private static final FaceBatch BATCH = FaceBatch.of(96, Reference.pixels(IMAGES, 96), new int[IMAGES]);
    private static final long GIGABYTE = 1L << 30;

    private static Nn4Model model(Engine engine) {
        return Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).engine(engine).build();
    }

    /** A step of plain gradient descent on −Σ e·g for fixed random g; returns the embeddings before it. */
    private static float[] step(Nn4Model model, double learningRate) {
        ExecutionPlan plan = model.plan(IMAGES, GIGABYTE);
        try (ForwardPass pass = model.forward(BATCH, plan)) {
            float[] gradient = Reference.uniform(1001, IMAGES * 128);
            EmbeddingBatch embeddings = pass.embeddings();
            pass.update(new EmbeddingBatch(128, gradient), Optimizer.sgd(learningRate));
            return embeddings.values();
        }
    }

    @Test
    void tenStepsStayTogether() {
        try (Nn4Model fast = model(Engine.ONEDNN);
                Nn4Model oracle = model(Engine.SAMEDIFF)) {
            assertThat(fast.plan(IMAGES, GIGABYTE).executor()).startsWith("onednn-");
            assertThat(oracle.plan(IMAGES, GIGABYTE).executor()).isEqualTo("samediff");
            // Steps small enough that rounding is not amplified by the network's own sensitivity.
            double rate = 1e-6;
            float[] first = step(fast, rate);
            assertThat(step(oracle, rate)).containsExactly(first, within(1e-5f));
            for (int i = 1; i < 9; i++) {
                step(fast, rate);
                step(oracle, rate);
            }
            float[] last = step(fast, rate);
            assertThat(distance(last, step(oracle, rate))).isLessThan(0.02 * distance(last, first));
        }
    }

    @Test
    void twoRunsAreTheSameBitForBit() {
        String[] hashes = new String[2];
        for (int run = 0; run < 2; run++) {
            try (Nn4Model model = model(Engine.ONEDNN)) {
                for (int i = 0; i < 4; i++) {
                    step(model, 1e-3);
                }
                hashes[run] = model.weightsHash();
            }
        }
        assertThat(hashes[0]).isEqualTo(hashes[1]);
    }

    @Test
    void closingReleasesNativeMemory() {
        model(Engine.ONEDNN).close(); // so that what is loaded once is loaded
        long before = Pointer.totalBytes();
        Nn4Model model = model(Engine.ONEDNN);
        step(model, 1e-3);
        assertThat(Pointer.totalBytes()).isGreaterThan(before + (50L << 20));
        model.close();
        assertThat(Pointer.totalBytes()).isLessThan(before + (1L << 20));
    }

    @Test
    void aPlanRefusesAnOperationItDoesNotKnowByName() {
        SameDiff graph = SameDiff.create();
        graph.math.tanh("odd", graph.placeHolder(Nn4Graph.INPUT, DataType.FLOAT, -1, 96, 96, 3));
        assertThatThrownBy(() -> Lowering.of(graph))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("tanh");
    }

    /** 1,000 steps: memory and time per step at the end as at the start; both are printed. */
    @Test
    @Tag("soak")
    void aThousandStepsTakeNoMoreMemoryThanAHundred() {
        try (Nn4Model model = model(Engine.ONEDNN)) {
            long resident = 0;
            double[] seconds = new double[10];
            for (int hundred = 0; hundred < 10; hundred++) {
                long start = System.nanoTime();
                for (int i = 0; i < 100; i++) {
                    step(model, 1e-4);
                }
                seconds[hundred] = (System.nanoTime() - start) / 1e9;
                System.gc();
                if (hundred == 0) {
                    resident = Pointer.physicalBytes();
                }
            }
            long grown = Pointer.physicalBytes() - resident;
            System.getLogger(ExecutorAgreementTest.class.getName())
                    .log(
                            System.Logger.Level.INFO,
                            "resident memory grew by {0} MB from step 100 to 1,000; seconds per 100 steps: {1}",
                            grown >> 20,
                            java.util.Arrays.toString(seconds));
            assertThat(grown).isLessThan(64L << 20);
        }
    }

    /** Fifty steps drift apart no further than two float32 runs that begin 1e-7 apart. */
    @Test
    @Tag("soak")
    void fiftyStepsStayWithinTheSpreadOfRounding() {
        try (Nn4Model fast = model(Engine.ONEDNN);
                Nn4Model oracle = model(Engine.SAMEDIFF);
                Nn4Model nudged = model(Engine.SAMEDIFF)) {
            nudged.nudge(1e-6f);
            float[] a = {};
            float[] b = {};
            float[] c = {};
            float[] first = step(fast, 1e-4);
            step(oracle, 1e-4);
            step(nudged, 1e-4);
            for (int i = 1; i < 50; i++) {
                a = step(fast, 1e-4);
                b = step(oracle, 1e-4);
                c = step(nudged, 1e-4);
            }
            System.getLogger(ExecutorAgreementTest.class.getName())
                    .log(
                            System.Logger.Level.INFO,
                            "after 50 steps, of a way of {0}: oneDNN to ND4J {1}, ND4J to ND4J nudged by 1e-6 {2}",
                            distance(a, first),
                            distance(a, b),
                            distance(b, c));
            assertThat(distance(a, b)).isLessThan(Math.max(10 * distance(b, c), 0.01 * distance(a, first)));
        }
    }

    private static double distance(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
        }
        return Math.sqrt(sum);
    }

    @Test
    void readsThePlanOffTheGraph() {
        Plan plan = Lowering.of(new Nn4Graph(Architecture.NN4_SMALL2, 128, true).sameDiff());
        Map<Class<?>, Long> count = plan.ops().stream()
                .collect(java.util.stream.Collectors.groupingBy(
                        Object::getClass, java.util.stream.Collectors.counting()));
        assertThat(count)
                .containsEntry(Plan.Op.Convolution.class, 37L)
                .containsEntry(Plan.Op.BatchNormRelu.class, 37L)
                .containsEntry(Plan.Op.MaxPool.class, 6L)
                .containsEntry(Plan.Op.L2Pool.class, 3L)
                .containsEntry(Plan.Op.LocalResponseNorm.class, 2L)
                .containsEntry(Plan.Op.Concat.class, 7L)
                .containsEntry(Plan.Op.Mean.class, 1L)
                .containsEntry(Plan.Op.Linear.class, 1L)
                .containsEntry(Plan.Op.Normalize.class, 1L)
                .hasSize(9);
    }
}
