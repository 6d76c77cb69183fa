package org.openface.nn4.internal.format;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.Convolution;
import org.openface.nn4.internal.network.Architecture.Inception;
import org.openface.nn4.internal.network.Architecture.Pool;
import org.openface.nn4.internal.network.Architecture.Pooling;
import org.openface.nn4.internal.network.Architecture.Tower;
import org.openface.nn4.internal.network.Nn4Graph;
import org.openface.nn4.internal.network.Parameters;

/**
 * The network for inference in ONNX, opset 12: input {@code images}, [n][3][side][side], RGB from 0 to 1; output
 * {@code embeddings}, [n][embeddingSize], of unit length. Batch-norm is folded into the convolutions.
 *
 * <p>Source: {@code onnx/onnx.proto} for the numbers of the fields; {@code docs/Operators.md}.
 */
public final class OnnxFile {
    private static final int IR_VERSION = 7;
    private static final int OPSET = 12;
    private static final int FLOAT = 1;
    private static final int INT64 = 7;

    private final Architecture architecture;
    private final Parameters parameters;
    private final Map<String, Convolution> convolutions = new TreeMap<>();
    private final Message graph = new Message();

    private OnnxFile(Architecture architecture, Parameters parameters) {
        this.architecture = architecture;
        this.parameters = parameters;
        architecture.convolutions().forEach(c -> convolutions.put(c.name(), c));
    }

    public static void write(OutputStream out, ModelFile.Contents contents) throws IOException {
        Architecture architecture = contents.network();
        Message graph = new OnnxFile(architecture, contents.parameters()).graph(contents.embeddingSize());
        Message model = new Message()
                .number(1, IR_VERSION)
                .text(2, "OpenFace for Java")
                .message(8, new Message().text(1, "").number(2, OPSET));
        Map<String, String> metadata = new TreeMap<>(contents.passport());
        metadata.put("variant", contents.network().name());
        metadata.forEach((key, value) -> model.message(
                14, new Message().text(1, Safetensors.PREFIX + key).text(2, value)));
        model.message(7, graph.text(2, contents.network().name()));
        model.writeTo(out);
        out.flush();
    }

    /** Whether a file that begins like this is a model in ONNX: the version of its format, then the text of a producer. */
    static boolean recognises(byte[] file) {
        return file.length > 3
                && file[0] == 1 << 3
                && file[1] > 0
                && (file[2] == (2 << 3 | 2) || file[2] == (7 << 3 | 2));
    }

    private Message graph(int embeddingSize) {
        long side = architecture.imageSize();
        graph.message(11, value("images", 3, side, side));
        graph.message(12, value("embeddings", embeddingSize));
        tensor("one", new float[] {1});
        tensor("nine", new float[] {9});
        tensor("lrn.alpha", new float[] {1e-4f});

        String h = convolution("conv1", "images");
        h = pooling("pool1", h, Nn4Graph.STEM_POOL);
        h = localResponseNorm("lrn1", h, 64, side / 4);
        h = convolution("conv3", convolution("conv2", h));
        h = localResponseNorm("lrn2", h, Architecture.STEM_CHANNELS, side / 4);
        h = pooling("pool2", h, Nn4Graph.STEM_POOL);
        int mapSide = architecture.imageSize() / 8;
        for (Inception block : architecture.blocks()) {
            h = inception(block, h, mapSide);
            mapSide /= block.stride();
        }
        node("GlobalAveragePool", "mean", List.of(h));
        node("Flatten", "features", List.of("mean"));
        tensor("dense.weight", parameters.get("dense.weight"), embeddingSize, architecture.features());
        tensor("dense.bias", parameters.get("dense.bias"), embeddingSize);
        node("Gemm", "dense", List.of("features", "dense.weight", "dense.bias"), integer("transB", 1));
        node("ReduceL2", "length", List.of("dense"), integers("axes", 1));
        tensor("shortest", new float[] {1e-5f}); // as the root of 1e-10 under our root; only zeros are so short
        node("Max", "divisor", List.of("length", "shortest"));
        node("Div", "embeddings", List.of("dense", "divisor"));
        return graph;
    }

    private String inception(Inception block, String x, int side) {
        String name = "inception_" + block.name();
        List<String> branches = new ArrayList<>();
        for (Tower tower : block.towers()) {
            String kernel = name + "." + tower.kernel() + "x" + tower.kernel();
            branches.add(convolution(kernel, convolution(kernel + "_reduce", x)));
        }
        String pooled = pooling(name + ".pooling", x, block.pool());
        if (block.poolOut() > 0) {
            pooled = convolution(name + ".pool", pooled);
        }
        int missing = side / block.stride() - block.pool().sideAfter(side);
        if (missing > 0) {
            long before = missing / 2;
            long after = missing - before;
            tensor(name + ".frame", new long[] {0, 0, before, before, 0, 0, after, after});
            node("Pad", name + ".padded", List.of(pooled, name + ".frame"));
            pooled = name + ".padded";
        }
        branches.add(pooled);
        if (block.direct() > 0) {
            branches.add(convolution(name + ".1x1", x));
        }
        node("Concat", name, branches, integer("axis", 1));
        return name;
    }

    /** Convolution with batch-norm in it, and ReLU. */
    private String convolution(String name, String x) {
        Convolution c = convolutions.get(name);
        if (c == null) {
            throw new IllegalArgumentException("no convolution " + name);
        }
        float[] weight = parameters.get(name + ".weight").clone();
        float[] bias = parameters.get(name + ".bias").clone();
        float[] scale = parameters.get(name + ".bn.weight");
        float[] shift = parameters.get(name + ".bn.bias");
        float[] mean = parameters.get(name + ".bn.running_mean");
        float[] variance = parameters.get(name + ".bn.running_var");
        int perChannel = weight.length / c.out();
        for (int o = 0; o < c.out(); o++) {
            double factor = scale[o] / Math.sqrt(variance[o] + Nn4Graph.BATCH_NORM_EPSILON);
            for (int i = o * perChannel; i < (o + 1) * perChannel; i++) {
                weight[i] = (float) (weight[i] * factor);
            }
            bias[o] = (float) ((bias[o] - mean[o]) * factor + shift[o]);
        }
        tensor(name + ".weight", weight, c.out(), c.in(), c.kernel(), c.kernel());
        tensor(name + ".bias", bias, c.out());
        node(
                "Conv",
                name + ".conv",
                List.of(x, name + ".weight", name + ".bias"),
                squares("kernel_shape", c.kernel()),
                squares("strides", c.stride()),
                frame(c.kernel() / 2));
        node("Relu", name, List.of(name + ".conv"));
        return name;
    }

    private String pooling(String name, String x, Pool pool) {
        Message kernel = squares("kernel_shape", 3);
        Message strides = squares("strides", pool.stride());
        if (pool.kind() == Pooling.MAX) {
            node("MaxPool", name, List.of(x), kernel, strides, frame(pool.padding()));
            return name;
        }
        // as LpPool, which ONNX Runtime computes ten times slower
        node("Mul", name + ".squares", List.of(x, x));
        node("AveragePool", name + ".mean", List.of(name + ".squares"), kernel, strides);
        node("Mul", name + ".sum", List.of(name + ".mean", "nine"));
        node("Sqrt", name, List.of(name + ".sum"));
        return name;
    }

    /** As the operator LRN, which ONNX Runtime computes several times slower. */
    private String localResponseNorm(String name, String x, long channels, long side) {
        tensor(name + ".rows", new long[] {0, 1, channels, side * side});
        tensor(name + ".map", new long[] {0, channels, side, side});
        node("Mul", name + ".squares", List.of(x, x));
        node("Reshape", name + ".columns", List.of(name + ".squares", name + ".rows"));
        node(
                "AveragePool",
                name + ".mean",
                List.of(name + ".columns"),
                integers("kernel_shape", 5, 1),
                integers("pads", 2, 0, 2, 0),
                integer("count_include_pad", 1));
        node("Reshape", name + ".means", List.of(name + ".mean", name + ".map"));
        node("Mul", name + ".scaled", List.of(name + ".means", "lrn.alpha"));
        node("Add", name + ".base", List.of(name + ".scaled", "one"));
        node("Sqrt", name + ".root", List.of(name + ".base"));
        node("Sqrt", name + ".fourthRoot", List.of(name + ".root"));
        node("Mul", name + ".power", List.of(name + ".root", name + ".fourthRoot")); // to the 3/4
        node("Div", name, List.of(x, name + ".power"));
        return name;
    }

    // ---- messages of onnx.proto

    private void node(String operator, String output, List<String> inputs, Message... attributes) {
        Message node = new Message();
        inputs.forEach(input -> node.text(1, input));
        node.text(2, output).text(3, output).text(4, operator);
        for (Message attribute : attributes) {
            node.message(5, attribute);
        }
        graph.message(1, node);
    }

    private void tensor(String name, float[] values, long... shape) {
        byte[] raw = new byte[4 * values.length];
        ByteBuffer.wrap(raw).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(values);
        Message tensor = new Message();
        for (long side : shape) {
            tensor.number(1, side);
        }
        graph.message(5, tensor.number(2, FLOAT).text(8, name).bytes(9, raw));
    }

    private void tensor(String name, long[] values) {
        byte[] raw = new byte[8 * values.length];
        ByteBuffer.wrap(raw).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().put(values);
        graph.message(
                5,
                new Message()
                        .number(1, values.length)
                        .number(2, INT64)
                        .text(8, name)
                        .bytes(9, raw));
    }

    /** An array of floats whose first dimension is the batch. */
    private static Message value(String name, long... sides) {
        Message shape = new Message().message(1, new Message().text(2, "n"));
        for (long side : sides) {
            shape.message(1, new Message().number(1, side));
        }
        Message type = new Message().message(1, new Message().number(1, FLOAT).message(2, shape));
        return new Message().text(1, name).message(2, type);
    }

    private static Message integer(String name, long value) {
        return new Message().text(1, name).number(3, value).number(20, 2);
    }

    private static Message integers(String name, long... values) {
        Message attribute = new Message().text(1, name);
        for (long value : values) {
            attribute.number(8, value);
        }
        return attribute.number(20, 7);
    }

    private static Message squares(String name, long value) {
        return integers(name, value, value);
    }

    private static Message frame(long padding) {
        return integers("pads", padding, padding, padding, padding);
    }

    /** A protocol buffer under construction: fields in the order they are added. */
    private static final class Message {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        Message number(int field, long value) {
            varint((long) field << 3);
            varint(value);
            return this;
        }

        Message bytes(int field, byte[] value) {
            varint(((long) field << 3) | 2);
            varint(value.length);
            bytes.writeBytes(value);
            return this;
        }

        Message text(int field, String value) {
            return bytes(field, value.getBytes(UTF_8));
        }

        Message message(int field, Message value) {
            return bytes(field, value.bytes.toByteArray());
        }

        private void varint(long value) {
            long rest = value;
            while ((rest & ~0x7FL) != 0) {
                bytes.write((int) ((rest & 0x7F) | 0x80));
                rest >>>= 7;
            }
            bytes.write((int) rest);
        }

        void writeTo(OutputStream out) throws IOException {
            bytes.writeTo(out);
        }
    }
}
