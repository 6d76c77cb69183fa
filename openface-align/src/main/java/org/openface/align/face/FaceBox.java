package org.openface.align.face;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * The upright rectangle around a face, in pixels of the photograph. It may reach beyond the picture where a face is cut
 * off by its border.
 *
 * @param left x of the left edge
 * @param top y of the upper edge
 * @param width positive
 * @param height positive
 */
public record FaceBox(double left, double top, double width, double height) {
    /** @throws IllegalArgumentException if a number is not finite, or width or height not positive */
    public FaceBox {
        checkArgument(
                Double.isFinite(left)
                        && Double.isFinite(top)
                        && width > 0
                        && height > 0
                        && Double.isFinite(width)
                        && Double.isFinite(height),
                "a face's box has a positive width and height, got left %s, top %s, width %s, height %s",
                left,
                top,
                width,
                height);
    }

    /** In square pixels. */
    public double area() {
        return width * height;
    }

    /** Area of the intersection divided by the area of the union, 0 to 1. */
    public double overlap(FaceBox other) {
        double w = Math.min(left + width, other.left + other.width) - Math.max(left, other.left);
        double h = Math.min(top + height, other.top + other.height) - Math.max(top, other.top);
        if (w <= 0 || h <= 0) {
            return 0;
        }
        return w * h / (area() + other.area() - w * h);
    }
}
