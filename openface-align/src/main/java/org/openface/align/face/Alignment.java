package org.openface.align.face;

import java.util.List;
import org.openface.core.image.RgbImage;

/**
 * What became of one photograph: {@link Aligned}, with the face, or {@link NotAligned}, with the reason.
 *
 * <pre>{@code
 * if (aligner.align(photograph) instanceof Alignment.Aligned found) {
 *     Embedding embedding = model.embed(found.face());
 * }
 * }</pre>
 */
public sealed interface Alignment {
    /**
     * The face, for callers that have nothing else to do without one.
     *
     * @throws NoAlignedFaceException if there is none; the message has the reason
     */
    RgbImage orElseThrow();

    /**
     * A face was found.
     *
     * @param face the aligned face, {@code size x size} pixels
     * @param box where the face lies in the photograph
     * @param landmarks in the photograph: the centres of the two eyes, the one on the picture's left (the person's right
     *     eye) first, or all 68 points, see {@link LandmarkDetector#landmarks}
     * @param facesFound number of faces in the photograph, of which this is the largest
     */
    record Aligned(RgbImage face, FaceBox box, List<Point> landmarks, int facesFound) implements Alignment {
        public Aligned {
            landmarks = List.copyOf(landmarks);
        }

        /** Centre, in the photograph, of the eye on the picture's left. */
        public Point leftEye() {
            return LandmarkSet.eyeCentres(landmarks).get(0);
        }

        /** Centre, in the photograph, of the eye on the picture's right. */
        public Point rightEye() {
            return LandmarkSet.eyeCentres(landmarks).get(1);
        }

        @Override
        public RgbImage orElseThrow() {
            return face;
        }
    }

    /**
     * There is no aligned face.
     *
     * @param reason why
     * @param detail more about it, for people
     */
    record NotAligned(SkipReason reason, String detail) implements Alignment {
        @Override
        public RgbImage orElseThrow() {
            throw new NoAlignedFaceException("no aligned face: " + reason + ", " + detail, reason);
        }
    }
}
