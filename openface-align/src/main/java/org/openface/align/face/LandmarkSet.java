package org.openface.align.face;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.List;
import java.util.stream.IntStream;

/**
 * Which points of a face are brought to where OpenFace's template has them.
 *
 * <p>A network learns faces aligned in one way and is of little use with others, so that the set is chosen once. OpenFace's
 * models are trained with {@link #OUTER_EYES_AND_NOSE}.
 */
public enum LandmarkSet {
    /**
     * The centres of the eyes. Two points determine a turn, a scale and a shift, so that a face keeps its proportions.
     * Needs no landmark model.
     */
    EYE_CENTRES(List.of(new Point(0.277370786, 0.167284127), new Point(0.706148475, 0.159000138))),

    /**
     * The outer corners of the eyes and the bottom of the nose: points 36, 45 and 33 of 68 (OpenFace's {@code
     * outerEyesAndNose}). Three points determine an affine map.
     */
    OUTER_EYES_AND_NOSE(
            List.of(
                    new Point(0.194157004, 0.169266924),
                    new Point(0.788859129, 0.158171147),
                    new Point(0.494950891, 0.514441371)),
            36,
            45,
            33),

    /**
     * The inner corners of the eyes and the bottom of the lower lip: points 39, 42 and 57 of 68 (OpenFace's {@code
     * innerEyesAndBottomLip}). Three points determine an affine map.
     */
    INNER_EYES_AND_BOTTOM_LIP(
            List.of(
                    new Point(0.363784939, 0.177946866),
                    new Point(0.618963182, 0.17277813),
                    new Point(0.500203967, 0.750584424)),
            39,
            42,
            57);

    /** How many points the iBUG 300-W annotation has. */
    public static final int ALL_POINTS = 68;

    private static final int LEFT_EYE = 36;
    private static final int RIGHT_EYE = 42;
    private static final int POINTS_OF_AN_EYE = 6;

    private final List<Point> template;

    /** Which of the 68 points; none for the eye centres. */
    private final int[] indices;

    LandmarkSet(List<Point> template, int... indices) {
        this.template = template;
        this.indices = indices;
    }

    /** Whether this set is made of some of the 68 points, and the eye centres are not enough. */
    public boolean needsAllPoints() {
        return indices.length > 0;
    }

    /** Whether so many landmarks are the eye centres or all points. */
    static boolean isCount(int landmarks) {
        return landmarks == 2 || landmarks == ALL_POINTS;
    }

    /**
     * Where the points of this set lie in OpenFace's {@code MINMAX_TEMPLATE}, in units of the side of the aligned face, in the
     * order of {@link #of}.
     */
    public List<Point> template() {
        return template;
    }

    /**
     * The points of this set.
     *
     * @param landmarks all 68 points, or the eye centres if they are enough
     */
    public List<Point> of(List<Point> landmarks) {
        if (!needsAllPoints()) {
            return eyeCentres(landmarks);
        }
        checkArgument(landmarks.size() == ALL_POINTS, "%s needs 68 points, got %s", this, landmarks.size());
        return IntStream.of(indices).mapToObj(landmarks::get).toList();
    }

    /** The centres of the eyes on the picture's left and right: themselves, or the means of their points. */
    static List<Point> eyeCentres(List<Point> landmarks) {
        checkArgument(isCount(landmarks.size()), "2 or 68 landmarks needed, got %s", landmarks.size());
        return landmarks.size() == 2 ? landmarks : List.of(mean(landmarks, LEFT_EYE), mean(landmarks, RIGHT_EYE));
    }

    private static Point mean(List<Point> landmarks, int from) {
        double x = 0;
        double y = 0;
        for (Point p : landmarks.subList(from, from + POINTS_OF_AN_EYE)) {
            x += p.x() / POINTS_OF_AN_EYE;
            y += p.y() / POINTS_OF_AN_EYE;
        }
        return new Point(x, y);
    }
}
