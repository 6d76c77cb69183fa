package org.openface.core.image;

import java.io.IOException;

/** Carries a finished explanation to {@link ImageFiles#read}, which puts the file's name before it. */
final class UnreadableImageException extends IOException {
    UnreadableImageException(String message) {
        super(message);
    }
}
