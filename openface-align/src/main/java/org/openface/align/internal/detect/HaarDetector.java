package org.openface.align.internal.detect;

import static org.bytedeco.opencv.global.opencv_core.BORDER_REPLICATE;
import static org.bytedeco.opencv.global.opencv_core.CV_8UC1;
import static org.bytedeco.opencv.global.opencv_core.copyMakeBorder;
import static org.bytedeco.opencv.global.opencv_imgproc.INTER_AREA;
import static org.bytedeco.opencv.global.opencv_imgproc.INTER_LINEAR;
import static org.bytedeco.opencv.global.opencv_imgproc.getRotationMatrix2D;
import static org.bytedeco.opencv.global.opencv_imgproc.resize;
import static org.bytedeco.opencv.global.opencv_imgproc.warpAffine;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.opencv.global.opencv_objdetect;
import org.bytedeco.opencv.opencv_core.FileStorage;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.opencv.opencv_core.Point2f;
import org.bytedeco.opencv.opencv_core.Rect;
import org.bytedeco.opencv.opencv_core.RectVector;
import org.bytedeco.opencv.opencv_core.Scalar;
import org.bytedeco.opencv.opencv_core.Size;
import org.bytedeco.opencv.opencv_objdetect.CascadeClassifier;
import org.openface.align.face.DetectedFace;
import org.openface.align.face.FaceBox;
import org.openface.core.image.RgbImage;

/**
 * Viola and Jones's detector with the cascades that OpenCV's jar carries: two cascades search, and a {@linkplain
 * FaceVerifier second look} decides.
 *
 * <p>The photograph is searched as it is; then, if that settles nothing, with a border around it, because the cascades
 * want to see a little more than the face and miss one that fills the picture; and then, if there is still no face, turned
 * to either side.
 */
public final class HaarDetector implements NativeDetector {
    private static final String[] FACES = {"frontalface_alt2", "frontalface_default", "frontalface_alt"};

    /** Photographs are shrunk to this many pixels on their longer side, */
    private static final int LARGEST = 800;
    /** and, when searched with a border, enlarged to this many. */
    private static final int SMALLEST = 320;
    /** Smallest face, in pixels of the picture that is searched. */
    private static final int SMALLEST_FACE = 30;

    private static final int FEWEST_VOTES = 3;
    /** So many of the cascades search the whole picture. */
    private static final int SEARCHING = 2;
    /** Degrees that a photograph is turned by when no face stands upright in it. */
    private static final int[] TILTS = {-30, 30};
    /** Boxes that overlap by more are of one face. */
    private static final double SAME_FACE = 0.2;

    private final List<CascadeClassifier> faces = new ArrayList<>();
    private final FaceVerifier verifier;

    /**
     * Loads OpenCV and the cascades.
     *
     * @throws IllegalStateException if OpenCV's native library is not on the class path
     */
    public HaarDetector() {
        try {
            Loader.load(opencv_objdetect.class);
        } catch (LinkageError e) {
            throw noNativeLibrary(e);
        }
        for (String name : FACES) {
            faces.add(cascade(name));
        }
        verifier = new FaceVerifier(faces);
    }

    static IllegalStateException noNativeLibrary(LinkageError e) {
        return new IllegalStateException(
                "OpenCV's native library for this machine is not on the class path; add org.bytedeco:opencv,"
                        + " org.bytedeco:openblas and org.bytedeco:javacpp in the versions of openface-bom, each with the"
                        + " classifier "
                        + Loader.getPlatform(),
                e);
    }

    /** A cascade from OpenCV's jar; to be freed by {@code releaseReference}. */
    // The scope frees what is made inside; its constructor takes generic varargs.
    @SuppressWarnings({"try", "unchecked"})
    static CascadeClassifier cascade(String name) {
        try (PointerScope scope = new PointerScope()) {
            FileStorage storage = new FileStorage(cascadeXml(name), FileStorage.READ | FileStorage.MEMORY);
            CascadeClassifier cascade = new CascadeClassifier();
            if (!cascade.read(storage.getFirstTopLevelNode())) {
                throw new IllegalStateException("OpenCV cannot read its own cascade " + name);
            }
            return cascade.retainReference();
        }
    }

    private static String cascadeXml(String name) {
        String file = "/share/opencv4/haarcascades/haarcascade_" + name + ".xml";
        for (String build : new String[] {"", "-gpu"}) {
            String resource = "/org/bytedeco/opencv/" + Loader.getPlatform() + build + file;
            try (InputStream in = HaarDetector.class.getResourceAsStream(resource)) {
                if (in != null) {
                    return new String(in.readAllBytes(), StandardCharsets.UTF_8);
                }
            } catch (IOException e) {
                throw new UncheckedIOException("cannot read " + resource + " from OpenCV's jar", e);
            }
        }
        throw new IllegalStateException("no " + file + " for " + Loader.getPlatform()
                + " on the class path; it comes with org.bytedeco:opencv and the classifier " + Loader.getPlatform());
    }

    @Override
    // The scope frees what is made inside; its constructor takes generic varargs.
    @SuppressWarnings({"try", "unchecked"})
    public List<DetectedFace> detect(RgbImage photograph) {
        try (PointerScope scope = new PointerScope()) {
            Mat grey = grey(photograph);
            List<DetectedFace> found = new ArrayList<>();
            if (!searched(found, grey, Picture.of(grey, 0))) {
                Picture bordered = Picture.of(grey, Math.min(grey.cols(), grey.rows()) / 2);
                searched(found, grey, bordered);
                for (int i = 0; i < TILTS.length && found.isEmpty(); i++) {
                    searched(found, grey, bordered.turned(Math.toRadians(TILTS[i])));
                }
            }
            return found.stream()
                    .sorted(Comparator.comparingDouble(f -> -f.box().area()))
                    .toList();
        }
    }

    /**
     * Adds the faces of a picture to those found before; of overlapping ones, the first, which has the most votes.
     *
     * @return whether that settles it: not if a larger hit is neither a face nor surely none, because then another search
     *     may tell, and somebody in the background would be taken for the person in the photograph
     */
    private boolean searched(List<DetectedFace> found, Mat grey, Picture picture) {
        List<FaceBox> seen = new ArrayList<>();
        double largestDoubtful = 0;
        for (CascadeClassifier cascade : faces.subList(0, SEARCHING)) {
            for (Hit hit : Hit.search(cascade, picture.pixels, SMALLEST_FACE, LARGEST, FEWEST_VOTES)) {
                FaceBox box = picture.inPhotograph(hit);
                if (Stream.concat(seen.stream(), found.stream().map(DetectedFace::box))
                        .anyMatch(b -> b.overlap(box) >= SAME_FACE)) {
                    continue;
                }
                seen.add(box);
                FaceVerifier.Verdict verdict = verifier.verify(grey, box, picture.tilt);
                verdict.face().ifPresent(found::add);
                if (verdict.doubtful()) {
                    largestDoubtful = Math.max(largestDoubtful, box.area());
                }
            }
            double least = largestDoubtful;
            if (found.stream().anyMatch(f -> f.box().area() > least)) {
                return true;
            }
        }
        return false;
    }

    /**
     * The photograph as it is searched.
     *
     * @param scale pixels of the picture per pixel of the photograph
     * @param margin width of the border, in pixels of the picture
     * @param tilt of faces that stand upright in the picture; clockwise, radians
     */
    private record Picture(Mat pixels, double scale, int margin, double tilt) {
        /** With a border of so many pixels of the photograph. */
        static Picture of(Mat grey, int border) {
            int side = Math.max(grey.cols(), grey.rows()) + 2 * border;
            double scale = Math.min(1, (double) LARGEST / side);
            if (border > 0) {
                scale = Math.max(scale, (double) SMALLEST / side);
            }
            int margin = (int) Math.round(border * scale);
            return new Picture(bordered(scaled(grey, scale), margin), scale, margin, 0);
        }

        Picture turned(double angle) {
            Mat transform = getRotationMatrix2D(
                    new Point2f((pixels.cols() - 1) / 2f, (pixels.rows() - 1) / 2f), Math.toDegrees(angle), 1);
            Mat out = new Mat();
            warpAffine(pixels, out, transform, pixels.size(), INTER_LINEAR, BORDER_REPLICATE, new Scalar(0));
            return new Picture(out, scale, margin, angle);
        }

        FaceBox inPhotograph(Hit hit) {
            double x = hit.x + hit.width / 2.0 - pixels.cols() / 2.0;
            double y = hit.y + hit.height / 2.0 - pixels.rows() / 2.0;
            double turnedX = pixels.cols() / 2.0 + Math.cos(tilt) * x - Math.sin(tilt) * y;
            double turnedY = pixels.rows() / 2.0 + Math.sin(tilt) * x + Math.cos(tilt) * y;
            double side = hit.width / scale;
            return new FaceBox(
                    (turnedX - margin) / scale - side / 2, (turnedY - margin) / scale - side / 2, side, side);
        }
    }

    /** Luma of ITU-R BT.601. */
    private static Mat grey(RgbImage image) {
        byte[] rgb = image.toBytes();
        byte[] grey = new byte[rgb.length / 3];
        for (int i = 0; i < grey.length; i++) {
            int luma = 299 * (rgb[3 * i] & 0xff) + 587 * (rgb[3 * i + 1] & 0xff) + 114 * (rgb[3 * i + 2] & 0xff);
            grey[i] = (byte) ((luma + 500) / 1000);
        }
        Mat mat = new Mat(image.height(), image.width(), CV_8UC1);
        mat.data().put(grey, 0, grey.length);
        return mat;
    }

    static Mat bordered(Mat image, int margin) {
        if (margin == 0) {
            return image;
        }
        Mat out = new Mat();
        copyMakeBorder(image, out, margin, margin, margin, margin, BORDER_REPLICATE, new Scalar(0));
        return out;
    }

    private static Mat scaled(Mat image, double scale) {
        if (scale == 1) {
            return image;
        }
        int width = (int) Math.max(1, Math.round(image.cols() * scale));
        int height = (int) Math.max(1, Math.round(image.rows() * scale));
        Mat out = new Mat();
        resize(image, out, new Size(width, height), 0, 0, scale < 1 ? INTER_AREA : INTER_LINEAR);
        return out;
    }

    @Override
    public void close() {
        faces.forEach(CascadeClassifier::releaseReference);
        faces.clear();
        verifier.close();
    }

    /** A rectangle that a cascade believes in, and how many overlapping windows it was voted for by. */
    record Hit(int x, int y, int width, int height, int votes) {
        private static final double STEP = 1.1;

        /** Hits of at least {@code smallest} pixels and {@code fewest} votes, most votes first. */
        static List<Hit> search(CascadeClassifier cascade, Mat image, int smallest, int largest, int fewest) {
            RectVector rectangles = new RectVector();
            IntPointer votes = new IntPointer();
            cascade.detectMultiScale2(
                    image,
                    rectangles,
                    votes,
                    STEP,
                    fewest,
                    0,
                    new Size(smallest, smallest),
                    new Size(largest, largest));
            List<Hit> hits = new ArrayList<>();
            for (long i = 0; i < rectangles.size(); i++) {
                Rect r = rectangles.get(i);
                hits.add(new Hit(r.x(), r.y(), r.width(), r.height(), votes.get(i)));
            }
            // OpenCV's own order depends on its threads.
            hits.sort(Comparator.comparingInt((Hit h) -> -h.votes)
                    .thenComparingInt(Hit::x)
                    .thenComparingInt(Hit::y)
                    .thenComparingInt(Hit::width));
            return hits;
        }
    }
}
