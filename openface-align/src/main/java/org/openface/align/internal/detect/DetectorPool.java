package org.openface.align.internal.detect;

import static com.google.common.base.Preconditions.checkState;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.Supplier;
import org.openface.align.face.DetectedFace;
import org.openface.core.image.RgbImage;

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

    /** What a detector answers, which may be one of the caller's own. */
    public List<DetectedFace> detect(RgbImage photograph) {
        NativeDetector detector = take();
        try {
            return detector.detect(photograph);
        } finally {
            giveBack(detector);
        }
    }

    private NativeDetector take() {
        NativeDetector detector;
        synchronized (idle) {
            checkOpen();
            detector = idle.poll();
        }
        return detector == null ? newDetector.get() : detector;
    }

    private void giveBack(NativeDetector detector) {
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
