package org.openface.align;

/** A detector with memory outside the heap, for one thread at a time. */
interface NativeDetector extends FaceDetector, AutoCloseable {
    @Override
    void close();
}
