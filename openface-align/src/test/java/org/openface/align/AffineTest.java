package org.openface.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

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
}
