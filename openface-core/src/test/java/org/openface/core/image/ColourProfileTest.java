package org.openface.core.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.awt.color.ColorSpace;
import java.awt.color.ICC_Profile;
import java.awt.image.BufferedImage;
import java.awt.image.DataBuffer;
import java.awt.image.Raster;
import java.awt.image.WritableRaster;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The stored colours count, whatever a file says of their meaning; which ones a JPEG stores, libjpeg's rules decide. */
class ColourProfileTest {
    @TempDir
    Path folder;

    private RgbImage read(byte[] bytes) throws IOException {
        return ImageFiles.read(Files.write(folder.resolve("a"), bytes));
    }

    /** Linear light with about the colours of ProPhoto RGB. */
    private static byte[] wideGamut() {
        ICC_Profile profile = ICC_Profile.getInstance(
                ICC_Profile.getInstance(ColorSpace.CS_LINEAR_RGB).getData());
        double[][] colours = {{0.798, 0.288, 0}, {0.135, 0.712, 0}, {0.031, 0, 0.825}};
        int[] tags = {
            ICC_Profile.icSigRedColorantTag, ICC_Profile.icSigGreenColorantTag, ICC_Profile.icSigBlueColorantTag
        };
        for (int i = 0; i < 3; i++) {
            ByteBuffer tag = ByteBuffer.allocate(20).putInt(0x58595a20).putInt(0);
            for (double value : colours[i]) {
                tag.putInt((int) Math.round(value * 65536));
            }
            profile.setData(tags[i], tag.array());
        }
        return profile.getData();
    }

    private static byte[] withSegment(byte[] jpeg, int marker, byte[] content) {
        ByteBuffer result = ByteBuffer.allocate(jpeg.length + 4 + content.length);
        result.put(jpeg, 0, 2).putShort((short) marker).putShort((short) (2 + content.length));
        return result.put(content).put(jpeg, 2, jpeg.length - 2).array();
    }

    private static byte[] withProfile(byte[] jpeg, byte[] profile) {
        ByteBuffer content = ByteBuffer.allocate(14 + profile.length);
        content.put("ICC_PROFILE\0".getBytes(StandardCharsets.US_ASCII))
                .put((byte) 1)
                .put((byte) 1)
                .put(profile);
        return withSegment(jpeg, 0xffe2, content.array());
    }

    private static BufferedImage picture(int type) {
        BufferedImage image = new BufferedImage(40, 24, type);
        for (int y = 0; y < 24; y++) {
            for (int x = 0; x < 40; x++) {
                image.setRGB(x, y, 0xff000000 | (6 * x) << 16 | (10 * y) << 8 | (3 * x + 5 * y));
            }
        }
        return image;
    }

    private static byte[] encoded(BufferedImage image, String format) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        assertThat(ImageIO.write(image, format, bytes)).isTrue();
        return bytes.toByteArray();
    }

    @Test
    void profilesOfJpegsAreIgnored() throws IOException {
        byte[] colour = encoded(picture(BufferedImage.TYPE_3BYTE_BGR), "jpg");
        byte[] grey = encoded(picture(BufferedImage.TYPE_BYTE_GRAY), "jpg");
        byte[] greyProfile = ICC_Profile.getInstance(ColorSpace.CS_GRAY).getData();
        // There is something to ignore: ImageIO itself applies it.
        assertThat(ImageIO.read(new ByteArrayInputStream(withProfile(colour, wideGamut())))
                        .getRGB(30, 12))
                .isNotEqualTo(ImageIO.read(new ByteArrayInputStream(colour)).getRGB(30, 12));

        assertThat(read(withProfile(colour, wideGamut()))).isEqualTo(read(colour));
        for (byte[] profile : List.of(wideGamut(), greyProfile)) {
            assertThat(read(withProfile(grey, profile))).isEqualTo(read(grey));
            assertThat(read(withProfile(colour, profile))).isEqualTo(read(colour));
        }
        byte[] damaged = wideGamut();
        for (int i = 128; i < damaged.length; i++) {
            damaged[i] = (byte) (damaged[i] * 31 + i);
        }
        assertThat(read(withProfile(colour, damaged))).isEqualTo(read(colour));
        assertThat(read(withProfile(colour, new byte[0]))).isEqualTo(read(colour));
    }

    @Test
    void profilesOfPicturesForPrintingAreIgnored() throws IOException {
        WritableRaster inks = Raster.createInterleavedRaster(DataBuffer.TYPE_BYTE, 32, 32, 4, null);
        for (int y = 0; y < 32; y++) {
            for (int x = 0; x < 32; x++) {
                inks.setPixel(x, y, new int[] {8 * x, 8 * y, 100, 4 * x + 4 * y});
            }
        }
        byte[] plain = jpeg(inks);
        for (byte[] jpeg : List.of(plain, withSegment(plain, 0xffee, adobe(0)), withSegment(plain, 0xffee, adobe(2)))) {
            assertThat(read(withProfile(jpeg, wideGamut()))).isEqualTo(read(jpeg));
        }
        // libjpeg takes any other word than 0 for YCCK
        assertThat(read(withSegment(plain, 0xffee, adobe(1)))).isEqualTo(read(withSegment(plain, 0xffee, adobe(2))));
    }

    /** The rules of libjpeg's default_decompress_parms; ImageIO takes others. */
    @Test
    void whatThreeComponentsMeanIsDecidedAsByLibjpeg() throws IOException {
        int[] stored = {150, 90, 200};
        WritableRaster raster = Raster.createInterleavedRaster(DataBuffer.TYPE_BYTE, 16, 16, 3, null);
        for (int i = 0; i < 256; i++) {
            raster.setPixel(i % 16, i / 16, stored);
        }
        byte[] bare = jpeg(raster);
        byte[] jfif = {'J', 'F', 'I', 'F', 0, 1, 2, 0, 0, 1, 0, 1, 0, 0};
        byte[] exif = {'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0};
        byte[] lettered = bare.clone();
        for (int i = 0; i < 3; i++) {
            lettered[indexOf(bare, 0xc0) + 10 - 1 + 3 * i] = (byte) "RGB".charAt(i);
            lettered[indexOf(bare, 0xda) + 5 - 1 + 2 * i] = (byte) "RGB".charAt(i);
        }
        List<byte[]> luminance = new ArrayList<>(List.of(bare));
        luminance.add(withSegment(bare, 0xffe0, jfif));
        luminance.add(withSegment(bare, 0xffe1, exif));
        luminance.add(withSegment(bare, 0xffee, adobe(1)));
        luminance.add(withSegment(bare, 0xffee, adobe(2)));
        luminance.add(withSegment(withSegment(bare, 0xffee, adobe(0)), 0xffe0, jfif));
        luminance.add(withSegment(lettered, 0xffe0, jfif));
        for (byte[] jpeg : luminance) {
            assertColour(read(jpeg), 150 + 1.402 * 72, 150 + 0.344136 * 38 - 0.714136 * 72, 150 - 1.772 * 38);
            assertColour(
                    read(withProfile(jpeg, wideGamut())),
                    150 + 1.402 * 72,
                    150 + 0.344136 * 38 - 0.714136 * 72,
                    150 - 1.772 * 38);
        }
        for (byte[] jpeg : List.of(lettered, withSegment(bare, 0xffee, adobe(0)))) {
            assertColour(read(jpeg), 150, 90, 200);
            assertColour(read(withProfile(jpeg, wideGamut())), 150, 90, 200);
        }
    }

    private static void assertColour(RgbImage image, double red, double green, double blue) {
        assertThat((double) image.red(8, 8)).isCloseTo(Math.min(255, red), within(2.0));
        assertThat((double) image.green(8, 8)).isCloseTo(green, within(2.0));
        assertThat((double) image.blue(8, 8)).isCloseTo(blue, within(2.0));
    }

    private static int indexOf(byte[] jpeg, int marker) {
        for (int i = 0; ; i++) {
            if ((jpeg[i] & 0xff) == 0xff && (jpeg[i + 1] & 0xff) == marker) {
                return i + 1;
            }
        }
    }

    private static byte[] adobe(int transform) {
        return new byte[] {'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, (byte) transform};
    }

    private static byte[] jpeg(Raster raster) throws IOException {
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
        return bytes.toByteArray();
    }

    @Test
    void whatPngsSayOfTheirColoursIsIgnored() throws IOException {
        for (int type : new int[] {
            BufferedImage.TYPE_3BYTE_BGR,
            BufferedImage.TYPE_4BYTE_ABGR,
            BufferedImage.TYPE_BYTE_GRAY,
            BufferedImage.TYPE_USHORT_GRAY,
            BufferedImage.TYPE_BYTE_INDEXED
        }) {
            byte[] png = encoded(picture(type), "png");
            RgbImage expected = read(png);
            ByteArrayOutputStream iccp = new ByteArrayOutputStream();
            iccp.writeBytes(new byte[] {'p', 0, 0});
            iccp.writeBytes(deflated(wideGamut()));
            byte[] gamma = ByteBuffer.allocate(4).putInt(100_000).array();
            byte[] primaries = ByteBuffer.allocate(32)
                    .putInt(31270)
                    .putInt(32900)
                    .putInt(73470)
                    .putInt(26530)
                    .putInt(15960)
                    .putInt(84040)
                    .putInt(3660)
                    .putInt(10)
                    .array();
            assertThat(read(withChunk(png, "iCCP", iccp.toByteArray()))).isEqualTo(expected);
            assertThat(read(withChunk(png, "gAMA", gamma))).isEqualTo(expected);
            assertThat(read(withChunk(withChunk(png, "gAMA", gamma), "cHRM", primaries)))
                    .isEqualTo(expected);
            assertThat(read(withChunk(png, "sRGB", new byte[] {0}))).isEqualTo(expected);
        }
    }

    private static byte[] deflated(byte[] bytes) {
        Deflater deflater = new Deflater();
        deflater.setInput(bytes);
        deflater.finish();
        byte[] result = new byte[2 * bytes.length + 100];
        int length = deflater.deflate(result);
        deflater.end();
        return java.util.Arrays.copyOf(result, length);
    }

    /** Puts a chunk after the header of a PNG. */
    private static byte[] withChunk(byte[] png, String type, byte[] content) {
        byte[] name = type.getBytes(StandardCharsets.US_ASCII);
        CRC32 crc = new CRC32();
        crc.update(name);
        crc.update(content);
        ByteBuffer result = ByteBuffer.allocate(png.length + 12 + content.length);
        result.put(png, 0, 33).putInt(content.length).put(name).put(content).putInt((int) crc.getValue());
        return result.put(png, 33, png.length - 33).array();
    }
}
