package org.openface.nn4;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.base.Joiner;
import com.google.common.hash.Hashing;
import com.google.common.hash.HashingOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;
import org.openface.nn4.internal.format.ModelFile;
import org.openface.nn4.internal.network.Architecture.TensorSpec;

/**
 * Writes version 4 of the model file, as this library did before it wrote safetensors: the same code, which {@link
 * EarlierVersionsTest} holds against a file of that time.
 */
final class EarlierWriter {
    private static final byte[] MAGIC = "OPENFACE".getBytes(US_ASCII);
    private static final int VERSION = 4;
    private static final int CHUNK = 1 << 16;

    private EarlierWriter() {}

    static void write(OutputStream out, ModelFile.Contents contents) throws IOException {
        HashingOutputStream hashing = new HashingOutputStream(Hashing.sha256(), out);
        Map<String, String> fields = new LinkedHashMap<>();
        fields.put("variant", contents.network().name());
        fields.put("embeddingSize", Integer.toString(contents.embeddingSize()));
        fields.put("optimizer", contents.memory().kind());
        fields.put("steps", Long.toString(contents.memory().steps()));
        if (contents.memory().average().isPresent()) {
            fields.put("averaged", "true");
        }
        fields.putAll(contents.passport());
        byte[] header = (Joiner.on('\n').withKeyValueSeparator('=').join(fields) + "\n").getBytes(UTF_8);
        hashing.write(MAGIC);
        hashing.write(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(VERSION)
                .putInt(header.length)
                .array());
        hashing.write(header);
        for (TensorSpec spec : contents.parameters().specs()) {
            writeFloats(hashing, contents.parameters().get(spec.name()));
        }
        for (float[] array : contents.memory().memory()) {
            writeFloats(hashing, array);
        }
        out.write(hashing.hash().asBytes());
        out.flush();
    }

    private static void writeFloats(OutputStream out, float[] values) throws IOException {
        ByteBuffer bytes =
                ByteBuffer.allocate(4 * Math.min(CHUNK, values.length)).order(ByteOrder.LITTLE_ENDIAN);
        for (int from = 0; from < values.length; from += CHUNK) {
            int count = Math.min(CHUNK, values.length - from);
            bytes.clear().asFloatBuffer().put(values, from, count);
            out.write(bytes.array(), 0, 4 * count);
        }
    }
}
