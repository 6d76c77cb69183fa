package org.openface.align.internal;

import com.google.common.hash.HashCode;

/** Names of files by their content. */
public final class Sha256 {
    private static final int DIGITS = 16;

    private Sha256() {}

    /** {@code sha256:} and the first 16 hexadecimal digits, enough to tell files apart that nobody forged. */
    public static String shortHex(HashCode sha256) {
        return "sha256:" + sha256.toString().substring(0, DIGITS);
    }
}
