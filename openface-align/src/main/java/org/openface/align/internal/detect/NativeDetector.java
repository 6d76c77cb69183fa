package org.openface.align.internal.detect;

import org.openface.align.face.FaceDetector;

/** A detector with memory outside the heap, for one thread at a time. */
public interface NativeDetector extends FaceDetector, AutoCloseable {
    @Override
    void close();
}
