package org.openface.align.internal.geometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.openface.align.face.LandmarkSet;
import org.openface.align.face.Point;
import org.openface.align.internal.landmarks.GoldenLandmarks;
import org.openface.align.internal.landmarks.ShapePredictorTest;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

class LandmarkSetTest {
    /** Points 36 to 47 of OpenFace's MINMAX_TEMPLATE. */
    private static final double[][] EYES = {
        {0.194157004, 0.169266924}, {0.246003076, 0.136930257}, {0.31000495, 0.137356341},
        {0.363784939, 0.177946866}, {0.306369603, 0.190822512}, {0.243905142, 0.191381857},
        {0.618963182, 0.17277813}, {0.672494352, 0.129881054}, {0.736285686, 0.127908498},
        {0.788859129, 0.158171147}, {0.741151333, 0.181558117}, {0.67913717, 0.183703884}
    };

    /** OpenFace's template with the points that no set looks at at 0. */
    private static List<Point> template() {
        List<Point> points = new ArrayList<>();
        for (int i = 0; i < LandmarkSet.ALL_POINTS; i++) {
            boolean eye = i >= 36 && i < 48;
            points.add(eye ? new Point(EYES[i - 36][0], EYES[i - 36][1]) : new Point(0, 0));
        }
        points.set(33, new Point(0.494950891, 0.514441371));
        points.set(57, new Point(0.500203967, 0.750584424));
        return points;
    }

    /** A face that is as the template has it, 96 pixels large, is mapped onto itself by every set. */
    @Test
    void theTemplateIsAlignedAlready() {
        List<Point> scaled =
                template().stream().map(p -> new Point(96 * p.x(), 96 * p.y())).toList();
        for (LandmarkSet set : LandmarkSet.values()) {
            Affine map = Affine.fromAligned(set, scaled, 96);
            for (Point p : List.of(new Point(0, 0), new Point(95, 0), new Point(0, 95), new Point(40, 60))) {
                assertThat(map.apply(p).distanceTo(p)).as("%s %s", set, p).isLessThan(1e-6);
            }
        }
    }

    @Test
    void theTemplateIsOpenFaces() throws IOException {
        List<Point> points = new ArrayList<>();
        for (String line : Files.readAllLines(ShapePredictorTest.shared("reference/minmax_template.tsv"))) {
            String[] cells = line.split("\t");
            if (!cells[0].equals("index")) {
                points.add(new Point(Double.parseDouble(cells[1]), Double.parseDouble(cells[2])));
            }
        }
        for (LandmarkSet set : LandmarkSet.values()) {
            Affine map = Affine.fromAligned(set, points, 1);
            assertThat(map.apply(new Point(0.3, 0.8)).distanceTo(new Point(0.3, 0.8)))
                    .as("%s", set)
                    .isLessThan(1e-8);
        }
    }

    /** A third of the size, turned by a quarter, shifted: what a set must undo. */
    @Test
    void threePointsUndoAnyAffineMap() {
        Affine made = new Affine(10, -40, 200, 30, 5, 100);
        List<Point> moved = template().stream().map(made::apply).toList();
        for (LandmarkSet set : List.of(LandmarkSet.OUTER_EYES_AND_NOSE, LandmarkSet.INNER_EYES_AND_BOTTOM_LIP)) {
            Affine map = Affine.fromAligned(set, moved, 48);
            assertThat(map.apply(new Point(24, 12)).distanceTo(made.apply(new Point(0.5, 0.25))))
                    .isLessThan(1e-6);
        }
    }

    @Test
    void eyeCentresAreGivenOrTheMeansOfTheirPoints() {
        List<Point> two = List.of(new Point(1, 2), new Point(3, 4));

        assertThat(LandmarkSet.EYE_CENTRES.of(two)).isEqualTo(two);
        List<Point> ofAll = LandmarkSet.EYE_CENTRES.of(template());
        assertThat(ofAll.get(0).distanceTo(new Point(0.277370786, 0.167284127))).isLessThan(1e-8);
        assertThat(ofAll.get(1).distanceTo(new Point(0.706148475, 0.159000138))).isLessThan(1e-8);
    }

    @Test
    void threePointsNeedAllLandmarks() {
        List<Point> eyes = List.of(new Point(1, 2), new Point(3, 4));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Affine.fromAligned(LandmarkSet.OUTER_EYES_AND_NOSE, eyes, 96))
                .withMessageContaining("68");
    }

    /** From dlib's own landmarks, both sets, both models: each picture within one grey level of the mean. */
    @Test
    void alignedPhotographsAreOpenFaces() throws IOException {
        for (String model : List.of("sp68_tiny", "sp68_small")) {
            String folder = "data/dlib/openface_examples." + model + ".up1/";
            int compared = 0;
            for (GoldenLandmarks golden : GoldenLandmarks.read(ShapePredictorTest.shared(folder + "landmarks.tsv"))) {
                if (!isLargest(golden, folder)) {
                    continue;
                }
                RgbImage photograph =
                        ImageFiles.read(ShapePredictorTest.shared("data/faces/openface-examples/" + golden.image()));
                String name = golden.image().replace('/', '_').replaceAll("\\.[a-z]+$", ".png");
                for (LandmarkSet set :
                        List.of(LandmarkSet.OUTER_EYES_AND_NOSE, LandmarkSet.INNER_EYES_AND_BOTTOM_LIP)) {
                    String kind =
                            set == LandmarkSet.OUTER_EYES_AND_NOSE ? "outerEyesAndNose/" : "innerEyesAndBottomLip/";
                    RgbImage expected = ImageFiles.read(ShapePredictorTest.shared(folder + kind + name));
                    RgbImage aligned = Warp.apply(
                            photograph, Affine.fromAligned(set, golden.points(), expected.width()), expected.width());
                    assertThat(meanDifference(aligned, expected))
                            .as("%s %s %s", model, kind, name)
                            .isLessThan(1);
                    compared++;
                }
            }
            assertThat(compared).isEqualTo(14);
        }
    }

    private static boolean isLargest(GoldenLandmarks golden, String folder) throws IOException {
        double largest = GoldenLandmarks.read(ShapePredictorTest.shared(folder + "landmarks.tsv")).stream()
                .filter(g -> g.image().equals(golden.image()))
                .mapToDouble(g -> g.box().area())
                .max()
                .orElseThrow();
        return golden.box().area() == largest;
    }

    private static double meanDifference(RgbImage a, RgbImage b) {
        byte[] x = a.toBytes();
        byte[] y = b.toBytes();
        assertThat(x).hasSameSizeAs(y);
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += Math.abs((x[i] & 0xff) - (y[i] & 0xff));
        }
        return sum / x.length;
    }
}
