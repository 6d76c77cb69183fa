package org.openface.core.dataset;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.stream.IntStream;

/**
 * What the files of faces hold, told by their digests: SHA-256 over identity and file name, each with its length before it,
 * and the content.
 *
 * @param fingerprint over all digests
 * @param digests the first 8 bytes of each face's
 * @param vanished faces whose files are gone; of no content
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record FaceContents(String fingerprint, long[] digests, BitSet vanished) {
    /** Bytes of a digest. */
    static final int DIGEST = 32;

    private static final int BLOCK = 4096;

    /**
     * Of a whole data set. What its table knows is taken from there; the other files are read, on all processors.
     *
     * @throws IOException if a file is there and cannot be read
     */
    static FaceContents read(FaceDataset dataset) throws IOException {
        MessageDigest all = sha256();
        long[] digests = new long[dataset.size()];
        BitSet vanished = new BitSet();
        byte[] block = new byte[BLOCK * DIGEST];
        for (int from = 0; from < digests.length; from += BLOCK) {
            int first = from;
            int count = Math.min(BLOCK, digests.length - from);
            boolean[] gone = new boolean[count];
            try {
                IntStream.range(0, count)
                        .parallel()
                        .forEach(i -> gone[i] = !digest(dataset, first + i, block, i * DIGEST));
            } catch (UncheckedIOException e) {
                throw e.getCause();
            }
            all.update(block, 0, count * DIGEST);
            ByteBuffer read = ByteBuffer.wrap(block);
            for (int i = 0; i < count; i++) {
                digests[from + i] = read.getLong(i * DIGEST);
                vanished.set(from + i, gone[i]);
            }
        }
        return new FaceContents(HexFormat.of().formatHex(all.digest()), digests, vanished);
    }

    /** Returns whether the face is there. */
    private static boolean digest(FaceDataset dataset, int i, byte[] target, int offset) {
        if (dataset.knownDigest(i, target, offset)) {
            return true;
        }
        Face face = dataset.faces().get(i);
        try {
            put(
                    face.content().isPresent()
                            ? digest(
                                    face.identity(),
                                    face.fileName(),
                                    face.content().get().bytes())
                            : digest(face.identity(), face.fileName(), face.file()),
                    target,
                    offset);
            return true;
        } catch (NoSuchFileException e) {
            put(missing(face), target, offset);
            return false;
        } catch (IOException e) {
            throw new UncheckedIOException(new IOException("cannot read " + face.file() + " (" + e + ")", e));
        }
    }

    /** The digest of a face by its content. */
    static byte[] digest(String identity, String fileName, byte[] content) {
        return digest(identity, fileName, ByteBuffer.wrap(content));
    }

    /** The same of the remaining bytes. */
    static byte[] digest(String identity, String fileName, ByteBuffer content) {
        MessageDigest digest = ofNames(identity, fileName);
        digest.update(content);
        return digest.digest();
    }

    /** The same of a file, however large. */
    static byte[] digest(String identity, String fileName, Path file) throws IOException {
        MessageDigest digest = ofNames(identity, fileName);
        try (InputStream in = Files.newInputStream(file)) {
            byte[] buffer = new byte[1 << 14];
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
            }
        }
        return digest.digest();
    }

    private static byte[] missing(Face face) {
        MessageDigest digest = ofNames(face.identity(), face.fileName());
        digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(0, -1));
        return digest.digest();
    }

    private static MessageDigest ofNames(String... names) {
        MessageDigest digest = sha256();
        for (String text : names) {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(0, bytes.length));
            digest.update(bytes);
        }
        return digest;
    }

    private static void put(byte[] digest, byte[] target, int offset) {
        System.arraycopy(digest, 0, target, offset, DIGEST);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java runtime has SHA-256", e);
        }
    }
}
