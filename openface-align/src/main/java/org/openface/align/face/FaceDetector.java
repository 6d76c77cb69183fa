package org.openface.align.face;

import java.util.List;
import org.openface.core.image.RgbImage;

/**
 * Finds faces in a photograph. One of your own is a lambda:
 *
 * <pre>{@code
 * Aligner.builder().detector("mine", photograph -> List.of(new DetectedFace(new FaceBox(40, 30, 120, 120))))
 * }</pre>
 *
 * <p>An aligner calls it from as many threads as align at the same time, and never closes it.
 */
@FunctionalInterface
public interface FaceDetector {
    /** The faces of a photograph in any order; empty if there is none. */
    List<DetectedFace> detect(RgbImage photograph);
}
