package org.openface.align;

/**
 * A similarity of the plane (turn, scale, shift): {@code (x, y) -> (a x - b y + c, b x + a y + d)}.
 *
 * <p>As complex numbers z -> (a + bi) z + (c + di), which two points and their images determine.
 */
record Similarity(double a, double b, double c, double d) {
    /**
     * The similarity that takes one pair of points to another.
     *
     * @throws IllegalArgumentException if the points of a pair coincide
     */
    static Similarity mapping(Point from0, Point from1, Point to0, Point to1) {
        double fx = from1.x() - from0.x();
        double fy = from1.y() - from0.y();
        double tx = to1.x() - to0.x();
        double ty = to1.y() - to0.y();
        double norm = fx * fx + fy * fy;
        if (!(norm > 0) || !(tx * tx + ty * ty > 0)) {
            throw new IllegalArgumentException(
                    "two different points needed, got " + from0 + ", " + from1 + " to " + to0 + ", " + to1);
        }
        double a = (tx * fx + ty * fy) / norm;
        double b = (ty * fx - tx * fy) / norm;
        return new Similarity(a, b, to0.x() - a * from0.x() + b * from0.y(), to0.y() - b * from0.x() - a * from0.y());
    }

    Point apply(Point p) {
        return new Point(a * p.x() - b * p.y() + c, b * p.x() + a * p.y() + d);
    }
}
