package org.openface.align.internal.geometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.openface.align.face.LandmarkSet;
import org.openface.align.face.Point;
import org.openface.core.image.RgbImage;

class WarpTest {
    private static final Point LEFT_EYE = new Point(0.277370786, 0.167284127);
    private static final Point RIGHT_EYE = new Point(0.706148475, 0.159000138);

    private static RgbImage warp(RgbImage photograph, Point leftEye, Point rightEye, int size) {
        return Warp.apply(
                photograph, Affine.fromAligned(LandmarkSet.EYE_CENTRES, List.of(leftEye, rightEye), size), size);
    }

    private static Point eye(Point inTemplate, int size) {
        return new Point(inTemplate.x() * size, inTemplate.y() * size);
    }

    @Test
    void aFaceThatLiesRightIsCopied() {
        RgbImage image = pattern(96, 96);

        RgbImage warped = warp(image, eye(LEFT_EYE, 96), eye(RIGHT_EYE, 96), 96);

        assertThat(warped).isEqualTo(image);
    }

    @Test
    void aShiftByWholePixelsCopiesAndFillsWithBlack() {
        RgbImage image = pattern(96, 96);
        Point left = eye(LEFT_EYE, 96);
        Point right = eye(RIGHT_EYE, 96);

        RgbImage warped =
                warp(image, new Point(left.x() + 10, left.y() - 3), new Point(right.x() + 10, right.y() - 3), 96);

        for (int y = 0; y < 96; y++) {
            for (int x = 0; x < 96; x++) {
                boolean inside = x + 10 < 96 && y - 3 >= 0;
                assertThat(warped.red(x, y)).isEqualTo(inside ? image.red(x + 10, y - 3) : 0);
                assertThat(warped.blue(x, y)).isEqualTo(inside ? image.blue(x + 10, y - 3) : 0);
            }
        }
    }

    /** Bilinear interpolation is exact on a plane, so the colour tells where in the photograph a pixel comes from. */
    @Test
    void aTiltedFaceIsReadFromWhereItLies() {
        int side = 120;
        byte[] rgb = new byte[3 * side * side];
        for (int y = 0; y < side; y++) {
            for (int x = 0; x < side; x++) {
                rgb[3 * (y * side + x)] = (byte) (2 * x);
                rgb[3 * (y * side + x) + 1] = (byte) (2 * y);
                rgb[3 * (y * side + x) + 2] = (byte) (x + y);
            }
        }
        Point left = new Point(41.3, 50.9);
        Point right = new Point(70.2, 61.4);

        RgbImage warped = warp(RgbImage.of(side, side, rgb), left, right, 48);

        Affine back = Affine.similarity(eye(LEFT_EYE, 48), eye(RIGHT_EYE, 48), left, right);
        int inside = 0;
        for (int y = 0; y < 48; y++) {
            for (int x = 0; x < 48; x++) {
                Point p = back.apply(new Point(x, y));
                if (p.x() >= 0 && p.y() >= 0 && p.x() <= side - 1 && p.y() <= side - 1) {
                    inside++;
                    assertThat((double) warped.red(x, y)).isCloseTo(2 * p.x(), within(0.501));
                    assertThat((double) warped.green(x, y)).isCloseTo(2 * p.y(), within(0.501));
                    assertThat((double) warped.blue(x, y)).isCloseTo(p.x() + p.y(), within(0.501));
                }
            }
        }
        assertThat(inside).isGreaterThan(2000);
    }

    @Test
    void aFaceFarOutsideIsBlack() {
        RgbImage warped = warp(pattern(20, 20), new Point(1e12, 1e12), new Point(1e12 + 9, 1e12), 16);

        assertThat(warped).isEqualTo(RgbImage.of(16, 16, new byte[3 * 16 * 16]));
    }

    private static RgbImage pattern(int width, int height) {
        byte[] rgb = new byte[3 * width * height];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) (1 + i * 7919 % 255);
        }
        return RgbImage.of(width, height, rgb);
    }
}
