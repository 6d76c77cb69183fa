package org.openface.align.internal.detect;

import static com.google.common.base.Preconditions.checkState;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Supplier;

/** The detectors of an aligner: one serves one thread at a time and takes long to make, so that they are kept. */
public final class DetectorPool implements AutoCloseable {
    private final Supplier<NativeDetector> newDetector;

    /** Those that no thread is using. */
    private final Deque<NativeDetector> idle = new ArrayDeque<>();

    private boolean closed;

    /** Makes the first detector: missing native libraries should be known now, not at the first photograph. */
    public DetectorPool(Supplier<NativeDetector> newDetector) {
        this.newDetector = newDetector;
        idle.add(newDetector.get());
    }

    /**
     * A detector that no other thread is using, to be {@linkplain #giveBack given back}.
     *
     * @throws IllegalStateException if the pool is closed
     */
    public NativeDetector take() {
        NativeDetector detector;
        synchronized (idle) {
            checkOpen();
            detector = idle.poll();
        }
        return detector == null ? newDetector.get() : detector;
    }

    /** Keeps a detector for the next thread, or frees it if the pool was closed meanwhile. */
    public void giveBack(NativeDetector detector) {
        boolean keep;
        synchronized (idle) {
            keep = !closed;
            if (keep) {
                idle.push(detector);
            }
        }
        if (!keep) {
            detector.close();
        }
    }

    /**
     * Refuses to go on once the pool is closed.
     *
     * @throws IllegalStateException if it is
     */
    public void checkOpen() {
        synchronized (idle) {
            checkState(!closed, "this aligner is closed");
        }
    }

    /** Frees the native memory of the detectors. */
    @Override
    public void close() {
        synchronized (idle) {
            closed = true;
            idle.forEach(NativeDetector::close);
            idle.clear();
        }
    }
}
