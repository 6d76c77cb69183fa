package org.openface.core.internal.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import javax.imageio.ImageIO;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.core.image.UnreadableImageException;

class PngTest {
    private static final long MANY = 1 << 26;

    @TempDir
    Path folder;

    /** Noise, slopes and flat colour make use of all five filters. */
    private static RgbImage picture(int width, int height, int kind) {
        byte[] rgb = new byte[3 * width * height];
        for (int i = 0; i < rgb.length; i++) {
            int x = i / 3 % width;
            int y = i / 3 / width;
            rgb[i] = (byte)
                    switch (kind) {
                        case 0 -> (i * 0x9e3779b9) >>> 24;
                        case 1 -> 3 * x + 5 * y + i % 3;
                        case 2 -> 7 * y;
                        default -> (x * y) / 3 + ((i * 0x9e3779b9) >>> 30);
                    };
        }
        return RgbImage.of(width, height, rgb);
    }

    private static byte[] encoded(RgbImage image, @Nullable String note) {
        return Png.encode(image.width(), image.height(), image.toBytes(), note);
    }

    @Test
    void anotherReaderReadsWhatIsWritten() throws IOException {
        for (int kind = 0; kind < 4; kind++) {
            for (int[] size : new int[][] {{1, 1}, {1, 7}, {7, 1}, {96, 96}, {300, 200}}) {
                RgbImage image = picture(size[0], size[1], kind);
                BufferedImage read = ImageIO.read(new ByteArrayInputStream(encoded(image, null)));
                for (int y = 0; y < size[1]; y++) {
                    for (int x = 0; x < size[0]; x++) {
                        assertThat(read.getRGB(x, y) & 0xffffff)
                                .isEqualTo(image.red(x, y) << 16 | image.green(x, y) << 8 | image.blue(x, y));
                    }
                }
            }
        }
    }

    @Test
    void aNoteGoesAlong() throws IOException {
        RgbImage image = picture(20, 20, 1);
        Path file = folder.resolve("a.png");
        for (String note : new String[] {"", "two\nlines", "J\u00f6rg \u6797", "x".repeat(100_000)}) {
            Files.write(file, encoded(image, note));
            assertThat(ImageFiles.read(file)).isEqualTo(image);
            assertThat(Png.note(Files.readAllBytes(file))).contains(note);
        }
        ImageFiles.writePng(image, file);
        assertThat(Png.note(Files.readAllBytes(file))).isEmpty();
    }

    @Test
    void aFileCutAnywhereHasItsNoteOrNone() {
        byte[] whole = encoded(picture(9, 9, 0), "note");
        for (int length = 0; length < whole.length; length++) {
            assertThat(Png.note(Arrays.copyOf(whole, length))).isIn(Optional.empty(), Optional.of("note"));
        }
        byte[] damaged = whole.clone();
        Arrays.fill(damaged, 33, 41, (byte) 0xff); // length and type of the chunk
        assertThat(Png.note(damaged)).isEmpty();
    }

    @Test
    void aFileThatBeginsWithANoteIsKnownByItsFirstBytes() throws IOException {
        byte[] whole = encoded(picture(9, 9, 0), "note");
        Path file = folder.resolve("a.png");
        for (int length : new int[] {whole.length, 54, 53, 0}) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertThat(Png.beginsWithNote(file)).as("%s bytes", length).isEqualTo(length >= 54);
        }
        for (int at : new int[] {0, 38, 53}) { // signature, type of the chunk, end of the keyword
            byte[] other = whole.clone();
            other[at] ^= 1;
            Files.write(file, other);
            assertThat(Png.beginsWithNote(file)).as("byte %s", at).isFalse();
        }
        ImageFiles.writePng(picture(9, 9, 0), file);
        assertThat(Png.beginsWithNote(file)).isFalse();
    }

    @Test
    void whatAFileHoldsAndThatItCannotBeReadAreTwoThings() throws IOException {
        Path file = folder.resolve("a.png");
        for (byte[] content : new byte[][] {{}, {1, 2, 3}, Arrays.copyOf(encoded(picture(9, 9, 0), null), 60)}) {
            Files.write(file, content);
            assertThatExceptionOfType(UnreadableImageException.class)
                    .isThrownBy(() -> ImageFiles.read(file))
                    .withMessageContaining(file.toString());
        }
        assertThatExceptionOfType(UnreadableImageException.class).isThrownBy(() -> ImageFiles.read(folder));
        Files.delete(file);
        assertThatThrownBy(() -> ImageFiles.read(file))
                .isInstanceOf(IOException.class)
                .isNotInstanceOf(UnreadableImageException.class);
    }

    @Test
    void theSizeIsKnownBeforeDecoding() throws IOException {
        BufferedImage image = new BufferedImage(31, 17, BufferedImage.TYPE_3BYTE_BGR);
        for (String format : new String[] {"png", "jpg", "bmp"}) {
            Path file = folder.resolve("a." + format);
            ImageIO.write(image, format, file.toFile());
            EncodedPicture encoded = EncodedPicture.read(file, MANY);
            assertThat(encoded.pixels()).isEqualTo(31 * 17);
            assertThat(encoded.bytes()).hasSize((int) Files.size(file));
            assertThat(encoded.decode(MANY).width()).isEqualTo(31);
        }
        Path map = Files.writeString(folder.resolve("a.ppm"), "P3 # a comment\n31 17\n255\n");
        assertThat(EncodedPicture.read(map, MANY).pixels()).isEqualTo(31 * 17);
        Path text = Files.writeString(folder.resolve("b.jpg"), "no image");
        assertThat(EncodedPicture.read(text, MANY).pixels()).isZero();
    }
}
