package org.openface.nn4.internal.format;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import com.google.common.base.Splitter;
import com.google.common.hash.Hashing;
import com.google.common.hash.HashingInputStream;
import com.google.common.io.ByteStreams;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;

/**
 * Reads the format that this library had of its own before it wrote safetensors: versions 1 to 4. Nothing writes it any
 * more. All numbers little-endian:
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
 * <p>The header decides how many bytes follow, so that nothing is allocated that a known network does not need. What comes
 * after them is left unread.
 */
final class EarlierModelFile {
    private static final byte[] MAGIC = "OPENFACE".getBytes(US_ASCII);
    private static final int NEWEST = 4;
    private static final int LARGEST_HEADER = 1 << 16;

    private EarlierModelFile() {}

    /** Whether a file that begins like this can be one. */
    static boolean recognises(byte[] start) {
        return start.length >= MAGIC.length && Arrays.equals(MAGIC, Arrays.copyOf(start, MAGIC.length));
    }

    /** What the bytes after the header are read as. */
    private interface Body {
        ModelFile.@Nullable Contents read(InputStream in, ModelHeader header) throws IOException;
    }

    /**
     * Reads a model; the stream may be read beyond its end.
     *
     * @param size bytes that the stream can have; a header that claims more is refused before anything is allocated for it
     * @throws IOException if this is no such file, cut short or changed
     */
    static ModelFile.Contents read(InputStream in, long size) throws IOException {
        return requireNonNull(checked(in, (hashing, header) -> {
            if (bytes(header) > size) {
                throw new EOFException();
            }
            return contents(hashing, header);
        }));
    }

    /**
     * Reads the state of one network, from a stream of unknown length.
     *
     * @throws IOException as {@link #read}, or if it is another network's, saying which
     */
    static ModelFile.Contents readState(InputStream in, Architecture network, int embeddingSize) throws IOException {
        ModelHeader[] found = new ModelHeader[1];
        ModelFile.Contents contents = checked(in, (hashing, header) -> {
            found[0] = header;
            if (header.fits(network, embeddingSize)) {
                return contents(hashing, header);
            }
            // Read over, for the checksum: a damaged header may say anything.
            ByteStreams.exhaust(ByteStreams.limit(hashing, bytes(header)));
            return null;
        });
        if (contents == null) {
            throw found[0].doesNotFit(network, embeddingSize);
        }
        return contents;
    }

    /** How many bytes of numbers follow. */
    private static long bytes(ModelHeader header) {
        return Float.BYTES
                * header.tensors().stream().mapToLong(TensorSpec::length).sum();
    }

    private static ModelFile.Contents contents(InputStream in, ModelHeader header) throws IOException {
        ModelFile.Contents contents = header.unread();
        for (float[] array : ModelHeader.arrays(contents)) {
            Floats.read(in, array);
        }
        return contents;
    }

    private static ModelFile.@Nullable Contents checked(InputStream in, Body body) throws IOException {
        InputStream buffered = new BufferedInputStream(in);
        HashingInputStream hashing = new HashingInputStream(Hashing.sha256(), buffered);
        try {
            ModelFile.Contents contents = body.read(hashing, header(hashing));
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

    private static ModelHeader header(InputStream in) throws IOException {
        byte[] start = new byte[MAGIC.length + 8];
        ByteStreams.readFully(in, start);
        ByteBuffer numbers = ByteBuffer.wrap(start, MAGIC.length, 8).order(ByteOrder.LITTLE_ENDIAN);
        int version = numbers.getInt();
        if (version < 1 || version > NEWEST) {
            throw ModelFile.ofVersion(Integer.toString(version));
        }
        int length = numbers.getInt();
        if (length < 0 || length > LARGEST_HEADER) {
            throw new IOException("the model is damaged: its header claims " + length + " bytes");
        }
        byte[] header = new byte[length];
        ByteStreams.readFully(in, header);
        return ModelHeader.of(fields(new String(header, UTF_8)));
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
}
