package org.openface.core.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class RgbImageTest {
    @Test
    void isACopyOfItsBytes() {
        byte[] bytes = {1, 2, 3, (byte) 200, (byte) 255, 0};
        RgbImage image = RgbImage.of(2, 1, bytes);
        bytes[0] = 99;
        image.toBytes()[1] = 99;
        assertThat(image.red(0, 0)).isEqualTo(1);
        assertThat(image.green(0, 0)).isEqualTo(2);
        assertThat(image.blue(0, 0)).isEqualTo(3);
        assertThat(image.red(1, 0)).isEqualTo(200);
        assertThat(image.green(1, 0)).isEqualTo(255);
        assertThat(image).isEqualTo(RgbImage.of(2, 1, new byte[] {1, 2, 3, (byte) 200, (byte) 255, 0}));
        assertThat(image).isNotEqualTo(RgbImage.of(1, 2, image.toBytes()));
    }

    @Test
    void refusesSizesThatDoNotFit() {
        assertThatIllegalArgumentException().isThrownBy(() -> RgbImage.of(0, 1, new byte[0]));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RgbImage.of(2, 2, new byte[11]))
                .withMessageContaining("12");
        // 3 * 40000 * 40000 is beyond an int
        assertThatIllegalArgumentException().isThrownBy(() -> RgbImage.of(40000, 40000, new byte[0]));
        RgbImage image = RgbImage.of(1, 1, new byte[3]);
        assertThatIllegalArgumentException().isThrownBy(() -> image.resized(0, 1));
        assertThatIllegalArgumentException().isThrownBy(() -> image.resized(40000, 40000));
        assertThatIllegalArgumentException().isThrownBy(() -> image.red(1, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> image.copyTo(new float[4], 2));
        assertThatIllegalArgumentException().isThrownBy(() -> image.copyTo(new float[4], -1));
    }

    @Test
    void copiesFloatsInZeroToOne() {
        float[] target = {-1, -1, -1, -1, -1};
        RgbImage.of(1, 1, new byte[] {0, 51, (byte) 255}).copyTo(target, 1);
        assertThat(target).containsExactly(-1, 0, 0.2f, 1, -1);
    }

    @Test
    void flipExchangesLeftAndRight() {
        RgbImage image = RgbImage.of(3, 2, ramp(18));
        RgbImage flipped = image.flipped();
        for (int y = 0; y < 2; y++) {
            for (int x = 0; x < 3; x++) {
                assertThat(flipped.red(x, y)).isEqualTo(image.red(2 - x, y));
                assertThat(flipped.green(x, y)).isEqualTo(image.green(2 - x, y));
                assertThat(flipped.blue(x, y)).isEqualTo(image.blue(2 - x, y));
            }
        }
        assertThat(flipped.flipped()).isEqualTo(image);
    }

    @Test
    void resizeToTheSameSizeIsTheSameImage() {
        RgbImage image = random(5, 4);
        assertThat(image.resized(5, 4)).isSameAs(image);
    }

    @Test
    void halvingByHandAveragesWithATriangle() {
        // Result pixel 0 has its centre at source 0.5 and reaches 2 to each side: weights 0.75, 0.75, 0.25 on sources
        // 0, 1, 2 once those outside are left out; result pixel 1 is its mirror image.
        RgbImage image = RgbImage.of(4, 1, new byte[] {0, 70, 7, 70, 0, 7, 0, 70, 7, 0, 0, 7});
        RgbImage half = image.resized(2, 1);
        assertThat(half.red(0, 0)).isEqualTo(30); // 70 * 0.75 / 1.75
        assertThat(half.red(1, 0)).isEqualTo(10); // 70 * 0.25 / 1.75
        assertThat(half.green(0, 0)).isEqualTo(40); // 70 * (0.75 + 0.25) / 1.75
        assertThat(half.green(1, 0)).isEqualTo(30); // 70 * 0.75 / 1.75
        assertThat(half.blue(0, 0)).isEqualTo(7);
    }

    @Test
    void doublingByHandInterpolates() {
        RgbImage image = RgbImage.of(1, 2, new byte[] {0, 0, 0, 100, 100, 100});
        RgbImage twice = image.resized(1, 4);
        assertThat(twice.red(0, 0)).isEqualTo(0);
        assertThat(twice.red(0, 1)).isEqualTo(25);
        assertThat(twice.red(0, 2)).isEqualTo(75);
        assertThat(twice.red(0, 3)).isEqualTo(100);
    }

    @Test
    void resizeAgreesWithTheDefinition() {
        int[][] sizes = {{7, 5, 3, 11}, {250, 3, 96, 2}, {3, 250, 5, 96}, {1, 1, 4, 4}, {9, 9, 1, 1}, {16, 16, 15, 17}};
        for (int[] size : sizes) {
            RgbImage image = random(size[0], size[1]);
            RgbImage result = image.resized(size[2], size[3]);
            assertThat(result.width()).isEqualTo(size[2]);
            assertThat(result.height()).isEqualTo(size[3]);
            for (int y = 0; y < size[3]; y++) {
                for (int x = 0; x < size[2]; x++) {
                    double[] expected = resizedPixel(image, x, y, size[2], size[3]);
                    assertThat((double) result.red(x, y)).isCloseTo(expected[0], within(0.501));
                    assertThat((double) result.green(x, y)).isCloseTo(expected[1], within(0.501));
                    assertThat((double) result.blue(x, y)).isCloseTo(expected[2], within(0.501));
                }
            }
        }
    }

    /** The triangle filter in two dimensions at once, over all pixels. */
    private static double[] resizedPixel(RgbImage image, int x, int y, int newWidth, int newHeight) {
        double[] sum = new double[3];
        double weights = 0;
        for (int v = 0; v < image.height(); v++) {
            for (int u = 0; u < image.width(); u++) {
                double weight = triangle(u, x, image.width(), newWidth) * triangle(v, y, image.height(), newHeight);
                weights += weight;
                sum[0] += weight * image.red(u, v);
                sum[1] += weight * image.green(u, v);
                sum[2] += weight * image.blue(u, v);
            }
        }
        return new double[] {sum[0] / weights, sum[1] / weights, sum[2] / weights};
    }

    private static double triangle(int source, int result, int from, int to) {
        double scale = (double) from / to;
        return Math.max(0, 1 - Math.abs(source + 0.5 - (result + 0.5) * scale) / Math.max(1, scale));
    }

    @Test
    void aPlainColourStaysWhatItIs() {
        byte[] bytes = new byte[3 * 61 * 47];
        for (int i = 0; i < bytes.length; i += 3) {
            bytes[i] = (byte) 255;
            bytes[i + 1] = 1;
            bytes[i + 2] = (byte) 128;
        }
        RgbImage image = RgbImage.of(61, 47, bytes);
        for (int side : new int[] {1, 2, 46, 48, 96, 200}) {
            byte[] result = image.resized(side, side).toBytes();
            for (int i = 0; i < result.length; i += 3) {
                assertThat(new byte[] {result[i], result[i + 1], result[i + 2]})
                        .containsExactly((byte) 255, (byte) 1, (byte) 128);
            }
        }
    }

    @Test
    void resizeAndFlipCommute() {
        RgbImage image = random(31, 23);
        byte[] one = image.flipped().resized(12, 40).toBytes();
        byte[] other = image.resized(12, 40).flipped().toBytes();
        for (int i = 0; i < one.length; i++) {
            assertThat(one[i] & 0xff).isCloseTo(other[i] & 0xff, within(1));
        }
    }

    static RgbImage random(int width, int height) {
        byte[] bytes = new byte[3 * width * height];
        new Random(31L * width + height).nextBytes(bytes);
        return RgbImage.of(width, height, bytes);
    }

    private static byte[] ramp(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) i;
        }
        return bytes;
    }
}
