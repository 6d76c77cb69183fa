package org.openface.align.internal.detect;

import static org.bytedeco.opencv.global.opencv_core.BORDER_ISOLATED;
import static org.bytedeco.opencv.global.opencv_core.BORDER_REPLICATE;
import static org.bytedeco.opencv.global.opencv_core.CV_64F;
import static org.bytedeco.opencv.global.opencv_core.copyMakeBorder;
import static org.bytedeco.opencv.global.opencv_imgproc.INTER_AREA;
import static org.bytedeco.opencv.global.opencv_imgproc.INTER_LINEAR;
import static org.bytedeco.opencv.global.opencv_imgproc.WARP_INVERSE_MAP;
import static org.bytedeco.opencv.global.opencv_imgproc.resize;
import static org.bytedeco.opencv.global.opencv_imgproc.warpAffine;

import org.bytedeco.javacpp.indexer.DoubleIndexer;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.opencv.opencv_core.Rect;
import org.bytedeco.opencv.opencv_core.Scalar;
import org.bytedeco.opencv.opencv_core.Size;
import org.openface.align.face.FaceBox;
import org.openface.align.face.Point;
import org.openface.align.internal.MemoryBudget;

/**
 * The neighbourhood of a supposed face, brought to a size of its own, so that what is measured in it does not depend on
 * the size of the photograph. What lies outside the photograph repeats its border.
 */
final class FacePatch {
    /** Side of the face in pixels of the patch, */
    static final int FACE = 200;
    /** and of the patch. */
    private static final int SIDE = 2 * FACE;

    /**
     * Native memory for the surroundings of faces at the photograph's own size, which are square and may be several times
     * as large as the photograph. All aligners share it, as they share the machine.
     */
    private static final MemoryBudget SURROUNDINGS =
            new MemoryBudget(Runtime.getRuntime().maxMemory() / 4);

    private final Mat pixels;
    private final double left;
    private final double top;
    /** Pixels of the photograph per pixel of the patch. */
    private final double scale;

    private FacePatch(Mat pixels, double left, double top, double scale) {
        this.pixels = pixels;
        this.left = left;
        this.top = top;
        this.scale = scale;
    }

    /** The patch around a square of the photograph. */
    static FacePatch around(Mat grey, FaceBox box) {
        int side = (int) Math.max(2, Math.round(2 * box.width()));
        int left = (int) Math.round(box.left() + box.width() / 2 - side / 2.0);
        int top = (int) Math.round(box.top() + box.height() / 2 - side / 2.0);
        int x0 = Math.max(0, Math.min(left, grey.cols() - 1));
        int y0 = Math.max(0, Math.min(top, grey.rows() - 1));
        int x1 = Math.max(x0 + 1, Math.min(left + side, grey.cols()));
        int y1 = Math.max(y0 + 1, Math.min(top + side, grey.rows()));
        Mat pixels = new Mat();
        // Nobody who waits here keeps others waiting for this memory: it is given back before anything else is asked
        // for.
        int taken = SURROUNDINGS.take((long) side * side);
        try (Mat inside = new Mat(grey, new Rect(x0, y0, x1 - x0, y1 - y0));
                Mat whole = new Mat()) {
            copyMakeBorder(
                    inside,
                    whole,
                    y0 - top,
                    Math.max(0, top + side - y1),
                    x0 - left,
                    Math.max(0, left + side - x1),
                    BORDER_REPLICATE | BORDER_ISOLATED,
                    new Scalar(0));
            resize(whole, pixels, new Size(SIDE, SIDE), 0, 0, side > SIDE ? INTER_AREA : INTER_LINEAR);
        } finally {
            SURROUNDINGS.release(taken);
        }
        return new FacePatch(pixels, left, top, (double) side / SIDE);
    }

    /**
     * A square of the patch.
     *
     * @param x of its centre, in sides of the face from the centre of the patch
     * @param y of its centre, likewise
     * @param side in sides of the face
     * @param tilt clockwise, radians
     */
    record View(double x, double y, double side, double tilt) {
        /** A place given in sides of this square from its upper left corner, in sides of the face. */
        Point place(Point p) {
            double u = (p.x() - 0.5) * side;
            double v = (p.y() - 0.5) * side;
            return new Point(x + Math.cos(tilt) * u - Math.sin(tilt) * v, y + Math.sin(tilt) * u + Math.cos(tilt) * v);
        }
    }

    /** The view as {@code size x size} pixels. */
    Mat view(View view, int size) {
        double step = view.side * FACE / size;
        double cos = Math.cos(view.tilt) * step;
        double sin = Math.sin(view.tilt) * step;
        double middle = (size - 1) / 2.0;
        Mat transform = new Mat(2, 3, CV_64F);
        try (DoubleIndexer m = transform.createIndexer()) {
            m.put(0, 0, cos).put(0, 1, -sin).put(0, 2, SIDE / 2.0 - 0.5 + view.x * FACE - (cos - sin) * middle);
            m.put(1, 0, sin).put(1, 1, cos).put(1, 2, SIDE / 2.0 - 0.5 + view.y * FACE - (sin + cos) * middle);
        }
        Mat out = new Mat();
        warpAffine(
                pixels,
                out,
                transform,
                new Size(size, size),
                INTER_LINEAR | WARP_INVERSE_MAP,
                BORDER_REPLICATE,
                new Scalar(0));
        return out;
    }

    /** From sides of the face, from the centre of the patch, to pixel centres of the photograph. */
    Point inPhotograph(Point p) {
        return new Point(
                left + (SIDE / 2.0 + p.x() * FACE) * scale - 0.5, top + (SIDE / 2.0 + p.y() * FACE) * scale - 0.5);
    }

    /** The upright square about a view's centre. */
    FaceBox box(View view) {
        Point centre = inPhotograph(new Point(view.x, view.y));
        double side = view.side * FACE * scale;
        return new FaceBox(centre.x() + 0.5 - side / 2, centre.y() + 0.5 - side / 2, side, side);
    }
}
