package org.openface.align.internal.landmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.openface.align.face.FaceBox;
import org.openface.align.face.LandmarkDetector;
import org.openface.align.face.Point;
import org.openface.core.image.RgbImage;

/**
 * dlib's {@code shape_predictor}: an ensemble of regression trees (Kazemi and Sullivan, One Millisecond Face Alignment,
 * CVPR 2014) that begins with the mean shape and refines it level by level. Immutable.
 *
 * <p>The landmarks are dlib's to the pixel: sums of floats are made in dlib's order, and what dlib computes in double is
 * computed in double. Shapes are {@code x0, y0, x1, y1, ...} with the box spanning the unit square.
 */
public final class ShapePredictor implements LandmarkDetector {
    private static final int VERSION = 1;
    private static final int TREES_AT_ONCE = 32;

    private final float[] meanShape;
    private final List<Level> levels;
    private final String sha256;

    /** The mean of the points of the mean shape, and their mean squared distance from it. */
    private final double meanX;

    private final double meanY;
    private final double variance;

    private ShapePredictor(float[] meanShape, List<Level> levels, String sha256) {
        this.meanShape = meanShape;
        this.levels = levels;
        this.sha256 = sha256;
        double x = 0;
        double y = 0;
        for (int i = 0; i < meanShape.length; i += 2) {
            x += meanShape[i];
            y += meanShape[i + 1];
        }
        int points = meanShape.length / 2;
        meanX = x / points;
        meanY = y / points;
        double sum = 0;
        for (int i = 0; i < meanShape.length; i += 2) {
            double dx = meanShape[i] - meanX;
            double dy = meanShape[i + 1] - meanY;
            sum += dx * dx + dy * dy;
        }
        variance = sum / points;
    }

    /**
     * One level of the cascade.
     *
     * <p>A tree with s splits has the splits 0 to s - 1 as its inner nodes and s + 1 leaves; the children of node i are 2i
     * + 1 and 2i + 2, and node s + k is leaf k. The splits of all trees follow each other in {@code first}, {@code second}
     * and {@code threshold}, their leaves in {@code leaves}, a shape each.
     */
    private static final class Level {
        /** Of each tree. */
        int[] splits = {};

        /** Of each split, the two pixels whose difference is compared with the threshold. */
        int[] first = {};

        int[] second = {};
        float[] threshold = {};
        float[] leaves = {};

        /** Of each pixel: the landmark it is near and its offset {@code dx, dy} from it in the mean shape. */
        int[] landmark = {};

        float[] offset = {};
    }

    /** Number of landmarks. */
    public int points() {
        return meanShape.length / 2;
    }

    /** Names the file that this was read from. */
    public String sha256() {
        return sha256;
    }

    /**
     * Reads a file, of which everything is checked that evaluation relies on.
     *
     * @throws IOException if it cannot be read or is not a whole shape predictor; the message says where and why
     */
    public static ShapePredictor read(Path file) throws IOException {
        try (DlibReader in = new DlibReader(file)) {
            if (in.startsWith((byte) 'B', (byte) 'Z', (byte) 'h')) {
                throw new IOException(file + " is compressed; unpack it with bunzip2");
            }
            // All sizes below are then ints.
            if (in.remaining() > Integer.MAX_VALUE) {
                throw in.damaged("it has " + in.remaining() + " bytes");
            }
            in.integer(VERSION, VERSION, "the version");
            int[] sides = matrix(in, "the mean shape");
            if (sides[1] != 1 || sides[0] < 2 || sides[0] % 2 != 0) {
                throw in.damaged("the mean shape has " + sides[0] + " x " + sides[1] + " numbers");
            }
            float[] meanShape = numbers(in, sides[0], "the mean shape");
            List<Level> levels = new ArrayList<>();
            for (int i = in.count(DlibReader.INTEGER, "levels"); i > 0; i--) {
                Level level = new Level();
                readTrees(in, level, meanShape.length);
                levels.add(level);
            }
            in.integer(levels.size(), levels.size(), "the number of levels with pixels");
            for (Level level : levels) {
                level.landmark = new int[in.count(DlibReader.INTEGER, "pixels")];
                for (int i = 0; i < level.landmark.length; i++) {
                    level.landmark[i] = (int) in.integer(0, meanShape.length / 2 - 1, "the landmark of a pixel");
                }
            }
            in.integer(levels.size(), levels.size(), "the number of levels with offsets");
            for (Level level : levels) {
                int pixels = level.landmark.length;
                in.integer(pixels, pixels, "the number of offsets");
                level.offset = numbers(in, 2 * pixels, "offsets");
            }
            if (in.remaining() > 0) {
                throw in.damaged(in.remaining() + " more bytes");
            }
            for (Level level : levels) {
                int pixels = level.landmark.length;
                if (Arrays.stream(level.first).anyMatch(i -> i >= pixels)
                        || Arrays.stream(level.second).anyMatch(i -> i >= pixels)) {
                    throw in.damaged("a split compares a pixel beyond the " + pixels + " of its level");
                }
            }
            return new ShapePredictor(meanShape, levels, in.sha256());
        }
    }

    private static void readTrees(DlibReader in, Level level, int shape) throws IOException {
        int trees = in.count(2 * DlibReader.INTEGER, "trees");
        level.splits = new int[trees];
        int splits = 0;
        int leaves = 0;
        for (int t = 0; t < trees; t++) {
            int count = in.count(2 * DlibReader.INTEGER + DlibReader.FLOAT, "splits");
            level.splits[t] = count;
            // Trees are of one size as a rule; more than what is left of the file they cannot hold.
            long expected = Math.min((long) (trees - t) * count, in.remaining() / 8);
            level.first = grown(level.first, splits, count, expected);
            level.second = grown(level.second, splits, count, expected);
            level.threshold = grown(level.threshold, splits, count, expected);
            for (int i = 0; i < count; i++, splits++) {
                level.first[splits] = (int) in.integer(0, Integer.MAX_VALUE, "a pixel of a split");
                level.second[splits] = (int) in.integer(0, Integer.MAX_VALUE, "a pixel of a split");
                level.threshold[splits] = in.number("a threshold");
            }
            in.integer(count + 1, count + 1, "the number of leaves");
            long numbers = (count + 1L) * shape;
            if (numbers > in.remaining() / DlibReader.FLOAT) {
                throw in.damaged(
                        numbers + " numbers of leaves cannot be in the " + in.remaining() + " bytes that follow");
            }
            expected = Math.min((trees - t) * numbers, in.remaining() / DlibReader.FLOAT);
            level.leaves = grown(level.leaves, leaves, (int) numbers, expected);
            for (int i = 0; i <= count; i++) {
                int[] sides = matrix(in, "a leaf");
                if (sides[0] != shape || sides[1] != 1) {
                    throw in.damaged("a leaf has " + sides[0] + " x " + sides[1] + " numbers, the mean shape " + shape);
                }
                for (int k = 0; k < shape; k++) {
                    level.leaves[leaves++] = in.number("a leaf");
                }
            }
        }
        level.first = Arrays.copyOf(level.first, splits);
        level.second = Arrays.copyOf(level.second, splits);
        level.threshold = Arrays.copyOf(level.threshold, splits);
        level.leaves = Arrays.copyOf(level.leaves, leaves);
    }

    private static int[] grown(int[] array, int used, int more, long expected) {
        return used + more <= array.length ? array : Arrays.copyOf(array, used + (int) Math.max(more, expected));
    }

    private static float[] grown(float[] array, int used, int more, long expected) {
        return used + more <= array.length ? array : Arrays.copyOf(array, used + (int) Math.max(more, expected));
    }

    /** Rows and columns, which dlib writes as negative numbers since 2014. */
    private static int[] matrix(DlibReader in, String what) throws IOException {
        int[] sides = new int[2];
        for (int i = 0; i < 2; i++) {
            sides[i] = (int) Math.abs(in.integer(-Integer.MAX_VALUE, Integer.MAX_VALUE, "a side of " + what));
        }
        return sides;
    }

    private static float[] numbers(DlibReader in, int count, String what) throws IOException {
        if (count > in.remaining() / DlibReader.FLOAT) {
            throw in.damaged(
                    count + " numbers of " + what + " cannot be in the " + in.remaining() + " bytes that follow");
        }
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = in.number(what);
        }
        return numbers;
    }

    /**
     * The landmarks of the face in a box as dlib's own detector gives it. Whole numbers, because dlib's are.
     *
     * @param box rounded to whole pixels
     */
    @Override
    public List<Point> landmarks(RgbImage photograph, FaceBox box) {
        // In dlib a rectangle ends with its last pixel.
        double left = Math.rint(box.left());
        double top = Math.rint(box.top());
        double width = Math.rint(box.width()) - 1;
        double height = Math.rint(box.height()) - 1;
        float[] shape = meanShape.clone();
        float[] pixels = {};
        for (Level level : levels) {
            if (pixels.length < level.landmark.length) {
                pixels = new float[level.landmark.length];
            }
            readPixels(pixels, level, shape, photograph, left, top, width, height);
            refine(shape, level, pixels);
        }
        List<Point> points = new ArrayList<>(shape.length / 2);
        for (int i = 0; i < shape.length; i += 2) {
            points.add(new Point(
                    Math.floor(left + shape[i] * width + 0.5), Math.floor(top + shape[i + 1] * height + 0.5)));
        }
        return points;
    }

    /** Grey levels near the landmarks, each at its offset turned and scaled as the shape is against the mean shape. */
    private void readPixels(
            float[] out,
            Level level,
            float[] shape,
            RgbImage photograph,
            double left,
            double top,
            double width,
            double height) {
        double[] turn = similarityFromMean(shape);
        float a = (float) turn[0];
        float b = (float) turn[1];
        for (int i = 0; i < level.landmark.length; i++) {
            float dx = level.offset[2 * i];
            float dy = level.offset[2 * i + 1];
            float x = a * dx + -b * dy + shape[2 * level.landmark[i]];
            float y = b * dx + a * dy + shape[2 * level.landmark[i] + 1];
            double column = Math.floor(left + x * width + 0.5);
            double row = Math.floor(top + y * height + 0.5);
            boolean inside = column >= 0 && row >= 0 && column < photograph.width() && row < photograph.height();
            out[i] = inside ? grey(photograph, (int) column, (int) row) : 0;
        }
    }

    private static int grey(RgbImage image, int x, int y) {
        return (image.red(x, y) + image.green(x, y) + image.blue(x, y)) / 3;
    }

    /**
     * The turn and scale that take the mean shape nearest to a shape (Umeyama, Least-squares estimation of transformation
     * parameters between two point patterns, PAMI 1991), which in the plane needs no singular values.
     *
     * @return a and b of the matrix {a, -b; b, a}
     */
    private double[] similarityFromMean(float[] shape) {
        int points = shape.length / 2;
        if (points == 1 || variance == 0) {
            return new double[] {1, 0};
        }
        double x = 0;
        double y = 0;
        for (int i = 0; i < shape.length; i += 2) {
            x += shape[i];
            y += shape[i + 1];
        }
        x /= points;
        y /= points;
        double xx = 0;
        double xy = 0;
        double yx = 0;
        double yy = 0;
        for (int i = 0; i < shape.length; i += 2) {
            double toX = shape[i] - x;
            double toY = shape[i + 1] - y;
            double fromX = meanShape[i] - meanX;
            double fromY = meanShape[i + 1] - meanY;
            xx += toX * fromX;
            xy += toX * fromY;
            yx += toY * fromX;
            yy += toY * fromY;
        }
        return new double[] {(xx / points + yy / points) / variance, (yx / points - xy / points) / variance};
    }

    /**
     * Adds, tree by tree, the leaf that the pixels lead to.
     *
     * <p>The leaves lie anywhere in tens of megabytes. Copying those of several trees before they are summed lets the
     * processor fetch them at the same time, which halves the time of all.
     */
    private static void refine(float[] shape, Level level, float[] pixels) {
        int size = shape.length;
        float[] gathered = new float[Math.min(TREES_AT_ONCE, level.splits.length) * size];
        int firstSplit = 0;
        int firstLeaf = 0;
        int used = 0;
        for (int splits : level.splits) {
            int node = 0;
            while (node < splits) {
                int split = firstSplit + node;
                boolean near = pixels[level.first[split]] - pixels[level.second[split]] > level.threshold[split];
                node = 2 * node + (near ? 1 : 2);
            }
            System.arraycopy(level.leaves, firstLeaf + (node - splits) * size, gathered, used, size);
            used += size;
            if (used == gathered.length) {
                add(shape, gathered, used);
                used = 0;
            }
            firstSplit += splits;
            firstLeaf += (splits + 1) * size;
        }
        add(shape, gathered, used);
    }

    private static void add(float[] shape, float[] shapes, int end) {
        for (int from = 0; from < end; from += shape.length) {
            for (int i = 0; i < shape.length; i++) {
                shape[i] += shapes[from + i];
            }
        }
    }
}
