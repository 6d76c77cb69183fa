package org.openface.align.internal.geometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.openface.align.face.Point;

class AffineTest {
    @Test
    void aQuarterTurnWithDoublingAndShift() {
        // (x, y) -> (-2y + 5, 2x + 7)
        Affine s = Affine.similarity(new Point(0, 0), new Point(1, 0), new Point(5, 7), new Point(5, 9));

        assertThat(s).isEqualTo(new Affine(0, -2, 5, 2, 0, 7));
        assertThat(s.apply(new Point(3, 4))).isEqualTo(new Point(-3, 13));
    }

    @Test
    void takesThePointsToTheirImagesAndKeepsProportions() {
        Random random = new Random(1);
        for (int i = 0; i < 1000; i++) {
            Point[] p = new Point[5];
            for (int k = 0; k < p.length; k++) {
                p[k] = new Point(random.nextGaussian() * 100, random.nextGaussian() * 100);
            }
            Affine s = Affine.similarity(p[0], p[1], p[2], p[3]);

            assertThat(s.apply(p[0]).distanceTo(p[2])).isLessThan(1e-9);
            assertThat(s.apply(p[1]).distanceTo(p[3])).isLessThan(1e-9);
            double scale = p[2].distanceTo(p[3]) / p[0].distanceTo(p[1]);
            assertThat(s.apply(p[4]).distanceTo(p[2]))
                    .isCloseTo(scale * p[4].distanceTo(p[0]), within(1e-6 * (1 + scale)));
        }
    }

    @Test
    void equalPointsAreRefused() {
        Point p = new Point(1, 2);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Affine.similarity(p, p, new Point(0, 0), new Point(1, 1)))
                .withMessageContaining("two different points");
    }

    @Test
    void takesThreePointsToTheirImages() {
        Random random = new Random(2);
        for (int i = 0; i < 1000; i++) {
            List<Point> p = new ArrayList<>();
            for (int k = 0; k < 6; k++) {
                p.add(new Point(random.nextGaussian() * 100, random.nextGaussian() * 100));
            }
            Affine map = Affine.mapping(p.subList(0, 3), p.subList(3, 6));
            for (int k = 0; k < 3; k++) {
                assertThat(map.apply(p.get(k)).distanceTo(p.get(k + 3))).isLessThan(1e-6);
            }
        }
    }

    @Test
    void aMapToALineIsNotInvertible() {
        List<Point> corner = List.of(new Point(0, 0), new Point(1, 0), new Point(0, 1));

        assertThat(Affine.mapping(corner, List.of(new Point(1, 1), new Point(2, 2), new Point(3, 3)))
                        .isInvertible())
                .isFalse();
        assertThat(Affine.mapping(corner, List.of(new Point(1, 1), new Point(2, 2), new Point(3, 4)))
                        .isInvertible())
                .isTrue();
        assertThat(Affine.mapping(corner, List.of(new Point(1, 1), new Point(2, 2), new Point(Double.NaN, 4)))
                        .isInvertible())
                .isFalse();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Affine.mapping(List.of(new Point(1, 1), new Point(2, 2), new Point(3, 3)), corner))
                .withMessageContaining("triangle");
    }
}
