package org.openface.align.face;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import java.util.List;

/**
 * A face in a photograph.
 *
 * @param box where it is
 * @param landmarks what the detector knows about it, see {@link LandmarkDetector#landmarks}: nothing, the two eye
 *     centres, or all 68 points
 */
public record DetectedFace(FaceBox box, List<Point> landmarks) {
    /** @throws IllegalArgumentException if there are landmarks and neither 2 nor 68 */
    public DetectedFace {
        requireNonNull(box, "box");
        landmarks = List.copyOf(landmarks);
        checkArgument(
                landmarks.isEmpty() || LandmarkSet.isCount(landmarks.size()),
                "a detected face has no landmarks, the 2 eye centres, or 68 points, got %s",
                landmarks.size());
    }

    /** A face of which only the box is known; a {@link LandmarkDetector} finds its landmarks. */
    public DetectedFace(FaceBox box) {
        this(box, List.of());
    }

    /** A face and the centres of its eyes; left and right are the picture's. */
    public DetectedFace(FaceBox box, Point leftEye, Point rightEye) {
        this(box, List.of(leftEye, rightEye));
    }
}
