package org.openface.align;

import static org.bytedeco.opencv.global.opencv_imgproc.INTER_AREA;
import static org.bytedeco.opencv.global.opencv_imgproc.INTER_LINEAR;
import static org.bytedeco.opencv.global.opencv_imgproc.resize;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.opencv.opencv_core.Rect;
import org.bytedeco.opencv.opencv_core.Size;
import org.bytedeco.opencv.opencv_objdetect.CascadeClassifier;
import org.jspecify.annotations.Nullable;

/**
 * Finds both eyes inside the box of a face, or says that it is none.
 *
 * <p>Four cascades look for an eye in each upper quarter of the face. One alone misses many eyes and is off by a tenth of
 * the eye distance; here they vote, and the place that a face of this box and this tilt usually has its eyes at has a
 * vote as well. All lengths are in units of the box unless said otherwise.
 */
final class EyeFinder implements AutoCloseable {
    /**
     * @param drop how far below the middle of its window the eye is, in units of the window's side
     * @param trust weight of its votes
     */
    private record EyeCascade(CascadeClassifier classifier, double drop, double trust) {}

    /** Where the eyes of an upright face lie in the box of a frontal face cascade; measured. */
    private static final Point USUAL_LEFT = new Point(0.305, 0.39);

    private static final Point USUAL_RIGHT = new Point(0.705, 0.39);

    /** An eye is believed this close to its usual place, */
    private static final double REACH = 0.16;
    /** and two cascades mean the same eye when they are this close to each other. */
    private static final double SAME = 0.07;
    /** Weight of the usual place, where a cascade that found an eye has log(1 + votes), 1.4 to 4. */
    private static final double USUAL_WEIGHT = 4;

    /** How much the eyes stray from their usual place, for choosing between places. */
    private static final double SPREAD = 0.1;

    private static final double SMALLEST_DISTANCE = 0.25;
    private static final double LARGEST_DISTANCE = 0.6;
    /** Largest rise of the line between the eyes: 27 degrees. */
    private static final double STEEPEST = 0.5;

    /** The face is brought to this size before its eyes are searched. */
    private static final int SIDE = 200;

    private static final int SMALLEST_EYE = 24;

    /** An eye needs the weight of one cascade with three votes, or of two with one vote each. */
    private static final double LEAST_WEIGHT = 1.38;

    private final List<EyeCascade> cascades = List.of(
            new EyeCascade(HaarDetector.cascade("eye"), 0, 1),
            new EyeCascade(HaarDetector.cascade("eye_tree_eyeglasses"), 0, 1),
            // The windows of these two hold the brow too.
            new EyeCascade(HaarDetector.cascade("lefteye_2splits"), 0.13, 0.6),
            new EyeCascade(HaarDetector.cascade("righteye_2splits"), 0.13, 0.6));

    /** The face in the box if both eyes are there. */
    Optional<DetectedFace> verify(Mat grey, FaceBox box) {
        FaceBox square = new FaceBox(
                Math.round(box.left()),
                Math.round(box.top()),
                Math.max(1, Math.round(box.width())),
                Math.max(1, Math.round(box.width())));
        Mat face = face(grey, square);
        Eye left = eye(face, USUAL_LEFT, 0.05);
        Eye right = eye(face, USUAL_RIGHT, 0.45);
        if (left == null || right == null) {
            return Optional.empty();
        }
        double distance = left.at.distanceTo(right.at);
        double rise = right.at.y() - left.at.y();
        if (distance < SMALLEST_DISTANCE
                || distance > LARGEST_DISTANCE
                || Math.abs(rise) > STEEPEST * (right.at.x() - left.at.x())) {
            return Optional.empty();
        }
        double tilt = Math.atan2(rise, right.at.x() - left.at.x());
        return Optional.of(new DetectedFace(
                box,
                inPhotograph(square, settled(left, USUAL_LEFT, tilt)),
                inPhotograph(square, settled(right, USUAL_RIGHT, tilt))));
    }

    /**
     * A place where an eye was found.
     *
     * @param weight of one cascade, log(1 + votes) times its trust; of several, the sum
     */
    private record Eye(Point at, double weight) {}

    /** The place that most cascades agree on, weighted by how usual it is; null if no cascade found an eye. */
    private @Nullable Eye eye(Mat face, Point usual, double from) {
        List<List<Eye>> byCascade =
                cascades.stream().map(c -> found(c, face, usual, from)).toList();
        Eye best = null;
        double bestScore = -1;
        for (List<Eye> seeds : byCascade) {
            for (Eye seed : seeds) {
                Eye agreed = agreed(byCascade, seed);
                double away = seed.at.distanceTo(usual) / SPREAD;
                double score = agreed.weight * Math.exp(-away * away / 2);
                if (agreed.weight >= LEAST_WEIGHT && score > bestScore) {
                    bestScore = score;
                    best = agreed;
                }
            }
        }
        return best;
    }

    /** The weighted mean of the heaviest eye of each cascade near the seed. */
    private static Eye agreed(List<List<Eye>> byCascade, Eye seed) {
        double x = 0;
        double y = 0;
        double sum = 0;
        for (List<Eye> eyes : byCascade) {
            Eye heaviest = null;
            for (Eye eye : eyes) {
                if (eye.at.distanceTo(seed.at) < SAME && (heaviest == null || eye.weight > heaviest.weight)) {
                    heaviest = eye;
                }
            }
            if (heaviest != null) {
                x += heaviest.weight * heaviest.at.x();
                y += heaviest.weight * heaviest.at.y();
                sum += heaviest.weight;
            }
        }
        return new Eye(new Point(x / sum, y / sum), sum);
    }

    /** What one cascade finds in the half of the face that begins at {@code from}. */
    private static List<Eye> found(EyeCascade cascade, Mat face, Point usual, double from) {
        int left = (int) (from * SIDE);
        int top = SIDE / 8;
        Mat quarter = new Mat(face, new Rect(left, top, SIDE / 2, SIDE / 2));
        List<Eye> eyes = new ArrayList<>();
        for (HaarDetector.Hit hit : HaarDetector.Hit.search(cascade.classifier, quarter, SMALLEST_EYE, 1)) {
            Point at = new Point(
                    (left + hit.x() + hit.width() / 2.0) / SIDE,
                    (top + hit.y() + hit.height() * (0.5 + cascade.drop)) / SIDE);
            if (at.distanceTo(usual) <= REACH) {
                eyes.add(new Eye(at, cascade.trust * Math.log1p(hit.votes())));
            }
        }
        return eyes;
    }

    /** The mean of where the eye was found and of where it usually is in a face tilted about the middle of its box. */
    private static Point settled(Eye eye, Point usual, double tilt) {
        double dx = usual.x() - 0.5;
        double dy = usual.y() - 0.5;
        double x = 0.5 + Math.cos(tilt) * dx - Math.sin(tilt) * dy;
        double y = 0.5 + Math.sin(tilt) * dx + Math.cos(tilt) * dy;
        double sum = eye.weight + USUAL_WEIGHT;
        return new Point(
                (eye.weight * eye.at.x() + USUAL_WEIGHT * x) / sum, (eye.weight * eye.at.y() + USUAL_WEIGHT * y) / sum);
    }

    /** From the box, whose edges run between pixels, to pixel centres of the photograph. */
    private static Point inPhotograph(FaceBox box, Point p) {
        return new Point(box.left() + p.x() * box.width() - 0.5, box.top() + p.y() * box.height() - 0.5);
    }

    /** A square of whole pixels as {@code SIDE x SIDE} pixels; what lies outside the photograph repeats its border. */
    private static Mat face(Mat grey, FaceBox square) {
        int left = (int) square.left();
        int top = (int) square.top();
        int side = (int) square.width();
        int outside = Math.max(Math.max(-left, -top), Math.max(left + side - grey.cols(), top + side - grey.rows()));
        int margin = Math.max(0, outside);
        Mat crop = new Mat(HaarDetector.bordered(grey, margin), new Rect(left + margin, top + margin, side, side));
        Mat face = new Mat();
        resize(crop, face, new Size(SIDE, SIDE), 0, 0, side > SIDE ? INTER_AREA : INTER_LINEAR);
        return face;
    }

    @Override
    public void close() {
        cascades.forEach(c -> c.classifier.releaseReference());
    }
}
