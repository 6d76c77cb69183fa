package org.openface.align;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Names of files by their content. */
final class Sha256 {
    private static final int BYTES = 8;

    private Sha256() {}

    static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    static String shortHex(byte[] content) {
        MessageDigest digest = digest();
        digest.update(content);
        return shortHex(digest);
    }

    /** {@code sha256:} and the first 16 hexadecimal digits, enough to tell files apart that nobody forged. */
    static String shortHex(MessageDigest digest) {
        return "sha256:" + HexFormat.of().formatHex(digest.digest(), 0, BYTES);
    }
}
