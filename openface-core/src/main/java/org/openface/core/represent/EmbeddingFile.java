package org.openface.core.represent;

import static com.google.common.base.Preconditions.checkArgument;
import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.zip.CRC32C;
import org.openface.core.embedding.Embedding;

/**
 * Embeddings in a file that {@link DatasetEmbedder} has written, mapped into memory: row i is that of face i of the data set.
 *
 * <p>Little-endian: {@value #MAGIC}, version, dimension, rows, and SHA-256 of the faces and of the model in hexadecimal (of
 * zeros where the model does not tell); from byte {@value #HEAD} on the rows in float32, not-a-number for images that cannot
 * be read; the identities' numbers, int32 each; a CRC-32C for each {@value #BLOCK} rows, and one of head, identities and
 * these.
 */
public final class EmbeddingFile {
    static final String MAGIC = "OPENFACE-VECTORS";
    static final int HEAD = 4096;
    static final int BLOCK = 1024;
    private static final int VERSION = 1;
    private static final int HEX = 64;
    private static final int MOST_BYTES_MAPPED = 1 << 30;

    private final Head head;
    private final FloatBuffer[] parts;
    private final int rowsPerPart;
    private final IntBuffer identities;

    private EmbeddingFile(Head head, FloatBuffer[] parts, int rowsPerPart, IntBuffer identities) {
        this.head = head;
        this.parts = parts;
        this.rowsPerPart = rowsPerPart;
        this.identities = identities;
    }

    /** What a file begins with. */
    record Head(int dimension, int rows, String faces, String model) {
        ByteBuffer bytes() {
            ByteBuffer bytes = ByteBuffer.allocate(HEAD).order(ByteOrder.LITTLE_ENDIAN);
            bytes.put(MAGIC.getBytes(US_ASCII))
                    .putInt(VERSION)
                    .putInt(dimension)
                    .putInt(rows);
            bytes.put(faces.getBytes(US_ASCII)).put(model.getBytes(US_ASCII));
            return bytes.position(0);
        }

        static Head read(ByteBuffer bytes, Path file) throws IOException {
            byte[] magic = new byte[MAGIC.length()];
            bytes.order(ByteOrder.LITTLE_ENDIAN).get(magic);
            int version = bytes.getInt();
            if (!new String(magic, US_ASCII).equals(MAGIC)) {
                throw new IOException(file + ": no file of embeddings");
            }
            if (version != VERSION) {
                throw new IOException(file + ": its version is " + version + "; this library reads " + VERSION);
            }
            int dimension = bytes.getInt();
            int rows = bytes.getInt();
            byte[] faces = new byte[HEX];
            byte[] model = new byte[HEX];
            bytes.get(faces).get(model);
            if (dimension < 1 || rows < 0) {
                throw new IOException(file + ": damaged: " + rows + " rows of dimension " + dimension);
            }
            return new Head(dimension, rows, new String(faces, US_ASCII), new String(model, US_ASCII));
        }

        long rowBytes() {
            return (long) dimension * Float.BYTES;
        }

        int blocks() {
            return (rows + BLOCK - 1) / BLOCK;
        }

        /** Where the identities begin. */
        long end() {
            return HEAD + rows * rowBytes();
        }
    }

    /**
     * Opens a file.
     *
     * @throws IOException if it cannot be read, is no such file or another version's, or is damaged or cut short; the rows themselves are
     *     not read, see {@link #verify}
     */
    public static EmbeddingFile open(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            if (channel.size() < HEAD) {
                throw new IOException(file + ": cut short");
            }
            ByteBuffer begin = channel.map(FileChannel.MapMode.READ_ONLY, 0, HEAD);
            Head head = Head.read(begin.duplicate(), file);
            long tail = ((long) head.rows() + head.blocks() + 1) * Integer.BYTES;
            if (channel.size() != head.end() + tail || tail > Integer.MAX_VALUE) {
                throw new IOException(file + ": damaged or cut short: " + channel.size() + " bytes instead of "
                        + (head.end() + tail));
            }
            ByteBuffer rest =
                    channel.map(FileChannel.MapMode.READ_ONLY, head.end(), tail).order(ByteOrder.LITTLE_ENDIAN);
            CRC32C crc = new CRC32C();
            crc.update(begin.duplicate());
            crc.update(rest.slice(0, rest.limit() - Integer.BYTES));
            if ((int) crc.getValue() != rest.getInt(rest.limit() - Integer.BYTES)) {
                throw new IOException(file + ": damaged: its checksum is another");
            }
            int rowsPerPart = (int) Math.max(1, MOST_BYTES_MAPPED / head.rowBytes());
            FloatBuffer[] parts = new FloatBuffer[(head.rows() + rowsPerPart - 1) / rowsPerPart];
            for (int i = 0; i < parts.length; i++) {
                long first = (long) i * rowsPerPart;
                long count = Math.min(rowsPerPart, head.rows() - first);
                parts[i] = channel.map(
                                FileChannel.MapMode.READ_ONLY, HEAD + first * head.rowBytes(), count * head.rowBytes())
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .asFloatBuffer();
            }
            return new EmbeddingFile(head, parts, rowsPerPart, rest.asIntBuffer());
        }
    }

    Head head() {
        return head;
    }

    /** Number of rows, one for each face. */
    public int size() {
        return head.rows();
    }

    /** Values of an embedding. */
    public int dimension() {
        return head.dimension();
    }

    /** {@code FaceDataset.fingerprint()} of the faces. */
    public String facesFingerprint() {
        return head.faces();
    }

    /** {@code FaceEmbedder.fingerprint()} of the model, if it has told. */
    public Optional<String> modelFingerprint() {
        return Optional.of(head.model()).filter(model -> !model.equals(DatasetEmbedder.UNKNOWN));
    }

    /** The number of the identity of a face. */
    public int identityOf(int face) {
        checkArgument(face >= 0 && face < size(), "no face %s among %s", face, size());
        return identities.get(face);
    }

    /** The embedding of a face; empty if its image could not be read. */
    public Optional<Embedding> get(int face) {
        float[] values = new float[dimension()];
        copy(face, values, 0);
        return Float.isNaN(values[0]) ? Optional.empty() : Optional.of(Embedding.of(values));
    }

    /** Copies the values of a face's embedding, not-a-number if its image could not be read. */
    public void copy(int face, float[] target, int offset) {
        checkArgument(face >= 0 && face < size(), "no face %s among %s", face, size());
        parts[face / rowsPerPart].get(face % rowsPerPart * dimension(), target, offset, dimension());
    }

    /**
     * Reads all rows.
     *
     * @throws IOException if a bit of them has changed, naming the rows
     */
    public void verify() throws IOException {
        float[] row = new float[dimension()];
        for (int block = 0; block < head.blocks(); block++) {
            int first = block * BLOCK;
            int end = Math.min(size(), first + BLOCK);
            Rows rows = new Rows(end - first, dimension());
            for (int face = first; face < end; face++) {
                copy(face, row, 0);
                rows.add(row);
            }
            if (rows.checksum() != identities.get(size() + block)) {
                throw new IOException(
                        "the embeddings " + first + " to " + (end - 1) + " are damaged; embed the faces again");
            }
        }
    }

    /** A block of rows as bytes. */
    static final class Rows {
        final ByteBuffer bytes;

        Rows(int count, int dimension) {
            bytes = ByteBuffer.allocate(count * dimension * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        }

        void add(float[] row) {
            for (float value : row) {
                bytes.putFloat(value);
            }
        }

        int checksum() {
            CRC32C crc = new CRC32C();
            crc.update(bytes.array(), 0, bytes.position());
            return (int) crc.getValue();
        }
    }
}
