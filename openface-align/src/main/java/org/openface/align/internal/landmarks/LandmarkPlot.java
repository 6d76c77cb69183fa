package org.openface.align.internal.landmarks;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Ellipse2D;
import java.awt.image.BufferedImage;
import java.util.List;
import org.openface.align.face.Point;
import org.openface.core.image.RgbImage;

/** The picture of mean landmarks and how far they scatter. Its digits are dots, because not every server has fonts. */
public final class LandmarkPlot {
    private static final int SIDE = 900;
    private static final int MARGIN = 60;
    private static final int DOT = 2;

    /** Digits of 3 × 5 dots, row by row from the highest bit. */
    private static final int[] DIGITS = {
        0b111_101_101_101_111, 0b010_110_010_010_111, 0b111_001_111_100_111, 0b111_001_111_001_111,
        0b101_101_111_001_001, 0b111_100_111_001_111, 0b111_100_111_101_111, 0b111_001_010_010_010,
        0b111_101_111_101_111, 0b111_101_111_001_111
    };

    private LandmarkPlot() {}

    /** Means of landmarks, each with its standard deviation in x and y. */
    public static RgbImage of(List<Point> means, List<Point> deviations) {
        double left = Double.POSITIVE_INFINITY;
        double top = Double.POSITIVE_INFINITY;
        double right = Double.NEGATIVE_INFINITY;
        double bottom = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < means.size(); i++) {
            Point mean = means.get(i);
            Point deviation = deviations.get(i);
            left = Math.min(left, mean.x() - deviation.x());
            right = Math.max(right, mean.x() + deviation.x());
            top = Math.min(top, mean.y() - deviation.y());
            bottom = Math.max(bottom, mean.y() + deviation.y());
        }
        // One scale for both axes, and the face in the middle.
        double scale = (SIDE - 2 * MARGIN) / Math.max(1e-9, Math.max(right - left, bottom - top));
        double x0 = SIDE / 2.0 - scale * (left + right) / 2;
        double y0 = SIDE / 2.0 - scale * (top + bottom) / 2;

        BufferedImage picture = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = picture.createGraphics();
        try {
            graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
            graphics.setColor(Color.WHITE);
            graphics.fillRect(0, 0, SIDE, SIDE);
            for (int i = 0; i < means.size(); i++) {
                Point deviation = deviations.get(i);
                double x = x0 + scale * means.get(i).x();
                double y = y0 + scale * means.get(i).y();
                graphics.setColor(new Color(90, 140, 220, 60));
                graphics.fill(ellipse(x, y, scale * deviation.x(), scale * deviation.y()));
                graphics.setColor(Color.BLACK);
                graphics.fill(ellipse(x, y, 3, 3));
                number(graphics, i, (int) x + 6, (int) y - 12);
            }
        } finally {
            graphics.dispose();
        }
        return image(picture);
    }

    private static Ellipse2D ellipse(double x, double y, double radiusX, double radiusY) {
        return new Ellipse2D.Double(x - radiusX, y - radiusY, 2 * radiusX, 2 * radiusY);
    }

    private static void number(Graphics2D graphics, int number, int x, int y) {
        int left = x;
        for (char digit : Integer.toString(number).toCharArray()) {
            for (int dot = 0; dot < 15; dot++) {
                if ((DIGITS[digit - '0'] >> (14 - dot) & 1) == 1) {
                    graphics.fillRect(left + DOT * (dot % 3), y + DOT * (dot / 3), DOT, DOT);
                }
            }
            left += 4 * DOT;
        }
    }

    private static RgbImage image(BufferedImage picture) {
        byte[] rgb = new byte[3 * SIDE * SIDE];
        for (int i = 0; i < SIDE * SIDE; i++) {
            int pixel = picture.getRGB(i % SIDE, i / SIDE);
            rgb[3 * i] = (byte) (pixel >> 16);
            rgb[3 * i + 1] = (byte) (pixel >> 8);
            rgb[3 * i + 2] = (byte) pixel;
        }
        return RgbImage.of(SIDE, SIDE, rgb);
    }
}
