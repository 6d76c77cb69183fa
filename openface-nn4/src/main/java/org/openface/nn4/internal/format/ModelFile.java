package org.openface.nn4.internal.format;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import com.google.common.base.Joiner;
import com.google.common.base.Splitter;
import com.google.common.hash.Hashing;
import com.google.common.hash.HashingInputStream;
import com.google.common.hash.HashingOutputStream;
import com.google.common.io.ByteStreams;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.state.OptimizerMemory;

/**
 * A model, or the whole state of a training, as bytes. All numbers little-endian:
 *
 * <pre>
 * 8 bytes   OPENFACE
 * int       version
 * int       length of the header in bytes
 * header    UTF-8 lines key=value: variant, embeddingSize, optimizer (may be empty), steps, averaged (false if missing);
 *           since version 2 the passport: preprocessing, threshold, count.*, hash.*;
 *           since version 3: thresholdConfidence, alignment.* (version 2 had words of one's own for it, which are dropped);
 *           since version 4: thresholdWeights
 * floats    every tensor of the network in the order of Architecture.tensors; in a training's state those that are trained
 *           on, in a saved model those that it embeds with
 * floats    the optimiser's memory, if there is one
 * floats    the average of every tensor, if averaged
 * 32 bytes  SHA-256 of all before
 * </pre>
 *
 * <p>The header decides how many bytes follow, so that nothing is allocated that a known network does not need.
 */
public final class ModelFile {
    private static final byte[] MAGIC = "OPENFACE".getBytes(US_ASCII);
    private static final int VERSION = 4;
    private static final int LARGEST_HEADER = 1 << 16;
    /** What every network of this library takes: RGB, values from 0 to 1, nothing subtracted. */
    public static final String RGB = "RGB 0..1";

    public static final int LARGEST_EMBEDDING = 1 << 16;
    private static final int CHUNK = 1 << 16;

    /**
     * What a file holds.
     *
     * @param passport as keys and values, which this package neither reads nor checks
     */
    public record Contents(
            Architecture network,
            int embeddingSize,
            Parameters parameters,
            OptimizerMemory memory,
            Map<String, String> passport) {}

    private ModelFile() {}

    public static void write(OutputStream out, Contents contents) throws IOException {
        HashingOutputStream hashing = new HashingOutputStream(Hashing.sha256(), out);
        Map<String, String> fields = new LinkedHashMap<>();
        fields.put("variant", contents.network.name());
        fields.put("embeddingSize", Integer.toString(contents.embeddingSize));
        fields.put("optimizer", contents.memory.kind());
        fields.put("steps", Long.toString(contents.memory.steps()));
        if (contents.memory.average().isPresent()) {
            fields.put("averaged", "true");
        }
        fields.putAll(contents.passport);
        byte[] header = (Joiner.on('\n').withKeyValueSeparator('=').join(fields) + "\n").getBytes(UTF_8);
        hashing.write(MAGIC);
        hashing.write(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(VERSION)
                .putInt(header.length)
                .array());
        hashing.write(header);
        for (TensorSpec spec : contents.parameters.specs()) {
            writeFloats(hashing, contents.parameters.get(spec.name()));
        }
        for (float[] array : contents.memory.memory()) {
            writeFloats(hashing, array);
        }
        out.write(hashing.hash().asBytes());
        out.flush();
    }

    /** Whether a file that begins like this can be one. */
    static boolean recognises(byte[] start) {
        return start.length >= MAGIC.length && Arrays.equals(MAGIC, Arrays.copyOf(start, MAGIC.length));
    }

    /** What the bytes after the header are read as. */
    private interface Body {
        @Nullable
        Contents read(InputStream in, Header header) throws IOException;
    }

    /**
     * Reads a model; the stream may be read beyond its end.
     *
     * @param size bytes that the stream can have; a header that claims more is refused before anything is allocated for it
     * @throws IOException if this is no such file, of a newer version, cut short or changed
     */
    public static Contents read(InputStream in, long size) throws IOException {
        return requireNonNull(checked(in, (hashing, header) -> {
            if (Float.BYTES * header.floats() > size) {
                throw new EOFException();
            }
            return header.contents(hashing);
        }));
    }

    /**
     * Reads the state of one network, from a stream of unknown length.
     *
     * @throws IOException as {@link #read}, or if it is another network's, saying which
     */
    public static Contents readState(InputStream in, Architecture network, int embeddingSize) throws IOException {
        Header[] found = new Header[1];
        Contents contents = checked(in, (hashing, header) -> {
            found[0] = header;
            if (header.network.equals(network) && header.embeddingSize == embeddingSize) {
                return header.contents(hashing);
            }
            // Read over, for the checksum: a damaged header may say anything.
            ByteStreams.exhaust(ByteStreams.limit(hashing, Float.BYTES * header.floats()));
            return null;
        });
        if (contents == null) {
            throw new IOException("the state belongs to " + found[0].network + " with embeddings of "
                    + found[0].embeddingSize + ", this is " + network + " with " + embeddingSize);
        }
        return contents;
    }

    private static @Nullable Contents checked(InputStream in, Body body) throws IOException {
        InputStream buffered = new BufferedInputStream(in, CHUNK);
        HashingInputStream hashing = new HashingInputStream(Hashing.sha256(), buffered);
        try {
            Contents contents = body.read(hashing, header(hashing));
            byte[] computed = hashing.hash().asBytes();
            byte[] stored = new byte[computed.length];
            ByteStreams.readFully(buffered, stored);
            if (!Arrays.equals(computed, stored)) {
                throw new IOException("the model is damaged: its checksum does not fit its contents");
            }
            return contents;
        } catch (EOFException e) {
            throw new IOException("the model is cut short: the file ended before its contents", e);
        }
    }

    /** What the header says. */
    private record Header(
            Architecture network,
            int embeddingSize,
            String optimizer,
            long steps,
            boolean averaged,
            Map<String, String> passport) {
        private List<TensorSpec> specs() {
            return network.tensors(embeddingSize);
        }

        /** How many of them follow. */
        long floats() {
            long copies = averaged ? 2 : 1;
            return specs().stream()
                    .mapToLong(
                            spec -> spec.length() * (copies + (spec.trained() ? OptimizerMemory.arrays(optimizer) : 0)))
                    .sum();
        }

        Contents contents(InputStream in) throws IOException {
            List<TensorSpec> specs = specs();
            Parameters parameters = Parameters.zeros(specs);
            for (TensorSpec spec : specs) {
                readFloats(in, parameters.get(spec.name()));
            }
            OptimizerMemory memory = OptimizerMemory.restored(specs, optimizer, steps, averaged);
            for (float[] array : memory.memory()) {
                readFloats(in, array);
            }
            return new Contents(network, embeddingSize, parameters, memory, passport);
        }
    }

    private static Header header(InputStream in) throws IOException {
        byte[] start = new byte[MAGIC.length + 8];
        ByteStreams.readFully(in, start);
        if (!recognises(start)) {
            throw new IOException(
                    "this is not an OpenFace model: it does not begin with " + new String(MAGIC, US_ASCII));
        }
        ByteBuffer numbers = ByteBuffer.wrap(start, MAGIC.length, 8).order(ByteOrder.LITTLE_ENDIAN);
        int version = numbers.getInt();
        if (version < 1 || version > VERSION) {
            throw new IOException("the model has format version " + version + ", this library reads versions 1 to "
                    + VERSION + "; use the library version that wrote it");
        }
        int length = numbers.getInt();
        if (length < 0 || length > LARGEST_HEADER) {
            throw new IOException("the model is damaged: its header claims " + length + " bytes");
        }
        byte[] header = new byte[length];
        ByteStreams.readFully(in, header);
        Map<String, String> fields = fields(new String(header, UTF_8));
        Architecture network = network(field(fields, "variant"));
        int embeddingSize = (int) number(fields, "embeddingSize", 1, LARGEST_EMBEDDING);
        long steps = number(fields, "steps", 0, Long.MAX_VALUE);
        String optimizer = field(fields, "optimizer");
        if (!OptimizerMemory.isKind(optimizer)) {
            throw new IOException("the model was trained with the unknown optimiser " + optimizer);
        }
        boolean averaged = Boolean.parseBoolean(fields.get("averaged"));
        return new Header(network, embeddingSize, optimizer, steps, averaged, fields);
    }

    private static Map<String, String> fields(String header) throws IOException {
        Map<String, String> fields = new LinkedHashMap<>();
        for (String line : Splitter.on('\n').omitEmptyStrings().split(header)) {
            int equals = line.indexOf('=');
            if (equals < 0) {
                throw new IOException("the model is damaged: its header has the line '" + line + "'");
            }
            if (fields.put(line.substring(0, equals), line.substring(equals + 1)) != null) {
                throw new IOException("the model is damaged: its header has " + line.substring(0, equals) + " twice");
            }
        }
        return fields;
    }

    private static String field(Map<String, String> fields, String key) throws IOException {
        String value = fields.get(key);
        if (value == null) {
            throw new IOException("the model is damaged: its header has no " + key);
        }
        return value;
    }

    private static long number(Map<String, String> fields, String key, long least, long most) throws IOException {
        String text = field(fields, key);
        try {
            long value = Long.parseLong(text);
            if (value >= least && value <= most) {
                return value;
            }
        } catch (NumberFormatException e) {
            // told below
        }
        throw new IOException("the model is damaged: its header has " + key + "=" + text);
    }

    static Architecture network(String name) throws IOException {
        return Architecture.named(name)
                .orElseThrow(() -> new IOException("the model is a network this library does not know: " + name));
    }

    static void writeFloats(OutputStream out, float[] values) throws IOException {
        ByteBuffer bytes =
                ByteBuffer.allocate(4 * Math.min(CHUNK, values.length)).order(ByteOrder.LITTLE_ENDIAN);
        for (int from = 0; from < values.length; from += CHUNK) {
            int count = Math.min(CHUNK, values.length - from);
            bytes.clear().asFloatBuffer().put(values, from, count);
            out.write(bytes.array(), 0, 4 * count);
        }
    }

    private static void readFloats(InputStream in, float[] values) throws IOException {
        ByteBuffer bytes =
                ByteBuffer.allocate(4 * Math.min(CHUNK, values.length)).order(ByteOrder.LITTLE_ENDIAN);
        for (int from = 0; from < values.length; from += CHUNK) {
            int count = Math.min(CHUNK, values.length - from);
            ByteStreams.readFully(in, bytes.array(), 0, 4 * count);
            bytes.clear().asFloatBuffer().get(values, from, count);
        }
    }
}
