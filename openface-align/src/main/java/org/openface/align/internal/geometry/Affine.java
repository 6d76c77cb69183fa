package org.openface.align.internal.geometry;

import java.util.List;
import org.openface.align.face.LandmarkSet;
import org.openface.align.face.Point;

/** An affine map of the plane: {@code (x, y) -> (a x + b y + c, d x + e y + f)}. */
public record Affine(double a, double b, double c, double d, double e, double f) {
    /**
     * The similarity (turn, scale, shift) that takes two points to two others.
     *
     * @throws IllegalArgumentException if the points to map from coincide
     */
    static Affine similarity(Point from0, Point from1, Point to0, Point to1) {
        double fx = from1.x() - from0.x();
        double fy = from1.y() - from0.y();
        double tx = to1.x() - to0.x();
        double ty = to1.y() - to0.y();
        double norm = fx * fx + fy * fy;
        if (!(norm > 0)) {
            throw new IllegalArgumentException("two different points needed, got " + from0 + " and " + from1);
        }
        // The quotient of the two vectors as complex numbers.
        double re = (tx * fx + ty * fy) / norm;
        double im = (ty * fx - tx * fy) / norm;
        return new Affine(
                re, -im, to0.x() - re * from0.x() + im * from0.y(), im, re, to0.y() - im * from0.x() - re * from0.y());
    }

    /**
     * The map that takes three points to three others.
     *
     * @throws IllegalArgumentException if the points to map from lie on one line
     */
    static Affine mapping(List<Point> from, List<Point> to) {
        double ux = from.get(1).x() - from.get(0).x();
        double uy = from.get(1).y() - from.get(0).y();
        double vx = from.get(2).x() - from.get(0).x();
        double vy = from.get(2).y() - from.get(0).y();
        double area = ux * vy - uy * vx;
        if (!(Math.abs(area) > 0)) {
            throw new IllegalArgumentException("three points that span a triangle needed, got " + from);
        }
        double px = to.get(1).x() - to.get(0).x();
        double py = to.get(1).y() - to.get(0).y();
        double qx = to.get(2).x() - to.get(0).x();
        double qy = to.get(2).y() - to.get(0).y();
        // The matrix that takes u to p and v to q.
        double a = (px * vy - qx * uy) / area;
        double b = (qx * ux - px * vx) / area;
        double d = (py * vy - qy * uy) / area;
        double e = (qy * ux - py * vx) / area;
        Point origin = from.get(0);
        return new Affine(
                a,
                b,
                to.get(0).x() - a * origin.x() - b * origin.y(),
                d,
                e,
                to.get(0).y() - d * origin.x() - e * origin.y());
    }

    /**
     * From the pixels of an aligned face back into the photograph.
     *
     * @param set which landmarks are brought to the template
     * @param landmarks of the face in the photograph: all 68 points, or the eye centres if they are enough
     * @param size side of the aligned face in pixels
     */
    public static Affine fromAligned(LandmarkSet set, List<Point> landmarks, int size) {
        List<Point> aligned = set.template().stream()
                .map(p -> new Point(p.x() * size, p.y() * size))
                .toList();
        List<Point> points = set.of(landmarks);
        return points.size() == 2
                ? similarity(aligned.get(0), aligned.get(1), points.get(0), points.get(1))
                : mapping(aligned, points);
    }

    Point apply(Point p) {
        return new Point(a * p.x() + b * p.y() + c, d * p.x() + e * p.y() + f);
    }

    /** Whether the map takes the plane to the plane, and not to a line, a point or infinity. */
    public boolean isInvertible() {
        double area = a * e - b * d;
        return Math.abs(area) > 0 && Double.isFinite(area) && Double.isFinite(c) && Double.isFinite(f);
    }
}
