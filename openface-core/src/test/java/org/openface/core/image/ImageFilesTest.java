package org.openface.core.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.awt.image.BufferedImage;
import java.awt.image.DataBuffer;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.awt.image.WritableRaster;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ImageFilesTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    // ------------------------------------------------------------------ names

    @ParameterizedTest
    @ValueSource(
            strings = {"a.jpg", "a.JPG", "a.jpeg", "a.Jpeg", "a.png", "a.PNG", "a.bmp", "a.pgm", "a.PPM", "b.c.jpg"})
    void takesImagesByNameInAnyCase(String name) {
        assertThat(ImageFiles.isImage(Path.of("person", name))).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"a.txt", "jpg", ".jpg", ".hidden.jpg", "._a.jpg", "a.jpg.tmp", "a.gif", "a.", "a"})
    void passesOverOtherNames(String name) {
        assertThat(ImageFiles.isImage(Path.of("person", name))).isFalse();
    }

    @Test
    void namesDoNotDependOnTheLocale() {
        Locale before = Locale.getDefault();
        try {
            Locale.setDefault(Locale.forLanguageTag("tr")); // where "I" becomes a dotless i
            assertThat(ImageFiles.isImage(Path.of("a.TIF"))).isFalse();
            assertThat(ImageFiles.isImage(Path.of("a.JPG"))).isTrue();
        } finally {
            Locale.setDefault(before);
        }
    }

    @Test
    void theRootOfAFileSystemIsNoImage() {
        assertThat(ImageFiles.isImage(folder.getRoot())).isFalse();
    }

    // ------------------------------------------------------------------ lossless formats

    @Test
    void writesAndReadsPng() throws IOException {
        RgbImage image = RgbImageTest.random(7, 5);
        Path file = folder.resolve("a.png");
        ImageFiles.writePng(image, file);
        assertThat(ImageFiles.read(file)).isEqualTo(image);
        BufferedImage independent = ImageIO.read(file.toFile());
        assertThat(independent.getRGB(3, 2) & 0xffffff)
                .isEqualTo(image.red(3, 2) << 16 | image.green(3, 2) << 8 | image.blue(3, 2));
    }

    @Test
    void writingReplacesAndLeavesNothingBehind() throws IOException {
        Path file = folder.resolve("a.png");
        ImageFiles.writePng(RgbImageTest.random(3, 3), file);
        ImageFiles.writePng(RgbImageTest.random(4, 4), file);
        assertThat(ImageFiles.read(file)).isEqualTo(RgbImageTest.random(4, 4));
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void writingIntoAMissingFolderSaysSo() {
        Path file = folder.resolve("missing").resolve("a.png");
        assertThatIOException()
                .isThrownBy(() -> ImageFiles.writePng(RgbImageTest.random(3, 3), file))
                .withMessageContaining("does not exist")
                .withMessageContaining(file.toString());
    }

    @Test
    void writingOntoAFolderFailsAndLeavesNothingBehind() throws IOException {
        Path file = Files.createDirectory(folder.resolve("a.png"));
        Files.createFile(file.resolve("inside"));
        assertThatIOException().isThrownBy(() -> ImageFiles.writePng(RgbImageTest.random(3, 3), file));
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void writingWithoutPermissionSaysSo() throws IOException {
        Path locked = lockedFolder("r-xr-xr-x");
        assertThatIOException()
                .isThrownBy(() -> ImageFiles.writePng(RgbImageTest.random(3, 3), locked.resolve("a.png")))
                .withMessageContaining("no permission to write");
    }

    private Path lockedFolder(String permissions) throws IOException {
        Path locked = Files.createDirectory(folder.resolve("locked"));
        assumeTrue(locked.getFileSystem().supportedFileAttributeViews().contains("posix"));
        Files.setPosixFilePermissions(locked, PosixFilePermissions.fromString(permissions));
        assumeTrue(!Files.isWritable(locked), "the super-user may write everywhere");
        return locked;
    }

    @Test
    void readsBmp() throws IOException {
        RgbImage image = RgbImageTest.random(5, 6);
        Path file = folder.resolve("a.bmp");
        ImageIO.write(buffered(image, BufferedImage.TYPE_3BYTE_BGR), "bmp", file.toFile());
        assertThat(ImageFiles.read(file)).isEqualTo(image);
    }

    @Test
    void theContentDecidesNotTheName() throws IOException {
        RgbImage image = RgbImageTest.random(5, 6);
        Path png = folder.resolve("really-a-png.jpg");
        ImageFiles.writePng(image, png);
        assertThat(ImageFiles.read(png)).isEqualTo(image);
    }

    @Test
    void namesMayBeInAnyScript() throws IOException {
        // By URI, because a Java runtime in the POSIX locale cannot make these paths from strings.
        Path file = Path.of(URI.create(folder.toUri() + "%E5%BC%A0%E4%BC%9F%20%C3%A9.png"));
        ImageFiles.writePng(RgbImageTest.random(3, 3), file);
        assertThat(ImageFiles.read(file)).isEqualTo(RgbImageTest.random(3, 3));
    }

    @Test
    void alphaIsIgnored() throws IOException {
        BufferedImage image = new BufferedImage(2, 1, BufferedImage.TYPE_INT_ARGB);
        image.setRGB(0, 0, 0x00102030);
        image.setRGB(1, 0, 0x80405060);
        Path file = folder.resolve("a.png");
        ImageIO.write(image, "png", file.toFile());
        assertThat(ImageFiles.read(file)).isEqualTo(RgbImage.of(2, 1, new byte[] {0x10, 0x20, 0x30, 0x40, 0x50, 0x60}));
    }

    @Test
    void palettesAreLookedUp() throws IOException {
        for (int bits : new int[] {2, 8}) {
            byte[] red = new byte[1 << bits];
            byte[] green = new byte[1 << bits];
            byte[] blue = new byte[1 << bits];
            red[1] = (byte) 200;
            green[1] = 100;
            blue[1] = 50;
            red[2] = 7;
            green[2] = 8;
            blue[2] = 9;
            IndexColorModel palette = new IndexColorModel(bits, 1 << bits, red, green, blue);
            BufferedImage image = new BufferedImage(
                    3, 1, bits == 8 ? BufferedImage.TYPE_BYTE_INDEXED : BufferedImage.TYPE_BYTE_BINARY, palette);
            image.getRaster().setPixels(0, 0, 3, 1, new int[] {2, 1, 0});
            for (String format : List.of("png", "bmp")) {
                if (bits == 2 && format.equals("bmp")) {
                    continue; // BMP has no palette of 2 bits
                }
                Path file = folder.resolve("palette" + bits + "." + format);
                assertThat(ImageIO.write(image, format, file.toFile())).isTrue();
                assertThat(ImageFiles.read(file))
                        .isEqualTo(RgbImage.of(3, 1, new byte[] {7, 8, 9, (byte) 200, 100, 50, 0, 0, 0}));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 8, 16})
    void greyPngOfEveryDepthKeepsItsValues(int depth) throws IOException {
        // Written here byte by byte: ImageIO's own getRGB would brighten grey, so it is no judge.
        int highest = (1 << depth) - 1;
        int[] samples = {0, highest, highest / 2, highest / 3};
        ByteBuffer row = ByteBuffer.allocate(1 + (4 * depth + 7) / 8);
        if (depth == 16) {
            for (int i = 0; i < 4; i++) {
                row.putShort(1 + 2 * i, (short) samples[i]);
            }
        } else {
            for (int i = 0; i < 4; i++) {
                int bit = i * depth;
                int at = 1 + bit / 8;
                row.put(at, (byte) (row.get(at) | samples[i] << (8 - depth - bit % 8)));
            }
        }
        Path file = folder.resolve("grey.png");
        Files.write(file, png(4, 1, depth, 0, row.array()));
        RgbImage image = ImageFiles.read(file);
        for (int i = 0; i < 4; i++) {
            double expected = 255.0 * samples[i] / highest;
            assertThat((double) image.red(i, 0)).isCloseTo(expected, within(0.5));
            assertThat(image.green(i, 0)).isEqualTo(image.red(i, 0));
            assertThat(image.blue(i, 0)).isEqualTo(image.red(i, 0));
        }
    }

    @Test
    void sixteenBitColourIsRounded() throws IOException {
        ByteBuffer row = ByteBuffer.allocate(7).put((byte) 0);
        row.putShort((short) 0xffff).putShort((short) 0x8080).putShort((short) 0x00ff);
        Path file = folder.resolve("deep.png");
        Files.write(file, png(1, 1, 16, 2, row.array()));
        assertThat(ImageFiles.read(file)).isEqualTo(RgbImage.of(1, 1, new byte[] {(byte) 255, (byte) 128, 1}));
    }

    @Test
    void greyWithAlphaIsGrey() throws IOException {
        Path file = folder.resolve("a.png");
        Files.write(file, png(2, 1, 8, 4, new byte[] {0, 77, 0, (byte) 177, (byte) 255}));
        assertThat(ImageFiles.read(file))
                .isEqualTo(RgbImage.of(2, 1, new byte[] {77, 77, 77, (byte) 177, (byte) 177, (byte) 177}));
    }

    // ------------------------------------------------------------------ JPEG

    @Test
    void readsJpegInColourAndGrey() throws IOException {
        Path colour = folder.resolve("colour.JPG");
        Files.write(colour, jpeg(quadrants(BufferedImage.TYPE_3BYTE_BGR)));
        RgbImage image = ImageFiles.read(colour);
        assertThat(corners(image)).containsExactly("red", "green", "blue", "white");

        BufferedImage flat = new BufferedImage(16, 16, BufferedImage.TYPE_BYTE_GRAY);
        for (int i = 0; i < 256; i++) {
            flat.getRaster().setSample(i % 16, i / 16, 0, 100);
        }
        Path grey = folder.resolve("grey.jpg");
        Files.write(grey, jpeg(flat));
        assertThat(ImageFiles.read(grey).red(3, 3)).isCloseTo(100, within(1));
        assertThat(ImageFiles.read(grey).blue(3, 3)).isCloseTo(100, within(1));
    }

    /** Corners of the picture as it is to be seen: top left, top right, bottom left, bottom right. */
    @ParameterizedTest
    @CsvSource({
        "1, red green blue white",
        "2, green red white blue",
        "3, white blue green red",
        "4, blue white red green",
        "5, red blue green white",
        "6, blue red white green",
        "7, white green blue red",
        "8, green white red blue"
    })
    void appliesTheOrientationThatACameraNotes(int orientation, String expected) throws IOException {
        byte[] jpeg = jpeg(quadrants(BufferedImage.TYPE_3BYTE_BGR));
        for (ByteOrder order : List.of(ByteOrder.BIG_ENDIAN, ByteOrder.LITTLE_ENDIAN)) {
            Path file = folder.resolve("a.jpg");
            Files.write(file, withExif(jpeg, exif(order, orientation)));
            RgbImage image = ImageFiles.read(file);
            assertThat(String.join(" ", corners(image))).isEqualTo(expected);
            boolean upright = orientation < 5;
            assertThat(image.width()).isEqualTo(upright ? 48 : 32);
            assertThat(image.height()).isEqualTo(upright ? 32 : 48);
        }
    }

    @Test
    void damagedExifIsPassedOver() throws IOException {
        byte[] jpeg = jpeg(quadrants(BufferedImage.TYPE_3BYTE_BGR));
        byte[] good = exif(ByteOrder.BIG_ENDIAN, 6);
        Path file = folder.resolve("a.jpg");
        for (int length = 0; length < good.length - 8; length++) {
            Files.write(file, withExif(jpeg, Arrays.copyOf(good, length)));
            assertThat(corners(ImageFiles.read(file))).containsExactly("red", "green", "blue", "white");
        }
        Files.write(file, withExif(jpeg, exif(ByteOrder.BIG_ENDIAN, 9)));
        assertThat(corners(ImageFiles.read(file))).containsExactly("red", "green", "blue", "white");
    }

    /** Red, green, blue and white in inks, and the same darkened by black, as programs for printing store them. */
    @ParameterizedTest
    @ValueSource(ints = {-1, 0, 2})
    void readsFourInks(int adobeTransform) throws IOException {
        int[][] colours = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 255}};
        for (int black : new int[] {0, 100, 255}) {
            WritableRaster raster = Raster.createInterleavedRaster(DataBuffer.TYPE_BYTE, 64, 16, 4, null);
            for (int y = 0; y < 16; y++) {
                for (int x = 0; x < 64; x++) {
                    int[] inks = new int[4];
                    for (int i = 0; i < 3; i++) {
                        inks[i] = 255 - colours[x / 16][i];
                    }
                    inks[3] = black;
                    raster.setPixel(x, y, stored(inks, adobeTransform));
                }
            }
            Path file = folder.resolve("print.jpg");
            Files.write(file, jpeg(raster, adobeTransform));
            RgbImage image = ImageFiles.read(file);
            for (int i = 0; i < 4; i++) {
                int x = 16 * i + 8;
                int[] found = {image.red(x, 8), image.green(x, 8), image.blue(x, 8)};
                for (int channel = 0; channel < 3; channel++) {
                    assertThat((double) found[channel])
                            .as("colour %d, channel %d, black %d", i, channel, black)
                            .isCloseTo(colours[i][channel] * (255 - black) / 255.0, within(4.0));
                }
            }
        }
    }

    private static int[] stored(int[] inks, int adobeTransform) {
        int[] values = inks.clone();
        if (adobeTransform >= 0) {
            for (int i = 0; i < 4; i++) {
                values[i] = 255 - inks[i];
            }
        }
        if (adobeTransform == 2) { // as libjpeg: YCbCr of the complement of the first three
            double r = 255 - values[0];
            double g = 255 - values[1];
            double b = 255 - values[2];
            values[0] = (int) Math.round(0.299 * r + 0.587 * g + 0.114 * b);
            values[1] = (int) Math.min(255, Math.round(128 - 0.168736 * r - 0.331264 * g + 0.5 * b));
            values[2] = (int) Math.min(255, Math.round(128 + 0.5 * r - 0.418688 * g - 0.081312 * b));
        }
        return values;
    }

    private static byte[] jpeg(Raster raster, int adobeTransform) throws IOException {
        ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
            writer.setOutput(out);
            ImageWriteParam quality = writer.getDefaultWriteParam();
            quality.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
            quality.setCompressionQuality(1);
            writer.write(null, new IIOImage(raster, null, null), quality);
        } finally {
            writer.dispose();
        }
        byte[] jpeg = bytes.toByteArray();
        if (adobeTransform < 0) {
            return jpeg;
        }
        ByteBuffer result = ByteBuffer.allocate(jpeg.length + 16);
        result.put(jpeg, 0, 2).putShort((short) 0xffee).putShort((short) 14);
        result.put(new byte[] {'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, (byte) adobeTransform});
        result.put(jpeg, 2, jpeg.length - 2);
        return result.array();
    }

    // ------------------------------------------------------------------ portable maps

    @Test
    void readsPortableMapsOfEveryKind() throws IOException {
        byte[] grey = {10, 10, 10, (byte) 200, (byte) 200, (byte) 200};
        byte[] colour = {1, 2, 3, (byte) 200, (byte) 255, 0};
        assertThat(map("P2\n# drawn\n2 1 # wide\n255\n10 # first\n200\n")).isEqualTo(RgbImage.of(2, 1, grey));
        assertThat(map("P2 2 1 255 10 200")).isEqualTo(RgbImage.of(2, 1, grey));
        assertThat(map("P3\r\n2\r\n1\r\n255\r\n1 2 3\t200 255 0")).isEqualTo(RgbImage.of(2, 1, colour));
        assertThat(map("P5\n2 1\n255\n", 10, 200)).isEqualTo(RgbImage.of(2, 1, grey));
        assertThat(map("P5#c\n2#c\n1\n255\n", 10, 200)).isEqualTo(RgbImage.of(2, 1, grey));
        assertThat(map("P6 2 1 255 ", 1, 2, 3, 200, 255, 0)).isEqualTo(RgbImage.of(2, 1, colour));
        // 16 bits, most significant byte first
        assertThat(map("P5 2 1 65535\n", 0x0a, 0x0a, 0xc8, 0xc8)).isEqualTo(RgbImage.of(2, 1, grey));
        // a first sample that looks like white space or a comment belongs to the picture
        assertThat(map("P5 2 1 255\n", '#', '\n')).isEqualTo(RgbImage.of(2, 1, new byte[] {35, 35, 35, 10, 10, 10}));
        // another highest value
        assertThat(map("P2 3 1 4 0 2 4")).isEqualTo(RgbImage.of(3, 1, new byte[] {
            0, 0, 0, (byte) 128, (byte) 128, (byte) 128, (byte) 255, (byte) 255, (byte) 255
        }));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "P5 2 2 255 abc|cut short",
                "P2 2 2 255 1 2 3|cut short",
                "P2 2 2 255|cut short",
                "P2 2|cut short",
                "P2 2 x 255 1|no number",
                "P2 -2 1 255 1 1|no number",
                "P2 2 1 0 0 0|highest value is 0",
                "P2 2 1 65536 0 0|highest value is 65536",
                "P2 1 1 9 10|above its highest value",
                "P2 0 1 255 0|0 x 1",
                "P2 99999999999999999999 99999999999999999999 255 0|the limit is",
                "P5 46341 46341 255 0|the limit is",
                "P6 8000 8000 255 0|cut short",
                "P4 8 1 x|not an image"
            })
    void refusesDamagedPortableMaps(String content, String reason) {
        assertThatIOException().isThrownBy(() -> map(content)).withMessageContaining(reason);
    }

    private RgbImage map(String header, int... samples) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.writeBytes(header.getBytes(StandardCharsets.US_ASCII));
        for (int sample : samples) {
            bytes.write(sample);
        }
        Path file = folder.resolve("a.ppm");
        Files.write(file, bytes.toByteArray());
        return ImageFiles.read(file);
    }

    // ------------------------------------------------------------------ bad input

    @Test
    void badFilesAreErrorsThatNameTheFile() throws IOException {
        Path empty = Files.createFile(folder.resolve("empty.jpg"));
        assertThatIOException()
                .isThrownBy(() -> ImageFiles.read(empty))
                .withMessageContaining(empty.toString())
                .withMessageContaining("empty");
        Path text = Files.writeString(folder.resolve("text.jpg"), "This is no photograph.");
        assertThatIOException()
                .isThrownBy(() -> ImageFiles.read(text))
                .withMessageContaining(text.toString())
                .withMessageContaining("not an image");
        Path missing = folder.resolve("missing.jpg");
        assertThatIOException()
                .isThrownBy(() -> ImageFiles.read(missing))
                .withMessageContaining(missing.toString())
                .withMessageContaining("no such file");
        assertThatIOException().isThrownBy(() -> ImageFiles.read(folder)).withMessageContaining("not a file");
        Path one = Files.write(folder.resolve("one.jpg"), new byte[] {(byte) 0xff});
        assertThatIOException().isThrownBy(() -> ImageFiles.read(one)).withMessageContaining("not an image");
    }

    @Test
    void unreadableFilesSaySo() throws IOException {
        Path file = Files.createFile(folder.resolve("a.jpg"));
        assumeTrue(file.getFileSystem().supportedFileAttributeViews().contains("posix"));
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("---------"));
        assumeTrue(!Files.isReadable(file), "the super-user may read everything");
        assertThatIOException().isThrownBy(() -> ImageFiles.read(file)).withMessageContaining("no permission");
    }

    @Test
    void hugeDeclaredSizesAreRefusedBeforeAnythingIsAllocated() throws IOException {
        // 2^31 - 1 squared pixels; the heap of the tests could hold none of these.
        byte[] png = png(Integer.MAX_VALUE, Integer.MAX_VALUE, 8, 2, new byte[4]);
        byte[] flatPng = png(40000, 40000, 8, 0, new byte[4]);
        byte[] jpeg = jpeg(quadrants(BufferedImage.TYPE_3BYTE_BGR));
        int frame = indexOf(jpeg, 0xff, 0xc0);
        for (int i = 5; i < 9; i++) {
            jpeg[frame + i] = (byte) 0xff;
        }
        for (byte[] content : List.of(png, flatPng, jpeg)) {
            Path file = folder.resolve("huge");
            Files.write(file, content);
            assertThatIOException()
                    .isThrownBy(() -> ImageFiles.read(file))
                    .withMessageContaining("the limit is 67108864 pixels");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"jpg", "png", "bmp", "ppm"})
    void limitsCanBeChanged(String kind) throws IOException {
        byte[] content = kind.equals("ppm")
                ? portable("P6", 48 * 32 * 3)
                : encoded(quadrants(BufferedImage.TYPE_3BYTE_BGR), kind);
        Path file = Files.write(folder.resolve("a." + kind), content);
        assertThat(ImageFiles.read(file, new ImageFiles.Limits(48 * 32, content.length))
                        .width())
                .isEqualTo(48);
        assertThatIOException()
                .isThrownBy(() -> ImageFiles.read(file, new ImageFiles.Limits(48 * 32 - 1, content.length)))
                .withMessageContaining("declares 48 x 32 pixels; the limit is 1535");
        assertThatIOException()
                .isThrownBy(() -> ImageFiles.read(file, new ImageFiles.Limits(48 * 32, content.length - 1)))
                .withMessageContaining(content.length + " bytes; the limit is " + (content.length - 1));
    }

    @ParameterizedTest
    @ValueSource(strings = {"jpg", "grey.jpg", "png", "palette.png", "bmp", "pgm", "ppm"})
    void aFileCutAnywhereIsAnErrorOrTheWholePicture(String kind) throws IOException {
        BufferedImage source = quadrants(
                switch (kind) {
                    case "grey.jpg" -> BufferedImage.TYPE_BYTE_GRAY;
                    case "palette.png" -> BufferedImage.TYPE_BYTE_INDEXED;
                    default -> BufferedImage.TYPE_3BYTE_BGR;
                });
        byte[] whole =
                switch (kind) {
                    case "pgm" -> portable("P5", 48 * 32);
                    case "ppm" -> portable("P6", 48 * 32 * 3);
                    case "jpg", "grey.jpg" -> jpeg(source);
                    default -> encoded(source, kind.equals("bmp") ? "bmp" : "png");
                };
        Path file = folder.resolve("cut." + kind);
        Files.write(file, whole);
        RgbImage expected = ImageFiles.read(file);
        int errors = 0;
        for (int length = 0; length < whole.length; length += length < 60 ? 1 : 1 + whole.length / 80) {
            Files.write(file, Arrays.copyOf(whole, length));
            try {
                assertThat(ImageFiles.read(file)).isEqualTo(expected);
            } catch (IOException e) {
                assertThat(e).hasMessageContaining(file.toString());
                errors++;
            }
        }
        assertThat(errors).isPositive();
    }

    @ParameterizedTest
    @ValueSource(strings = {"jpg", "png", "bmp"})
    void damageAnywhereIsAnErrorOrAPictureButNeverACrash(String kind) throws IOException {
        byte[] whole = kind.equals("jpg")
                ? jpeg(quadrants(BufferedImage.TYPE_3BYTE_BGR))
                : encoded(quadrants(BufferedImage.TYPE_3BYTE_BGR), kind);
        Random random = new Random(5);
        Path file = folder.resolve("damaged." + kind);
        for (int i = 0; i < 100; i++) {
            byte[] damaged = whole.clone();
            for (int k = 0; k < 4; k++) {
                damaged[random.nextInt(Math.min(damaged.length, 800))] = (byte) random.nextInt();
            }
            Files.write(file, damaged);
            try {
                assertThat(ImageFiles.read(file, new ImageFiles.Limits(1 << 20, 1 << 20))
                                .width())
                        .isPositive();
            } catch (IOException e) {
                assertThat(e).hasMessageContaining(file.toString());
            }
        }
    }

    @Test
    void readsTheRealPhotographsOfEveryKind() throws IOException {
        Path faces = Path.of(System.getProperty("openface.shared", "absent"), "data", "faces");
        assumeTrue(Files.isDirectory(faces), "no photographs here");
        for (String set : List.of("att", "lfw", "wild", "openface-examples", "openface-examples-aligned")) {
            try (Stream<Path> files = Files.walk(faces.resolve(set))) {
                List<Path> images = files.filter(ImageFiles::isImage).limit(20).toList();
                assertThat(images).isNotEmpty();
                for (Path image : images) {
                    assertThat(ImageFiles.read(image).width()).isGreaterThan(30);
                }
            }
        }
    }

    // ------------------------------------------------------------------ making files

    /** 48 × 32, its quarters red, green, blue and white. */
    private static BufferedImage quadrants(int type) {
        BufferedImage image = new BufferedImage(48, 32, type);
        for (int y = 0; y < 32; y++) {
            for (int x = 0; x < 48; x++) {
                boolean left = x < 24;
                boolean top = y < 16;
                image.setRGB(x, y, top ? (left ? 0xffff0000 : 0xff00ff00) : (left ? 0xff0000ff : 0xffffffff));
            }
        }
        return image;
    }

    private static List<String> corners(RgbImage image) {
        int right = image.width() - 4;
        int bottom = image.height() - 4;
        return List.of(
                colour(image, 3, 3), colour(image, right, 3), colour(image, 3, bottom), colour(image, right, bottom));
    }

    private static String colour(RgbImage image, int x, int y) {
        boolean red = image.red(x, y) > 128;
        boolean green = image.green(x, y) > 128;
        boolean blue = image.blue(x, y) > 128;
        return red && green && blue ? "white" : red ? "red" : green ? "green" : blue ? "blue" : "black";
    }

    private static BufferedImage buffered(RgbImage image, int type) {
        BufferedImage result = new BufferedImage(image.width(), image.height(), type);
        for (int y = 0; y < image.height(); y++) {
            for (int x = 0; x < image.width(); x++) {
                result.setRGB(x, y, image.red(x, y) << 16 | image.green(x, y) << 8 | image.blue(x, y));
            }
        }
        return result;
    }

    private static byte[] jpeg(BufferedImage image) throws IOException {
        return encoded(image, "jpg");
    }

    private static byte[] encoded(BufferedImage image, String format) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        assertThat(ImageIO.write(image, format, bytes)).isTrue();
        return bytes.toByteArray();
    }

    private static byte[] portable(String kind, int samples) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.writeBytes((kind + " 48 32 255\n").getBytes(StandardCharsets.US_ASCII));
        for (int i = 0; i < samples; i++) {
            bytes.write(i * 7);
        }
        return bytes.toByteArray();
    }

    private static byte[] exif(ByteOrder order, int orientation) {
        ByteBuffer segment = ByteBuffer.allocate(44);
        segment.put(new byte[] {'E', 'x', 'i', 'f', 0, 0}).order(order);
        segment.put((byte) (order == ByteOrder.BIG_ENDIAN ? 'M' : 'I'));
        segment.put((byte) (order == ByteOrder.BIG_ENDIAN ? 'M' : 'I'));
        segment.putShort((short) 42).putInt(8).putShort((short) 2);
        segment.putShort((short) 0x0100).putShort((short) 4).putInt(1).putInt(48); // another tag first
        segment.putShort((short) 0x0112)
                .putShort((short) 3)
                .putInt(1)
                .putShort((short) orientation)
                .putShort((short) 0);
        segment.putInt(0);
        return segment.array();
    }

    private static byte[] withExif(byte[] jpeg, byte[] exif) {
        ByteBuffer result = ByteBuffer.allocate(jpeg.length + 4 + exif.length);
        result.put(jpeg, 0, 2);
        result.putShort((short) 0xffe1).putShort((short) (2 + exif.length)).put(exif);
        result.put(jpeg, 2, jpeg.length - 2);
        return result.array();
    }

    private static int indexOf(byte[] bytes, int first, int second) {
        for (int i = 0; i + 1 < bytes.length; i++) {
            if ((bytes[i] & 0xff) == first && (bytes[i + 1] & 0xff) == second) {
                return i;
            }
        }
        throw new AssertionError("no such marker");
    }

    private static byte[] png(int width, int height, int depth, int colourType, byte[] rows) {
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        file.writeBytes(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'});
        ByteBuffer header = ByteBuffer.allocate(13);
        header.putInt(width).putInt(height).put((byte) depth).put((byte) colourType);
        chunk(file, "IHDR", header.array());
        Deflater deflater = new Deflater();
        deflater.setInput(rows);
        deflater.finish();
        byte[] packed = new byte[100];
        int length = deflater.deflate(packed);
        deflater.end();
        chunk(file, "IDAT", Arrays.copyOf(packed, length));
        chunk(file, "IEND", new byte[0]);
        return file.toByteArray();
    }

    private static void chunk(ByteArrayOutputStream file, String type, byte[] data) {
        CRC32 crc = new CRC32();
        crc.update(type.getBytes(StandardCharsets.US_ASCII));
        crc.update(data);
        file.writeBytes(ByteBuffer.allocate(4).putInt(data.length).array());
        file.writeBytes(type.getBytes(StandardCharsets.US_ASCII));
        file.writeBytes(data);
        file.writeBytes(ByteBuffer.allocate(4).putInt((int) crc.getValue()).array());
    }
}
