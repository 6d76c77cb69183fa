package org.openface.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.align.face.Alignment;
import org.openface.align.face.FaceBox;
import org.openface.align.face.LandmarkSet;
import org.openface.align.face.Point;
import org.openface.align.internal.landmarks.DlibFile;
import org.openface.core.image.RgbImage;

/** With networks made here, which have YuNet's outputs and see a face in every blue square. */
class YuNetTest {
    /** The pixels that a cell of each of YuNet's grids has. */
    private static final int[] STEPS = {8, 16, 32};

    private static final String[] OUTPUTS_OF_2023 = Stream.of("cls", "obj", "bbox", "kps")
            .flatMap(output -> Arrays.stream(STEPS).mapToObj(step -> output + "_" + step))
            .toArray(String[]::new);

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
                withOutputs("loc", "conf", "iou"), "of 2021 or 2022", "since 4.8", "face_detection_yunet_2023mar.onnx");
        assertRefused(withOutputs("embedding"), "no YuNet model", "[embedding]");
        assertRefused(
                "version https://git-lfs.github.com/spec/v1\noid".getBytes(StandardCharsets.UTF_8),
                "pointer of Git LFS");
        assertRefused(new byte[0], "no YuNet model");
        assertRefused(new byte[] {7, 7, 7, 7}, "no ONNX model");
        byte[] sound = withOutputs(OUTPUTS_OF_2023);
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
        for (int step : STEPS) {
            String mean = "mean" + step;
            graph.message(
                    1,
                    OnnxFile.node(
                            "AveragePool",
                            List.of("input"),
                            mean,
                            OnnxFile.ints("kernel_shape", step, step),
                            OnnxFile.ints("strides", step, step)));
            float[] blue = new float[3];
            if (step == 32) {
                blue[0] = 1 / 255f; // the first colour
            }
            head(graph, mean, "cls_" + step, blue, new float[1]);
            head(graph, mean, "obj_" + step, new float[3], new float[] {1});
            // In cells, from the cell's corner: the centre, then the logarithms of width and height.
            float side = (float) Math.log(2);
            head(graph, mean, "bbox_" + step, new float[12], new float[] {0.5f, 0.5f, side, side});
            head(graph, mean, "kps_" + step, new float[30], new float[] {0, 0.25f, 1, 0.25f, 0, 0, 0, 0, 0, 0});
        }
        graph.message(11, OnnxFile.value("input", 1, 3, 64, 64));
        for (String output : OUTPUTS_OF_2023) {
            graph.message(12, OnnxFile.value(output, 1));
        }
        return OnnxFile.model(graph);
    }

    /** Linear in the mean colours of a cell: one row of values for each cell. */
    private static void head(OnnxFile graph, String input, String name, float[] weights, float[] bias) {
        int values = bias.length;
        graph.message(5, OnnxFile.floats(name + "w", weights, values, 3, 1, 1));
        graph.message(5, OnnxFile.floats(name + "b", bias, values));
        graph.message(5, OnnxFile.longs(name + "s", 1, -1, values));
        graph.message(
                1,
                OnnxFile.node(
                        "Conv",
                        List.of(input, name + "w", name + "b"),
                        name + "c",
                        OnnxFile.ints("kernel_shape", 1, 1)));
        graph.message(
                1, OnnxFile.node("Transpose", List.of(name + "c"), name + "t", OnnxFile.ints("perm", 0, 2, 3, 1)));
        graph.message(1, OnnxFile.node("Reshape", List.of(name + "t", name + "s"), name));
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
