package org.openface.align.internal.landmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.fail;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.align.face.FaceBox;
import org.openface.align.face.Point;
import org.openface.align.internal.landmarks.DlibFile.Split;
import org.openface.core.image.RgbImage;

/** The file format, sound and damaged. */
class ShapePredictorFileTest {
    @TempDir
    Path folder;

    private Path file(byte[] content) throws IOException {
        return Files.write(folder.resolve("model.dat"), content);
    }

    private void assertRefused(byte[] content, String... why) throws IOException {
        Path file = file(content);
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> ShapePredictor.read(file))
                .satisfies(e -> assertThat(e.getMessage()).contains("model.dat").contains(why));
    }

    /** 10 x 10 pixels, grey level 10 x column + row. */
    private static RgbImage ramp() {
        byte[] rgb = new byte[300];
        for (int y = 0; y < 10; y++) {
            for (int x = 0; x < 10; x++) {
                Arrays.fill(rgb, 3 * (10 * y + x), 3 * (10 * y + x) + 3, (byte) (10 * x + y));
            }
        }
        return RgbImage.of(10, 10, rgb);
    }

    /**
     * By hand: the box spans pixels 0 to 8, landmarks at (0, 0) and (8, 4); pixel 0 is read at landmark 1, grey 84, and
     * pixel 1 at (2, 2), grey 22. Their difference is 62.
     */
    @Test
    void aTreeOfOneSplitByHand() throws IOException {
        float[] mean = {0, 0, 1, 0.5f};
        List<float[]> leaves = List.of(new float[] {0.25f, 0, 0, 0}, new float[] {0, 0.25f, 0, 0});
        int[] landmarks = {1, 0};
        float[] offsets = {0, 0, 0.25f, 0.25f};
        FaceBox box = new FaceBox(0, 0, 9, 9);

        ShapePredictor above = ShapePredictor.read(
                file(DlibFile.oneTree(mean, List.of(new Split(0, 1, 61.5f)), leaves, landmarks, offsets)));
        assertThat(above.landmarks(ramp(), box)).containsExactly(new Point(2, 0), new Point(8, 4));

        ShapePredictor notAbove = ShapePredictor.read(
                file(DlibFile.oneTree(mean, List.of(new Split(0, 1, 62)), leaves, landmarks, offsets)));
        assertThat(notAbove.landmarks(ramp(), box)).containsExactly(new Point(0, 2), new Point(8, 4));
    }

    /** The second level sees a shape that the first has turned by 90 degrees, so that its offset is turned too. */
    @Test
    void offsetsTurnWithTheShape() throws IOException {
        float[] mean = {0.25f, 0.5f, 0.75f, 0.5f};
        float[] quarter = {0.25f, -0.25f, -0.25f, 0.25f};
        float[] none = {0, 0, 0, 0};
        float[] hit = {0.125f, 0, 0, 0};
        // The pixel lies 0.25 right of landmark 0 in the mean shape, and below it, at (4, 4), in the turned one: grey
        // 44.
        byte[] content = new DlibFile()
                .integers(1)
                .shape(mean)
                .integers(2, 1, 0, 1)
                .shape(quarter)
                .integers(1, 1)
                .integers(0, 1)
                .floats(43.5f)
                .integers(2)
                .shape(hit)
                .shape(none)
                .integers(2, 0, 2, 0, 0)
                .integers(2, 0, 2)
                .floats(0.25f, 0, -100, 0)
                .toBytes();

        ShapePredictor predictor = ShapePredictor.read(file(content));

        assertThat(predictor.landmarks(ramp(), new FaceBox(0, 0, 9, 9)))
                .containsExactly(new Point(5, 2), new Point(4, 6));
    }

    @Test
    void everyKindOfDamageIsNamed() throws IOException {
        byte[] sound = Files.readAllBytes(ShapePredictorTest.resource("sp68_tiny.dat"));
        assertRefused(new byte[0], "the file ends within the version");
        assertRefused(Arrays.copyOf(sound, sound.length + 3), "3 more bytes");
        assertRefused("BZh91AY&SY".getBytes(StandardCharsets.ISO_8859_1), "is compressed", "bunzip2");
        assertRefused(
                "<html>not found</html>".getBytes(StandardCharsets.ISO_8859_1), "at byte 0", "0x3c begins no number");
        assertRefused(new DlibFile().integers(2).toBytes(), "the version is 2, not 1");
        assertRefused(new DlibFile().integers(1, -136, -1).toBytes(), "136 numbers of the mean shape");
        assertRefused(new DlibFile().integers(1).shape(1, 2, 3).toBytes(), "the mean shape has 3 x 1 numbers");
        assertRefused(new DlibFile().integers(1, -1_000_000_000, -1).toBytes(), "1000000000 numbers of the mean shape");
        // Infinity, minus infinity, NaN, and a number that no float holds.
        for (long[] number : new long[][] {{0, 32000}, {0, 32001}, {0, 32002}, {1, 200}, {1, Long.MAX_VALUE}}) {
            assertRefused(
                    new DlibFile()
                            .integers(1, -2, -1)
                            .integers(number)
                            .integers(0, 0)
                            .toBytes(),
                    "the mean shape is not finite");
        }
        DlibFile start = new DlibFile().integers(1).shape(0, 0);
        assertRefused(start.integers(Long.MAX_VALUE).toBytes(), "9223372036854775807 levels cannot be in the 0 bytes");
    }

    @Test
    void everyIndexIsChecked() throws IOException {
        float[] mean = {0, 0, 1, 1};
        List<float[]> leaves = List.of(mean, mean);
        List<Split> one = List.of(new Split(0, 1, 0));
        int[] landmarks = {0, 1};
        float[] offsets = {0, 0, 0, 0};
        ShapePredictor.read(file(DlibFile.oneTree(mean, one, leaves, landmarks, offsets))); // sound

        assertRefused(
                DlibFile.oneTree(mean, List.of(new Split(0, 2, 0)), leaves, landmarks, offsets),
                "a split compares a pixel beyond the 2 of its level");
        assertRefused(
                DlibFile.oneTree(mean, List.of(new Split(2, 0, 0)), leaves, landmarks, offsets), "a split compares");
        assertRefused(
                DlibFile.oneTree(mean, List.of(new Split(-1, 0, 0)), leaves, landmarks, offsets),
                "a pixel of a split is -1");
        assertRefused(
                DlibFile.oneTree(mean, one, leaves, new int[] {0, 2}, offsets),
                "the landmark of a pixel is 2, not 0 to 1");
        assertRefused(
                DlibFile.oneTree(mean, one, List.of(mean), landmarks, offsets), "the number of leaves is 1, not 2");
        assertRefused(
                DlibFile.oneTree(mean, one, List.of(mean, new float[2]), landmarks, offsets),
                "a leaf has 2 x 1 numbers");
        assertRefused(
                DlibFile.oneTree(mean, one, leaves, landmarks, new float[2]), "the number of offsets is 1, not 2");
    }

    /** Wherever the file is cut. */
    @Test
    void aCutFileIsRefused() throws IOException {
        byte[] sound = Files.readAllBytes(ShapePredictorTest.resource("sp68_tiny.dat"));
        for (int length = 0; length < sound.length; length += length < 1000 ? 97 : 4999) {
            assertRefused(Arrays.copyOf(sound, length), " at byte ");
        }
        assertRefused(Arrays.copyOf(sound, sound.length - 1), "the file ends within offsets");
    }

    @Test
    void damagedFilesAreRefusedOrReadWhole() throws IOException {
        mutate(300, 1);
    }

    @Test
    @Tag("soak")
    void tenThousandDamagedFilesAreRefusedOrReadWhole() throws IOException {
        mutate(10_000, 2);
    }

    /** In memory that the length of the file explains, and able to find landmarks if it could be read. */
    private void mutate(int files, long seed) throws IOException {
        byte[] sound = Files.readAllBytes(ShapePredictorTest.resource("sp68_tiny.dat"));
        Random random = new Random(seed);
        ThreadMXBean memory = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        int read = 0;
        for (int i = 0; i < files; i++) {
            byte[] damaged = damaged(sound, random);
            Path file = file(damaged);
            long before = memory.getCurrentThreadAllocatedBytes();
            try {
                ShapePredictor.read(file).landmarks(ramp(), new FaceBox(1, 1, 7, 7));
                read++;
            } catch (IOException e) {
                assertThat(e.getMessage()).contains("model.dat");
            } catch (RuntimeException | Error e) {
                fail("file " + i + " of seed " + seed, e);
            }
            assertThat(memory.getCurrentThreadAllocatedBytes() - before)
                    .as("bytes allocated for file %s of seed %s", i, seed)
                    .isLessThan(1_000_000 + 8L * damaged.length);
        }
        assertThat(read).as("files read of %s", files).isBetween(files / 100, files * 9 / 10);
    }

    private static byte[] damaged(byte[] sound, Random random) {
        byte[] bytes = sound.clone();
        // Counts and indices are rare among the numbers: the head and the tail, where they are many, are hit more
        // often.
        int start = random.nextInt(3) == 0 ? 0 : random.nextInt(bytes.length);
        int range = random.nextBoolean() ? 700 : 20_000;
        start = random.nextInt(3) == 0 ? bytes.length - range : start;
        for (int changes = 1 + random.nextInt(4); changes > 0; changes--) {
            int at = Math.min(bytes.length - 9, start + random.nextInt(range));
            switch (random.nextInt(5)) {
                case 0 -> bytes[at] = (byte) random.nextInt(256);
                case 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
                case 2 -> { // a huge number
                    bytes[at] = 8;
                    bytes[at + 8] = 0x7f;
                }
                case 3 -> System.arraycopy(sound, random.nextInt(bytes.length - 9), bytes, at, 9);
                default -> {
                    int length = bytes.length - 1 - random.nextInt(Math.min(100, bytes.length / 2));
                    System.arraycopy(sound, at + 1, bytes, at, bytes.length - at - 1); // one byte is missing
                    bytes = random.nextInt(4) == 0 ? Arrays.copyOf(bytes, length) : bytes;
                }
            }
        }
        return bytes;
    }
}
