package org.openface.core.dataset;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import java.util.random.RandomGenerator;
import org.openface.core.image.RgbImage;

/** The augmentations that come with the library; records, so that their words are the same in every run. */
final class Augmentations {
    private Augmentations() {}

    record None() implements Augmentation {
        @Override
        public RgbImage apply(RgbImage face, RandomGenerator random) {
            return face;
        }
    }

    record Named(String name, Augmentation change) implements Augmentation {
        Named {
            checkArgument(
                    !name.isBlank() && name.chars().noneMatch(Character::isISOControl),
                    "an augmentation's name must be one line of text, got '%s'",
                    name);
            requireNonNull(change, "change must not be null");
        }

        @Override
        public RgbImage apply(RgbImage face, RandomGenerator random) {
            return change.apply(face, random);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    record Sequence(Augmentation first, Augmentation second) implements Augmentation {
        @Override
        public RgbImage apply(RgbImage face, RandomGenerator random) {
            return second.apply(first.apply(face, random), random);
        }
    }

    record Warp(double shift, double degrees, double scale) implements Augmentation {
        Warp {
            checkArgument(shift >= 0 && shift < 1, "shift (%s) must be in [0, 1)", shift);
            checkArgument(degrees >= 0 && degrees <= 180, "degrees (%s) must be in [0, 180]", degrees);
            checkArgument(scale >= 0 && scale < 1, "scale (%s) must be in [0, 1)", scale);
        }

        @Override
        public RgbImage apply(RgbImage face, RandomGenerator random) {
            double dx = face.width() * either(random, shift);
            double dy = face.height() * either(random, shift);
            double angle = Math.toRadians(either(random, degrees));
            double size = 1 + either(random, scale);
            return warped(face, dx, dy, angle, size);
        }
    }

    /** The face turned around its middle and scaled, then moved; each new pixel looks up where it came from. */
    static RgbImage warped(RgbImage face, double dx, double dy, double angle, double size) {
        int width = face.width();
        int height = face.height();
        byte[] from = face.toBytes();
        byte[] to = new byte[from.length];
        double centreX = (width - 1) / 2.0;
        double centreY = (height - 1) / 2.0;
        double cos = Math.cos(angle) / size;
        double sin = Math.sin(angle) / size;
        for (int y = 0, at = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                double u = x - centreX - dx;
                double v = y - centreY - dy;
                double sourceX = Math.max(0, Math.min(width - 1, centreX + cos * u + sin * v));
                double sourceY = Math.max(0, Math.min(height - 1, centreY - sin * u + cos * v));
                int left = (int) sourceX;
                int top = (int) sourceY;
                double right = sourceX - left;
                double bottom = sourceY - top;
                int upper = 3 * (top * width + left);
                int lower = bottom > 0 ? upper + 3 * width : upper;
                int next = right > 0 ? 3 : 0;
                for (int c = 0; c < 3; c++) {
                    double above = (1 - right) * (from[upper + c] & 0xff) + right * (from[upper + next + c] & 0xff);
                    double below = (1 - right) * (from[lower + c] & 0xff) + right * (from[lower + next + c] & 0xff);
                    to[at++] = toByte((1 - bottom) * above + bottom * below);
                }
            }
        }
        return RgbImage.of(width, height, to);
    }

    record Light(double brightness, double contrast) implements Augmentation {
        Light {
            checkArgument(brightness >= 0 && brightness <= 1, "brightness (%s) must be in [0, 1]", brightness);
            checkArgument(contrast >= 0 && contrast <= 1, "contrast (%s) must be in [0, 1]", contrast);
        }

        @Override
        public RgbImage apply(RgbImage face, RandomGenerator random) {
            double b = 255 * either(random, brightness);
            double c = 1 + either(random, contrast);
            byte[] pixels = face.toBytes();
            for (int i = 0; i < pixels.length; i++) {
                pixels[i] = toByte(((pixels[i] & 0xff) - 127.5) * c + 127.5 + b);
            }
            return RgbImage.of(face.width(), face.height(), pixels);
        }
    }

    record Blur(double probability) implements Augmentation {
        Blur {
            checkProbability(probability);
        }

        @Override
        public RgbImage apply(RgbImage face, RandomGenerator random) {
            int times = random.nextDouble() < probability ? 1 + random.nextInt(3) : 0;
            byte[] pixels = face.toBytes();
            for (int i = 0; i < times; i++) {
                pixels = smoothed(pixels, face.width(), face.height(), 3, face.width());
                pixels = smoothed(pixels, face.height(), face.width(), 3 * face.width(), 1);
            }
            return times == 0 ? face : RgbImage.of(face.width(), face.height(), pixels);
        }

        /** One direction of the filter (1, 2, 1) / 4 along lines of {@code length} pixels that are {@code step} apart. */
        private static byte[] smoothed(byte[] from, int length, int lines, int step, int perLine) {
            byte[] to = new byte[from.length];
            for (int line = 0; line < lines; line++) {
                for (int c = 0; c < 3; c++) {
                    int start = 3 * line * perLine + c;
                    for (int i = 0; i < length; i++) {
                        int at = start + i * step;
                        int before = from[i == 0 ? at : at - step] & 0xff;
                        int after = from[i == length - 1 ? at : at + step] & 0xff;
                        to[at] = (byte) ((before + 2 * (from[at] & 0xff) + after + 2) / 4);
                    }
                }
            }
            return to;
        }
    }

    record Erase(double probability, double area) implements Augmentation {
        Erase {
            checkProbability(probability);
            checkArgument(area > 0 && area < 1, "area (%s) must be in (0, 1)", area);
        }

        @Override
        public RgbImage apply(RgbImage face, RandomGenerator random) {
            if (random.nextDouble() >= probability) {
                return face;
            }
            double covered = area * random.nextDouble() * face.width() * face.height();
            double ratio = Math.pow(3, 2 * random.nextDouble() - 1); // width over height, 1/3 to 3
            int width = (int) Math.max(1, Math.min(face.width(), Math.round(Math.sqrt(covered * ratio))));
            int height = (int) Math.max(1, Math.min(face.height(), Math.floor(covered / width)));
            int left = random.nextInt(face.width() - width + 1);
            int top = random.nextInt(face.height() - height + 1);
            byte[] pixels = face.toBytes();
            for (int y = top; y < top + height; y++) {
                for (int i = 3 * (y * face.width() + left); i < 3 * (y * face.width() + left + width); i++) {
                    pixels[i] = (byte) 127;
                }
            }
            return RgbImage.of(face.width(), face.height(), pixels);
        }
    }

    private static void checkProbability(double probability) {
        checkArgument(probability >= 0 && probability <= 1, "probability (%s) must be in [0, 1]", probability);
    }

    private static double either(RandomGenerator random, double maximum) {
        return (2 * random.nextDouble() - 1) * maximum;
    }

    private static byte toByte(double value) {
        return (byte) Math.max(0, Math.min(255, Math.round(value)));
    }
}
