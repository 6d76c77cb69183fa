package org.openface.core.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.awt.color.ColorSpace;
import java.awt.color.ICC_Profile;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.DirectColorModel;
import java.awt.image.IndexColorModel;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriter;
import javax.imageio.plugins.bmp.BMPImageWriteParam;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BmpTest {
    @TempDir
    Path folder;

    private RgbImage read(byte[] bytes) throws IOException {
        return ImageFiles.read(Files.write(folder.resolve("a.bmp"), bytes));
    }

    private static byte[] written(BufferedImage image, String compression, boolean topDown) throws IOException {
        ImageWriter writer = ImageIO.getImageWritersByFormatName("bmp").next();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
            writer.setOutput(out);
            BMPImageWriteParam parameters = (BMPImageWriteParam) writer.getDefaultWriteParam();
            parameters.setCompressionMode(BMPImageWriteParam.MODE_EXPLICIT);
            parameters.setCompressionType(compression);
            parameters.setTopDown(topDown);
            writer.write(null, new IIOImage(image, null, null), parameters);
        } finally {
            writer.dispose();
        }
        return bytes.toByteArray();
    }

    private static BufferedImage filled(BufferedImage image) {
        for (int y = 0; y < image.getHeight(); y++) {
            for (int x = 0; x < image.getWidth(); x++) {
                // runs and single pixels
                int value = y % 3 == 0 ? x / 7 * 40 : x * 37 + y * 11;
                image.setRGB(x, y, 0xff000000 | (value & 0xff) << 16 | (value * 3 & 0xff) << 8 | (value * 7 & 0xff));
            }
        }
        return image;
    }

    private static BufferedImage indexed(int bits, int width, int height) {
        byte[][] colours = new byte[3][1 << bits];
        for (int i = 0; i < 1 << bits; i++) {
            colours[0][i] = (byte) (i * 17);
            colours[1][i] = (byte) (255 - i * 5);
            colours[2][i] = (byte) (i * 101);
        }
        IndexColorModel model = new IndexColorModel(bits, 1 << bits, colours[0], colours[1], colours[2]);
        int type = bits == 8 ? BufferedImage.TYPE_BYTE_INDEXED : BufferedImage.TYPE_BYTE_BINARY;
        BufferedImage image = new BufferedImage(width, height, type, model);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                image.getRaster().setSample(x, y, 0, (y % 3 == 0 ? x / 7 : x * 5 + y) & (1 << bits) - 1);
            }
        }
        return image;
    }

    static byte[] withRuns(int bits) throws IOException {
        return written(indexed(bits, 40, 30), "BI_RLE" + bits, false);
    }

    private static BufferedImage direct(ColorModel model, int width, int height) {
        return new BufferedImage(model, model.createCompatibleWritableRaster(width, height), false, null);
    }

    /** ImageIO's reader is the judge of what ImageIO's writer wrote. */
    @Test
    void readsWhatAnotherWriterWrites() throws IOException {
        List<byte[]> files = new ArrayList<>();
        for (int width : new int[] {1, 2, 3, 5, 8, 31, 300}) {
            for (boolean topDown : new boolean[] {false, true}) {
                for (int bits : new int[] {1, 4, 8}) {
                    files.add(written(indexed(bits, width, 13), "BI_RGB", topDown));
                }
                files.add(
                        written(filled(new BufferedImage(width, 13, BufferedImage.TYPE_3BYTE_BGR)), "BI_RGB", topDown));
                files.add(
                        written(filled(new BufferedImage(width, 13, BufferedImage.TYPE_BYTE_GRAY)), "BI_RGB", topDown));
                files.add(written(
                        filled(new BufferedImage(width, 13, BufferedImage.TYPE_USHORT_555_RGB)), "BI_RGB", topDown));
                files.add(written(
                        filled(new BufferedImage(width, 13, BufferedImage.TYPE_USHORT_565_RGB)),
                        "BI_BITFIELDS",
                        topDown));
                files.add(written(
                        filled(direct(new DirectColorModel(32, 0xff00, 0xff0000, 0xff000000), width, 13)),
                        "BI_BITFIELDS",
                        topDown));
                files.add(written(
                        filled(new BufferedImage(width, 13, BufferedImage.TYPE_INT_RGB)), "BI_BITFIELDS", topDown));
            }
            if (width >= 8) { // the writer fails below
                files.add(written(indexed(8, width, 13), "BI_RLE8", false));
                files.add(written(indexed(4, width, 13), "BI_RLE4", false));
            }
        }
        for (byte[] file : files) {
            BufferedImage expected = ImageIO.read(new ByteArrayInputStream(file));
            RgbImage image = read(file);
            assertThat(image.width()).isEqualTo(expected.getWidth());
            assertThat(image.height()).isEqualTo(expected.getHeight());
            boolean grey = expected.getColorModel().getColorSpace().getType() == ColorSpace.TYPE_GRAY;
            for (int y = 0; y < image.height(); y++) {
                for (int x = 0; x < image.width(); x++) {
                    int colour =
                            grey ? expected.getRaster().getSample(x, y, 0) * 0x10101 : expected.getRGB(x, y) & 0xffffff;
                    assertThat(image.red(x, y) << 16 | image.green(x, y) << 8 | image.blue(x, y))
                            .as(
                                    "%s x %s, %s bits, compression %s, at %s %s",
                                    image.width(), image.height(), file[28], file[30], x, y)
                            .isEqualTo(colour);
                }
            }
        }
    }

    /** A bitmap of Windows, 2 × 2. */
    private static ByteBuffer header(int headerSize, int bits, int compression, int start, int length) {
        ByteBuffer file = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        file.put((byte) 'B').put((byte) 'M').putInt(length).putInt(0).putInt(start);
        file.putInt(headerSize)
                .putInt(2)
                .putInt(2)
                .putShort((short) 1)
                .putShort((short) bits)
                .putInt(compression);
        return file;
    }

    private static byte[] bytes(ByteBuffer file) {
        byte[] bytes = new byte[file.capacity()];
        file.get(0, bytes);
        return bytes;
    }

    @Test
    void aBitmapThatClaimsToBeHugeIsRefusedBeforeAnythingIsAllocated() {
        for (int compression : new int[] {4, 5, 1, 2, 3, 7, 11, 12, 13, -1}) {
            for (int bits : new int[] {0, 1, 4, 8, 16, 24, 32}) {
                ByteBuffer file = header(40, bits, compression, 54, 74);
                file.putInt(34, 0x7ffffff0); // size of the pixels
                file.putInt(46, 0x7ffffff0); // number of colours
                file.putInt(50, 0x7ffffff0);
                assertThatIOException().isThrownBy(() -> read(bytes(file))).withMessageContaining("a.bmp: ");
            }
        }
        for (int compression : new int[] {4, 5}) {
            assertThatIOException()
                    .isThrownBy(() ->
                            read(bytes(header(40, 24, compression, 54, 100).putInt(34, 0x7ffffff0))))
                    .withMessageContaining("with compression " + compression + ", which is not supported");
        }
        assertThatIOException()
                .isThrownBy(() -> read(bytes(header(40, 24, 0, 54, 74).putInt(18, 1 << 30))))
                .withMessageContaining("the limit is");
        assertThatIOException()
                .isThrownBy(() -> read(bytes(header(40, 24, 0, 54, 74).putInt(22, Integer.MIN_VALUE))));
        assertThatIOException().isThrownBy(() -> read(bytes(header(0x7ffffff0, 24, 0, 54, 74))));
        assertThatIOException().isThrownBy(() -> read(bytes(header(40, 24, 0, -1, 74))));
    }

    @Test
    void profilesAreIgnored() throws IOException {
        byte[] icc = ICC_Profile.getInstance(ColorSpace.CS_LINEAR_RGB).getData();
        ByteBuffer file = header(124, 32, 0, 138, 138 + 16 + icc.length);
        file.putInt(70, 0x4d424544).putInt(126, 124 + 16).putInt(130, icc.length);
        int[] pixels = {0x102030, 0x405060, 0x708090, 0xa0b0c0};
        for (int i = 0; i < 4; i++) {
            file.putInt(138 + 4 * i, pixels[i]);
        }
        file.position(138 + 16).put(icc);
        RgbImage expected = RgbImage.of(2, 2, new byte[] {
            0x70, (byte) 0x80, (byte) 0x90, (byte) 0xa0, (byte) 0xb0, (byte) 0xc0, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60
        });
        assertThat(read(bytes(file))).isEqualTo(expected);
        file.putInt(130, 0x7ffffff0); // its size
        assertThat(read(bytes(file))).isEqualTo(expected);
    }

    @Test
    void readsTheBitmapsOfOs2() throws IOException {
        RgbImage expected = RgbImage.of(2, 2, new byte[] {7, 8, 9, 4, 5, 6, 1, 2, 3, 7, 8, 9});
        // version 1: sizes of 16 bits, colours of 3 bytes
        ByteBuffer one = ByteBuffer.allocate(14 + 12 + 9 + 8).order(ByteOrder.LITTLE_ENDIAN);
        one.put((byte) 'B').put((byte) 'M').putInt(43).putInt(0).putInt(35);
        one.putInt(12)
                .putShort((short) 2)
                .putShort((short) 2)
                .putShort((short) 1)
                .putShort((short) 8);
        one.put(new byte[] {3, 2, 1, 6, 5, 4, 9, 8, 7}).put(new byte[] {0, 2, 0, 0, 2, 1, 0, 0});
        assertThat(read(one.array())).isEqualTo(expected);
        // version 2, whole and cut after 16 bytes
        for (int size : new int[] {64, 16}) {
            ByteBuffer two = ByteBuffer.allocate(14 + size + 12 + 8).order(ByteOrder.LITTLE_ENDIAN);
            two.put((byte) 'B').put((byte) 'M').putInt(two.capacity()).putInt(0).putInt(14 + size + 12);
            two.putInt(size).putInt(2).putInt(2).putShort((short) 1).putShort((short) 8);
            two.position(14 + size).put(new byte[] {3, 2, 1, 0, 6, 5, 4, 0, 9, 8, 7, 0});
            two.put(new byte[] {0, 2, 0, 0, 2, 1, 0, 0});
            assertThat(read(two.array())).isEqualTo(expected);
        }
        // what Windows calls bit fields is Huffman coding there
        ByteBuffer huffman = header(64, 16, 3, 100, 120);
        assertThatIOException().isThrownBy(() -> read(bytes(huffman))).withMessageContaining("not supported");
    }

    @Test
    void runsMayLeavePixelsOutAndGoBeyondTheirRow() throws IOException {
        // colours 0: (9, 9, 9), 1: (1, 2, 3)
        byte[] colours = {9, 9, 9, 0, 3, 2, 1, 0};
        assertThat(runs(colours, 0, 2, 1, 1, 1, 1, 0, 1)) // one to the right and up, one pixel, end
                .isEqualTo(RgbImage.of(2, 2, new byte[] {9, 9, 9, 1, 2, 3, 9, 9, 9, 9, 9, 9}));
        assertThat(runs(colours, 2, 1, 0, 0, 2, 1)) // without the mark of the end
                .isEqualTo(RgbImage.of(2, 2, new byte[] {1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3}));
        assertThat(runs(colours, 5, 1, 0, 0, 0, 2, 9, 0, 3, 1, 0, 1)) // too long
                .isEqualTo(RgbImage.of(2, 2, new byte[] {9, 9, 9, 9, 9, 9, 1, 2, 3, 1, 2, 3}));
        assertThatIOException().isThrownBy(() -> runs(colours, 2, 2, 0, 1)).withMessageContaining("colour 2");
        assertThatIOException().isThrownBy(() -> runs(colours, 2, 1)).withMessageContaining("cut short");
    }

    private RgbImage runs(byte[] colours, int... bytes) throws IOException {
        ByteBuffer file = header(40, 8, 1, 54 + colours.length, 54 + colours.length + bytes.length);
        file.position(54).put(colours);
        for (int b : bytes) {
            file.put((byte) b);
        }
        return read(bytes(file));
    }
}
