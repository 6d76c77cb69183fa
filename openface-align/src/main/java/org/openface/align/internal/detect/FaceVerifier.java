package org.openface.align.internal.detect;

import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.opencv.opencv_objdetect.CascadeClassifier;
import org.openface.align.face.DetectedFace;
import org.openface.align.face.FaceBox;
import org.openface.align.face.Point;
import org.openface.align.internal.detect.FacePatch.View;

/**
 * Looks at a supposed face again and closely, and says whether it is one, how it is tilted and where its eyes are.
 *
 * <p>All face cascades search the neighbourhood of the face at one size. A false alarm is mostly one of a single cascade; a
 * face has votes of each. With few votes of each it must show both its eyes; with many it is believed without, since people
 * wear sunglasses.
 */
final class FaceVerifier implements AutoCloseable {
    /** Votes of the least convinced cascade for a face that shows its eyes, */
    private static final int FEW = 5;
    /** and for one whose eyes are not seen. */
    private static final int MANY = 13;

    /** A face without visible eyes is looked at turned to either side by this; how much is seen of it there tells its tilt. */
    private static final double TILT = Math.toRadians(15);

    /** Side of the face in pixels of the second look, */
    private static final int LOOK = 80;
    /** the limits of the sizes that are searched, */
    private static final int SMALLEST = 52;

    private static final int LARGEST = 124;
    /** and how far from the supposed centre a hit counts, in sides of the face. */
    private static final double NEAR = 0.25;

    /** A face whose side is by so much (natural logarithm) not the supposed one is looked at once more. */
    private static final double OFF = 0.2;

    private final List<CascadeClassifier> cascades;
    private final EyeFinder eyes = new EyeFinder();

    /** @param cascades stay the caller's */
    FaceVerifier(List<CascadeClassifier> cascades) {
        this.cascades = cascades;
    }

    /**
     * What a second look found.
     *
     * @param face if it is one
     * @param doubtful whether it is none but may be seen to be one by other means
     */
    record Verdict(Optional<DetectedFace> face, boolean doubtful) {}

    /** @param tilt of the supposed face, clockwise, radians */
    // The scope frees what is made inside, before the next face is looked at; its constructor takes generic varargs.
    @SuppressWarnings({"try", "unchecked"})
    Verdict verify(Mat grey, FaceBox box, double tilt) {
        try (PointerScope scope = new PointerScope()) {
            return lookedAt(grey, box, tilt);
        }
    }

    private Verdict lookedAt(Mat grey, FaceBox box, double tilt) {
        FacePatch patch = FacePatch.around(grey, box);
        Look straight = look(patch, tilt);
        if (Math.abs(Math.log(straight.view.side())) > OFF && straight.least > 0) {
            patch = FacePatch.around(grey, patch.box(straight.view));
            straight = look(patch, tilt);
        }
        if (straight.least < FEW) {
            return new Verdict(Optional.empty(), false);
        }
        EyeFinder.Eyes found = eyes(patch, straight.view);
        if (found.seen()) {
            return face(patch, straight.view, found);
        }
        int left = look(patch, tilt - TILT).sum;
        int right = look(patch, tilt + TILT).sum;
        Look turned = look(patch, tilt + TILT * (right - left) / (double) (left + straight.sum + right));
        found = eyes(patch, turned.view);
        if (turned.least >= MANY || (turned.least >= FEW && found.seen())) {
            return face(patch, turned.view, found);
        }
        return new Verdict(Optional.empty(), true);
    }

    private static Verdict face(FacePatch patch, View view, EyeFinder.Eyes eyes) {
        DetectedFace face = new DetectedFace(
                patch.box(view),
                patch.inPhotograph(view.place(eyes.left())),
                patch.inPhotograph(view.place(eyes.right())));
        return new Verdict(Optional.of(face), false);
    }

    private EyeFinder.Eyes eyes(FacePatch patch, View view) {
        return eyes.find(patch.view(view, EyeFinder.SIDE));
    }

    /**
     * @param view the face, in the middle of what all cascades see
     * @param least votes of the least convinced cascade
     * @param sum of all votes
     */
    private record Look(View view, int least, int sum) {}

    private Look look(FacePatch patch, double tilt) {
        View whole = new View(0, 0, 2, tilt);
        Mat picture = patch.view(whole, 2 * LOOK);
        double x = 0;
        double y = 0;
        double side = 0;
        int sum = 0;
        int least = Integer.MAX_VALUE;
        for (CascadeClassifier cascade : cascades) {
            int votes = 0;
            for (HaarDetector.Hit hit : HaarDetector.Hit.search(cascade, picture, SMALLEST, LARGEST, 1)) {
                double hitX = (hit.x() + hit.width() / 2.0) / (2 * LOOK);
                double hitY = (hit.y() + hit.height() / 2.0) / (2 * LOOK);
                if (Math.hypot(hitX - 0.5, hitY - 0.5) < NEAR / 2) {
                    votes += hit.votes();
                    x += hit.votes() * hitX;
                    y += hit.votes() * hitY;
                    side += (double) hit.votes() * hit.width() / LOOK;
                }
            }
            sum += votes;
            least = Math.min(least, votes);
        }
        if (sum == 0) {
            return new Look(new View(0, 0, 1, tilt), 0, 0);
        }
        Point centre = whole.place(new Point(x / sum, y / sum));
        return new Look(new View(centre.x(), centre.y(), side / sum, tilt), least, sum);
    }

    @Override
    public void close() {
        eyes.close();
    }
}
