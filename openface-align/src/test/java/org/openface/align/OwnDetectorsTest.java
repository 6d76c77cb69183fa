package org.openface.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/** Detectors and landmarks that a user plugs in, and a landmark model with them. */
class OwnDetectorsTest {
    private static final RgbImage PHOTOGRAPH = RgbImage.of(100, 80, new byte[3 * 100 * 80]);
    private static final FaceBox BOX = new FaceBox(10, 10, 40, 40);
    private static final List<Point> EYES = List.of(new Point(20, 20), new Point(40, 21));

    @Test
    void eyesOfADetectorAreEnough() {
        try (Aligner aligner = Aligner.builder()
                .detector("mine", photograph -> List.of(new DetectedFace(BOX, EYES)))
                .build()) {
            assertThat(aligner.align(PHOTOGRAPH)).isInstanceOfSatisfying(Alignment.Aligned.class, a -> {
                assertThat(a.box()).isEqualTo(BOX);
                assertThat(a.landmarks()).isEqualTo(EYES);
                assertThat(a.leftEye()).isEqualTo(new Point(20, 20));
                assertThat(a.rightEye()).isEqualTo(new Point(40, 21));
            });
            AlignmentProfile profile = aligner.profile();
            assertThat(profile)
                    .isEqualTo(new AlignmentProfile(
                            "custom mine", "detector", "EYE_CENTRES", "openface-minmax", 96, profile.version()));
        }
    }

    @Test
    void landmarksAreFoundInTheBoxThatTheDetectorGave() {
        try (Aligner aligner = Aligner.builder()
                .detector("mine", photograph -> List.of(new DetectedFace(BOX)))
                .landmarks("alsoMine", (photograph, box) -> box.equals(BOX) ? EYES : List.of())
                .landmarkSet(LandmarkSet.EYE_CENTRES)
                .build()) {
            assertThat(aligner.align(PHOTOGRAPH)).isInstanceOf(Alignment.Aligned.class);
            assertThat(aligner.profile().landmarks()).isEqualTo("custom alsoMine");
        }
    }

    @Test
    void theLargestFaceIsTakenInWhateverOrderTheyCome() {
        List<DetectedFace> faces = List.of(
                new DetectedFace(new FaceBox(0, 0, 10, 10), EYES),
                new DetectedFace(new FaceBox(0, 0, 30, 30), EYES),
                new DetectedFace(new FaceBox(0, 0, 20, 20), EYES));
        try (Aligner aligner =
                Aligner.builder().detector("mine", photograph -> faces).build()) {
            assertThat(aligner.align(PHOTOGRAPH)).isInstanceOfSatisfying(Alignment.Aligned.class, a -> {
                assertThat(a.box().width()).isEqualTo(30);
                assertThat(a.facesFound()).isEqualTo(3);
            });
        }
    }

    @Test
    void aFaceWithoutLandmarksIsNone() {
        FaceBox larger = new FaceBox(0, 0, 80, 80);
        for (List<Point> none : List.of(
                List.<Point>of(),
                List.of(new Point(5, 5), new Point(5, 5)),
                List.of(new Point(Double.NaN, 5), new Point(5, 5)))) {
            try (Aligner aligner = Aligner.builder()
                    .detector("mine", photograph -> List.of(new DetectedFace(BOX), new DetectedFace(larger)))
                    .landmarks("alsoMine", (photograph, box) -> box.equals(larger) ? none : EYES)
                    .landmarkSet(LandmarkSet.EYE_CENTRES)
                    .skipMulti(true)
                    .build()) {
                assertThat(aligner.align(PHOTOGRAPH))
                        .isInstanceOfSatisfying(Alignment.Aligned.class, a -> assertThat(a.box())
                                .isEqualTo(BOX));
            }
        }
    }

    @Test
    void threePointsWithoutASourceOfAllLandmarksAreRefused() {
        for (LandmarkSet set : List.of(LandmarkSet.OUTER_EYES_AND_NOSE, LandmarkSet.INNER_EYES_AND_BOTTOM_LIP)) {
            assertThatIllegalStateException()
                    .isThrownBy(() -> Aligner.builder().landmarkSet(set).build())
                    .withMessageContaining(set.name())
                    .withMessageContaining("dlibLandmarks");
        }
    }

    @Test
    void landmarksThatDoNotFitTheSetAreAnErrorThatSaysSo() {
        try (Aligner two = Aligner.builder()
                        .detector("mine", photograph -> List.of(new DetectedFace(BOX)))
                        .landmarks("alsoMine", (photograph, box) -> EYES)
                        .build();
                Aligner none = Aligner.builder()
                        .detector("mine", photograph -> List.of(new DetectedFace(BOX)))
                        .build()) {
            assertThatIllegalStateException()
                    .isThrownBy(() -> two.align(PHOTOGRAPH))
                    .withMessage("custom alsoMine gave 2 landmarks, OUTER_EYES_AND_NOSE needs 68");
            assertThatIllegalStateException()
                    .isThrownBy(() -> none.align(PHOTOGRAPH))
                    .withMessage("detector custom mine gave 0 landmarks, EYE_CENTRES needs 2 or 68");
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new DetectedFace(BOX, Collections.nCopies(5, new Point(1, 1))))
                .withMessageContaining("got 5");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Aligner.builder().detector("my detector", photograph -> List.of()))
                .withMessageContaining("'my detector'");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Aligner.builder().landmarks("", (photograph, box) -> EYES));
    }

    @Test
    void aLandmarkModelGetsTheBoxesOfAnOwnDetectorAsTheyAre() throws IOException {
        Path model = ShapePredictorTest.resource("sp68_tiny.dat");
        GoldenLandmarks golden = GoldenLandmarks.read(ShapePredictorTest.resource("landmarks.tsv"))
                .get(0);
        RgbImage image = ImageFiles.read(ShapePredictorTest.resource(golden.image()));
        for (LandmarkSet set : LandmarkSet.values()) {
            try (Aligner aligner = Aligner.builder()
                    .detector("golden", photograph -> List.of(new DetectedFace(golden.box())))
                    .dlibLandmarks(model)
                    .landmarkSet(set)
                    .size(64)
                    .build()) {
                assertThat(aligner.align(image)).isInstanceOfSatisfying(Alignment.Aligned.class, a -> {
                    assertThat(a.landmarks()).isEqualTo(golden.points());
                    assertThat(a.face()).isEqualTo(Warp.apply(image, set.fromAligned(golden.points(), 64), 64));
                });
            }
        }
    }

    @Test
    void aLandmarkModelMakesOpenFacesSetTheDefault() throws IOException {
        Path model = ShapePredictorTest.resource("sp68_tiny.dat");
        try (Aligner aligner = Aligner.builder()
                .detector("none", photograph -> List.of())
                .dlibLandmarks(model)
                .build()) {
            assertThat(aligner.profile().landmarkSet()).isEqualTo("OUTER_EYES_AND_NOSE");
            assertThat(aligner.profile().landmarks()).matches("dlib sha256:[0-9a-f]{16}");
            assertThat(aligner.align(PHOTOGRAPH)).isInstanceOf(Alignment.NotAligned.class);
        }
    }

    @Test
    void aFileThatIsNoLandmarkModelIsRefusedAtOnce() {
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> Aligner.builder().dlibLandmarks(ShapePredictorTest.resource("pattern-0.png")))
                .withMessageContaining("pattern-0.png is not a shape predictor");
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> Aligner.builder().dlibLandmarks(Path.of("absent.dat")))
                .withMessageContaining("absent.dat");
    }
}
