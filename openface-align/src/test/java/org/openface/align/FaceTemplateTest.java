package org.openface.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.openface.core.image.RgbImage;

class FaceTemplateTest {
    /** Points 36 to 47 of OpenFace's MINMAX_TEMPLATE. */
    private static final double[][] EYES = {
        {0.194157004, 0.169266924}, {0.246003076, 0.136930257}, {0.31000495, 0.137356341},
        {0.363784939, 0.177946866}, {0.306369603, 0.190822512}, {0.243905142, 0.191381857},
        {0.618963182, 0.17277813}, {0.672494352, 0.129881054}, {0.736285686, 0.127908498},
        {0.788859129, 0.158171147}, {0.741151333, 0.181558117}, {0.67913717, 0.183703884}
    };

    @Test
    void eyesAreTheMeansOfOpenFacesPoints() {
        assertThat(FaceTemplate.LEFT_EYE.distanceTo(mean(0))).isLessThan(1e-8);
        assertThat(FaceTemplate.RIGHT_EYE.distanceTo(mean(6))).isLessThan(1e-8);
    }

    private static Point mean(int from) {
        double x = 0;
        double y = 0;
        for (int i = from; i < from + 6; i++) {
            x += EYES[i][0] / 6;
            y += EYES[i][1] / 6;
        }
        return new Point(x, y);
    }

    private static Point eye(Point inTemplate, int size) {
        return new Point(inTemplate.x() * size, inTemplate.y() * size);
    }

    @Test
    void aFaceThatLiesRightIsCopied() {
        RgbImage image = pattern(96, 96);

        RgbImage warped = FaceTemplate.warp(image, eye(FaceTemplate.LEFT_EYE, 96), eye(FaceTemplate.RIGHT_EYE, 96), 96);

        assertThat(warped).isEqualTo(image);
    }

    @Test
    void aShiftByWholePixelsCopiesAndFillsWithBlack() {
        RgbImage image = pattern(96, 96);
        Point left = eye(FaceTemplate.LEFT_EYE, 96);
        Point right = eye(FaceTemplate.RIGHT_EYE, 96);

        RgbImage warped = FaceTemplate.warp(
                image, new Point(left.x() + 10, left.y() - 3), new Point(right.x() + 10, right.y() - 3), 96);

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

        RgbImage warped = FaceTemplate.warp(RgbImage.of(side, side, rgb), left, right, 48);

        Similarity back =
                Similarity.mapping(eye(FaceTemplate.LEFT_EYE, 48), eye(FaceTemplate.RIGHT_EYE, 48), left, right);
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
        RgbImage warped = FaceTemplate.warp(pattern(20, 20), new Point(1e12, 1e12), new Point(1e12 + 9, 1e12), 16);

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
