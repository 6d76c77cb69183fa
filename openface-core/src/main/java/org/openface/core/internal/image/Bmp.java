package org.openface.core.internal.image;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Windows and OS/2 bitmaps: 1, 4, 8, 16, 24 and 32 bits per pixel, plain, run-length encoded or with bit fields, rows
 * from the bottom or from the top. Written out here because ImageIO allocates what a header claims.
 *
 * <p>Headers as in Microsoft's documentation: {@code BITMAPCOREHEADER} (12 bytes), {@code BITMAPINFOHEADER} (40) and its
 * later versions, and OS/2's (16 to 64), which begins alike.
 */
final class Bmp {
    private static final int FILE_HEADER = 14;
    private static final int CORE_HEADER = 12;
    private static final int OS2_HEADER = 64;
    /** Of Windows; its later versions, from 52 bytes on, hold the bit fields themselves. */
    private static final int INFO_HEADER = 40;

    private static final int LARGEST_HEADER = 124;

    private static final int RGB = 0;
    private static final int RLE8 = 1;
    private static final int RLE4 = 2;
    private static final int BIT_FIELDS = 3;
    private static final int ALPHA_BIT_FIELDS = 6;

    private final ByteBuffer file;
    private final int headerSize;
    private final int width;
    private final int height;
    private final boolean topDown;
    private final int bits;
    private final int compression;

    private Bmp(byte[] bytes) throws IOException {
        file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        if (bytes.length < FILE_HEADER + CORE_HEADER) {
            throw new PictureException("cut short: " + bytes.length + " bytes do not hold the header of a BMP");
        }
        headerSize = file.getInt(FILE_HEADER);
        if (headerSize < CORE_HEADER || headerSize > LARGEST_HEADER) {
            throw new PictureException("damaged: a BMP with a header of " + headerSize + " bytes");
        }
        if (bytes.length < FILE_HEADER + headerSize) {
            throw new PictureException("cut short in the header of a BMP");
        }
        if (headerSize == CORE_HEADER) {
            width = file.getShort(18) & 0xffff;
            height = file.getShort(20) & 0xffff;
            topDown = false;
            bits = file.getShort(24) & 0xffff;
            compression = RGB;
        } else if (headerSize < 16) {
            throw new PictureException("damaged: a BMP with a header of " + headerSize + " bytes");
        } else {
            width = file.getInt(18);
            topDown = file.getInt(22) < 0;
            height = Math.abs(file.getInt(22));
            bits = file.getShort(28) & 0xffff;
            compression = headerSize < 20 ? RGB : file.getInt(30);
        }
    }

    static boolean matches(byte[] file) {
        return file.length > 1 && file[0] == 'B' && file[1] == 'M';
    }

    static long declaredPixels(byte[] bytes) throws IOException {
        Bmp bmp = new Bmp(bytes);
        return (long) bmp.width * bmp.height;
    }

    static Raster decode(byte[] bytes, long maxPixels) throws IOException {
        return new Bmp(bytes).decode(maxPixels);
    }

    private Raster decode(long maxPixels) throws IOException {
        Raster.checkSize(width, height, maxPixels);
        boolean ofOs2 = headerSize > CORE_HEADER
                && headerSize <= OS2_HEADER
                && headerSize != INFO_HEADER
                && headerSize != 52
                && headerSize != 56;
        boolean fits =
                switch (compression) {
                    case RGB -> bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32;
                    case RLE8 -> bits == 8 && !topDown;
                    case RLE4 -> bits == 4 && !topDown;
                    case BIT_FIELDS -> !ofOs2 && (bits == 16 || bits == 32);
                    case ALPHA_BIT_FIELDS -> bits == 16 || bits == 32;
                    default -> false; // pictures within the picture (4 and 5), OS/2's Huffman and 24-bit runs
                };
        if (!fits) {
            throw new PictureException("a BMP of " + bits + " bits per pixel with compression " + compression
                    + ", which is not supported; save it without compression, or as PNG");
        }
        int start = file.getInt(10);
        if (start < FILE_HEADER + headerSize || start > file.limit()) {
            throw new PictureException(
                    "damaged or cut short: the pixels of a BMP at byte " + start + " of " + file.limit());
        }
        file.position(start);
        return new Raster(width, height, compression == RLE8 || compression == RLE4 ? runs() : rows());
    }

    /** Position in the result of a row of the file. */
    private int target(int row) {
        return 3 * width * (topDown ? row : height - 1 - row);
    }

    private byte[] rows() throws IOException {
        long stride = (((long) width * bits + 31) / 32) * 4;
        // The padding of the last row may be missing.
        long needed = stride * (height - 1) + ((long) width * bits + 7) / 8;
        if (file.remaining() < needed) {
            throw new PictureException("cut short: " + width + " x " + height + " pixels need " + needed
                    + " bytes, and " + file.remaining() + " are there");
        }
        int[] palette = bits <= 8 ? palette() : new int[0];
        Field[] fields = bits == 16 || bits == 32 ? fields() : new Field[0];
        byte[] rgb = new byte[3 * width * height];
        int start = file.position();
        for (int row = 0; row < height; row++) {
            int from = (int) (start + row * stride);
            int to = target(row);
            for (int x = 0; x < width; x++, to += 3) {
                if (bits <= 8) {
                    int bit = x * bits;
                    int sample = (file.get(from + bit / 8) & 0xff) >> (8 - bits - bit % 8) & (1 << bits) - 1;
                    put(rgb, to, colour(palette, sample));
                } else if (bits == 24) {
                    rgb[to] = file.get(from + 3 * x + 2);
                    rgb[to + 1] = file.get(from + 3 * x + 1);
                    rgb[to + 2] = file.get(from + 3 * x);
                } else {
                    int pixel = bits == 16 ? file.getShort(from + 2 * x) & 0xffff : file.getInt(from + 4 * x);
                    for (int channel = 0; channel < 3; channel++) {
                        rgb[to + channel] = fields[channel].value(pixel);
                    }
                }
            }
        }
        return rgb;
    }

    /**
     * Runs of one colour (two in turn at 4 bits) and stretches of single ones; what they leave out has colour 0, and what
     * goes beyond the end of a row is dropped: there are writers that round a row up.
     */
    private byte[] runs() throws IOException {
        int[] palette = palette();
        byte[] rgb = new byte[3 * width * height];
        for (int at = 0; at < rgb.length; at += 3) {
            put(rgb, at, palette[0]);
        }
        int x = 0;
        int row = 0;
        while (row < height) {
            if (x == width && row == height - 1 && !file.hasRemaining()) {
                return rgb; // whole, but for the mark of its end
            }
            int count = next();
            int value = next();
            if (count == 0 && value == 0) { // end of the row
                x = 0;
                row++;
            } else if (count == 0 && value == 1) { // end of the picture
                return rgb;
            } else if (count == 0 && value == 2) { // a step to the right and up
                x = Math.min(x + next(), width);
                row += next();
            } else {
                int length = count == 0 ? value : count;
                int packed = value;
                for (int i = 0; i < length; i++) {
                    boolean high = i % 2 == 0;
                    if (count == 0 && (bits == 8 || high)) {
                        packed = next();
                    }
                    int sample = bits == 8 ? packed : high ? packed >> 4 : packed & 15;
                    if (x < width) {
                        put(rgb, target(row) + 3 * x, colour(palette, sample));
                        x++;
                    }
                }
                int bytes = (length * bits + 7) / 8;
                if (count == 0 && bytes % 2 == 1) {
                    next(); // stretches are padded to 16 bits
                }
            }
        }
        return rgb;
    }

    private int next() throws IOException {
        if (!file.hasRemaining()) {
            throw new PictureException("cut short: the runs of a BMP have no end");
        }
        return file.get() & 0xff;
    }

    /** Colours as 0xRRGGBB; as many as lie between header and pixels, since the number in the header is often wrong. */
    private int[] palette() throws IOException {
        int bytes = headerSize == CORE_HEADER ? 3 : 4;
        int at = FILE_HEADER + headerSize;
        int[] colours = new int[Math.min(1 << bits, (file.getInt(10) - at) / bytes)];
        if (colours.length == 0) {
            throw new PictureException("damaged: a BMP without its colours");
        }
        for (int i = 0; i < colours.length; i++, at += bytes) {
            colours[i] = (file.get(at + 2) & 0xff) << 16 | (file.get(at + 1) & 0xff) << 8 | (file.get(at) & 0xff);
        }
        return colours;
    }

    private static int colour(int[] palette, int sample) throws IOException {
        if (sample >= palette.length) {
            throw new PictureException("damaged: colour " + sample + " of a BMP with " + palette.length + " colours");
        }
        return palette[sample];
    }

    private static void put(byte[] rgb, int at, int colour) {
        rgb[at] = (byte) (colour >> 16);
        rgb[at + 1] = (byte) (colour >> 8);
        rgb[at + 2] = (byte) colour;
    }

    /** Red, green and blue in a pixel of 16 or 32 bits. */
    private Field[] fields() throws IOException {
        if (compression == RGB) {
            return bits == 16
                    ? new Field[] {Field.of(0x7c00), Field.of(0x3e0), Field.of(0x1f)}
                    : new Field[] {Field.of(0xff0000), Field.of(0xff00), Field.of(0xff)};
        }
        int at = FILE_HEADER + INFO_HEADER; // in the header, or right after a short one
        if (at + 12 > file.getInt(10)) {
            throw new PictureException("damaged: a BMP without its bit fields");
        }
        return new Field[] {Field.of(file.getInt(at)), Field.of(file.getInt(at + 4)), Field.of(file.getInt(at + 8))};
    }

    /** A colour's bits, which lie side by side. */
    private record Field(int mask, int shift, int highest) {
        static Field of(int mask) throws IOException {
            int shift = Integer.numberOfTrailingZeros(mask);
            int highest = mask == 0 ? 0 : mask >>> shift;
            if (highest <= 0 || (highest & highest + 1) != 0) {
                throw new PictureException(
                        "damaged: a BMP with the bit field 0x" + Integer.toHexString(mask) + " for a colour");
            }
            return new Field(mask, shift, highest);
        }

        byte value(int pixel) {
            return Raster.scale((pixel & mask) >>> shift, highest);
        }
    }
}
