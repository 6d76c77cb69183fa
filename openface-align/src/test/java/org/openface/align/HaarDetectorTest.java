package org.openface.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.bytedeco.javacpp.PointerScope;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.openface.align.face.Alignment;
import org.openface.align.face.FaceBox;
import org.openface.align.face.Point;
import org.openface.align.face.SkipReason;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.drawn.DrawnFaces;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/** The aligner with the cascades of OpenCV's jar. */
@Tag("native")
class HaarDetectorTest {
    private static final DrawnFaces DRAWN = DrawnFaces.of(5);

    @SuppressWarnings("NullAway.Init")
    private static Aligner aligner;

    @BeforeAll
    static void open() {
        aligner = Aligner.builder().build();
    }

    @AfterAll
    static void close() {
        aligner.close();
    }

    @Test
    void drawnFacesAreFound() {
        int found = 0;
        for (int i = 0; i < 30; i++) {
            if (aligner.align(DRAWN.draw(i % 10, i / 10)) instanceof Alignment.Aligned a) {
                found++;
                assertThat(a.face().width()).isEqualTo(96);
                double distance = a.leftEye().distanceTo(a.rightEye());
                assertThat(distance / a.box().width()).isBetween(0.3, 0.5);
                assertThat(a.leftEye().x())
                        .isBetween(a.box().left(), a.rightEye().x());
            }
        }
        assertThat(found).isGreaterThanOrEqualTo(27);
    }

    @Test
    void aFaceThatFillsThePictureIsFound() {
        int found = 0;
        for (int i = 0; i < 10; i++) {
            RgbImage picture = DRAWN.draw(i, 0);
            if (aligner.align(picture) instanceof Alignment.Aligned a) {
                FaceBox box = a.box();
                RgbImage tight = crop(picture, box);
                if (aligner.align(tight) instanceof Alignment.Aligned again) {
                    found++;
                    double distance = a.leftEye().distanceTo(a.rightEye());
                    Point left = new Point(
                            again.leftEye().x() + Math.round(box.left()),
                            again.leftEye().y() + Math.round(box.top()));
                    assertThat(left.distanceTo(a.leftEye()) / distance).isLessThan(0.25);
                }
            }
        }
        assertThat(found).isGreaterThanOrEqualTo(8);
    }

    private static RgbImage crop(RgbImage image, FaceBox box) {
        int left = (int) Math.round(box.left());
        int top = (int) Math.round(box.top());
        int side = (int) Math.min(Math.min(box.width(), image.width() - left), image.height() - top);
        return region(image, left, top, side, side);
    }

    /** Part of a picture; black outside. */
    private static RgbImage region(RgbImage image, int left, int top, int width, int height) {
        byte[] rgb = new byte[3 * width * height];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                int sx = left + x;
                int sy = top + y;
                if (sx >= 0 && sy >= 0 && sx < image.width() && sy < image.height()) {
                    rgb[3 * (y * width + x)] = (byte) image.red(sx, sy);
                    rgb[3 * (y * width + x) + 1] = (byte) image.green(sx, sy);
                    rgb[3 * (y * width + x) + 2] = (byte) image.blue(sx, sy);
                }
            }
        }
        return RgbImage.of(width, height, rgb);
    }

    private static RgbImage sideBySide(RgbImage a, RgbImage b) {
        int width = a.width() + b.width();
        int height = Math.max(a.height(), b.height());
        byte[] rgb = region(a, 0, 0, width, height).toBytes();
        byte[] right = region(b, -a.width(), 0, width, height).toBytes();
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) (rgb[i] | right[i]); // one of the two is black
        }
        return RgbImage.of(width, height, rgb);
    }

    @Test
    void tiltedFacesAreFoundWithTheirEyes() {
        for (int degrees : new int[] {-40, -25, 25, 40}) {
            int found = 0;
            for (int i = 0; i < 4; i++) {
                RgbImage picture = DRAWN.draw(i, 0);
                if (aligner.align(picture) instanceof Alignment.Aligned upright
                        && aligner.align(turned(picture, degrees)) instanceof Alignment.Aligned tilted) {
                    double distance = upright.leftEye().distanceTo(upright.rightEye());
                    Point left = turned(upright.leftEye(), degrees);
                    Point right = turned(upright.rightEye(), degrees);
                    double error = tilted.leftEye().distanceTo(left)
                            + tilted.rightEye().distanceTo(right);
                    if (error / 2 / distance < 0.15) {
                        found++;
                    }
                }
            }
            assertThat(found).as("turned by %s degrees", degrees).isGreaterThanOrEqualTo(3);
        }
    }

    /** About the middle of a drawing, clockwise; what was outside is grey. */
    private static RgbImage turned(RgbImage image, int degrees) {
        byte[] rgb = new byte[3 * image.width() * image.height()];
        Arrays.fill(rgb, (byte) 128);
        for (int y = 0; y < image.height(); y++) {
            for (int x = 0; x < image.width(); x++) {
                Point from = turned(new Point(x, y), -degrees);
                int fromX = (int) Math.round(from.x());
                int fromY = (int) Math.round(from.y());
                if (fromX >= 0 && fromY >= 0 && fromX < image.width() && fromY < image.height()) {
                    int at = 3 * (y * image.width() + x);
                    rgb[at] = (byte) image.red(fromX, fromY);
                    rgb[at + 1] = (byte) image.green(fromX, fromY);
                    rgb[at + 2] = (byte) image.blue(fromX, fromY);
                }
            }
        }
        return RgbImage.of(image.width(), image.height(), rgb);
    }

    private static Point turned(Point p, int degrees) {
        double middle = (DrawnFaces.DEFAULT_SIZE - 1) / 2.0;
        double cos = Math.cos(Math.toRadians(degrees));
        double sin = Math.sin(Math.toRadians(degrees));
        double x = p.x() - middle;
        double y = p.y() - middle;
        return new Point(middle + cos * x - sin * y, middle + sin * x + cos * y);
    }

    @Test
    void facesUpsideDownAreNone() {
        for (int i = 0; i < 5; i++) {
            assertThat(aligner.align(turned(DRAWN.draw(i, 0), 180))).isInstanceOf(Alignment.NotAligned.class);
        }
    }

    @Test
    void aFaceBehindSunglassesIsFoundWhereItsEyesShouldBe() {
        int found = 0;
        for (int i = 0; i < 10; i++) {
            RgbImage picture = DRAWN.draw(i, 0);
            if (aligner.align(picture) instanceof Alignment.Aligned open
                    && aligner.align(withSunglasses(picture, open)) instanceof Alignment.Aligned covered) {
                double distance = open.leftEye().distanceTo(open.rightEye());
                double error = covered.leftEye().distanceTo(open.leftEye())
                        + covered.rightEye().distanceTo(open.rightEye());
                if (error / 2 / distance < 0.25) {
                    found++;
                }
            }
        }
        assertThat(found).isGreaterThanOrEqualTo(4);
    }

    private static RgbImage withSunglasses(RgbImage image, Alignment.Aligned face) {
        byte[] rgb = image.toBytes();
        double radius = 0.35 * face.leftEye().distanceTo(face.rightEye());
        for (int i = 0; i < rgb.length / 3; i++) {
            Point p = new Point(i % image.width(), Math.floorDiv(i, image.width()));
            if (p.distanceTo(face.leftEye()) < radius || p.distanceTo(face.rightEye()) < radius) {
                Arrays.fill(rgb, 3 * i, 3 * i + 3, (byte) 30);
            }
        }
        return RgbImage.of(image.width(), image.height(), rgb);
    }

    @Test
    void theLargerOfTwoFacesIsTaken() {
        List<RgbImage> good = new ArrayList<>();
        for (int i = 0; good.size() < 2; i++) {
            if (aligner.align(DRAWN.draw(i, 0)) instanceof Alignment.Aligned) {
                good.add(DRAWN.draw(i, 0));
            }
        }
        RgbImage both = sideBySide(good.get(0), good.get(1).resized(320, 320));

        assertThat(aligner.align(both)).isInstanceOfSatisfying(Alignment.Aligned.class, a -> {
            assertThat(a.facesFound()).isEqualTo(2);
            assertThat(a.box().left()).isGreaterThan(150);
        });
        try (Aligner strict = Aligner.builder().skipMulti(true).build()) {
            assertThat(strict.align(both))
                    .isInstanceOfSatisfying(Alignment.NotAligned.class, n -> assertThat(n.reason())
                            .isEqualTo(SkipReason.SEVERAL_FACES));
        }
    }

    @Test
    void noFaceIsSeenInNoiseStripesOrPicturesOfAnyShape() {
        Random random = new Random(3);
        for (int[] size : new int[][] {{1, 1}, {1, 3000}, {3000, 1}, {2, 2}, {19, 23}, {5000, 40}, {640, 480}}) {
            byte[] noise = new byte[3 * size[0] * size[1]];
            random.nextBytes(noise);
            byte[] stripes = new byte[noise.length];
            for (int i = 0; i < stripes.length; i++) {
                stripes[i] = (byte) (i / 30 % 2 * 255);
            }
            for (byte[] pixels : List.of(noise, stripes, new byte[noise.length])) {
                assertThat(aligner.align(RgbImage.of(size[0], size[1], pixels)))
                        .isInstanceOf(Alignment.NotAligned.class);
            }
        }
    }

    @Test
    void manyThreadsMayShareAnAligner() throws Exception {
        List<Alignment> alone = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            alone.add(aligner.align(DRAWN.draw(i, 0)));
        }
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            List<Callable<Alignment>> calls = new ArrayList<>();
            for (int i = 0; i < 32; i++) {
                RgbImage picture = DRAWN.draw(i % 8, 0);
                calls.add(() -> aligner.align(picture));
            }
            List<Future<Alignment>> results = threads.invokeAll(calls);
            for (int i = 0; i < results.size(); i++) {
                assertThat(results.get(i).get()).isEqualTo(alone.get(i % 8));
            }
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    // The scope is there to be closed; its constructor takes generic varargs.
    @SuppressWarnings({"try", "unchecked"})
    void anApplicationsPointerScopeDoesNotFreeTheDetector() {
        Aligner mine;
        try (PointerScope scope = new PointerScope()) {
            mine = Aligner.builder().build();
        }
        try (mine) {
            assertThat(mine.align(DRAWN.draw(0, 0))).isEqualTo(aligner.align(DRAWN.draw(0, 0)));
        }
    }

    private static Path shared(String folder) {
        String root = System.getProperty("openface.shared");
        assumeTrue(root != null && Files.isDirectory(Path.of(root, folder)), "photographs are not here");
        return Path.of(root, folder);
    }

    /** Eyes by dlib's landmarks: the means of points 36 to 41 and 42 to 47. */
    @Test
    void eyesLieWhereDlibSeesThem() throws IOException {
        Path photographs = shared("data/faces/openface-examples");
        Path table = shared("data/dlib/openface_examples.sp68_small.up1").resolve("landmarks.tsv");
        List<Double> errors = new ArrayList<>();
        for (String line : Files.readAllLines(table)) {
            String[] cells = line.split("\t", -1);
            if (cells[0].equals("image")
                    || !(aligner.align(photographs.resolve(cells[0])) instanceof Alignment.Aligned a)) {
                continue;
            }
            double[] points = Arrays.stream(cells, 6, 6 + 136)
                    .mapToDouble(Double::parseDouble)
                    .toArray();
            Point left = mean(points, 36);
            Point right = mean(points, 42);
            double distance = left.distanceTo(right);
            double error = a.leftEye().distanceTo(left) + a.rightEye().distanceTo(right);
            if (error < distance) { // the other face of a photograph of two people is not ours
                errors.add(error / distance / 2);
            }
        }
        assertThat(errors).hasSizeGreaterThanOrEqualTo(7);
        assertThat(errors.stream().mapToDouble(e -> e).average().orElseThrow()).isCloseTo(0, within(0.12));
    }

    private static Point mean(double[] xy, int from) {
        double x = 0;
        double y = 0;
        for (int i = from; i < from + 6; i++) {
            x += xy[2 * i] / 6;
            y += xy[2 * i + 1] / 6;
        }
        return new Point(x, y);
    }

    @Test
    void nearlyAllPhotographsOfRealPeopleGiveAFace() throws IOException {
        assertThat(rate(shared("data/faces/lfw"), 2)).isGreaterThanOrEqualTo(0.96);
        assertThat(rate(shared("data/faces/att"), 6)).isGreaterThanOrEqualTo(0.98);
        assertThat(rate(shared("data/faces/wild"), 55)).isGreaterThanOrEqualTo(0.9);
    }

    private static double rate(Path directory, int step) throws IOException {
        List<Face> photographs = FaceDataset.index(directory).faces();
        int tried = 0;
        int found = 0;
        for (int i = 0; i < photographs.size(); i += step) {
            tried++;
            if (aligner.align(ImageFiles.read(photographs.get(i).file())) instanceof Alignment.Aligned) {
                found++;
            }
        }
        return (double) found / tried;
    }
}
