package org.openface.align;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.openface.align.face.Alignment;
import org.openface.align.face.FaceBox;
import org.openface.align.face.Point;
import org.openface.align.internal.landmarks.LandmarkPlot;
import org.openface.core.image.ImageFiles;
import org.openface.core.internal.AtomicFile;

/**
 * Where the landmarks of many faces lie on average, and how far they scatter (what OpenFace's {@code align-dlib.py
 * computeMean} was to tell). The unit is the detector's box: (0, 0) is its upper left corner and (1, 1) its lower right.
 *
 * @param faces how many faces went into it
 * @param mean mean of each landmark
 * @param standardDeviation standard deviation of each landmark, in x and in y, over all faces
 */
public record LandmarkStatistics(int faces, List<Point> mean, List<Point> standardDeviation) {
    public LandmarkStatistics {
        mean = List.copyOf(mean);
        standardDeviation = List.copyOf(standardDeviation);
        checkArgument(
                mean.size() == standardDeviation.size(),
                "%s means and %s standard deviations",
                mean.size(),
                standardDeviation.size());
    }

    /**
     * The mean stretched so that it spans the unit square, as OpenFace made its template of 68 points ({@code
     * MINMAX_TEMPLATE} in {@code openface/align_dlib.py}).
     *
     * @throws IllegalStateException if these are the eye centres only, which span no square
     */
    public List<Point> template() {
        checkState(mean.size() > 2, "a template needs all 68 landmarks; give the aligner a landmark detector");
        double left = extreme(Point::x, false);
        double top = extreme(Point::y, false);
        double width = extreme(Point::x, true) - left;
        double height = extreme(Point::y, true) - top;
        return mean.stream()
                .map(p -> new Point((p.x() - left) / width, (p.y() - top) / height))
                .toList();
    }

    private double extreme(ToDoubleFunction<Point> coordinate, boolean largest) {
        var values = mean.stream().mapToDouble(coordinate);
        return (largest ? values.max() : values.min()).orElseThrow();
    }

    /**
     * Writes {@code mean.csv} and {@code std.csv}, a line {@code x,y} for each landmark as in OpenFace, and the plot
     * {@code mean.png}: the landmarks with their numbers, each in an ellipse of one standard deviation. Files of these
     * names are replaced.
     *
     * @param folder made if it is not there
     * @throws IOException if the folder cannot be written to
     */
    public void writeTo(Path folder) throws IOException {
        Files.createDirectories(folder);
        AtomicFile.write(csv(mean).getBytes(UTF_8), folder.resolve("mean.csv"));
        AtomicFile.write(csv(standardDeviation).getBytes(UTF_8), folder.resolve("std.csv"));
        ImageFiles.writePng(LandmarkPlot.of(mean, standardDeviation), folder.resolve("mean.png"));
    }

    private static String csv(List<Point> points) {
        return points.stream()
                .map(p ->
                        String.format(Locale.ROOT, "%.6f,%.6f%n", p.x(), p.y()).replace("\r", ""))
                .collect(Collectors.joining());
    }

    /** Adds up faces, one after the other (Welford's method). */
    static final class Sum {
        private int faces;
        private final List<double[]> means = new ArrayList<>();
        private final List<double[]> squares = new ArrayList<>();

        void add(Alignment.Aligned face) {
            List<Point> landmarks = face.landmarks();
            FaceBox box = face.box();
            checkState(
                    faces == 0 || landmarks.size() == means.size(),
                    "a face has %s landmarks and others have %s",
                    landmarks.size(),
                    means.size());
            faces++;
            for (int i = 0; i < landmarks.size(); i++) {
                if (faces == 1) {
                    means.add(new double[2]);
                    squares.add(new double[2]);
                }
                double[] point = {
                    (landmarks.get(i).x() - box.left()) / box.width(),
                    (landmarks.get(i).y() - box.top()) / box.height()
                };
                for (int axis = 0; axis < 2; axis++) {
                    double before = point[axis] - means.get(i)[axis];
                    means.get(i)[axis] += before / faces;
                    squares.get(i)[axis] += before * (point[axis] - means.get(i)[axis]);
                }
            }
        }

        LandmarkStatistics result() {
            return new LandmarkStatistics(
                    faces,
                    points(means),
                    points(squares.stream()
                            .map(s -> new double[] {Math.sqrt(s[0] / faces), Math.sqrt(s[1] / faces)})
                            .toList()));
        }

        private static List<Point> points(Collection<double[]> pairs) {
            return pairs.stream().map(pair -> new Point(pair[0], pair[1])).toList();
        }
    }
}
