package org.openface.align.internal.landmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/** Against dlib's own landmarks. */
public class ShapePredictorTest {
    public static Path resource(String name) {
        try {
            return Path.of(Objects.requireNonNull(ShapePredictorTest.class.getResource("dlib/" + name))
                    .toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    public static Path shared(String path) {
        String root = System.getProperty("openface.shared");
        assumeTrue(root != null && Files.exists(Path.of(root, path)), "not here: " + path);
        return Path.of(root, path);
    }

    @Test
    void patternsHaveDlibsLandmarks() throws IOException {
        assertThat(patternsReproduced(resource("sp68_tiny.dat"), "sp68_tiny")).isEqualTo(12);
    }

    @Test
    void patternsHaveDlibsLandmarksWithALargerModel() throws IOException {
        assertThat(patternsReproduced(shared("data/dlib/sp68_small.dat"), "sp68_small"))
                .isEqualTo(12);
    }

    private static int patternsReproduced(Path model, String name) throws IOException {
        ShapePredictor predictor = ShapePredictor.read(model);
        int rows = 0;
        for (GoldenLandmarks golden : GoldenLandmarks.read(resource("landmarks.tsv"))) {
            if (golden.second().equals(name)) {
                rows++;
                assertReproduced(predictor, ImageFiles.read(resource(golden.image())), golden);
            }
        }
        return rows;
    }

    @ParameterizedTest
    @ValueSource(strings = {"sp68_tiny", "sp68_small"})
    void photographsHaveDlibsLandmarks(String model) throws IOException {
        ShapePredictor predictor = ShapePredictor.read(shared("data/dlib/" + model + ".dat"));
        List<GoldenLandmarks> rows =
                GoldenLandmarks.read(shared("data/dlib/openface_examples." + model + ".up1/landmarks.tsv"));
        assertThat(rows).hasSize(8);
        for (GoldenLandmarks golden : rows) {
            RgbImage photograph = ImageFiles.read(shared("data/faces/openface-examples/" + golden.image()));
            assertReproduced(predictor, photograph, golden);
        }
    }

    private static void assertReproduced(ShapePredictor predictor, RgbImage image, GoldenLandmarks golden) {
        assertThat(predictor.landmarks(image, golden.box()))
                .as("%s %s", golden.image(), golden.box())
                .isEqualTo(golden.points());
    }
}
