package org.openface.align.face;

/**
 * A place in a picture, in pixels. Whole numbers are the centres of pixels: (0, 0) is the centre of the upper left one.
 *
 * @param x to the right
 * @param y downwards
 */
public record Point(double x, double y) {
    /** The distance to another place, in pixels. */
    public double distanceTo(Point other) {
        return Math.hypot(x - other.x, y - other.y);
    }
}
