package org.openface.nn4;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.base.Splitter;
import com.google.common.io.Resources;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.bytedeco.dnnl.engine;
import org.bytedeco.javacpp.BytePointer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.openface.nn4.internal.engine.onednn.OneDnnProgram;
import org.openface.nn4.internal.engine.onednn.OneDnnProgram.Mode;
import org.openface.nn4.internal.engine.onednn.OneDnnWeights;
import org.openface.nn4.internal.engine.samediff.Backward;
import org.openface.nn4.internal.format.ModelFile;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Lowering;
import org.openface.nn4.internal.network.Nn4Graph;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.network.Plan;

/**
 * The output of every block, in training and in inference mode, and the gradient at every boundary between blocks.
 *
 * <p>First the SameDiff graph runs in float64 and must give what PyTorch gives in float64, to the rounding of float64: a
 * wrong definition cannot hide there. Then that graph's float64 arrays, whole, are what the float32 program is held
 * against. Its bound is how far PyTorch's own float32 is from float64 at the same place, times a small factor.
 *
 * <p>For gradients that works only behind the last ReLU: before it, rounding turns one or the other ReLU, or the choice of
 * a maximum, and the gradient of the whole network in front of it changes by up to a hundredth, in PyTorch as in ours;
 * which one turns is chance. So these gradients are compared once more in a network whose ReLUs are all open.
 */
@Tag("native")
class BlocksAgainstPyTorchTest {
    /** For values whose error in float32 is below 3e-5: 2⁻²⁹ of that, and room. */
    private static final double FLOAT64 = 1e-9;

    /** ND4J's operations in float64 hold some constants, such as 1 / n in batch-norm's gradient, in float32. */
    private static final double FLOAT64_GRADIENT = 1e-7;

    /** Two programs in float32 add in different orders; seen were factors up to 1.6. */
    private static final double AS_GOOD_AS_PYTORCH = 4;

    /** PyTorch's largest error of a gradient is 1.6e-2, in nn2. */
    private static final double TURNED = 5e-2;

    /** Batch-norm cancels most of what the gradient has in common, so that less than float32's rounding is left. */
    private static final double WITHOUT_KINKS = 5e-4;

    private static final Set<String> BEHIND_THE_LAST_RELU =
            Set.of("gradient inception_5b", "gradient mean", "gradient dense");

    /** A line of {@code nn4_torch.py blocks}: the place, and what float64 has there in short. */
    private record Expected(
            String kind,
            String block,
            String shape,
            double rounding,
            double norm,
            double projection,
            List<Double> some) {
        static Expected of(String line) {
            List<String> words = Splitter.on(' ').splitToList(line);
            List<Double> numbers =
                    words.subList(3, words.size()).stream().map(Double::valueOf).toList();
            return new Expected(
                    words.get(0),
                    words.get(1),
                    words.get(2),
                    numbers.get(0),
                    numbers.get(1),
                    numbers.get(2),
                    numbers.subList(3, numbers.size()));
        }

        String place() {
            return kind + " " + block;
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Nn4Model.Variant.class,
            names = {"NN4", "NN4_SMALL2_V1"})
    void everyBlockIsAsInPyTorch(Nn4Model.Variant variant) throws IOException {
        compare(variant);
    }

    @ParameterizedTest
    @EnumSource(
            value = Nn4Model.Variant.class,
            names = {"NN4_SMALL1", "NN4_SMALL2", "NN2"})
    @Tag("soak")
    void andInTheOtherNetworks(Nn4Model.Variant variant) throws IOException {
        compare(variant);
    }

    private static void compare(Nn4Model.Variant variant) throws IOException {
        List<String> lines = Resources.readLines(
                Resources.getResource(
                        BlocksAgainstPyTorchTest.class,
                        "blocks-" + variant.name().toLowerCase(Locale.ROOT) + ".txt"),
                UTF_8);
        int images = Integer.parseInt(Splitter.on(' ').splitToList(lines.get(0)).get(3));
        List<Expected> expected = lines.stream().skip(1).map(Expected::of).toList();
        assertThat(expected).hasSize(3 * (10 + variant.architecture().blocks().size()));
        ModelFile.Contents network = Examples.network(variant, 128);
        float[] pixels = Reference.pixels(images, variant.architecture().imageSize());
        float[] upstream = Reference.uniform(1001, images * 128);
        Set<String> blocks =
                expected.stream().map(Expected::block).collect(Collectors.toCollection(LinkedHashSet::new));

        Map<String, double[]> exact = new LinkedHashMap<>();
        exactInference(network, pixels, images, blocks, exact);
        exactTraining(network, pixels, images, upstream, blocks, exact);
        expected.forEach(e -> assertSame(exact.get(e.place()), e, images));

        Map<String, float[]> single = new LinkedHashMap<>();
        inFloat32(network, pixels, images, upstream, blocks, single);
        assertAsGoodAsPyTorch(single, exact, expected);

        openEveryRelu(network.parameters());
        exactTraining(network, pixels, images, upstream, blocks, exact);
        inFloat32(network, pixels, images, upstream, blocks, single);
        assertCloseWithoutKinks(single, exact, blocks);
    }

    /** By a large shift in front of it. */
    private static void openEveryRelu(Parameters parameters) {
        for (TensorSpec spec : parameters.specs()) {
            if (spec.name().endsWith(".bn.bias")) {
                float[] shift = parameters.get(spec.name());
                for (int i = 0; i < shift.length; i++) {
                    shift[i] += 8;
                }
            }
        }
        parameters.changed();
    }

    // ---- in float64, against PyTorch in float64

    private static void exactInference(
            ModelFile.Contents network, float[] pixels, int images, Set<String> blocks, Map<String, double[]> into) {
        Nn4Graph graph = new Nn4Graph(network.network(), 128, false, DataType.DOUBLE);
        graph.load(network.parameters());
        Map<String, INDArray> arrays = graph.sameDiff()
                .output(Map.of(Nn4Graph.INPUT, pixels(network, pixels, images)), new ArrayList<>(blocks));
        blocks.forEach(block -> into.put("inference " + block, plain(arrays.get(block))));
    }

    private static void exactTraining(
            ModelFile.Contents network,
            float[] pixels,
            int images,
            float[] upstream,
            Set<String> blocks,
            Map<String, double[]> into) {
        Nn4Graph graph = new Nn4Graph(network.network(), 128, true, DataType.DOUBLE);
        graph.load(network.parameters());
        SameDiff sameDiff = graph.sameDiff();
        SDVariable placeHolder = sameDiff.placeHolder("upstream", DataType.DOUBLE, -1, 128);
        Set<String> wanted = new LinkedHashSet<>(blocks);
        network.parameters().specs().stream().filter(TensorSpec::trained).forEach(spec -> wanted.add(spec.name()));
        Map<String, SDVariable> gradients = Backward.add(sameDiff, Nn4Graph.EMBEDDING, placeHolder, wanted);
        Set<String> names = new LinkedHashSet<>(blocks);
        gradients.values().forEach(gradient -> names.add(gradient.name()));
        Map<String, INDArray> arrays = sameDiff.output(
                Map.of(
                        Nn4Graph.INPUT,
                        pixels(network, pixels, images),
                        "upstream",
                        Nd4j.createFromArray(upstream).castTo(DataType.DOUBLE).reshape(images, 128)),
                new ArrayList<>(names));
        blocks.forEach(block -> into.put("training " + block, plain(arrays.get(block))));
        gradients.forEach((name, gradient) -> into.put(
                "gradient " + name,
                blocks.contains(name)
                        ? plain(arrays.get(gradient.name()))
                        : arrays.get(gradient.name()).dup('c').data().asDouble()));
    }

    private static INDArray pixels(ModelFile.Contents network, float[] pixels, int images) {
        int side = network.network().imageSize();
        return Nd4j.createFromArray(pixels).castTo(DataType.DOUBLE).reshape(images, side, side, 3);
    }

    /** As [image][channel][row][column]. */
    private static double[] plain(INDArray array) {
        return (array.rank() == 4 ? array.permute(0, 3, 1, 2) : array)
                .dup('c')
                .data()
                .asDouble();
    }

    private static void assertSame(double[] actual, Expected expected, int images) {
        int perImage = Splitter.on('x')
                .splitToStream(expected.shape())
                .mapToInt(Integer::parseInt)
                .reduce(1, (a, b) -> a * b);
        assertThat(actual).as(expected.place()).hasSize(images * perImage);
        double squares = 0;
        double projection = 0;
        float[] weights = Reference.uniform(6000, actual.length);
        for (int i = 0; i < actual.length; i++) {
            squares += actual[i] * actual[i];
            projection += actual[i] * weights[i];
        }
        double tolerance = (expected.kind().equals("gradient") ? FLOAT64_GRADIENT : FLOAT64) * expected.norm();
        assertClose(Math.sqrt(squares), expected.norm(), tolerance, expected.place() + ", norm");
        assertClose(projection, expected.projection(), tolerance, expected.place() + ", projection");
        for (int i = 0; i < 8; i++) {
            int place = (int) (((long) actual.length * i / 8 + 7L * i) % actual.length);
            assertClose(actual[place], expected.some().get(i), tolerance, expected.place() + ", value " + place);
        }
    }

    private static void assertClose(double actual, double expected, double tolerance, String what) {
        assertThat(Math.abs(actual - expected))
                .as("%s: %s instead of %s", what, actual, expected)
                .isLessThanOrEqualTo(tolerance);
    }

    // ---- in float32, against the float64 above

    private static void inFloat32(
            ModelFile.Contents network,
            float[] pixels,
            int images,
            float[] upstream,
            Set<String> blocks,
            Map<String, float[]> into) {
        Plan plan = Lowering.of(new Nn4Graph(network.network(), 128, true).sameDiff());
        try (engine cpu = new engine(engine.kind.cpu, 0)) {
            for (Mode mode : List.of(Mode.INFERENCE, Mode.TRAINING)) {
                try (OneDnnWeights weights = new OneDnnWeights(cpu);
                        OneDnnProgram program = new OneDnnProgram(plan, images, mode, cpu, weights, false);
                        BytePointer arena = new BytePointer(program.sharedBytes())) {
                    program.bind(arena, images);
                    program.load(network.parameters());
                    program.forward(pixels);
                    blocks.forEach(block ->
                            into.put(mode.name().toLowerCase(Locale.ROOT) + " " + block, program.valueOf(block)));
                    if (mode == Mode.TRAINING) {
                        program.backward(upstream)
                                .forEach((name, values) -> into.put("gradient " + name, values.clone()));
                        blocks.stream()
                                .filter(block -> !block.equals(Nn4Graph.EMBEDDING)) // that is what is given
                                .forEach(block -> into.put("gradient " + block, program.gradientOf(block)));
                    }
                }
            }
        }
    }

    private static void assertAsGoodAsPyTorch(
            Map<String, float[]> single, Map<String, double[]> exact, List<Expected> expected) {
        Map<String, Double> rounding = new LinkedHashMap<>();
        expected.forEach(e -> rounding.put(e.place(), e.rounding()));
        single.forEach((place, values) -> {
            if (isCancelled(place)) {
                return;
            }
            boolean smooth = !place.startsWith("gradient") || BEHIND_THE_LAST_RELU.contains(place);
            double bound = smooth ? AS_GOOD_AS_PYTORCH * rounding.get(place) : TURNED;
            assertThat(relativeDistance(values, exact.get(place))).as(place).isLessThan(bound);
        });
    }

    /** Where a maximum turned the other way, some values are far off, so it is the median error that tells. */
    private static void assertCloseWithoutKinks(
            Map<String, float[]> single, Map<String, double[]> exact, Set<String> blocks) {
        for (String block : blocks) {
            String place = "gradient " + block;
            if (single.containsKey(place)) {
                assertThat(medianError(single.get(place), exact.get(place)))
                        .as(place + " with open ReLUs")
                        .isLessThan(WITHOUT_KINKS);
            }
        }
    }

    /** The bias in front of a batch-norm: its gradient is zero. */
    private static boolean isCancelled(String place) {
        return place.endsWith(".bias") && !place.endsWith(".bn.bias") && !place.endsWith("dense.bias");
    }

    /** In units of the root mean square. */
    private static double medianError(float[] actual, double[] exact) {
        double[] errors = new double[exact.length];
        double squares = 0;
        for (int i = 0; i < exact.length; i++) {
            errors[i] = Math.abs(actual[i] - exact[i]);
            squares += exact[i] * exact[i];
        }
        Arrays.sort(errors);
        return errors[errors.length / 2] / Math.sqrt(squares / exact.length);
    }

    private static double relativeDistance(float[] actual, double[] exact) {
        assertThat(actual).hasSameSizeAs(exact);
        double squares = 0;
        double norm = 0;
        for (int i = 0; i < exact.length; i++) {
            squares += (actual[i] - exact[i]) * (actual[i] - exact[i]);
            norm += exact[i] * exact[i];
        }
        return Math.sqrt(squares / norm);
    }
}
