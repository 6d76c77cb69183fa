package org.openface.core.internal;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/** Reads and writes all of a buffer, which a channel need not do at once. */
public final class FileBytes {
    private FileBytes() {}

    /** Writes what remains in a buffer to a place in a file. */
    public static void write(FileChannel file, ByteBuffer bytes, long place) throws IOException {
        for (long at = place; bytes.hasRemaining(); ) {
            at += file.write(bytes, at);
        }
    }

    /**
     * Reads so many bytes from a place in a file.
     *
     * @throws EOFException if the file ends before
     */
    public static ByteBuffer read(FileChannel file, long place, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        while (bytes.hasRemaining()) {
            if (file.read(bytes, place + bytes.position()) < 0) {
                throw new EOFException("cut short");
            }
        }
        return bytes.flip();
    }
}
