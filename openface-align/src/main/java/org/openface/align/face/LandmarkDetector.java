package org.openface.align.face;

import java.util.List;
import org.openface.core.image.RgbImage;

/**
 * Finds the landmarks of a face. One of your own is a lambda:
 *
 * <pre>{@code
 * Aligner.builder().landmarks("mine", (photograph, box) -> network.points(photograph, box))
 * }</pre>
 *
 * <p>An aligner calls it from as many threads as align at the same time, and never closes it.
 */
@FunctionalInterface
public interface LandmarkDetector {
    /**
     * The landmarks of the face in a box, in pixels of the photograph.
     *
     * @param box as the detector gave it
     * @return the 68 points of the iBUG 300-W annotation in its order, which dlib's landmark models have too; or the
     *     centres of the two eyes, the one on the picture's left first, which do for {@link LandmarkSet#EYE_CENTRES};
     *     or nothing if there is no face
     */
    List<Point> landmarks(RgbImage photograph, FaceBox box);
}
