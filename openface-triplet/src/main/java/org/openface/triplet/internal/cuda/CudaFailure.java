package org.openface.triplet.internal.cuda;

/** The driver refused or failed. The message says which call, what the driver says to it, and what to do if that is known. */
public final class CudaFailure extends IllegalStateException {
    private static final long serialVersionUID = 1;

    /** CUDA_ERROR_OUT_OF_MEMORY in {@code cuda.h}. */
    private static final int OUT_OF_MEMORY = 2;

    /** What the driver returned; 0 if it was not asked. */
    private final int code;

    CudaFailure(String message) {
        this(message, 0);
    }

    CudaFailure(String message, int code) {
        super(message);
        this.code = code;
    }

    /** Whether the GPU, or the machine for copies there, has too little memory left; the device goes on with less. */
    boolean isOutOfMemory() {
        return code == OUT_OF_MEMORY;
    }
}
