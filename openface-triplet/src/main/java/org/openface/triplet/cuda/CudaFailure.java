package org.openface.triplet.cuda;

/** The driver refused or failed. The message says which call, what the driver says to it, and what to do if that is known. */
public final class CudaFailure extends IllegalStateException {
    private static final long serialVersionUID = 1;

    CudaFailure(String message) {
        super(message);
    }
}
