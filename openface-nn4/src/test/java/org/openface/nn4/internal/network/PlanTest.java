package org.openface.nn4.internal.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.engine;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.internal.SameDiffOp;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.openface.nn4.internal.engine.onednn.OneDnnProgram;
import org.openface.nn4.internal.engine.onednn.OneDnnProgram.Mode;
import org.openface.nn4.internal.engine.onednn.OneDnnWeights;
import org.openface.nn4.internal.network.Plan.Op;
import org.openface.nn4.internal.network.Plan.Tensor;

/** A plan says what the graph says, or refuses it. */
@Tag("native")
class PlanTest {
    private static final SameDiff GRAPH = new Nn4Graph(Architecture.NN4_SMALL2, 16, true).sameDiff();
    private static final Plan PLAN = Lowering.of(GRAPH);

    /** The first operation of each kind with one of its arguments changed. */
    @ParameterizedTest
    @CsvSource({
        "moments, 2, 3", // mean over rows, columns and channels would be another network
        "batchnorm, 2, 1", // the channel is the last axis
        "batchnorm, 0, 0", // scale and shift
        "conv2d, 7, 2", // dilation
        "conv2d, 8, 1", // padding as TensorFlow's SAME
        "conv2d, 9, 0", // channels first
        "conv2d, 10, 0", // layout of weights
        "maxpool2d, 6, 2",
        "maxpool2d, 8, 1",
        "maxpool2d, 10, 0",
        "avgpool2d, 8, 1",
        "pad, 0, 1", // reflection
        "matmul, 1, 0",
        "concat, 0, 1"
    })
    @SuppressWarnings("unchecked") // the field's type is known
    void refusesAnArgumentItDoesNotKnow(String kind, int place, long value) throws ReflectiveOperationException {
        DynamicCustomOp op = (DynamicCustomOp) GRAPH.getOps().values().stream()
                .map(SameDiffOp::getOp)
                .filter(f -> f.opName().equals(kind))
                .findFirst()
                .orElseThrow();
        Field field = DynamicCustomOp.class.getDeclaredField("iArguments"); // it has no setter
        field.setAccessible(true);
        List<Long> arguments = (List<Long>) field.get(op);
        long right = arguments.set(place, value);
        try {
            assertThat(op.iArgs()[place]).isEqualTo(value).isNotEqualTo(right);
            assertThatThrownBy(() -> Lowering.of(GRAPH))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("an operation that no plan knows: " + kind);
        } finally {
            arguments.set(place, right);
        }
        assertThat(Lowering.of(GRAPH)).isEqualTo(PLAN);
    }

    private static void assertNoProgram(List<Op> ops, Mode mode, String named) {
        Plan plan = new Plan(PLAN.input(), ops);
        try (engine cpu = new engine(engine.kind.cpu, 0);
                OneDnnWeights weights = new OneDnnWeights(cpu)) {
            assertThatThrownBy(() -> new OneDnnProgram(plan, 2, mode, cpu, weights))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(named);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aConvolutionWithoutItsBatchNormHasNoProgram(Mode mode) {
        List<Op> whole = PLAN.ops();
        Op.Convolution convolution = (Op.Convolution) whole.get(0);
        Op.BatchNormRelu norm = (Op.BatchNormRelu) whole.get(1);

        List<Op> without = new ArrayList<>(whole);
        without.remove(1);
        assertNoProgram(without, mode, "conv1.conv");

        // The batch-norm is there, but of something else.
        List<Op> other = new ArrayList<>(whole);
        Tensor elsewhere =
                new Tensor("elsewhere", norm.in().channels(), norm.in().side());
        other.set(
                1,
                new Op.BatchNormRelu(norm.layer(), elsewhere, norm.out(), norm.scale(), norm.shift(), norm.epsilon()));
        assertNoProgram(other, mode, "conv1.conv");

        // Something else takes the convolution, too.
        List<Op> twice = new ArrayList<>(whole);
        Op.MaxPool pool = (Op.MaxPool) whole.get(2);
        twice.set(2, new Op.MaxPool(convolution.out(), pool.out(), pool.stride(), pool.padding()));
        assertNoProgram(twice, mode, "MaxPool");

        // And a batch-norm alone.
        List<Op> alone = new ArrayList<>(whole);
        alone.remove(0);
        assertNoProgram(alone, mode, "BatchNormRelu");
    }
}
