package org.openface.align.internal.landmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.openface.align.face.DetectedFace;
import org.openface.align.face.FaceBox;
import org.openface.align.face.LandmarkSet;
import org.openface.align.face.Point;
import org.openface.align.internal.detect.HaarDetector;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

class DlibBoxTest {
    @Test
    void aCascadesBoxIsMovedDownAndShrunk() {
        FaceBox box = DlibBox.ofHaar(new DetectedFace(new FaceBox(100, 200, 50, 50)));

        assertThat(box.width()).isCloseTo(46.5, within(1e-9));
        assertThat(box.height()).isCloseTo(46.5, within(1e-9));
        assertThat(box.left() + box.width() / 2).isCloseTo(124.5, within(1e-9));
        assertThat(box.top() + box.height() / 2).isCloseTo(228.5, within(1e-9));
    }

    @Test
    void aBoxFromTheEyesTurnsWithThem() {
        FaceBox upright =
                DlibBox.ofEyes(new DetectedFace(new FaceBox(0, 0, 1, 1), new Point(40, 50), new Point(60, 50)));
        FaceBox quarter =
                DlibBox.ofEyes(new DetectedFace(new FaceBox(0, 0, 1, 1), new Point(50, 40), new Point(50, 60)));

        assertThat(upright.width()).isCloseTo(48, within(1e-9));
        assertThat(upright.top() + 24).isCloseTo(50.5 + 10.08, within(1e-9));
        assertThat(quarter.left() + 24).isCloseTo(50.5 - 10.08, within(1e-9));
        assertThat(quarter.top() + 24).isCloseTo(50.5, within(1e-9));
    }

    /** Against dlib's landmarks in the boxes of dlib's own detector, on 19 photographs of 51 faces. */
    @Test
    @Tag("native")
    void landmarksInMappedBoxesAreNearerToDlibs() throws IOException {
        ShapePredictor predictor = ShapePredictor.read(ShapePredictorTest.shared("data/dlib/sp68_small.dat"));
        Map<Path, List<GoldenLandmarks>> truth = new LinkedHashMap<>();
        Path examples = ShapePredictorTest.shared("data/faces/openface-examples");
        Path table = ShapePredictorTest.shared("data/dlib/openface_examples.sp68_small.up1/landmarks.tsv");
        for (GoldenLandmarks golden : GoldenLandmarks.read(table)) {
            truth.computeIfAbsent(examples.resolve(golden.image()), k -> new ArrayList<>())
                    .add(golden);
        }
        truth.putAll(annotated(ShapePredictorTest.shared("data/faces/dlib")));
        List<Double> plain = new ArrayList<>();
        List<Double> mapped = new ArrayList<>();
        List<Double> plainOverlap = new ArrayList<>();
        List<Double> mappedOverlap = new ArrayList<>();
        try (HaarDetector haar = new HaarDetector()) {
            for (Map.Entry<Path, List<GoldenLandmarks>> entry : truth.entrySet()) {
                RgbImage photograph = ImageFiles.read(entry.getKey());
                for (DetectedFace face : haar.detect(photograph)) {
                    entry.getValue().stream()
                            .filter(golden -> golden.box().overlap(face.box()) > 0.2)
                            .findFirst()
                            .ifPresent(golden -> {
                                plain.add(error(predictor.landmarks(photograph, face.box()), golden));
                                FaceBox box = DlibBox.ofHaar(face);
                                mapped.add(error(predictor.landmarks(photograph, box), golden));
                                plainOverlap.add(golden.box().overlap(face.box()));
                                mappedOverlap.add(golden.box().overlap(box));
                            });
                }
            }
        }
        assertThat(mapped).hasSizeGreaterThan(30);
        assertThat(mean(mapped)).isLessThan(mean(plain));
        assertThat(mean(mappedOverlap)).isGreaterThan(mean(plainOverlap) + 0.03);
    }

    /** Mean distance of the landmarks in units of the eye distance. */
    private static double error(List<Point> points, GoldenLandmarks golden) {
        List<Point> eyes = LandmarkSet.EYE_CENTRES.of(golden.points());
        double sum = 0;
        for (int i = 0; i < points.size(); i++) {
            sum += points.get(i).distanceTo(golden.points().get(i));
        }
        return sum / points.size() / eyes.get(0).distanceTo(eyes.get(1));
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(v -> v).average().orElseThrow();
    }

    /** Boxes and points in dlib's XML. */
    private static Map<Path, List<GoldenLandmarks>> annotated(Path folder) throws IOException {
        Pattern element = Pattern.compile("image file='([^']*)'"
                + "|box top='(-?\\d+)' left='(-?\\d+)' width='(\\d+)' height='(\\d+)'"
                + "|part name='\\d+' x='(-?\\d+)' y='(-?\\d+)'");
        Map<Path, List<GoldenLandmarks>> faces = new LinkedHashMap<>();
        for (String file : List.of("training_with_face_landmarks.xml", "testing_with_face_landmarks.xml")) {
            Matcher m = element.matcher(Files.readString(folder.resolve(file), StandardCharsets.ISO_8859_1));
            List<GoldenLandmarks> ofImage = new ArrayList<>();
            List<Point> points = new ArrayList<>();
            while (m.find()) {
                if (m.group(1) != null) {
                    ofImage = new ArrayList<>();
                    faces.put(folder.resolve("_unlabelled").resolve(m.group(1)), ofImage);
                } else if (m.group(2) != null) {
                    points = new ArrayList<>();
                    FaceBox box = new FaceBox(number(m, 3), number(m, 2), number(m, 4), number(m, 5));
                    ofImage.add(new GoldenLandmarks("", "", box, points));
                } else {
                    points.add(new Point(number(m, 6), number(m, 7)));
                }
            }
        }
        return faces;
    }

    private static int number(Matcher m, int group) {
        return Integer.parseInt(m.group(group));
    }
}
