package org.openface.align;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/** Writes a network as ONNX: as much of the format as these tests need. */
public final class OnnxFile {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    private OnnxFile varint(long value) {
        long rest = value;
        while (rest >>> 7 != 0) {
            out.write((int) ((rest & 0x7f) | 0x80));
            rest >>>= 7;
        }
        out.write((int) rest);
        return this;
    }

    OnnxFile number(int field, long value) {
        return varint((long) field << 3).varint(value);
    }

    OnnxFile bytes(int field, byte[] value) {
        varint(((long) field << 3) | 2).varint(value.length);
        out.writeBytes(value);
        return this;
    }

    OnnxFile text(int field, String value) {
        return bytes(field, value.getBytes(StandardCharsets.UTF_8));
    }

    OnnxFile message(int field, OnnxFile value) {
        return bytes(field, value.toBytes());
    }

    byte[] toBytes() {
        return out.toByteArray();
    }

    /** ModelProto of a graph. */
    static byte[] model(OnnxFile graph) {
        return new OnnxFile()
                .number(1, 6)
                .message(7, graph)
                .message(8, new OnnxFile().number(2, 11))
                .toBytes();
    }

    /** ValueInfoProto of floats. */
    static OnnxFile value(String name, long... sides) {
        OnnxFile shape = new OnnxFile();
        for (long side : sides) {
            shape.message(1, new OnnxFile().number(1, side));
        }
        OnnxFile tensor = new OnnxFile().number(1, 1).message(2, shape);
        return new OnnxFile().text(1, name).message(2, new OnnxFile().message(1, tensor));
    }

    private static OnnxFile tensor(String name, int type, byte[] content, long... sides) {
        OnnxFile tensor = new OnnxFile();
        for (long side : sides) {
            tensor.number(1, side);
        }
        return tensor.number(2, type).text(8, name).bytes(9, content);
    }

    static OnnxFile floats(String name, float[] values, long... sides) {
        ByteBuffer content = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        content.asFloatBuffer().put(values);
        return tensor(name, 1, content.array(), sides);
    }

    static OnnxFile longs(String name, long... values) {
        ByteBuffer content = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        content.asLongBuffer().put(values);
        return tensor(name, 7, content.array(), values.length);
    }

    /** NodeProto; its name is that of its output. */
    static OnnxFile node(String operator, List<String> inputs, String output, OnnxFile... attributes) {
        OnnxFile node = new OnnxFile();
        inputs.forEach(input -> node.text(1, input));
        node.text(2, output).text(3, output).text(4, operator);
        Arrays.stream(attributes).forEach(a -> node.message(5, a));
        return node;
    }

    static OnnxFile ints(String name, long... values) {
        OnnxFile attribute = new OnnxFile().text(1, name);
        for (long value : values) {
            attribute.number(8, value);
        }
        return attribute.number(20, 7);
    }

    static OnnxFile integer(String name, long value) {
        return new OnnxFile().text(1, name).number(3, value).number(20, 2);
    }
}
