package org.openface.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.align.face.DetectedFace;
import org.openface.align.face.FaceBox;
import org.openface.align.face.Point;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

class LandmarkStatisticsTest {
    @TempDir
    Path folder;

    /** The red of the first pixel is a place in the box; 255 is no face. */
    private FaceDataset photographs(int... places) throws IOException {
        for (int i = 0; i < places.length; i++) {
            byte[] rgb = new byte[3 * 4 * 4];
            rgb[0] = (byte) places[i];
            Path file = folder.resolve("raw/ann/" + i + ".png");
            Files.createDirectories(file.getParent());
            ImageFiles.writePng(RgbImage.of(4, 4, rgb), file);
        }
        return FaceDataset.index(folder.resolve("raw"));
    }

    private static Aligner.Builder eyes() {
        return Aligner.builder().detector("one", photograph -> {
            int place = photograph.red(0, 0);
            return place == 255
                    ? List.of()
                    : List.of(new DetectedFace(
                            new FaceBox(10, 20, 100, 200), new Point(10 + place, 60), new Point(90, 20 + 2 * place)));
        });
    }

    @Test
    void meanAndDeviationAreInUnitsOfTheBox() throws IOException {
        FaceDataset photographs = photographs(10, 20, 30, 255, 40);
        try (Aligner aligner = eyes().threads(2).build()) {
            LandmarkStatistics statistics = aligner.landmarkStatistics(photographs);
            assertThat(statistics.faces()).isEqualTo(4);
            // 0.1, 0.2, 0.3, 0.4: mean 0.25, deviation sqrt((0.15^2 + 0.05^2) / 2)
            double deviation = Math.sqrt(0.0125);
            assertThat(statistics.mean().get(0).x()).isCloseTo(0.25, within(1e-12));
            assertThat(statistics.mean().get(0).y()).isCloseTo(0.2, within(1e-12));
            assertThat(statistics.mean().get(1).x()).isCloseTo(0.8, within(1e-12));
            assertThat(statistics.mean().get(1).y()).isCloseTo(0.25, within(1e-12));
            assertThat(statistics.standardDeviation().get(0).x()).isCloseTo(deviation, within(1e-12));
            assertThat(statistics.standardDeviation().get(0).y()).isZero();
            assertThat(statistics.standardDeviation().get(1).y()).isCloseTo(deviation, within(1e-12));
            assertThatIllegalStateException().isThrownBy(statistics::template).withMessageContaining("68");
        }
    }

    @Test
    void theNumberOfThreadsMakesNoDifference() throws IOException {
        int[] places = new int[200];
        for (int i = 0; i < places.length; i++) {
            places[i] = 1 + i * 37 % 97;
        }
        FaceDataset photographs = photographs(places);
        try (Aligner one = eyes().threads(1).build();
                Aligner many = eyes().threads(5).build()) {
            assertThat(many.landmarkStatistics(photographs)).isEqualTo(one.landmarkStatistics(photographs));
        }
    }

    @Test
    void withoutAFaceThereIsNoMean() throws IOException {
        FaceDataset photographs = photographs(255);
        try (Aligner aligner = eyes().build()) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> aligner.landmarkStatistics(photographs))
                    .withMessageContaining("no face");
        }
    }

    @Test
    void theTemplateSpansTheUnitSquare() {
        List<Point> mean = new ArrayList<>();
        for (int i = 0; i < 68; i++) {
            mean.add(new Point(0.2 + 0.005 * i, 0.9 - 0.01 * i));
        }
        List<Point> template = new LandmarkStatistics(1, mean, mean).template();
        assertThat(template.get(0)).isEqualTo(new Point(0, 1));
        assertThat(template.get(67).x()).isCloseTo(1, within(1e-12));
        assertThat(template.get(67).y()).isCloseTo(0, within(1e-12));
    }

    @Test
    void tablesAndPlotAreWritten() throws IOException {
        List<Point> mean = List.of(new Point(0.25, 0.5), new Point(0.75, 0.5));
        List<Point> deviation = List.of(new Point(0.05, 0.1), new Point(0.05, 0.1));
        LandmarkStatistics statistics = new LandmarkStatistics(9, mean, deviation);
        Path out = folder.resolve("deep/out");
        statistics.writeTo(out);
        statistics.writeTo(out);

        assertThat(out.resolve("mean.csv")).hasContent("0.250000,0.500000\n0.750000,0.500000");
        assertThat(out.resolve("std.csv")).hasContent("0.050000,0.100000\n0.050000,0.100000");
        RgbImage plot = ImageFiles.read(out.resolve("mean.png"));
        // The means lie on the middle row, 0.6 of the box apart edge to edge: 780 pixels, ellipses 130 by 260.
        int left = 60 + 65;
        int right = 900 - 60 - 65;
        for (int x : new int[] {left, right}) {
            assertThat(plot.red(x, 450)).as("the point at %s", x).isLessThan(30);
            assertThat(plot.red(x, 450 + 120)).as("within its ellipse").isBetween(150, 240);
            assertThat(plot.red(x, 450 + 140)).as("outside").isEqualTo(255);
        }
        assertThat(plot.red(450, 450)).isEqualTo(255);
    }
}
