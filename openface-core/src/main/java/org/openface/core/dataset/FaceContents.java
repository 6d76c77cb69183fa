package org.openface.core.dataset;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What the files of faces hold, told by their digests.
 *
 * @param fingerprint over all digests
 * @param digests the first 8 bytes of each face's
 * @param vanished faces whose files are gone; of no content
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record FaceContents(String fingerprint, long[] digests, BitSet vanished) {
    /**
     * Reads every file, on all processors.
     *
     * @throws IOException if a file is there and cannot be read
     */
    static FaceContents read(List<Face> faces) throws IOException {
        List<Content> all;
        try {
            all = faces.parallelStream().map(FaceContents::content).collect(Collectors.toList());
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        MessageDigest digest = sha256();
        long[] digests = new long[all.size()];
        BitSet vanished = new BitSet();
        for (int i = 0; i < digests.length; i++) {
            Content content = all.get(i);
            digest.update(content.digest());
            if (content.vanished()) {
                vanished.set(i);
            }
            digests[i] = ByteBuffer.wrap(content.digest()).getLong();
        }
        return new FaceContents(HexFormat.of().formatHex(digest.digest()), digests, vanished);
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Content(byte[] digest, boolean vanished) {}

    /** SHA-256 over identity and file name, each with its length before it, and the content; −1 if there is none. */
    private static Content content(Face face) {
        MessageDigest digest = sha256();
        for (String text : List.of(face.identity(), FaceDataset.name(face.file()))) {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(0, bytes.length));
            digest.update(bytes);
        }
        try (InputStream in = Files.newInputStream(face.file())) {
            byte[] buffer = new byte[1 << 14];
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
            }
        } catch (NoSuchFileException e) {
            digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(0, -1));
            return new Content(digest.digest(), true);
        } catch (IOException e) {
            throw new UncheckedIOException(new IOException("cannot read " + face.file() + " (" + e + ")", e));
        }
        return new Content(digest.digest(), false);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java runtime has SHA-256", e);
        }
    }
}
