package org.openface.align;

import java.util.List;
import org.openface.core.image.RgbImage;

/** Finds faces and their eyes. One thread at a time. */
interface FaceDetector extends AutoCloseable {
    /** Faces in the photograph, the largest first; empty if there is none. */
    List<DetectedFace> detect(RgbImage photograph);

    @Override
    void close();

    /** A face and the centres of its eyes, all in pixels of the photograph; left is the picture's left. */
    record DetectedFace(FaceBox box, Point leftEye, Point rightEye) {}
}
