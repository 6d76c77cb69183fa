package org.openface.triplet.mining;

import java.util.Optional;
import java.util.function.Function;
import org.openface.triplet.internal.cuda.Cuda;
import org.openface.triplet.internal.cuda.CudaDevice;

/**
 * Where mining is done and the gradient of the loss is formed. The triplets and the gradient are the same bits everywhere,
 * so this is a matter of speed only; of the {@link MiningStatistics} all counts are, and the means to about six digits.
 *
 * <p>A GPU of NVIDIA's with compute capability 7.5 (Turing, 2018) or later serves, and wants nothing but its driver (450 or
 * later) on the machine; JNA ({@code net.java.dev.jna:jna}), which comes with this library, calls it. The first GPU that the
 * driver shows is taken ({@code CUDA_VISIBLE_DEVICES} chooses another). The system property {@code openface.cuda.library} is
 * the path of the driver's library where the system does not find it.
 */
public enum MiningDevice {
    /**
     * The GPU where there is one, for strategies that it knows and batches that are worth the way there; otherwise, and from
     * then on if the GPU fails, the CPU.
     */
    AUTO,
    /** The CPU, all processors. The default. */
    CPU,
    /**
     * The GPU for every batch, however small. Strategies it does not know are refused when they are put there, and its failures
     * are errors.
     */
    CUDA;

    /** Whether mining can be done there. */
    public boolean isAvailable() {
        return this != CUDA || Cuda.isAvailable();
    }

    /** What it is, in words; for {@link #CUDA} the GPU and its driver, or what is missing. */
    public String description() {
        return switch (this) {
            case AUTO -> Cuda.isPlausible() ? Cuda.description() : CPU.description();
            case CPU -> "CPU, " + Runtime.getRuntime().availableProcessors() + " threads";
            case CUDA -> Cuda.description();
        };
    }

    void check() {
        if (this == CUDA) {
            Cuda.check();
        }
    }

    /**
     * Does something on the GPU, or returns nothing if the CPU shall do it.
     *
     * @param milliseconds that the CPU would take, roughly
     */
    <T> Optional<T> attempt(double milliseconds, Function<CudaDevice, T> work) {
        return this == CPU ? Optional.empty() : Cuda.attempt(this == CUDA, milliseconds, work);
    }
}
