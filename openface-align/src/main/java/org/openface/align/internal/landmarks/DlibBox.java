package org.openface.align.internal.landmarks;

import org.openface.align.face.DetectedFace;
import org.openface.align.face.FaceBox;
import org.openface.align.face.Point;

/**
 * The box that a landmark model of dlib expects: where dlib's own detector, with whose boxes the models are trained, would
 * see the face.
 *
 * <p>Measured with the public 68-point model, against its landmarks in the boxes of dlib's detector: in the boxes of the
 * cascades they are 2.2 % of the eye distance off and in mapped ones 2.0 % (229 photographs), in those of YuNet 4.6 % and
 * 2.0 % (458 photographs).
 */
public final class DlibBox {
    private DlibBox() {}

    /** From the box of a frontal face cascade. */
    public static FaceBox ofHaar(DetectedFace face) {
        FaceBox box = face.box();
        double side = 0.93 * box.width();
        double x = box.left() + (0.5 - 0.01) * box.width();
        double y = box.top() + 0.5 * box.height() + 0.07 * box.width();
        return new FaceBox(x - side / 2, y - side / 2, side, side);
    }

    /** From the eyes, for detectors whose box is not square. */
    public static FaceBox ofEyes(DetectedFace face) {
        Point left = face.landmarks().get(0);
        Point right = face.landmarks().get(1);
        double side = 2.4 * left.distanceTo(right);
        // Below the middle of the eyes, at a right angle to the line between them. Boxes begin half a pixel before the
        // centre of their first pixel.
        double x = (left.x() + right.x()) / 2 + 0.5 - 0.21 * 2.4 * (right.y() - left.y());
        double y = (left.y() + right.y()) / 2 + 0.5 + 0.21 * 2.4 * (right.x() - left.x());
        return new FaceBox(x - side / 2, y - side / 2, side, side);
    }
}
