package org.openface.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.image.RgbImage;

/** With networks made here, which have YuNet's outputs and see a face in every blue square. */
class YuNetTest {
    /** What YuNet's grids have: the step and how many sizes of faces each looks for. */
    private static final int[][] GRIDS = {{8, 3}, {16, 2}, {32, 2}, {64, 3}};

    @TempDir
    Path folder;

    private Path file(String name, byte[] content) throws IOException {
        return Files.write(folder.resolve(name), content);
    }

    private static byte[] withOutputs(String... names) {
        OnnxFile graph = new OnnxFile().text(2, "graph").message(11, OnnxFile.value("input", 1, 3, 64, 64));
        Arrays.stream(names).forEach(name -> graph.message(12, OnnxFile.value(name, 1)));
        return OnnxFile.model(graph);
    }

    private void assertRefused(byte[] content, String... why) throws IOException {
        Path file = file("model.onnx", content);
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> Aligner.builder().yuNet(file))
                .satisfies(
                        e -> assertThat(e.getMessage()).contains("model.onnx").contains(why));
    }

    @Test
    void modelsThatOpenCvCannotRunAreRefused() throws IOException {
        assertRefused(
                withOutputs("cls_8", "cls_16", "cls_32", "obj_8", "obj_16", "obj_32", "bbox_8", "kps_8"),
                "of 2023",
                "OpenCV 4.5.5",
                "face_detection_yunet_2022mar.onnx");
        assertRefused(withOutputs("embedding"), "no YuNet model", "[embedding]");
        assertRefused(
                "version https://git-lfs.github.com/spec/v1\noid".getBytes(StandardCharsets.UTF_8),
                "pointer of Git LFS");
        assertRefused(new byte[0], "no YuNet model");
        assertRefused(new byte[] {7, 7, 7, 7}, "no ONNX model");
        byte[] sound = withOutputs("loc", "conf", "iou");
        for (int length = 3; length < sound.length - 6; length++) {
            assertRefused(Arrays.copyOf(sound, length), "no ");
        }
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> Aligner.builder().yuNet(folder.resolve("absent.onnx")))
                .withMessageContaining("absent.onnx: no such file; YuNet needs face_detection_yunet_2022mar.onnx");
    }

    /**
     * Sees faces of 64 pixels in blue cells of 32 x 32: sure of it by the blue, box around the middle of the cell, eyes 8
     * pixels above it and 16 to the left and right.
     */
    private static byte[] blueSquares() {
        OnnxFile graph = new OnnxFile().text(2, "graph");
        List<String> locations = new ArrayList<>();
        List<String> confidences = new ArrayList<>();
        List<String> overlaps = new ArrayList<>();
        for (int[] grid : GRIDS) {
            int step = grid[0];
            int sizes = grid[1];
            String mean = "mean" + step;
            graph.message(
                    1,
                    OnnxFile.node(
                            "AveragePool",
                            List.of("input"),
                            mean,
                            OnnxFile.ints("kernel_shape", step, step),
                            OnnxFile.ints("strides", step, step)));
            float[] location = new float[14 * sizes];
            // In tenths of 64 pixels: x and y of five points follow x, y, width, height.
            location[4] = -2.5f;
            location[5] = -1.25f;
            location[6] = 2.5f;
            location[7] = -1.25f;
            locations.add(head(graph, mean, "loc", 14, new float[14 * sizes * 3], location));
            float[] face = new float[2 * sizes * 3];
            if (step == 32) {
                face[3] =
                        1 / 255f; // of the first size, 64 pixels, the second of two values; from blue, the first colour
            }
            confidences.add(head(graph, mean, "conf", 2, face, new float[2 * sizes]));
            float[] sure = new float[sizes];
            Arrays.fill(sure, 1);
            overlaps.add(head(graph, mean, "iou", 1, new float[sizes * 3], sure));
        }
        graph.message(1, OnnxFile.node("Concat", locations, "loc", OnnxFile.integer("axis", 0)));
        graph.message(1, OnnxFile.node("Concat", confidences, "conf", OnnxFile.integer("axis", 0)));
        graph.message(1, OnnxFile.node("Concat", overlaps, "iou", OnnxFile.integer("axis", 0)));
        graph.message(11, OnnxFile.value("input", 1, 3, 64, 64));
        graph.message(12, OnnxFile.value("loc", 1, 14));
        graph.message(12, OnnxFile.value("conf", 1, 2));
        graph.message(12, OnnxFile.value("iou", 1, 1));
        return OnnxFile.model(graph);
    }

    /** Linear in the mean colours of a cell: one row of values for each cell and size. */
    private static String head(OnnxFile graph, String input, String name, int values, float[] weights, float[] bias) {
        String head = name + input;
        int channels = bias.length;
        graph.message(5, OnnxFile.floats(head + "w", weights, channels, 3, 1, 1));
        graph.message(5, OnnxFile.floats(head + "b", bias, channels));
        graph.message(5, OnnxFile.longs(head + "s", -1, values));
        graph.message(
                1,
                OnnxFile.node(
                        "Conv",
                        List.of(input, head + "w", head + "b"),
                        head + "c",
                        OnnxFile.ints("kernel_shape", 1, 1)));
        graph.message(
                1, OnnxFile.node("Transpose", List.of(head + "c"), head + "t", OnnxFile.ints("perm", 0, 2, 3, 1)));
        graph.message(1, OnnxFile.node("Reshape", List.of(head + "t", head + "s"), head));
        return head;
    }

    /** Black, with squares of one colour. */
    private static RgbImage squares(int width, int height, int side, int channel, int[]... corners) {
        byte[] rgb = new byte[3 * width * height];
        for (int[] corner : corners) {
            for (int y = corner[1]; y < corner[1] + side; y++) {
                for (int x = corner[0]; x < corner[0] + side; x++) {
                    rgb[3 * (y * width + x) + channel] = (byte) 255;
                }
            }
        }
        return RgbImage.of(width, height, rgb);
    }

    @Test
    @Tag("native")
    void aFaceIsReadFromTheNetworksOutputs() throws IOException {
        Path model = file("blue squares.onnx", blueSquares());
        try (Aligner aligner = Aligner.builder().yuNet(model).build()) {
            assertThat(aligner.profile().detector()).matches("yunet sha256:[0-9a-f]{16}");
            for (int[] sides : new int[][] {{256, 192}, {200, 130}, {193, 129}, {640, 427}}) {
                assertThat(aligner.align(squares(sides[0], sides[1], 32, 2, new int[] {64, 32})))
                        .as("%s x %s", sides[0], sides[1])
                        .isInstanceOfSatisfying(Alignment.Aligned.class, a -> {
                            assertNear(a.box(), 48, 16, 64);
                            assertNear(a.leftEye(), 63.5, 39.5);
                            assertNear(a.rightEye(), 95.5, 39.5);
                        });
            }
            // Red is another colour, and a black picture has no face.
            assertThat(aligner.align(squares(256, 192, 32, 0, new int[] {64, 32})))
                    .isInstanceOf(Alignment.NotAligned.class);
            assertThat(aligner.align(squares(1, 1, 1, 0))).isInstanceOf(Alignment.NotAligned.class);
            assertThat(aligner.align(squares(256, 192, 32, 2, new int[] {0, 0}, new int[] {160, 128})))
                    .isInstanceOfSatisfying(Alignment.Aligned.class, a -> assertThat(a.facesFound())
                            .isEqualTo(2));
        }
    }

    /** Searched at a third of its size. */
    @Test
    @Tag("native")
    void aLargePhotographIsShrunkAndItsFacesAreNot() throws IOException {
        Path model = file("model.onnx", blueSquares());
        try (Aligner aligner = Aligner.builder().yuNet(model).build()) {
            assertThat(aligner.align(squares(1920, 1440, 96, 2, new int[] {192, 96})))
                    .isInstanceOfSatisfying(Alignment.Aligned.class, a -> {
                        assertNear(a.box(), 144, 48, 192);
                        assertNear(a.leftEye(), 191.5, 119.5);
                        assertNear(a.rightEye(), 287.5, 119.5);
                    });
        }
    }

    /** The square of the box that the landmark model is given, by its mean shape alone: 2.4 times the eye distance. */
    @Test
    @Tag("native")
    void aLandmarkModelGetsABoxFromTheEyes() throws IOException {
        float[] mean = new float[2 * LandmarkSet.ALL_POINTS];
        mean[2 * 36] = 1; // the left eye's corner at the box's upper right
        mean[2 * 45 + 1] = 1; // the right eye's at its lower left
        mean[2 * 33] = 1;
        mean[2 * 33 + 1] = 1;
        Path landmarks = file(
                "mean.dat",
                new DlibFile().integers(1).shape(mean).integers(0, 0, 0).toBytes());
        try (Aligner aligner = Aligner.builder()
                .yuNet(file("model.onnx", blueSquares()))
                .dlibLandmarks(landmarks)
                .build()) {
            // Eyes at (63.5, 39.5) and (95.5, 39.5): side 76.8, centre (80, 40 + 0.21 x 76.8).
            assertThat(aligner.align(squares(256, 192, 32, 2, new int[] {64, 32})))
                    .isInstanceOfSatisfying(Alignment.Aligned.class, a -> {
                        assertThat(a.landmarks().get(36)).isEqualTo(new Point(42 + 76, 18));
                        assertThat(a.landmarks().get(45)).isEqualTo(new Point(42, 18 + 76));
                    });
        }
    }

    private static void assertNear(FaceBox box, double left, double top, double side) {
        assertThat(box.left()).isCloseTo(left, within(0.01));
        assertThat(box.top()).isCloseTo(top, within(0.01));
        assertThat(box.width()).isCloseTo(side, within(0.01));
        assertThat(box.height()).isCloseTo(side, within(0.01));
    }

    private static void assertNear(Point p, double x, double y) {
        assertThat(p.distanceTo(new Point(x, y))).as("%s", p).isLessThan(0.01);
    }
}
