package org.openface.nn4.internal.format;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.format.TorchValues.Table;
import org.openface.nn4.internal.format.TorchValues.Tensor;
import org.openface.nn4.internal.format.TorchValues.TorchModule;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Nn4Graph;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.state.OptimizerMemory;

/**
 * Finds an nn4 network in a tree of Torch's modules: it must have the layers of one of our networks, in their order, with their
 * sizes, strides and padding; nesting that changes nothing ({@code nn.Decorator}) and layers that only reshape are passed over.
 */
final class TorchNetworkReader {
    private static final double EPSILON = Nn4Graph.BATCH_NORM_EPSILON;
    /** Modules that a tree can mention; nn4 has some 250. */
    private static final int MOST_MODULES = 10_000;

    private TorchNetworkReader() {}

    /** A layer in words, to be compared, and the module it was read from. */
    private record Layer(String text, TorchModule module) {}

    /**
     * Finds the network in what a file held.
     *
     * @throws IOException if it is none of ours, saying the first difference to each
     */
    static ModelFile.Contents contents(@Nullable Object root) throws IOException {
        if (!(root instanceof TorchModule module)) {
            throw new IOException("the Torch file holds no network but " + root);
        }
        List<Layer> layers = new ArrayList<>();
        new Description(layers).add(module, 0);
        int embeddingSize = layers.stream()
                .filter(layer -> layer.module.type.equals("nn.Linear"))
                .mapToInt(layer -> layer.module.fields.get("bias") instanceof Tensor bias ? (int) bias.count() : 0)
                .findFirst()
                .orElse(0);
        if (embeddingSize < 1 || embeddingSize > ModelFile.LARGEST_EMBEDDING) {
            throw new IOException("the Torch file holds no nn4 network: it has no linear layer of sensible size");
        }
        StringBuilder differences = new StringBuilder();
        for (Architecture network : Architecture.all()) {
            String difference = difference(layers, expected(network, embeddingSize));
            if (difference == null) {
                return contents(network, embeddingSize, layers);
            }
            differences.append("\n  not ").append(network).append(": ").append(difference);
        }
        throw new IOException("the Torch file holds no network of this library:" + differences);
    }

    private static List<Layer> expected(Architecture architecture, int embeddingSize) throws IOException {
        List<Layer> layers = new ArrayList<>();
        new Description(layers).add(TorchNetwork.layers(architecture, embeddingSize), 0);
        return layers;
    }

    private static @Nullable String difference(List<Layer> actual, List<Layer> expected) {
        for (int i = 0; i < Math.min(actual.size(), expected.size()); i++) {
            if (!actual.get(i).text.equals(expected.get(i).text)) {
                return "layer " + (i + 1) + " is " + actual.get(i).text + ", expected was " + expected.get(i).text;
            }
        }
        return actual.size() == expected.size()
                ? null
                : "it has " + actual.size() + " layers, expected were " + expected.size();
    }

    private static ModelFile.Contents contents(Architecture network, int embeddingSize, List<Layer> layers)
            throws IOException {
        List<TensorSpec> specs = network.tensors(embeddingSize);
        for (Layer layer : layers) { // before anything is allocated for it
            if (layer.module.type.equals("nn.Linear")
                    && layer.module.fields.get("weight") instanceof Tensor weight
                    && (weight.storage == null
                            || weight.count() > weight.storage.length
                            || weight.count() != (long) embeddingSize * network.features())) {
                throw new IOException("the Torch file is damaged: its linear layer has no weights that fit its bias");
            }
        }
        List<String> convolutions = network.convolutions().stream()
                .map(Architecture.Convolution::name)
                .toList();
        Parameters parameters = Parameters.zeros(specs);
        int convolution = 0;
        int batchNorm = 0;
        for (Layer layer : layers) {
            Table fields = layer.module.fields;
            switch (layer.module.type) {
                case "nn.SpatialConvolution", "nn.SpatialConvolutionMM", "cudnn.SpatialConvolution" -> {
                    String name = convolutions.get(convolution++);
                    copy(fields, "weight", name + ".weight", parameters);
                    copy(fields, "bias", name + ".bias", parameters);
                }
                case "nn.SpatialBatchNormalization", "cudnn.SpatialBatchNormalization" -> {
                    String name = convolutions.get(batchNorm++) + ".bn.";
                    copy(fields, "weight", name + "weight", parameters);
                    copy(fields, "bias", name + "bias", parameters);
                    copy(fields, "running_mean", name + "running_mean", parameters);
                    if (fields.get("running_var") != null) {
                        copy(fields, "running_var", name + "running_var", parameters);
                    } else { // before nn's version 2, and misnamed: it is 1 / √(variance + ε)
                        copy(fields, "running_std", name + "running_var", parameters);
                        float[] variance = parameters.get(name + "running_var");
                        for (int i = 0; i < variance.length; i++) {
                            variance[i] = (float) (1 / ((double) variance[i] * variance[i]) - EPSILON);
                        }
                    }
                }
                case "nn.Linear" -> {
                    copy(fields, "weight", "dense.weight", parameters);
                    copy(fields, "bias", "dense.bias", parameters);
                }
                default -> {
                    // no weights
                }
            }
        }
        parameters.changed();
        return new ModelFile.Contents(network, embeddingSize, parameters, new OptimizerMemory(specs), Map.of());
    }

    private static void copy(Table fields, String field, String name, Parameters parameters) throws IOException {
        if (!(fields.get(field) instanceof Tensor tensor)) {
            throw new IOException("the Torch file has no tensor " + field + " for " + name);
        }
        tensor.copyTo(parameters.get(name), parameters.shape(name), name);
    }

    /** Writes a tree down as a list of layers. */
    private static final class Description {
        private final List<Layer> layers;
        private int modules;

        Description(List<Layer> layers) {
            this.layers = layers;
        }

        void add(TorchModule m, int depth) throws IOException {
            if (depth > 16 || ++modules > MOST_MODULES) {
                throw new IOException("the Torch file is damaged: its modules contain each other");
            }
            String type = m.type.startsWith("cudnn.") ? "nn." + m.type.substring(6) : m.type;
            switch (type) {
                case "nn.Sequential", "nn.Inception", "nn.InceptionModule", "nn.Decorator" -> {
                    for (TorchModule child : children(m)) {
                        add(child, depth + 1);
                    }
                }
                case "nn.Concat", "nn.DepthConcat" -> {
                    if (number(m, "dimension", 2) != 2) {
                        throw new IOException("the Torch file concatenates along another dimension than channels");
                    }
                    for (TorchModule child : children(m)) {
                        layer(m, "the beginning of a branch");
                        add(child, depth + 1);
                    }
                    layer(m, "the end of branches");
                }
                case "nn.SpatialConvolution", "nn.SpatialConvolutionMM" -> {
                    int padding = number(m, "padding", 0); // before padW and padH
                    square(m, "kW", "kH", -1);
                    layer(
                            m,
                            "convolution %d to %d, %dx%d, stride %d, padding %d",
                            number(m, "nInputPlane", -1),
                            number(m, "nOutputPlane", -1),
                            number(m, "kW", -1),
                            number(m, "kH", -1),
                            square(m, "dW", "dH", 1),
                            square(m, "padW", "padH", padding));
                }
                case "nn.SpatialBatchNormalization" -> {
                    double eps = real(m, "eps", EPSILON);
                    layer(m, "batch norm with epsilon %s", Math.abs(eps - EPSILON) < 1e-9 ? EPSILON : eps);
                }
                case "nn.ReLU" -> layer(m, "relu");
                case "nn.SpatialMaxPooling" -> layer(
                        m,
                        "max pooling %d, stride %d, padding %d%s",
                        square(m, "kW", "kH", -1),
                        square(m, "dW", "dH", -1),
                        square(m, "padW", "padH", 0),
                        Boolean.TRUE.equals(m.fields.get("ceil_mode")) ? ", rounded up" : "");
                case "nn.SpatialLPPooling" -> l2Pooling(m);
                case "nn.SpatialCrossMapLRN" -> layer(
                        m,
                        "local response norm %d, %s, %s, %s",
                        number(m, "size", -1),
                        real(m, "alpha", 1e-4),
                        real(m, "beta", 0.75),
                        real(m, "k", 1));
                case "nn.SpatialAveragePooling" -> layer(m, "average pooling %d", averageSide(m));
                case "nn.Linear" -> layer(m, "linear");
                case "nn.Normalize" -> layer(m, "norm %d", number(m, "p", 2));
                case "nn.View", "nn.Reshape" -> {
                    // our arrays have their shapes
                }
                default -> throw new IOException("the Torch file has a " + m.type + " where no nn4 network has one");
            }
        }

        /** A Sequential: square, average, times the window's size, root. */
        private void l2Pooling(TorchModule pooling) throws IOException {
            List<TorchModule> inner = children(pooling);
            List<String> types = inner.stream().map(child -> child.type).toList();
            boolean times = types.contains("nn.MulConstant");
            if (!types.equals(
                    times
                            ? List.of("nn.Square", "nn.SpatialAveragePooling", "nn.MulConstant", "nn.Sqrt")
                            : List.of("nn.Square", "nn.SpatialAveragePooling", "nn.Sqrt"))) {
                throw new IOException("the Torch file has an LP pooling of " + types + ", which is no L2 pooling");
            }
            TorchModule average = inner.get(1);
            int side = averageSide(average);
            double factor = Boolean.FALSE.equals(average.fields.get("divide")) ? side * side : 1;
            if (times) {
                factor *= real(inner.get(2), "constant_scalar", 1);
            }
            layer(
                    pooling,
                    "l2 pooling %d, stride %d, padding %d, times %s",
                    side,
                    square(average, "dW", "dH", 1),
                    square(average, "padW", "padH", 0),
                    factor);
        }

        private static int averageSide(TorchModule average) throws IOException {
            return square(average, "kW", "kH", -1);
        }

        private void layer(TorchModule module, String text, Object... values) {
            layers.add(new Layer(String.format(Locale.ROOT, text, values), module));
        }

        private static List<TorchModule> children(TorchModule module) throws IOException {
            List<TorchModule> children = new ArrayList<>();
            if (module.fields.get("modules") instanceof Table table) {
                for (int i = 1; i <= table.entries.size(); i++) {
                    if (!(table.get((double) i) instanceof TorchModule child)) {
                        throw new IOException("the Torch file is damaged: a " + module.type + " has no module " + i);
                    }
                    children.add(child);
                }
            }
            return children;
        }

        private static double real(TorchModule module, String field, double otherwise) throws IOException {
            Object value = module.fields.get(field);
            if (value == null && otherwise >= 0) {
                return otherwise;
            }
            if (value instanceof Double number) {
                return number;
            }
            throw new IOException("the Torch file is damaged: a " + module.type + " has no number " + field);
        }

        private static int number(TorchModule module, String field, int otherwise) throws IOException {
            double value = real(module, field, otherwise);
            if (value != (int) value) {
                throw new IOException("the Torch file is damaged: " + module.type + "'s " + field + " is " + value);
            }
            return (int) value;
        }

        /** Two fields that must agree, such as the stride of columns and of rows. */
        private static int square(TorchModule module, String columns, String rows, int otherwise) throws IOException {
            int value = number(module, columns, otherwise);
            if (number(module, rows, value) != value) {
                throw new IOException(
                        "the Torch file has a " + module.type + " whose " + columns + " is not its " + rows);
            }
            return value;
        }
    }
}
