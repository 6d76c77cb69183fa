package org.openface.align.internal.detect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.javacpp.indexer.UByteIndexer;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.global.opencv_objdetect;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.opencv.opencv_core.Scalar;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.openface.align.face.FaceBox;
import org.openface.align.face.Point;
import org.openface.align.internal.detect.FacePatch.View;

@Tag("native")
class FacePatchTest {
    /** A bright square in a dark photograph, seen in a view and brought back. */
    @ParameterizedTest
    @CsvSource({
        "100, 80, 60, 0, 0, 1, 0",
        "100, 80, 60, 0.1, -0.2, 1.2, 0.5",
        "20, 10, 90, 0.1, 0.1, 2, -0.4", // reaches out of the photograph
        "100, 80, 170, 0, 0, 2, 0.8", // larger than the patch
    })
    // The scope frees what is made inside; its constructor takes generic varargs.
    @SuppressWarnings({"try", "unchecked"})
    void placesInAViewAreBroughtBackToThePhotograph(
            int left, int top, int side, double x, double y, double viewSide, double tilt) {
        Loader.load(opencv_objdetect.class);
        try (PointerScope scope = new PointerScope()) {
            Mat photograph = new Mat(240, 320, opencv_core.CV_8UC1, new Scalar(0));
            int dotX = left + side * 5 / 8;
            int dotY = top + side / 2;
            try (UByteIndexer pixels = photograph.createIndexer()) {
                for (int i = -2; i <= 2; i++) {
                    for (int j = -2; j <= 2; j++) {
                        pixels.put(dotY + i, dotX + j, 255);
                    }
                }
            }
            FacePatch patch = FacePatch.around(photograph, new FaceBox(left, top, side, side));
            View view = new View(x, y, viewSide, tilt);

            int size = 120;
            Point centre = centreOfLight(patch.view(view, size), size);
            Point back =
                    patch.inPhotograph(view.place(new Point((centre.x() + 0.5) / size, (centre.y() + 0.5) / size)));

            assertThat(back.x()).isCloseTo(dotX, within(0.4));
            assertThat(back.y()).isCloseTo(dotY, within(0.4));
        }
    }

    /** A look takes a square of twice the box, here 64 MB, which is given back at once and not at the end of the search. */
    @Test
    // The scope frees what is made inside; its constructor takes generic varargs.
    @SuppressWarnings({"try", "unchecked"})
    void surroundingsOfAFaceAreFreedAtOnce() {
        Loader.load(opencv_objdetect.class);
        try (PointerScope scope = new PointerScope()) {
            Mat photograph = new Mat(4000, 4000, opencv_core.CV_8UC1, new Scalar(1));
            FaceBox box = new FaceBox(0, 0, 4000, 4000);
            FacePatch.around(photograph, box);
            long before = Pointer.physicalBytes();
            for (int i = 0; i < 8; i++) {
                FacePatch.around(photograph, box);
            }
            assertThat(Pointer.physicalBytes() - before).isLessThan(2 * 8000L * 8000);
        }
    }

    /** Once a look is over, so is what it has made: 64 doubtful faces leave no more behind than one. */
    @Test
    // The scope frees what is made inside; its constructor takes generic varargs.
    @SuppressWarnings({"try", "unchecked"})
    void aLookLeavesNothingBehind() {
        Loader.load(opencv_objdetect.class);
        try (PointerScope scope = new PointerScope();
                FaceVerifier verifier = new FaceVerifier(List.of(HaarDetector.cascade("frontalface_alt2")))) {
            Mat photograph = new Mat(400, 400, opencv_core.CV_8UC1, new Scalar(1));
            FaceBox box = new FaceBox(100, 100, 200, 200);
            verifier.verify(photograph, box, 0);
            long before = Pointer.totalCount();
            for (int i = 0; i < 64; i++) {
                verifier.verify(photograph, box, 0);
            }
            assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
        }
    }

    private static Point centreOfLight(Mat picture, int size) {
        double x = 0;
        double y = 0;
        double sum = 0;
        try (UByteIndexer pixels = picture.createIndexer()) {
            for (int i = 0; i < size; i++) {
                for (int j = 0; j < size; j++) {
                    double light = pixels.get(i, j);
                    x += light * j;
                    y += light * i;
                    sum += light;
                }
            }
        }
        return new Point(x / sum, y / sum);
    }
}
