package org.openface.nn4.internal.format;

import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.openface.nn4.internal.format.TorchValues.Storage;
import org.openface.nn4.internal.format.TorchValues.Table;
import org.openface.nn4.internal.format.TorchValues.Tensor;
import org.openface.nn4.internal.format.TorchValues.TorchModule;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.Inception;
import org.openface.nn4.internal.network.Architecture.Pool;
import org.openface.nn4.internal.network.Architecture.Pooling;
import org.openface.nn4.internal.network.Architecture.Tower;
import org.openface.nn4.internal.network.Nn4Graph;

/**
 * An nn4 network as Torch's tree of modules: the one that OpenFace's {@code .def.lua} builds, and {@code torch.save} writes.
 * {@link TorchNetworkReader} is the way back.
 */
public final class TorchNetwork {
    private static final double EPSILON = Nn4Graph.BATCH_NORM_EPSILON;

    private TorchNetwork() {}

    public static void write(OutputStream out, ModelFile.Contents contents, boolean ascii) throws IOException {
        TorchWriter.write(out, tree(contents), ascii);
    }

    /** The modules of a network in evaluation mode, with gradients of zero as Torch wants them for training on. */
    public static TorchModule tree(ModelFile.Contents contents) {
        return new Builder(contents.network(), contents.embeddingSize(), contents.parameters()::get).network();
    }

    /** As {@link #tree}, without values. */
    static TorchModule layers(Architecture architecture, int embeddingSize) {
        return new Builder(architecture, embeddingSize, name -> new float[0]).network();
    }

    private static final class Builder {
        private final Architecture architecture;
        private final int embeddingSize;
        private final Function<String, float[]> values;

        Builder(Architecture architecture, int embeddingSize, Function<String, float[]> values) {
            this.architecture = architecture;
            this.embeddingSize = embeddingSize;
            this.values = values;
        }

        TorchModule network() {
            Pool stemPool = Nn4Graph.STEM_POOL;
            List<TorchModule> all = new ArrayList<>(convolution("nn.SpatialConvolutionMM", "conv1", 3, 64, 7, 2));
            all.add(pooling(stemPool));
            all.add(localResponseNorm());
            all.addAll(convolution("nn.SpatialConvolutionMM", "conv2", 64, 64, 1, 1));
            all.addAll(convolution("nn.SpatialConvolutionMM", "conv3", 64, Architecture.STEM_CHANNELS, 3, 1));
            all.add(localResponseNorm());
            all.add(pooling(stemPool));
            int channels = Architecture.STEM_CHANNELS;
            int side = architecture.imageSize() / 8;
            for (Inception block : architecture.blocks()) {
                all.add(inception(block, channels));
                channels = block.outChannels(channels);
                side /= block.stride();
            }
            all.add(averagePooling(side, 1));
            TorchModule view = module("nn.View", 1);
            view.fields.put("size", Storage.of((long) channels)).put("numElements", (double) channels);
            all.add(view);
            TorchModule linear = module("nn.Linear", 1);
            weights(linear, "dense", new long[] {embeddingSize, channels});
            all.add(linear);
            TorchModule normalize = module("nn.Normalize", 1);
            normalize.fields.put("p", 2.0).put("eps", 1e-10);
            all.add(normalize);
            return container("nn.Sequential", all);
        }

        private TorchModule inception(Inception block, int in) {
            String name = "inception_" + block.name() + ".";
            String type = "nn.SpatialConvolution";
            List<TorchModule> branches = new ArrayList<>();
            for (Tower tower : block.towers()) {
                String kernel = name + tower.kernel() + "x" + tower.kernel();
                List<TorchModule> branch =
                        new ArrayList<>(convolution(type, kernel + "_reduce", in, tower.reduce(), 1, 1));
                branch.addAll(convolution(type, kernel, tower.reduce(), tower.out(), tower.kernel(), tower.stride()));
                branches.add(container("nn.Sequential", branch));
            }
            List<TorchModule> pooled = new ArrayList<>(List.of(pooling(block.pool())));
            if (block.poolOut() > 0) {
                pooled.addAll(convolution(type, name + "pool", in, block.poolOut(), 1, 1));
            }
            branches.add(container("nn.Sequential", pooled));
            if (block.direct() > 0) {
                branches.add(container("nn.Sequential", convolution(type, name + "1x1", in, block.direct(), 1, 1)));
            }
            TorchModule concat = container("nn.DepthConcat", branches);
            concat.fields.put("dimension", 2.0).put("size", Storage.of(new long[0]));
            concat.fields.put("outputSize", Storage.of(new long[0]));
            return container("nn.Inception", List.of(concat));
        }

        private List<TorchModule> convolution(String type, String name, int in, int out, int kernel, int stride) {
            TorchModule convolution = module(type, 1);
            convolution.fields.put("nInputPlane", (double) in).put("nOutputPlane", (double) out);
            window(convolution, kernel, stride, kernel / 2);
            convolution.fields.put("finput", Tensor.empty()).put("fgradInput", Tensor.empty());
            weights(
                    convolution,
                    name,
                    type.endsWith("MM")
                            ? new long[] {out, (long) in * kernel * kernel}
                            : new long[] {out, in, kernel, kernel});
            TorchModule norm = module("nn.SpatialBatchNormalization", 2);
            norm.fields.put("eps", EPSILON).put("momentum", 0.1).put("affine", true);
            weights(norm, name + ".bn", new long[] {out});
            norm.fields
                    .put("running_mean", Tensor.of(values.apply(name + ".bn.running_mean"), out))
                    .put("running_var", Tensor.of(values.apply(name + ".bn.running_var"), out));
            TorchModule relu = module("nn.ReLU", 1);
            relu.fields.put("threshold", 0.0).put("val", 0.0).put("inplace", false);
            return List.of(convolution, norm, relu);
        }

        private TorchModule pooling(Pool pool) {
            if (pool.kind() == Pooling.L2) {
                TorchModule times = module("nn.MulConstant", 1);
                times.fields.put("constant_scalar", 9.0).put("inplace", false);
                TorchModule root = module("nn.Sqrt", 1);
                root.fields.put("eps", 0.0);
                TorchModule l2 = container(
                        "nn.SpatialLPPooling",
                        List.of(module("nn.Square", 1), averagePooling(3, pool.stride()), times, root));
                l2.fields.put("kW", 3.0).put("kH", 3.0);
                l2.fields.put("dW", (double) pool.stride()).put("dH", (double) pool.stride());
                return l2;
            }
            TorchModule max = module("nn.SpatialMaxPooling", 1);
            window(max, 3, pool.stride(), pool.padding());
            max.fields.put("ceil_mode", false).put("indices", Tensor.empty());
            return max;
        }

        private static TorchModule averagePooling(int kernel, int stride) {
            TorchModule average = module("nn.SpatialAveragePooling", 1);
            window(average, kernel, stride, 0);
            average.fields
                    .put("ceil_mode", false)
                    .put("count_include_pad", true)
                    .put("divide", true);
            return average;
        }

        private static TorchModule localResponseNorm() {
            TorchModule norm = module("nn.SpatialCrossMapLRN", 1);
            norm.fields.put("size", 5.0).put("alpha", 1e-4).put("beta", 0.75).put("k", 1.0);
            return norm;
        }

        private static void window(TorchModule module, int kernel, int stride, int padding) {
            module.fields.put("kW", (double) kernel).put("kH", (double) kernel);
            module.fields.put("dW", (double) stride).put("dH", (double) stride);
            module.fields.put("padW", (double) padding).put("padH", (double) padding);
        }

        private void weights(TorchModule module, String name, long[] shape) {
            float[] weight = values.apply(name + ".weight");
            float[] bias = values.apply(name + ".bias");
            module.fields
                    .put("weight", Tensor.of(weight, shape))
                    .put("bias", Tensor.of(bias, shape[0]))
                    .put("gradWeight", Tensor.of(new float[weight.length], shape))
                    .put("gradBias", Tensor.of(new float[bias.length], shape[0]));
        }

        private static TorchModule container(String type, List<TorchModule> children) {
            TorchModule container = module(type, 1);
            container.fields.put("modules", Table.list(children));
            return container;
        }

        private static TorchModule module(String type, int version) {
            TorchModule module = new TorchModule(type, version);
            module.fields
                    .put("_type", "torch.FloatTensor")
                    .put("train", false)
                    .put("output", Tensor.empty())
                    .put("gradInput", Tensor.empty());
            return module;
        }
    }
}
