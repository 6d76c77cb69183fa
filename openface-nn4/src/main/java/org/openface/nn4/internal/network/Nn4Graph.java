package org.openface.nn4.internal.network;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.enums.WeightsFormat;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv2DConfig;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.LocalResponseNormalizationConfig;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.PaddingMode;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Pooling2DConfig;
import org.nd4j.linalg.factory.Nd4j;
import org.openface.nn4.internal.network.Architecture.Inception;
import org.openface.nn4.internal.network.Architecture.Pool;
import org.openface.nn4.internal.network.Architecture.Pooling;
import org.openface.nn4.internal.network.Architecture.Tower;

/**
 * The definition of the network in SameDiff: stock operations only, so that it runs wherever ND4J does.
 *
 * <p>Arrays are NHWC: {@code [image][row][column][channel]}. Shapes in comments are those of nn4 at 96 pixels.
 *
 * <p>Source: OpenFace's {@code models/openface/*.def.lua} and dpnn's {@code Inception}.
 */
public final class Nn4Graph {
    public static final String INPUT = "input";
    public static final String EMBEDDING = "embedding";
    /** Added to a batch variance before its root; Torch's default. */
    public static final double BATCH_NORM_EPSILON = 1e-5;
    /** Added to a sum of squares before its root: {@code nn.Normalize}'s constant. */
    private static final double NORMALIZE_EPSILON = 1e-10;

    /** The pooling of the stem, twice. */
    public static final Pool STEM_POOL = new Pool(Pooling.MAX, 2, 1);
    /** Keeps the derivative of L2 pooling's root finite where all nine inputs are zero. */
    private static final double L2_POOLING_EPSILON = 1e-12;

    /** The names of the two arrays that hold a batch-norm's batch mean and (biased) variance. */
    public record BatchStatistics(String mean, String variance) {}

    private final SameDiff graph = SameDiff.create();
    private final Architecture architecture;
    private final boolean training;
    /** The layers' batch statistics by layer name; empty for inference. */
    private final Map<String, BatchStatistics> batchStatistics = new LinkedHashMap<>();

    /**
     * @param training whether batch-norm takes its statistics from the batch (and they can be read) or from the running
     *     ones among the parameters
     */
    public Nn4Graph(Architecture architecture, int embeddingSize, boolean training) {
        this(architecture, embeddingSize, training, DataType.FLOAT);
    }

    /** As above in another precision: in {@link DataType#DOUBLE} the definition can be checked without its rounding. */
    public Nn4Graph(Architecture architecture, int embeddingSize, boolean training, DataType type) {
        this.architecture = architecture;
        this.training = training;
        for (Architecture.TensorSpec spec : architecture.tensors(embeddingSize)) {
            if (spec.trained() || !training) {
                long[] shape =
                        spec.shape().stream().mapToLong(Integer::longValue).toArray();
                graph.var(spec.name(), Nd4j.create(type, shape));
            }
        }
        SDVariable x = graph.placeHolder(INPUT, type, -1, architecture.imageSize(), architecture.imageSize(), 3);
        head(blocks(stem(x)));
    }

    public SameDiff sameDiff() {
        return graph;
    }

    /** Copies the parameter values into the graph's variables. */
    public void load(Parameters parameters) {
        for (Architecture.TensorSpec spec : parameters.specs()) {
            if (graph.hasVariable(spec.name())) {
                INDArray target = graph.getVariable(spec.name()).getArr();
                try (INDArray source = Nd4j.createFromArray(parameters.get(spec.name()))) {
                    target.assign(source.reshape(target.shape()));
                }
            }
        }
    }

    public Map<String, BatchStatistics> batchStatistics() {
        return batchStatistics;
    }

    /** [n][96][96][3] → [n][12][12][192]. */
    private SDVariable stem(SDVariable x) {
        SDVariable h = convolution("conv1", x, 7, 2); // [n][48][48][64]
        h = maxPooling("pool1", h, STEM_POOL); // [n][24][24][64]
        h = localResponseNormalization("lrn1", h);
        h = convolution("conv2", h, 1, 1); // [n][24][24][64]
        h = convolution("conv3", h, 3, 1); // [n][24][24][192]
        h = localResponseNormalization("lrn2", h);
        return maxPooling("pool2", h, STEM_POOL); // [n][12][12][192]
    }

    private SDVariable blocks(SDVariable h) {
        int side = architecture.imageSize() / 8;
        for (Inception block : architecture.blocks()) {
            h = inception(block, h, side);
            side /= block.stride();
        }
        return h;
    }

    /** [n][side][side][c] → [n][side / stride][side / stride][outChannels]. */
    private SDVariable inception(Inception block, SDVariable x, int side) {
        String name = "inception_" + block.name();
        List<SDVariable> branches = new ArrayList<>();
        for (Tower tower : block.towers()) {
            String prefix = name + "." + tower.kernel() + "x" + tower.kernel();
            SDVariable reduced = convolution(prefix + "_reduce", x, 1, 1);
            branches.add(convolution(prefix, reduced, tower.kernel(), tower.stride()));
        }
        Pool pool = block.pool();
        SDVariable pooled = pool.kind() == Pooling.MAX ? maxPooling(name + ".pooling", x, pool) : l2Pooling(x, pool);
        if (block.poolOut() > 0) {
            pooled = convolution(name + ".pool", pooled, 1, 1);
        }
        int missing = side / block.stride() - pool.sideAfter(side);
        if (missing > 0) { // DepthConcat centres a smaller map in zeros
            int[] frame = {missing / 2, missing - missing / 2};
            pooled = graph.nn.pad(
                    pooled, graph.constant(Nd4j.createFromArray(new int[][] {{0, 0}, frame, frame, {0, 0}})), 0);
        }
        branches.add(pooled);
        if (block.direct() > 0) {
            branches.add(convolution(name + ".1x1", x, 1, 1));
        }
        return graph.concat(name, 3, branches.toArray(SDVariable[]::new));
    }

    /** [n][3][3][features] → [n][embeddingSize], of length 1. */
    private SDVariable head(SDVariable h) {
        SDVariable features = graph.mean("mean", h, 1, 2); // [n][features]
        SDVariable linear = graph.mmul(features, graph.getVariable("dense.weight"), false, true, false)
                .add("dense", graph.getVariable("dense.bias"));
        SDVariable length =
                graph.math.sqrt(graph.sum(graph.math.square(linear), true, 1).add(NORMALIZE_EPSILON));
        return linear.div(EMBEDDING, length);
    }

    /** Convolution with padding kernel / 2, batch-norm, ReLU. */
    private SDVariable convolution(String name, SDVariable x, int kernel, int stride) {
        Conv2DConfig config = Conv2DConfig.builder()
                .kH(kernel)
                .kW(kernel)
                .sH(stride)
                .sW(stride)
                .pH(kernel / 2)
                .pW(kernel / 2)
                .dataFormat("NHWC")
                .weightsFormat(WeightsFormat.OIYX)
                .paddingMode(PaddingMode.VALID)
                .build();
        SDVariable h = graph.cnn.conv2d(
                name + ".conv", x, graph.getVariable(name + ".weight"), graph.getVariable(name + ".bias"), config);
        return graph.nn.relu(name, batchNorm(name, h), 0);
    }

    private SDVariable batchNorm(String name, SDVariable x) {
        SDVariable mean;
        SDVariable variance;
        if (training) {
            SDVariable[] moments = graph.math.moments(x, new int[] {0, 1, 2}, false);
            mean = moments[0];
            variance = moments[1];
            batchStatistics.put(name, new BatchStatistics(mean.name(), variance.name()));
        } else {
            mean = graph.getVariable(name + ".bn.running_mean");
            variance = graph.getVariable(name + ".bn.running_var");
        }
        return graph.nn.batchNorm(
                name + ".bn",
                x,
                mean,
                variance,
                graph.getVariable(name + ".bn.weight"),
                graph.getVariable(name + ".bn.bias"),
                BATCH_NORM_EPSILON,
                3);
    }

    private SDVariable maxPooling(String name, SDVariable x, Pool pool) {
        return graph.cnn.maxPooling2d(name, x, config(pool));
    }

    /** √(9 · mean of squares). */
    private SDVariable l2Pooling(SDVariable x, Pool pool) {
        SDVariable mean = graph.cnn.avgPooling2d(graph.math.square(x), config(pool));
        return graph.math.sqrt(mean.mul(9).add(L2_POOLING_EPSILON));
    }

    private static Pooling2DConfig config(Pool pool) {
        return Pooling2DConfig.builder()
                .kH(3)
                .kW(3)
                .sH(pool.stride())
                .sW(pool.stride())
                .pH(pool.padding())
                .pW(pool.padding())
                .isNHWC(true)
                .paddingMode(PaddingMode.VALID)
                .build();
    }

    /** Torch's {@code SpatialCrossMapLRN(5, 1e-4, 0.75)}, which divides alpha by the size; ND4J does not. */
    private SDVariable localResponseNormalization(String name, SDVariable x) {
        return graph.cnn.localResponseNormalization(
                name,
                x,
                LocalResponseNormalizationConfig.builder()
                        .depth(2)
                        .alpha(1e-4 / 5)
                        .beta(0.75)
                        .bias(1)
                        .build());
    }
}
