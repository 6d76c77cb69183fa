package org.openface.align;

import static com.google.common.base.Preconditions.checkState;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.openface.align.face.Alignment;
import org.openface.align.face.DetectedFace;
import org.openface.align.face.FaceBox;
import org.openface.align.face.LandmarkDetector;
import org.openface.align.face.LandmarkSet;
import org.openface.align.face.Point;
import org.openface.align.face.SkipReason;
import org.openface.align.face.Stage;
import org.openface.align.internal.detect.DetectorPool;
import org.openface.align.internal.detect.NativeDetector;
import org.openface.align.internal.directory.StageClock;
import org.openface.align.internal.geometry.Affine;
import org.openface.align.internal.geometry.Warp;
import org.openface.align.internal.landmarks.ShapePredictor;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.RgbImage;

/** From a photograph to the aligned face of the largest person in it: detect, find the landmarks, warp. */
final class Pipeline {
    private final DetectorPool detectors;
    private final Function<DetectedFace, FaceBox> dlibBox;
    private final @Nullable LandmarkDetector landmarkDetector;
    private final LandmarkSet landmarkSet;
    private final int size;
    private final boolean skipMulti;
    private final AlignmentProfile profile;

    Pipeline(
            DetectorPool detectors,
            Function<DetectedFace, FaceBox> dlibBox,
            @Nullable LandmarkDetector landmarkDetector,
            LandmarkSet landmarkSet,
            int size,
            boolean skipMulti,
            AlignmentProfile profile) {
        this.detectors = detectors;
        this.dlibBox = dlibBox;
        this.landmarkDetector = landmarkDetector;
        this.landmarkSet = landmarkSet;
        this.size = size;
        this.skipMulti = skipMulti;
        this.profile = profile;
    }

    /** @param named the photograph as messages name it */
    Alignment align(RgbImage photograph, StageClock clock, Object named) {
        long start = System.nanoTime();
        List<DetectedFace> detected = detect(photograph, named);
        start = clock.add(Stage.DETECT, start);
        List<DetectedFace> faces = detected.stream()
                .map(face -> new DetectedFace(face.box(), landmarks(photograph, face, named)))
                .filter(face -> !face.landmarks().isEmpty())
                .sorted(Comparator.comparingDouble(face -> -face.box().area()))
                .toList();
        start = clock.add(Stage.LANDMARKS, start);
        if (faces.isEmpty()) {
            return new Alignment.NotAligned(
                    SkipReason.NO_FACE,
                    String.format(Locale.ROOT, "no face in %d x %d pixels", photograph.width(), photograph.height()));
        }
        if (skipMulti && faces.size() > 1) {
            return new Alignment.NotAligned(SkipReason.SEVERAL_FACES, faces.size() + " faces");
        }
        DetectedFace face = faces.get(0);
        Affine back = Affine.fromAligned(landmarkSet, face.landmarks(), size);
        RgbImage aligned = Warp.apply(photograph, back, size);
        clock.add(Stage.WARP, start);
        return new Alignment.Aligned(aligned, face.box(), face.landmarks(), faces.size());
    }

    private List<DetectedFace> detect(RgbImage photograph, Object named) {
        NativeDetector detector = detectors.take();
        try {
            return answer(() -> detector.detect(photograph), "detector " + profile.detector(), named);
        } finally {
            detectors.giveBack(detector);
        }
    }

    /** The landmarks of a face; none if they cannot be those of a face. */
    private List<Point> landmarks(RgbImage photograph, DetectedFace face, Object named) {
        List<Point> points = face.landmarks();
        String source = "detector " + profile.detector();
        LandmarkDetector finder = landmarkDetector;
        if (finder != null) {
            source = "landmarks " + profile.landmarks();
            FaceBox box = finder instanceof ShapePredictor ? dlibBox.apply(face) : face.box();
            points = answer(() -> finder.landmarks(photograph, box), source, named);
            if (points.isEmpty()) {
                return points;
            }
        }
        boolean twoForAll = points.size() == 2 && landmarkSet.needsAllPoints();
        checkState(
                points.size() == LandmarkSet.ALL_POINTS || (points.size() == 2 && !twoForAll),
                "%s gave %s points for %s, but %s needs %s%s",
                source,
                points.size(),
                named,
                landmarkSet,
                landmarkSet.needsAllPoints() ? "68" : "2 or 68",
                twoForAll ? "; for the two centres of the eyes call landmarkSet(LandmarkSet.EYE_CENTRES)" : "");
        return Affine.fromAligned(landmarkSet, points, size).isInvertible() ? points : List.of();
    }

    /** What a detector answers, which may be one of the caller's own. */
    private static <T> List<T> answer(Supplier<@Nullable List<T>> detector, String name, Object photograph) {
        List<T> answer;
        try {
            answer = detector.get();
        } catch (Exception e) { // Also checked ones, which lambdas in Kotlin and Scala throw.
            throw new IllegalStateException(name + " failed on " + photograph + ": " + e, e);
        }
        checkState(
                answer != null && answer.stream().noneMatch(Objects::isNull),
                "%s returned %s for %s; where there is nothing it must return an empty list",
                name,
                answer == null ? "null" : "a list with null in it",
                photograph);
        return answer;
    }
}
