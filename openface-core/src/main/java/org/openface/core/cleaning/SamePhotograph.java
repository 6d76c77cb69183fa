package org.openface.core.cleaning;

import java.util.Arrays;
import org.openface.core.image.RgbImage;

/**
 * Whether two images come from one photograph: they are laid over one another as well as shifting allows, and compared in
 * the details of every part. Two photographs taken one after the other differ at least at the mouth or the eyes.
 */
final class SamePhotograph {
    /** Images are compared at this size. */
    static final int SIDE = 96;

    private static final int TILES = 4;
    private static final int EDGE = 3;
    /** What does not agree by this when laid to within 2 pixels will not when laid better. */
    private static final double HOPELESS = 0.6;

    private SamePhotograph() {}

    /** What is compared of an image: details of 3 to 15 pixels. */
    static Grey details(RgbImage image) {
        Grey fine = Grey.of(image, SIDE).blurred(1);
        return fine.minus(fine.blurred(5));
    }

    /** Of two images in their best position: correlation as a whole, and of the parts that agree least. */
    record Likeness(double whole, double parts) {}

    /**
     * Lays the second over the first.
     *
     * @param dx where to begin: how far the second lies right of the first
     */
    static Likeness compare(Grey first, Grey second, double dx, double dy) {
        double x = dx;
        double y = dy;
        double best = correlation(first, second, x, y);
        for (double step = 3; step >= 0.12; step /= 2) {
            if (step < 1 && best < HOPELESS) {
                break;
            }
            boolean better = true;
            while (better) {
                better = false;
                double fromX = x;
                double fromY = y;
                for (int side = 0; side < 8; side++) {
                    int place = side < 4 ? side : side + 1;
                    double toX = fromX + (place % 3 - 1) * step;
                    double toY = fromY + (place / 3 - 1) * step;
                    if (Math.max(Math.abs(toX), Math.abs(toY)) > SIDE / 5.0) {
                        continue;
                    }
                    double there = correlation(first, second, toX, toY);
                    if (there > best) {
                        best = there;
                        x = toX;
                        y = toY;
                        better = true;
                    }
                }
            }
        }
        return likeness(first, second, x, y);
    }

    private static double correlation(Grey first, Grey second, double dx, double dy) {
        return likeness(first, second, dx, dy).whole();
    }

    private static Likeness likeness(Grey first, Grey second, double dx, double dy) {
        Sums[] tiles = new Sums[TILES * TILES];
        for (int i = 0; i < tiles.length; i++) {
            tiles[i] = new Sums();
        }
        int left = (int) Math.ceil(EDGE + Math.max(0, -dx));
        int right = (int) Math.floor(SIDE - 1 - EDGE - Math.max(0, dx));
        int top = (int) Math.ceil(EDGE + Math.max(0, -dy));
        int bottom = (int) Math.floor(SIDE - 1 - EDGE - Math.max(0, dy));
        int wholeX = (int) Math.floor(dx);
        int wholeY = (int) Math.floor(dy);
        float fx = (float) (dx - wholeX);
        float fy = (float) (dy - wholeY);
        for (int y = top; y <= bottom; y++) {
            int row = (y - top) * TILES / (bottom - top + 1) * TILES;
            for (int x = left; x <= right; x++) {
                int at = (y + wholeY) * SIDE + x + wholeX;
                float[] v = second.values;
                float above = v[at] + fx * (v[at + 1] - v[at]);
                float below = v[at + SIDE] + fx * (v[at + SIDE + 1] - v[at + SIDE]);
                tiles[row + (x - left) * TILES / (right - left + 1)].add(
                        first.values[y * SIDE + x], above + fy * (below - above));
            }
        }
        Sums all = new Sums();
        for (Sums tile : tiles) {
            all.add(tile);
        }
        return new Likeness(all.correlation(), Sums.leastAgreeing(tiles, all));
    }

    /** Sums from which a correlation comes. */
    private static final class Sums {
        private double n;
        private double a;
        private double b;
        private double aa;
        private double bb;
        private double ab;

        void add(float first, float second) {
            n++;
            a += first;
            b += second;
            aa += first * first;
            bb += second * second;
            ab += first * second;
        }

        void add(Sums other) {
            n += other.n;
            a += other.a;
            b += other.b;
            aa += other.aa;
            bb += other.bb;
            ab += other.ab;
        }

        private double varianceA() {
            return Math.max(0, aa / n - a / n * (a / n));
        }

        private double varianceB() {
            return Math.max(0, bb / n - b / n * (b / n));
        }

        double correlation() {
            return correlation(0, 0);
        }

        /** With as much noise in both as is added to their variances. */
        private double correlation(double noiseA, double noiseB) {
            double product = (varianceA() + noiseA) * (varianceB() + noiseB);
            double together = ab / n - a / n * (b / n) + Math.sqrt(noiseA * noiseB);
            return product <= 1e-9 ? 0 : together / Math.sqrt(product);
        }

        /**
         * The mean correlation of the four parts of sixteen that agree least. In parts without details only noise would
         * disagree: all get a twentieth of the whole picture's details as details that agree.
         */
        static double leastAgreeing(Sums[] tiles, Sums all) {
            double[] each = new double[tiles.length];
            for (int i = 0; i < each.length; i++) {
                each[i] = tiles[i].correlation(all.varianceA() / 20, all.varianceB() / 20);
            }
            Arrays.sort(each);
            return (each[0] + each[1] + each[2] + each[3]) / 4;
        }
    }
}
