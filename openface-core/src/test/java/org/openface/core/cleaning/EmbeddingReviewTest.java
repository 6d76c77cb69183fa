package org.openface.core.cleaning;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.image.RgbImage;

/** On clouds of points: what a network that tells people apart would give. */
class EmbeddingReviewTest {
    private static final int DIMENSION = 12;

    private final List<float[]> points = new ArrayList<>();
    private final List<Face> faces = new ArrayList<>();
    private final Random random = new Random(5);

    /** An image is one pixel, whose colour is the number of a point. */
    private final FaceEmbedder embedder = new FaceEmbedder() {
        @Override
        public int imageSize() {
            return 1;
        }

        @Override
        public int dimension() {
            return DIMENSION;
        }

        @Override
        public EmbeddingBatch embed(List<RgbImage> images) {
            float[] values = new float[images.size() * DIMENSION];
            for (int i = 0; i < images.size(); i++) {
                int point = images.get(i).red(0, 0) << 8 | images.get(i).green(0, 0);
                System.arraycopy(points.get(point), 0, values, i * DIMENSION, DIMENSION);
            }
            return new EmbeddingBatch(DIMENSION, values);
        }
    };

    /** Where a person's images lie: people differ in all directions but the first, in which images differ most. */
    private float[] centre(int person) {
        Random own = new Random(100 + person);
        float[] centre = new float[DIMENSION];
        for (int d = 1; d < DIMENSION; d++) {
            centre[d] = (float) (3 * own.nextGaussian());
        }
        return centre;
    }

    private void add(String label, int shows, String name) {
        add(faces, label, shows, name);
    }

    private void add(List<Face> to, String label, int shows, String name) {
        float[] point = centre(shows);
        for (int d = 0; d < DIMENSION; d++) {
            point[d] += (float) ((d == 0 ? 3 : 0.7) * random.nextGaussian());
        }
        ByteArrayOutputStream image = new ByteArrayOutputStream();
        image.writeBytes("P6 1 1 255\n".getBytes(StandardCharsets.US_ASCII));
        image.writeBytes(new byte[] {(byte) (points.size() >> 8), (byte) points.size(), 0});
        points.add(point);
        to.add(Face.of(label, Path.of(label, name), image::toByteArray));
    }

    private void people(int count, int images) {
        for (int p = 0; p < count; p++) {
            for (int i = 0; i < images; i++) {
                add(name(p), p, String.format(Locale.ROOT, "%02d.ppm", i));
            }
        }
    }

    private static String name(int person) {
        return String.format(Locale.ROOT, "p%02d", person);
    }

    private CleaningReport review() throws IOException {
        return DatasetCleaner.of(FaceDataset.of(faces)).embedder(embedder).review();
    }

    private static List<String> listed(CleaningReport report, ReviewList list) {
        return report.list(list).stream()
                .map(f -> f.decision() + ": " + f.identity() + "/" + f.image() + " " + f.other())
                .toList();
    }

    @Test
    void nothingIsWrongWithCleanFaces() throws IOException {
        people(12, 10);
        assertThat(review().findings()).isEmpty();
    }

    @Test
    void singleWrongLabelsAndTwoOfOneStranger() throws IOException {
        people(12, 10);
        add("p00", 3, "wrong.ppm");
        add("p01", 4, "wrong.ppm");
        add("p02", 0, "wrong.ppm");
        add("p05", 50, "stranger1.ppm");
        add("p05", 50, "stranger2.ppm");
        CleaningReport report = review();
        assertThat(listed(report, ReviewList.WRONG_LABELS))
                .contains("remove: p00/wrong.ppm p03", "remove: p01/wrong.ppm p04", "remove: p02/wrong.ppm p00");
        List<String> found = new ArrayList<>();
        report.findings().forEach(f -> found.add(f.identity() + "/" + f.image()));
        assertThat(found)
                .containsExactlyInAnyOrder(
                        "p00/wrong.ppm", "p01/wrong.ppm", "p02/wrong.ppm", "p05/stranger1.ppm", "p05/stranger2.ppm");
    }

    @Test
    void oneWrongImageAmongThree() throws IOException {
        people(20, 3);
        add("p07", 8, "wrong.ppm");
        assertThat(listed(review(), ReviewList.WRONG_LABELS)).contains("remove: p07/wrong.ppm p08");
    }

    @Test
    void onePersonUnderTwoNames() throws IOException {
        people(12, 10);
        for (int i = 0; i < 8; i++) {
            add("again", 3, i + ".ppm");
        }
        CleaningReport report = review();
        assertThat(listed(report, ReviewList.SAME_PERSON)).containsExactly("move to p03: again/ p03");
        assertThat(report.findings()).hasSize(1);
        assertThat(report.plan().apply().identities()).hasSize(12);
    }

    @Test
    void twoPeopleInOneFolder() throws IOException {
        people(12, 10);
        for (int i = 0; i < 9; i++) {
            add("p06", 60, "other" + i + ".ppm");
        }
        CleaningReport report = review();
        assertThat(listed(report, ReviewList.TWO_PEOPLE)).hasSize(9).allSatisfy(row -> assertThat(row)
                .matches("move to p06-2: p06/other[0-9].ppm p06-2"));
        assertThat(report.findings()).hasSize(9);
        assertThat(report.plan().apply().identities()).contains("p06-2").hasSize(13);
    }

    @Test
    void peopleOfATestSet() throws IOException {
        people(12, 10);
        List<Face> test = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            add(test, "Somebody", 4, i + ".ppm");
            add(test, "P_09", 70, i + ".ppm");
            add(test, "New", 71, i + ".ppm");
        }
        add("p_09", 80, "x.ppm");
        CleaningReport report = DatasetCleaner.of(FaceDataset.of(faces))
                .embedder(embedder)
                .testSet(FaceDataset.of(test))
                .review();
        assertThat(listed(report, ReviewList.TEST_IDENTITIES))
                .containsExactly("remove: p04/ Somebody", "remove: p_09/ P_09");
    }

    @Test
    void whatItDoesNotDependOn() throws IOException {
        people(12, 10);
        add("p00", 3, "wrong.ppm");
        List<Finding> findings = review().findings();
        assertThat(review().findings()).isEqualTo(findings);
        // One image a hundred times is no crowd.
        Face wrong = faces.get(faces.size() - 1);
        for (int i = 0; i < 100; i++) {
            faces.add(Face.of("p00", Path.of("p00", "x" + i + ".ppm"), wrong::bytes));
        }
        CleaningReport report = review();
        assertThat(report.list(ReviewList.DUPLICATES)).hasSize(100);
        assertThat(listed(report, ReviewList.WRONG_LABELS)).containsExactly("remove: p00/wrong.ppm p03");
    }
}
