package org.openface.core.internal.image;

import java.io.IOException;

/**
 * A file was read and holds no picture that can be taken: it is damaged, cut short, empty, too large, no file, or of another
 * kind. Reading it again gives the same. {@code ImageFiles} says it as an {@code UnreadableImageException}.
 */
public final class PictureException extends IOException {
    PictureException(String message) {
        super(message);
    }

    PictureException(String message, Throwable cause) {
        super(message, cause);
    }
}
