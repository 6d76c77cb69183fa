package org.openface.core.image;

import java.io.IOException;

/**
 * A file was read and holds no image that can be taken: it is damaged, cut short, empty, too large, no file, or of another
 * type. Reading it again gives the same. Whatever else keeps a file from being read, such as a disk or a network that is
 * gone, is another {@link IOException}.
 */
public final class UnreadableImageException extends IOException {
    UnreadableImageException(String message, Throwable cause) {
        super(message, cause);
    }
}
