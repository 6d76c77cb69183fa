package org.openface.align.internal.detect;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.opencv.opencv_core.Rect;
import org.bytedeco.opencv.opencv_objdetect.CascadeClassifier;
import org.jspecify.annotations.Nullable;
import org.openface.align.face.Point;

/**
 * Finds both eyes inside the box of a face.
 *
 * <p>Four cascades look for an eye in each upper quarter of the face. One alone misses many eyes and is off by a tenth of
 * the eye distance; here they vote. What they see on average differs from where eyes are on average, and this is put
 * right. All lengths are in units of the box unless said otherwise.
 */
final class EyeFinder implements AutoCloseable {
    /**
     * @param drop how far below the middle of its window the eye is, in units of the window's side
     * @param trust weight of its votes
     */
    private record EyeCascade(CascadeClassifier classifier, double drop, double trust) {}

    /** Where the cascades see the eyes of an upright face in the box that the face cascades agree on, on average; measured. */
    private static final Point SEEN_LEFT = new Point(0.308, 0.39);

    private static final Point SEEN_RIGHT = new Point(0.692, 0.39);
    /** Where these eyes are, by dlib's landmarks; measured. */
    private static final Point USUAL_LEFT = new Point(0.314, 0.402);

    private static final Point USUAL_RIGHT = new Point(0.686, 0.402);
    /** How much of an eye's distance from its usual place is real, by least squares; the rest is noise. */
    private static final double REAL = 0.8;

    /** An eye is believed this close to its usual place, */
    private static final double REACH = 0.16;
    /** and two cascades mean the same eye when they are this close to each other. */
    private static final double SAME = 0.07;
    /** How much the eyes stray from their usual place, for choosing between places. */
    private static final double SPREAD = 0.1;

    private static final double SMALLEST_DISTANCE = 0.25;
    private static final double LARGEST_DISTANCE = 0.6;
    /** Largest rise of the line between the eyes: 27 degrees. */
    private static final double STEEPEST = 0.5;

    /** The face is brought to this size before its eyes are searched. */
    static final int SIDE = 200;

    private static final int SMALLEST_EYE = 24;

    /** An eye needs the weight of one cascade with three votes, or of two with one vote each. */
    private static final double LEAST_WEIGHT = 1.38;

    private final List<EyeCascade> cascades = List.of(
            new EyeCascade(HaarDetector.cascade("eye"), 0, 1),
            new EyeCascade(HaarDetector.cascade("eye_tree_eyeglasses"), 0, 1),
            // The windows of these two hold the brow too.
            new EyeCascade(HaarDetector.cascade("lefteye_2splits"), 0.13, 0.6),
            new EyeCascade(HaarDetector.cascade("righteye_2splits"), 0.13, 0.6));

    /**
     * Both eyes of a face, in units of its box.
     *
     * @param seen whether both were found where a face has them; otherwise they are where a face usually has them
     */
    record Eyes(Point left, Point right, boolean seen) {}

    /** The eyes of the face that fills the picture of {@code SIDE x SIDE} pixels. */
    Eyes find(Mat face) {
        Eye left = eye(face, SEEN_LEFT, 0.05);
        Eye right = eye(face, SEEN_RIGHT, 0.45);
        if (left != null && right != null) {
            double distance = left.at.distanceTo(right.at);
            double rise = right.at.y() - left.at.y();
            double run = right.at.x() - left.at.x();
            if (distance >= SMALLEST_DISTANCE && distance <= LARGEST_DISTANCE && Math.abs(rise) <= STEEPEST * run) {
                return new Eyes(settled(left, SEEN_LEFT, USUAL_LEFT), settled(right, SEEN_RIGHT, USUAL_RIGHT), true);
            }
        }
        return new Eyes(USUAL_LEFT, USUAL_RIGHT, false);
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
        for (HaarDetector.Hit hit : HaarDetector.Hit.search(cascade.classifier, quarter, SMALLEST_EYE, SIDE, 1)) {
            Point at = new Point(
                    (left + hit.x() + hit.width() / 2.0) / SIDE,
                    (top + hit.y() + hit.height() * (0.5 + cascade.drop)) / SIDE);
            if (at.distanceTo(usual) <= REACH) {
                eyes.add(new Eye(at, cascade.trust * Math.log1p(hit.votes())));
            }
        }
        return eyes;
    }

    private static Point settled(Eye eye, Point seen, Point usual) {
        return new Point(usual.x() + REAL * (eye.at.x() - seen.x()), usual.y() + REAL * (eye.at.y() - seen.y()));
    }

    @Override
    public void close() {
        cascades.forEach(c -> c.classifier.releaseReference());
    }
}
