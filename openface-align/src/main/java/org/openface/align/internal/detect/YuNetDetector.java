package org.openface.align.internal.detect;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.opencv.opencv_java;
import org.opencv.core.CvException;
import org.opencv.core.CvType;
import org.opencv.core.Mat;
import org.opencv.core.Size;
import org.opencv.objdetect.FaceDetectorYN;
import org.openface.align.face.DetectedFace;
import org.openface.align.face.FaceBox;
import org.openface.align.face.Point;
import org.openface.core.image.RgbImage;

/**
 * YuNet (Wu et al., YuNet: A Tiny Millisecond-level Face Detector, 2023) run by OpenCV's {@code FaceDetectorYN}: boxes and
 * five points, of which the eyes are used.
 */
public final class YuNetDetector implements NativeDetector {
    /** OpenCV's own defaults. */
    private static final float LEAST_SCORE = 0.9f;

    private static final float SAME_FACE = 0.3f;
    private static final int MOST_CANDIDATES = 5000;

    /** The network was trained on faces of 10 to 300 pixels, so that large photographs are shrunk. */
    private static final int LARGEST = 640;

    /**
     * A face whose size lies between those that the network was made for may be missed, and is found in another size: 5 of
     * 60 photographs of LFW.
     */
    private static final double SECOND_LOOK = 0.7;

    /** Sides are padded to multiples of the coarsest step of the network. */
    private static final int STEP = 32;

    private final FaceDetectorYN network;

    /**
     * Loads the network.
     *
     * @throws IllegalStateException if OpenCV's native library is not on the class path or cannot run the network
     */
    public YuNetDetector(YuNetModel model) {
        try {
            Loader.load(opencv_java.class);
        } catch (LinkageError e) {
            throw HaarDetector.noNativeLibrary(e);
        }
        try {
            network = FaceDetectorYN.create(
                    model.file().toString(), "", new Size(STEP, STEP), LEAST_SCORE, SAME_FACE, MOST_CANDIDATES);
            // What OpenCV cannot run should be known now, not at the first photograph.
            detect(RgbImage.of(STEP, STEP, new byte[3 * STEP * STEP]));
        } catch (CvException e) {
            throw new IllegalStateException("OpenCV cannot run " + model.file() + "; take " + YuNetModel.FILE, e);
        }
    }

    @Override
    public List<DetectedFace> detect(RgbImage photograph) {
        int longer = Math.max(photograph.width(), photograph.height());
        double scale = Math.min(1, (double) LARGEST / longer);
        List<DetectedFace> faces = detect(photograph, scale);
        return faces.isEmpty() ? detect(photograph, scale * SECOND_LOOK) : faces;
    }

    private List<DetectedFace> detect(RgbImage photograph, double scale) {
        RgbImage small = photograph.resized((int) Math.max(1, Math.round(photograph.width() * scale)), (int)
                Math.max(1, Math.round(photograph.height() * scale)));
        Mat image = blueGreenRed(small);
        Mat found = new Mat();
        try {
            network.setInputSize(image.size());
            network.detect(image, found);
            double scaleX = (double) small.width() / photograph.width();
            double scaleY = (double) small.height() / photograph.height();
            List<DetectedFace> faces = new ArrayList<>();
            for (int i = 0; i < found.rows(); i++) {
                // x, y, width, height; five points, the picture's left eye first; score
                float[] row = new float[found.cols()];
                found.get(i, 0, row);
                if (!isFace(row)) {
                    continue;
                }
                FaceBox box = new FaceBox(row[0] / scaleX, row[1] / scaleY, row[2] / scaleX, row[3] / scaleY);
                faces.add(new DetectedFace(
                        box,
                        // From edges between pixels to their centres.
                        new Point(row[4] / scaleX - 0.5, row[5] / scaleY - 0.5),
                        new Point(row[6] / scaleX - 0.5, row[7] / scaleY - 0.5)));
            }
            return faces;
        } finally {
            found.release();
            image.release();
        }
    }

    /** Whether a row is of a box with an area and two different eyes, as those of broken weights need not be. */
    private static boolean isFace(float[] row) {
        for (float value : row) {
            if (!Float.isFinite(value)) {
                return false;
            }
        }
        return row[2] > 0 && row[3] > 0 && (row[4] != row[6] || row[5] != row[7]);
    }

    /** The picture in OpenCV's order of colours, with black to its right and below up to whole steps. */
    private static Mat blueGreenRed(RgbImage image) {
        int width = (image.width() + STEP - 1) / STEP * STEP;
        int height = (image.height() + STEP - 1) / STEP * STEP;
        byte[] rgb = image.toBytes();
        byte[] bgr = new byte[3 * width * height];
        for (int y = 0, from = 0; y < image.height(); y++) {
            for (int x = 0, to = 3 * y * width; x < image.width(); x++, from += 3, to += 3) {
                bgr[to] = rgb[from + 2];
                bgr[to + 1] = rgb[from + 1];
                bgr[to + 2] = rgb[from];
            }
        }
        Mat mat = new Mat(height, width, CvType.CV_8UC3);
        mat.put(0, 0, bgr);
        return mat;
    }

    /** OpenCV's Java classes free what they hold when they are collected. */
    @Override
    public void close() {}
}
