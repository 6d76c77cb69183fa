package org.openface.nn4.internal.format;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.io.ByteStreams;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.network.Architecture.TensorSpec;

/**
 * What stands before the tensors of a safetensors file: 8 bytes length of the header, little-endian, and the header in JSON,
 * with type, shape and place of each tensor.
 *
 * @param tensors in the order of their places, which leave no gap
 */
record SafetensorsHeader(Map<String, String> metadata, List<SafetensorsTensor> tensors) {
    static final String METADATA = "__metadata__";

    /** The largest network's, with the memory of an optimiser and an average, has about a seventh of it. */
    private static final int LARGEST = 1 << 20;

    private static final int LENGTH_BYTES = 8;

    /** Of tensors of floats, one after the other. */
    static SafetensorsHeader of(Map<String, String> metadata, List<TensorSpec> specs) {
        List<SafetensorsTensor> tensors = new ArrayList<>();
        long at = 0;
        for (TensorSpec spec : specs) {
            long end = at + (long) Float.BYTES * spec.length();
            tensors.add(new SafetensorsTensor(spec.name(), TensorType.F32, sides(spec), at, end));
            at = end;
        }
        return new SafetensorsHeader(metadata, tensors);
    }

    private static List<Long> sides(TensorSpec spec) {
        return spec.shape().stream().map(Integer::longValue).toList();
    }

    /** Keys, values and names must need no escaping. */
    void write(OutputStream out) throws IOException {
        StringBuilder json = new StringBuilder("{\"" + METADATA + "\":{");
        metadata.forEach((key, value) -> json.append(json.charAt(json.length() - 1) == '{' ? "" : ",")
                .append('"')
                .append(key)
                .append("\":\"")
                .append(value)
                .append('"'));
        json.append('}');
        for (SafetensorsTensor tensor : tensors) {
            json.append(",\"")
                    .append(tensor.name())
                    .append("\":{\"dtype\":\"")
                    .append(tensor.type())
                    .append("\",\"shape\":")
                    .append(tensor.shapeText())
                    .append(",\"data_offsets\":[")
                    .append(tensor.from())
                    .append(',')
                    .append(tensor.to())
                    .append("]}");
        }
        json.append('}');
        while (json.length() % 8 != 0) {
            json.append(' '); // so that the tensors are aligned
        }
        out.write(ByteBuffer.allocate(LENGTH_BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(json.length())
                .array());
        out.write(json.toString().getBytes(UTF_8));
    }

    /** Whether a file that begins like this, and has so many bytes, can have one. */
    static boolean recognises(byte[] start, long size) {
        if (start.length <= LENGTH_BYTES || start[LENGTH_BYTES] != '{') {
            return false;
        }
        long length = ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN).getLong();
        return length >= 2 && (length <= LARGEST || length <= size - LENGTH_BYTES);
    }

    /**
     * Reads a header, after which the stream is at the first tensor.
     *
     * @param size bytes that the stream has, {@link Long#MAX_VALUE} if unknown; when known, the tensors must take all of them
     * @throws EOFException if the stream has less than the header says
     * @throws IOException if it is no such header, or damaged
     */
    static SafetensorsHeader read(InputStream in, long size) throws IOException {
        byte[] bytes = new byte[LENGTH_BYTES];
        ByteStreams.readFully(in, bytes);
        long length = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
        if (length < 2 || length > LARGEST) {
            throw new IOException("the safetensors file is damaged: its header claims " + length + " bytes");
        }
        if (length > size - LENGTH_BYTES) {
            throw new EOFException();
        }
        byte[] json = new byte[(int) length];
        ByteStreams.readFully(in, json);
        SafetensorsParser parser = new SafetensorsParser(text(json));
        parser.parse();
        List<SafetensorsTensor> tensors = new ArrayList<>(parser.tensors.values());
        tensors.sort(Comparator.comparingLong(SafetensorsTensor::from).thenComparingLong(SafetensorsTensor::to));
        long end = checkPlaces(tensors);
        long rest = size - LENGTH_BYTES - length;
        if (end > rest) {
            throw new EOFException();
        }
        if (end < rest && size != Long.MAX_VALUE) {
            throw new IOException("the safetensors file has " + rest + " bytes of data, its tensors " + end);
        }
        return new SafetensorsHeader(parser.metadata, tensors);
    }

    private static String text(byte[] json) throws IOException {
        try {
            return UTF_8.newDecoder().decode(ByteBuffer.wrap(json)).toString();
        } catch (CharacterCodingException e) {
            throw new IOException("the safetensors file is damaged: its header is not UTF-8", e);
        }
    }

    /** Tensors must fill the data without gap or overlap, as the format demands. Returns where they end. */
    private static long checkPlaces(List<SafetensorsTensor> sorted) throws IOException {
        long at = 0;
        for (SafetensorsTensor tensor : sorted) {
            long bytes = tensor.type().bytes();
            for (long side : tensor.shape()) {
                if (side != 0 && bytes > tensor.to() / side) {
                    throw new IOException("tensor " + tensor.name() + " has the shape " + tensor.shape()
                            + ", which is more than its place holds");
                }
                bytes *= side;
            }
            if (tensor.from() != at || tensor.to() != at + bytes) {
                throw new IOException("tensor " + tensor.name() + " lies at bytes " + tensor.from() + " to "
                        + tensor.to() + ", expected were " + at + " to " + (at + bytes));
            }
            at = tensor.to();
        }
        return at;
    }

    /** In what this differs from a file that holds these tensors and no others, all of floats; null in nothing. */
    @Nullable
    String difference(List<TensorSpec> specs) {
        Map<String, SafetensorsTensor> byName = new LinkedHashMap<>();
        tensors.forEach(tensor -> byName.put(tensor.name(), tensor));
        String difference = difference(specs, byName);
        if (difference == null) {
            difference = tensors.stream()
                    .filter(tensor -> tensor.type() != TensorType.F32)
                    .findFirst()
                    .map(tensor -> tensor.name() + " has the type " + tensor.type() + ", expected was F32")
                    .orElse(null);
        }
        return difference;
    }

    /** As {@link #difference(List)}, whatever the tensors are of. */
    static @Nullable String difference(List<TensorSpec> specs, Map<String, SafetensorsTensor> tensors) {
        for (TensorSpec spec : specs) {
            SafetensorsTensor tensor = tensors.get(spec.name());
            if (tensor == null) {
                return "it has no tensor " + spec.name();
            }
            if (!tensor.shape().equals(sides(spec))) {
                return spec.name() + " has the shape " + tensor.shape() + ", expected was " + spec.shape();
            }
        }
        return tensors.size() > specs.size()
                ? "it has " + tensors.size() + " tensors, expected were " + specs.size()
                : null;
    }
}
