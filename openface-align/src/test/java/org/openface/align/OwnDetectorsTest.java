package org.openface.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.align.face.Alignment;
import org.openface.align.face.DetectedFace;
import org.openface.align.face.FaceBox;
import org.openface.align.face.LandmarkSet;
import org.openface.align.face.NoAlignedFaceException;
import org.openface.align.face.Point;
import org.openface.align.face.SkipReason;
import org.openface.align.internal.geometry.Affine;
import org.openface.align.internal.geometry.Warp;
import org.openface.align.internal.landmarks.GoldenLandmarks;
import org.openface.align.internal.landmarks.ShapePredictorTest;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/** Detectors and landmarks that a user plugs in, and a landmark model with them. */
class OwnDetectorsTest {
    @TempDir
    Path folder;

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
                            "custom mine", "detector", "EYE_CENTRES", "openface-minmax", 96, profile.version(), 2));
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
                    .withMessage(
                            "landmarks custom alsoMine gave 2 points for RgbImage 100 x 80, but OUTER_EYES_AND_NOSE"
                                    + " needs 68; for the two centres of the eyes call"
                                    + " landmarkSet(LandmarkSet.EYE_CENTRES)");
            assertThatIllegalStateException()
                    .isThrownBy(() -> none.align(PHOTOGRAPH))
                    .withMessage(
                            "detector custom mine gave 0 points for RgbImage 100 x 80, but EYE_CENTRES needs 2 or 68");
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
                    assertThat(a.face()).isEqualTo(Warp.apply(image, Affine.fromAligned(set, golden.points(), 64), 64));
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
                .withMessage("absent.dat: no such file; a landmark model of dlib's is needed, such as"
                        + " shape_predictor_68_face_landmarks.dat");
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> Aligner.builder().dlibLandmarks(folder))
                .withMessageStartingWith(folder + ": not a file; a landmark model");
    }

    private Path photograph() throws IOException {
        Path file = folder.resolve("ann.png");
        ImageFiles.writePng(PHOTOGRAPH, file);
        return file;
    }

    /** As a lambda in Kotlin may. */
    @SuppressWarnings("unchecked")
    private static <E extends Throwable> List<DetectedFace> throwChecked(Exception e) throws E {
        throw (E) e;
    }

    @Test
    void aDetectorThatFailsIsNamedWithThePhotographAndTheCause() throws IOException {
        Path file = photograph();
        for (Exception failure : List.of(
                new ArithmeticException("by zero"), new IOException("network gone"), new NullPointerException())) {
            try (Aligner aligner = Aligner.builder()
                    .detector("mine", photograph -> OwnDetectorsTest.<RuntimeException>throwChecked(failure))
                    .build()) {
                assertThatIllegalStateException()
                        .isThrownBy(() -> aligner.align(file))
                        .withMessage("detector custom mine failed on " + file + ": " + failure)
                        .withCause(failure);
                assertThatIllegalStateException()
                        .isThrownBy(() -> aligner.align(PHOTOGRAPH))
                        .withMessage("detector custom mine failed on RgbImage 100 x 80: " + failure);
            }
        }
        try (Aligner aligner = Aligner.builder()
                .detector("mine", photograph -> List.of(new DetectedFace(BOX)))
                .landmarks("alsoMine", (photograph, box) -> {
                    throw new ArithmeticException("by zero");
                })
                .build()) {
            assertThatIllegalStateException()
                    .isThrownBy(() -> aligner.align(file))
                    .withMessage(
                            "landmarks custom alsoMine failed on " + file + ": java.lang.ArithmeticException: by zero");
        }
    }

    @Test
    void aDetectorThatReturnsNullIsNamedWithThePhotograph() throws IOException {
        Path file = photograph();
        try (Aligner aligner =
                        Aligner.builder().detector("mine", photograph -> null).build();
                Aligner oneFace = Aligner.builder()
                        .detector("mine", photograph -> Collections.singletonList(null))
                        .build();
                Aligner noPoints = Aligner.builder()
                        .detector("mine", photograph -> List.of(new DetectedFace(BOX)))
                        .landmarks("alsoMine", (photograph, box) -> null)
                        .build()) {
            assertThatIllegalStateException()
                    .isThrownBy(() -> aligner.align(file))
                    .withMessage("detector custom mine returned null for " + file
                            + "; where there is nothing it must return an empty list");
            assertThatIllegalStateException()
                    .isThrownBy(() -> oneFace.align(file))
                    .withMessageStartingWith("detector custom mine returned a list with null in it for " + file);
            assertThatIllegalStateException()
                    .isThrownBy(() -> noPoints.align(file))
                    .withMessageStartingWith("landmarks custom alsoMine returned null for " + file);
        }
    }

    @Test
    void aBoxHasAnArea() {
        for (double bad : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new FaceBox(1, 2, bad, 4))
                    .withMessage("a face's box has a positive width and height, got left 1.0, top 2.0, width " + bad
                            + ", height 4.0");
            assertThatIllegalArgumentException().isThrownBy(() -> new FaceBox(1, 2, 3, bad));
        }
        assertThatIllegalArgumentException().isThrownBy(() -> new FaceBox(Double.NaN, 2, 3, 4));
        assertThatIllegalArgumentException().isThrownBy(() -> new FaceBox(1, Double.NEGATIVE_INFINITY, 3, 4));
    }

    /** An interrupted thread cannot read a file of a zip, while since Java 11 it can read others. */
    @Test
    void anInterruptIsNoUnreadablePhotograph() throws IOException {
        try (FileSystem zip = FileSystems.newFileSystem(folder.resolve("a.zip"), Map.of("create", true))) {
            Files.copy(photograph(), zip.getPath("ann.png"));
        }
        try (Aligner aligner = Aligner.builder()
                        .detector("mine", photograph -> List.of())
                        .build();
                FileSystem zip = FileSystems.newFileSystem(folder.resolve("a.zip"), Map.of())) {
            Path file = zip.getPath("ann.png");
            assertThat(aligner.align(file))
                    .isEqualTo(new Alignment.NotAligned(SkipReason.NO_FACE, "no face in 100 x 80 pixels"));
            Thread.currentThread().interrupt();
            assertThatExceptionOfType(UncheckedIOException.class)
                    .isThrownBy(() -> aligner.align(file))
                    .withCauseInstanceOf(InterruptedIOException.class)
                    .withMessageContaining("interrupted while " + file);
            assertThat(Thread.interrupted()).isTrue();
        } finally {
            Thread.interrupted();
        }
    }

    @Test
    void withoutAFaceEmbeddingNamesThePhotograph() throws IOException {
        Path file = photograph();
        FaceEmbedder embedder = new FaceEmbedder() {
            @Override
            public int imageSize() {
                return 96;
            }

            @Override
            public int dimension() {
                return 1;
            }

            @Override
            public EmbeddingBatch embed(List<RgbImage> faces) {
                return new EmbeddingBatch(1, new float[faces.size()]);
            }
        };
        try (Aligner aligner =
                Aligner.builder().detector("mine", photograph -> List.of()).build()) {
            assertThatExceptionOfType(NoAlignedFaceException.class)
                    .isThrownBy(() -> aligner.embed(file, embedder))
                    .withMessage("no aligned face of " + file + ": NO_FACE, no face in 100 x 80 pixels")
                    .satisfies(e -> assertThat(e.reason()).isEqualTo(SkipReason.NO_FACE));
        }
    }

    @Test
    void aPhotographMayBeAsLargeAsTheLimitsSay() throws IOException {
        Path file = photograph();
        assertThat(Files.createDirectories(folder.resolve("raw/ann"))).isDirectory();
        assertThat(Files.createDirectories(folder.resolve("fallback/ann"))).isDirectory();
        Files.copy(file, folder.resolve("raw/ann/1.png"));
        Files.copy(file, folder.resolve("fallback/ann/1.png"));
        FaceDataset photographs = FaceDataset.index(folder.resolve("raw"));
        List<DetectedFace> face = List.of(new DetectedFace(BOX, EYES));
        for (int pixels : new int[] {100 * 80 - 1, 100 * 80}) {
            boolean allowed = pixels == 100 * 80;
            Path out = folder.resolve("out" + pixels);
            try (Aligner aligner = Aligner.builder()
                    .detector("mine", photograph -> face)
                    .fallback(folder.resolve("fallback"))
                    .limits(new ImageFiles.Limits(pixels, 1 << 20))
                    .build()) {
                assertThat(aligner.align(file) instanceof Alignment.Aligned).isEqualTo(allowed);
                AlignReport report = aligner.alignDirectory(folder.resolve("raw"), out);
                assertThat(report.aligned()).isEqualTo(allowed ? 1 : 0);
                if (allowed) {
                    assertThat(aligner.landmarkStatistics(photographs).faces()).isEqualTo(1);
                } else {
                    assertThat(report.skipped()).singleElement().satisfies(s -> assertThat(s.detail())
                            .contains("the limit is 7999 pixels; its fallback: ")
                            .endsWith("100 x 80 pixels; the limit is 7999 pixels"));
                    assertThatIllegalArgumentException().isThrownBy(() -> aligner.landmarkStatistics(photographs));
                }
            }
        }
    }
}
