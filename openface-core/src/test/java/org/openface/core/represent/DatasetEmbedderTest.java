package org.openface.core.represent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.image.RgbImage;

class DatasetEmbedderTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path out;

    /** Red, green and blue of the first pixel; fails when it has embedded so many. */
    private static final class Colours implements FaceEmbedder {
        private final String fingerprint;
        private final int failAfter;
        int embedded;

        Colours(String fingerprint, int failAfter) {
            this.fingerprint = fingerprint;
            this.failAfter = failAfter;
        }

        @Override
        public int imageSize() {
            return 2;
        }

        @Override
        public int dimension() {
            return 3;
        }

        @Override
        public Optional<String> fingerprint() {
            return Optional.of(fingerprint).filter(print -> !print.isEmpty());
        }

        @Override
        public EmbeddingBatch embed(List<RgbImage> faces) {
            if (embedded + faces.size() > failAfter) {
                throw new IllegalStateException("killed");
            }
            embedded += faces.size();
            float[] values = new float[3 * faces.size()];
            for (int i = 0; i < faces.size(); i++) {
                values[3 * i] = faces.get(i).red(0, 0);
                values[3 * i + 1] = faces.get(i).green(0, 0);
                values[3 * i + 2] = faces.get(i).blue(0, 0) / 7f;
            }
            return new EmbeddingBatch(3, values);
        }
    }

    private static final String MODEL = "ab".repeat(32);

    /** In memory; every 500th cannot be read. */
    private static FaceDataset imagined(int size) {
        List<Face> faces = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            int number = i;
            faces.add(Face.of("p" + i % 7, Path.of("p" + i % 7, String.format(Locale.ROOT, "%05d.ppm", i)), () -> {
                if (number % 500 == 250) {
                    throw new IOException("no disk");
                }
                byte[] file = "P6 2 2 255\nabcabcabcabc".getBytes(StandardCharsets.US_ASCII);
                file[11] = (byte) number;
                file[12] = (byte) (number >> 8);
                return file;
            }));
        }
        return FaceDataset.of(faces);
    }

    private static void assertHolds(EmbeddingFile file, FaceDataset dataset) throws IOException {
        file.verify();
        assertThat(file.size()).isEqualTo(dataset.size());
        for (int i = 0; i < dataset.size(); i++) {
            assertThat(file.identityOf(i)).isEqualTo(dataset.identityOf(i));
            Optional<RgbImage> image;
            try {
                image = Optional.of(dataset.faces().get(i).read());
            } catch (IOException e) {
                image = Optional.empty();
            }
            assertThat(file.get(i).map(embedding -> embedding.values()[1]))
                    .isEqualTo(image.map(pixels -> (float) pixels.green(0, 0)));
            assertThat(file.get(i).map(embedding -> embedding.values()[0]))
                    .isEqualTo(image.map(pixels -> (float) pixels.red(0, 0)));
        }
    }

    @Test
    void embedsEveryFace() throws IOException {
        FaceDataset dataset = imagined(2500);
        List<DatasetEmbedder.Progress> progress = new ArrayList<>();
        FaceDataset readable = FaceDataset.of(dataset.faces().stream()
                .filter(face -> !face.fileName().matches("0.[27]50.*"))
                .toList());
        DatasetEmbedder.Result result = DatasetEmbedder.of(new Colours(MODEL, 10_000))
                .onProgress(progress::add)
                .embed(readable, out);
        assertThat(result.embedded()).isEqualTo(2495);
        assertThat(result.unreadable()).isEmpty();
        assertThat(progress).hasSize(3).last().satisfies(last -> assertThat(last.done())
                .isEqualTo(2495));
        EmbeddingFile file = EmbeddingFile.open(result.file());
        assertHolds(file, readable);
        assertThat(file.modelFingerprint()).contains(MODEL);
        assertThat(file.facesFingerprint()).isEqualTo(readable.fingerprint());
        try (Stream<Path> left = Files.list(out)) {
            assertThat(left).containsExactly(result.file());
        }
    }

    @Test
    void aKilledRunGoesOnAndEndsWithTheSameBytes(@TempDir Path whole) throws IOException {
        FaceDataset dataset = imagined(2600).withoutFaces(unreadable(2600));
        DatasetEmbedder.of(new Colours(MODEL, 10_000)).embed(dataset, whole);
        for (int failAfter : new int[] {10, 1100, 1100}) {
            Colours failing = new Colours(MODEL, failAfter);
            assertThatIllegalStateException()
                    .isThrownBy(() -> DatasetEmbedder.of(failing).embed(dataset, out));
        }
        Colours rest = new Colours(MODEL, 10_000);
        DatasetEmbedder.Result result = DatasetEmbedder.of(rest).embed(dataset, out);
        assertThat(result.resumedAt()).isEqualTo(2048);
        assertThat(rest.embedded).isEqualTo(dataset.size() - 2048);
        assertThat(out.resolve(DatasetEmbedder.FILE)).hasSameBinaryContentAs(whole.resolve(DatasetEmbedder.FILE));
        Colours again = new Colours(MODEL, 10_000);
        assertThat(DatasetEmbedder.of(again).embed(dataset, out).resumedAt()).isEqualTo(dataset.size());
        assertThat(again.embedded).isZero();
    }

    private static BitSet unreadable(int size) throws IOException {
        BitSet numbers = new BitSet();
        FaceDataset dataset = imagined(size);
        for (int i = 0; i < size; i++) {
            numbers.set(i, dataset.faces().get(i).fileName().matches("0.[27]50.*"));
        }
        return numbers;
    }

    @Test
    void anotherModelOrOtherFacesBeginAnew() throws IOException {
        FaceDataset dataset = imagined(1500).withoutFaces(unreadable(1500));
        assertThatIllegalStateException()
                .isThrownBy(() -> DatasetEmbedder.of(new Colours(MODEL, 1200)).embed(dataset, out));
        Colours other = new Colours("cd".repeat(32), 10_000);
        assertThat(DatasetEmbedder.of(other).embed(dataset, out).resumedAt()).isZero();
        assertThat(other.embedded).isEqualTo(dataset.size());
        Colours silent = new Colours("", 10_000);
        assertThat(DatasetEmbedder.of(silent).embed(dataset, out).resumedAt()).isZero();
        assertThat(EmbeddingFile.open(out.resolve(DatasetEmbedder.FILE)).modelFingerprint())
                .isEmpty();
        FaceDataset fewer = dataset.without(List.of("p3"));
        Colours onFewer = new Colours("cd".repeat(32), 10_000);
        DatasetEmbedder.of(onFewer).embed(fewer, out);
        assertThat(onFewer.embedded).isEqualTo(fewer.size());
        assertHolds(EmbeddingFile.open(out.resolve(DatasetEmbedder.FILE)), fewer);
    }

    @Test
    void writesOpenFacesFiles(@TempDir Path faces) throws IOException {
        Path ann = Files.createDirectories(faces.resolve("ann"));
        Path bob = Files.createDirectories(faces.resolve("bob, the \"other\""));
        Files.writeString(ann.resolve("1.ppm"), "P3 1 1 255 10 20 14");
        Files.writeString(ann.resolve("2.ppm"), "P3 1 1 255 damaged");
        Files.writeString(bob.resolve("1.ppm"), "P3 1 1 255 1 2 0");
        DatasetEmbedder.Result result =
                DatasetEmbedder.of(new Colours(MODEL, 100)).csv().embed(FaceDataset.index(faces), out);
        assertThat(result.unreadable()).containsExactly(ann.resolve("2.ppm"));
        assertThat(out.resolve("labels.csv"))
                .hasContent("1," + ann.resolve("1.ppm") + "\n2,\""
                        + bob.resolve("1.ppm").toString().replace("\"", "\"\"") + "\"");
        assertThat(out.resolve("reps.csv")).hasContent("10.0,20.0,2.0\n1.0,2.0,0.0");
        assertHolds(EmbeddingFile.open(result.file()), FaceDataset.index(faces));
    }

    @Test
    void everyChangedBitIsNoticed() throws IOException {
        FaceDataset dataset = imagined(100);
        Path file =
                DatasetEmbedder.of(new Colours(MODEL, 1000)).embed(dataset, out).file();
        byte[] whole = Files.readAllBytes(file);
        Random random = new Random(1);
        for (int i = 0; i < 300; i++) {
            byte[] damaged = i % 3 == 0 ? Arrays.copyOf(whole, random.nextInt(whole.length)) : whole.clone();
            if (i % 3 != 0) {
                int at = i % 3 == 1 ? random.nextInt(whole.length) : 4096 + random.nextInt(whole.length - 4096);
                damaged[at] ^= (byte) (1 << random.nextInt(8));
            }
            Files.write(file, damaged);
            assertThatIOException().isThrownBy(() -> EmbeddingFile.open(file).verify());
        }
    }
}
