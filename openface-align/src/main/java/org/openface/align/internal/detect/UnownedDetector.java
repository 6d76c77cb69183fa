package org.openface.align.internal.detect;

import java.util.List;
import org.openface.align.face.DetectedFace;
import org.openface.align.face.FaceDetector;
import org.openface.core.image.RgbImage;

/** A detector of the caller's, which serves all threads and is not ours to close. */
public record UnownedDetector(FaceDetector detector) implements NativeDetector {
    @Override
    public List<DetectedFace> detect(RgbImage photograph) {
        return detector.detect(photograph);
    }

    @Override
    public void close() {}
}
