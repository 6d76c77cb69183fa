package org.openface.triplet.internal;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedByInterruptException;

/** What an interrupt of the training's thread comes to. */
public final class Interruption {
    private Interruption() {}

    /** Says so, and leaves the thread interrupted. */
    public static InterruptedIOException of(String what, Throwable cause) {
        Thread.currentThread().interrupt();
        InterruptedIOException said = new InterruptedIOException("interrupted while " + what);
        said.initCause(cause);
        return said;
    }

    /** Whether something was thrown because this thread was interrupted. */
    public static boolean isCauseOf(Throwable thrown) {
        return Thread.currentThread().isInterrupted()
                || thrown instanceof InterruptedException
                || thrown instanceof ClosedByInterruptException;
    }

    public interface Writing<T> {
        T run() throws IOException;
    }

    /** Writes to the end although the thread is interrupted before or meanwhile, and leaves it so. */
    public static <T> T outlasting(Writing<T> writing) throws IOException {
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                try {
                    return writing.run();
                } catch (InterruptedIOException e) {
                    if (!Thread.interrupted()) {
                        throw e;
                    }
                    interrupted = true; // and once more
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
