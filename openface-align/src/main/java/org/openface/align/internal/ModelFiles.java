package org.openface.align.internal;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Files of models that a user names. */
public final class ModelFiles {
    private ModelFiles() {}

    /**
     * Refuses what is no file that can be read.
     *
     * @param needed what is expected, for the message
     */
    public static void requireReadable(Path file, String needed) throws IOException {
        if (!Files.exists(file)) {
            throw new IOException(file + ": no such file; " + needed);
        }
        if (!Files.isRegularFile(file)) {
            throw new IOException(file + ": not a file; " + needed);
        }
        if (!Files.isReadable(file)) {
            throw new IOException(file + ": no permission to read it");
        }
    }
}
