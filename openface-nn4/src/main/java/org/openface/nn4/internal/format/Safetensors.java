package org.openface.nn4.internal.format;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.state.OptimizerMemory;

/**
 * The safetensors format: 8 bytes length of the header, little-endian; the header in JSON with type, shape and place of
 * each tensor; the tensors.
 *
 * <p>Tensors have the names of {@link Architecture#tensors}: {@code conv1.weight}, {@code conv1.bias},
 * {@code conv1.bn.weight}, {@code conv1.bn.bias}, {@code conv1.bn.running_mean}, {@code conv1.bn.running_var}, likewise
 * {@code inception_3a.3x3_reduce.weight} and so on, {@code dense.weight}, {@code dense.bias}. When reading, a module named
 * {@code conv} inside is understood too, as in {@code conv1.conv.weight}, and PyTorch's {@code num_batches_tracked} is left
 * out. The metadata say which network it is, since two differ in no tensor, and hold the passport, under keys that begin
 * with {@value #PREFIX}; earlier versions of this library wrote them without, which is read still.
 *
 * <p>Source: the format's description at github.com/huggingface/safetensors.
 */
public final class Safetensors {
    private static final int LARGEST_HEADER = 1 << 20;
    private static final String METADATA = "__metadata__";

    /** Of the keys of our metadata, so that they are nobody else's. */
    static final String PREFIX = "openface.";

    private Safetensors() {}

    public static void write(OutputStream out, ModelFile.Contents contents) throws IOException {
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("format", "pt");
        metadata.put(PREFIX + "variant", contents.network().name());
        contents.passport().forEach((key, value) -> metadata.put(PREFIX + key, value));
        StringBuilder header = new StringBuilder("{\"" + METADATA + "\":{");
        metadata.forEach((key, value) -> header.append(header.charAt(header.length() - 1) == '{' ? "" : ",")
                .append('"')
                .append(key)
                .append("\":\"")
                .append(value) // variants and passports have nothing that needs escaping
                .append('"'));
        header.append('}');
        long offset = 0;
        for (TensorSpec spec : contents.parameters().specs()) {
            long end = offset + 4L * spec.length();
            header.append(",\"")
                    .append(spec.name())
                    .append("\":{\"dtype\":\"F32\",\"shape\":")
                    .append(spec.shape().toString().replace(" ", ""))
                    .append(",\"data_offsets\":[")
                    .append(offset)
                    .append(',')
                    .append(end)
                    .append("]}");
            offset = end;
        }
        header.append('}');
        while (header.length() % 8 != 0) {
            header.append(' '); // so that the tensors are aligned
        }
        out.write(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(header.length())
                .array());
        out.write(header.toString().getBytes(UTF_8));
        for (TensorSpec spec : contents.parameters().specs()) {
            ModelFile.writeFloats(out, contents.parameters().get(spec.name()));
        }
        out.flush();
    }

    /** Whether a file that begins like this, and has so many bytes, can be one. */
    static boolean recognises(byte[] start, long size) {
        if (start.length < 10 || start[8] != '{') {
            return false;
        }
        long length = ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN).getLong();
        return length >= 2 && length <= size - 8;
    }

    /**
     * Reads a network's tensors.
     *
     * @throws IOException if this is no such file, is damaged, or holds other tensors than a network of this library
     */
    public static ModelFile.Contents read(byte[] file) throws IOException {
        if (file.length < 10) {
            throw new IOException("the safetensors file is cut short");
        }
        ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        long headerLength = bytes.getLong();
        if (headerLength < 2 || headerLength > Math.min(LARGEST_HEADER, file.length - 8)) {
            throw new IOException("the safetensors file is damaged: its header claims " + headerLength + " bytes");
        }
        String header;
        try {
            header = UTF_8.newDecoder()
                    .decode(ByteBuffer.wrap(file, 8, (int) headerLength))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new IOException("the safetensors file is damaged: its header is not UTF-8", e);
        }
        HeaderParser parser = new HeaderParser(header);
        parser.parse();
        int start = 8 + (int) headerLength;
        checkPlaces(parser.tensors.values(), file.length - start);
        return contents(parser, file, start);
    }

    /** Tensors must fill the data without gap or overlap, as the format demands. */
    private static void checkPlaces(Iterable<Entry> entries, long dataLength) throws IOException {
        List<Entry> sorted = new ArrayList<>();
        entries.forEach(sorted::add);
        sorted.sort(Comparator.comparingLong(Entry::from).thenComparingLong(Entry::to));
        long at = 0;
        for (Entry entry : sorted) {
            long size = entry.type.bytes;
            for (long side : entry.shape) {
                if (side < 0 || (side != 0 && size > dataLength / side)) {
                    throw new IOException("tensor " + entry.name + " has the shape " + entry.shape
                            + ", which is more than the file holds");
                }
                size *= side;
            }
            if (entry.from != at || entry.to != at + size) {
                throw new IOException("tensor " + entry.name + " lies at bytes " + entry.from + " to " + entry.to
                        + ", expected were " + at + " to " + (at + size));
            }
            at = entry.to;
        }
        if (at != dataLength) {
            throw new IOException("the safetensors file has " + dataLength + " bytes of data, its tensors " + at);
        }
    }

    private static ModelFile.Contents contents(HeaderParser parser, byte[] file, int start) throws IOException {
        Map<String, Entry> tensors = new LinkedHashMap<>();
        for (Entry entry : parser.tensors.values()) {
            if (!entry.name.endsWith(".num_batches_tracked")) {
                Entry other = tensors.put(entry.name.replace(".conv.", "."), entry);
                if (other != null) {
                    throw new IOException("the safetensors file has the tensors " + other.name + " and " + entry.name
                            + ", which are one in this library's names");
                }
            }
        }
        Entry bias = tensors.get("dense.bias");
        if (bias == null || bias.shape.size() != 1 || bias.shape.get(0) < 1) {
            throw new IOException("the safetensors file holds no nn4 network: it has no tensor dense.bias");
        }
        int embeddingSize = Math.toIntExact(bias.shape.get(0)); // fits, since the file holds the tensor
        if (embeddingSize > ModelFile.LARGEST_EMBEDDING) {
            throw new IOException("embeddings of " + embeddingSize + " values are too large");
        }
        Map<String, String> metadata = ownMetadata(parser.metadata);
        Architecture network = network(metadata.get("variant"), tensors, embeddingSize);
        List<TensorSpec> specs = network.tensors(embeddingSize);
        String difference = difference(specs, tensors);
        if (difference != null) {
            throw new IOException("the safetensors file is no " + network + ": " + difference);
        }
        for (TensorSpec spec : specs) {
            Entry entry = entry(tensors, spec);
            if (!entry.type.readable) {
                throw new IOException("tensor " + entry.name + " has the type " + entry.type + "; " + Type.READABLE);
            }
        }
        Parameters parameters = Parameters.zeros(specs);
        for (TensorSpec spec : specs) {
            Entry entry = entry(tensors, spec);
            entry.type.read(
                    ByteBuffer.wrap(file, start + (int) entry.from, (int) (entry.to - entry.from))
                            .order(ByteOrder.LITTLE_ENDIAN),
                    parameters.get(spec.name()));
        }
        parameters.changed();
        return new ModelFile.Contents(network, embeddingSize, parameters, new OptimizerMemory(specs), metadata);
    }

    /** Our entries, without the prefix; none of another tool's, whatever they are called. */
    private static Map<String, String> ownMetadata(Map<String, String> all) {
        Map<String, String> own = new LinkedHashMap<>();
        all.forEach((key, value) -> {
            if (key.startsWith(PREFIX)) {
                own.put(key.substring(PREFIX.length()), value);
            }
        });
        // Earlier versions had no prefix; they named both, whatever else they knew.
        boolean earlier = ModelFile.RGB.equals(all.get("preprocessing"))
                && Architecture.named(all.getOrDefault("variant", "")).isPresent();
        return own.isEmpty() && earlier ? all : own;
    }

    private static Architecture network(@Nullable String named, Map<String, Entry> tensors, int embeddingSize)
            throws IOException {
        if (named != null) {
            return ModelFile.network(named);
        }
        String closest = "";
        for (Architecture network : Architecture.all()) {
            String difference = difference(network.tensors(embeddingSize), tensors);
            if (difference == null) {
                return network;
            }
            closest += "\n  not " + network + ": " + difference;
        }
        throw new IOException("the safetensors file holds no network of this library:" + closest);
    }

    private static @Nullable String difference(List<TensorSpec> specs, Map<String, Entry> tensors) {
        for (TensorSpec spec : specs) {
            Entry entry = tensors.get(spec.name());
            if (entry == null) {
                return "it has no tensor " + spec.name();
            }
            if (!entry.shape.equals(
                    spec.shape().stream().map(Integer::longValue).toList())) {
                return spec.name() + " has the shape " + entry.shape + ", expected was " + spec.shape();
            }
        }
        return tensors.size() > specs.size()
                ? "it has " + tensors.size() + " tensors, expected were " + specs.size()
                : null;
    }

    private static Entry entry(Map<String, Entry> tensors, TensorSpec spec) {
        Entry entry = tensors.get(spec.name());
        if (entry == null) {
            throw new IllegalStateException(spec.name());
        }
        return entry;
    }

    private enum Type {
        F64(8, true) {
            @Override
            void read(ByteBuffer from, float[] to) {
                for (int i = 0; i < to.length; i++) {
                    to[i] = (float) from.getDouble();
                }
            }
        },
        F32(4, true) {
            @Override
            void read(ByteBuffer from, float[] to) {
                from.asFloatBuffer().get(to);
            }
        },
        BF16(2, true) {
            @Override
            void read(ByteBuffer from, float[] to) {
                for (int i = 0; i < to.length; i++) {
                    to[i] = Float.intBitsToFloat(from.getShort() << 16);
                }
            }
        },
        F16(2, true) {
            @Override
            void read(ByteBuffer from, float[] to) {
                for (int i = 0; i < to.length; i++) {
                    to[i] = half(from.getShort());
                }
            }
        },
        /** Known only to be left out: PyTorch's counters. */
        I64(8, false) {
            @Override
            void read(ByteBuffer from, float[] to) {
                throw new IllegalStateException("whole numbers are no weights");
            }
        };

        static final String READABLE = "F16, BF16, F32 and F64 can be read";

        private final int bytes;
        /** Whether weights can be of this type. */
        private final boolean readable;

        Type(int bytes, boolean readable) {
            this.bytes = bytes;
            this.readable = readable;
        }

        abstract void read(ByteBuffer from, float[] to);

        /** IEEE 754's binary16: 1 bit of sign, 5 of exponent, 10 of fraction. */
        private static float half(short bits) {
            int exponent = bits >>> 10 & 0x1f;
            int fraction = bits & 0x3ff;
            float size =
                    switch (exponent) {
                        case 0 -> fraction * 0x1p-24f;
                        case 0x1f -> fraction == 0 ? Float.POSITIVE_INFINITY : Float.NaN;
                        default -> Float.intBitsToFloat((exponent + 127 - 15) << 23 | fraction << 13);
                    };
            return bits < 0 ? -size : size;
        }
    }

    private record Entry(String name, Type type, List<Long> shape, long from, long to) {}

    /** The JSON that such headers are made of, and no other. */
    private static final class HeaderParser {
        private final String text;
        private int at;
        private final Map<String, Entry> tensors = new LinkedHashMap<>();
        private final Map<String, String> metadata = new LinkedHashMap<>();
        private boolean metadataSeen;

        HeaderParser(String text) {
            this.text = text;
        }

        void parse() throws IOException {
            expect('{');
            if (!accept('}')) {
                do {
                    String name = string();
                    expect(':');
                    if (name.equals(METADATA)) {
                        if (metadataSeen) {
                            throw damaged(METADATA + " twice");
                        }
                        metadataSeen = true;
                        metadata();
                    } else if (tensors.put(name, entry(name)) != null) {
                        throw damaged("tensor " + name + " twice");
                    }
                } while (accept(','));
                expect('}');
            }
            skipSpace();
            if (at != text.length()) {
                throw damaged("something after its end");
            }
        }

        private void metadata() throws IOException {
            expect('{');
            if (accept('}')) {
                return;
            }
            do {
                String key = string();
                expect(':');
                if (metadata.put(key, string()) != null) {
                    throw damaged(key + " twice");
                }
            } while (accept(','));
            expect('}');
        }

        private Entry entry(String name) throws IOException {
            String type = null;
            List<Long> shape = null;
            List<Long> place = null;
            expect('{');
            Set<String> keys = new HashSet<>();
            do {
                String key = string();
                if (!keys.add(key)) {
                    throw damaged("tensor " + name + " with " + key + " twice");
                }
                expect(':');
                switch (key) {
                    case "dtype" -> type = string();
                    case "shape" -> shape = numbers();
                    case "data_offsets" -> place = numbers();
                    default -> throw damaged("the unknown key " + key);
                }
            } while (accept(','));
            expect('}');
            if (type == null || shape == null || shape.size() > 8 || place == null || place.size() != 2) {
                throw damaged("no sound description of tensor " + name);
            }
            for (Type known : Type.values()) {
                if (known.name().equals(type)) {
                    return new Entry(name, known, shape, place.get(0), place.get(1));
                }
            }
            throw new IOException("tensor " + name + " has the type " + type + "; " + Type.READABLE);
        }

        private List<Long> numbers() throws IOException {
            List<Long> numbers = new ArrayList<>();
            expect('[');
            if (accept(']')) {
                return numbers;
            }
            do {
                skipSpace();
                int start = at;
                while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
                    at++;
                }
                if (at == start || at - start > 15) {
                    throw damaged("no whole number where one is expected");
                }
                numbers.add(Long.valueOf(text.substring(start, at)));
            } while (accept(','));
            expect(']');
            return numbers;
        }

        private String string() throws IOException {
            expect('"');
            StringBuilder string = new StringBuilder();
            while (true) {
                char c = next();
                if (c == '"') {
                    return string.toString();
                }
                if (c < ' ') {
                    throw damaged("a control character in a string");
                }
                string.append(c == '\\' ? escaped() : c);
            }
        }

        private char escaped() throws IOException {
            char c = next();
            return switch (c) {
                case '"', '\\', '/' -> c;
                case 'b' -> '\b';
                case 'f' -> '\f';
                case 'n' -> '\n';
                case 'r' -> '\r';
                case 't' -> '\t';
                case 'u' -> {
                    int code = 0;
                    for (int i = 0; i < 4; i++) {
                        int digit = Character.digit(next(), 16);
                        if (digit < 0) {
                            throw damaged("an escape that is none");
                        }
                        code = 16 * code + digit;
                    }
                    yield (char) code;
                }
                default -> throw damaged("an escape that is none");
            };
        }

        private char next() throws IOException {
            if (at >= text.length()) {
                throw damaged("no end");
            }
            return text.charAt(at++);
        }

        private void skipSpace() {
            while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
        }

        private boolean accept(char c) {
            skipSpace();
            boolean there = at < text.length() && text.charAt(at) == c;
            if (there) {
                at++;
            }
            return there;
        }

        private void expect(char c) throws IOException {
            if (!accept(c)) {
                throw damaged("no " + c + " at character " + at);
            }
        }

        private static IOException damaged(String how) {
            return new IOException("the safetensors file is damaged: its header has " + how);
        }
    }
}
