package org.openface.align.face;

/**
 * There is no aligned face where one is needed, as in {@code Aligner.embed} and {@link Alignment#orElseThrow}; the ordinary
 * answer to a photograph that shows nobody. A caller for whom this is no exception looks at the {@link Alignment} instead.
 */
public final class NoAlignedFaceException extends IllegalStateException {
    private static final long serialVersionUID = 1;

    private final SkipReason reason;

    /** An exception with a message that names the photograph and the reason. */
    public NoAlignedFaceException(String message, SkipReason reason) {
        super(message);
        this.reason = reason;
    }

    /** Why there is none; the message says more. */
    public SkipReason reason() {
        return reason;
    }
}
