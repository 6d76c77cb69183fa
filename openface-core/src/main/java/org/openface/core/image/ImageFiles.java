package org.openface.core.image;

import static com.google.common.base.Preconditions.checkArgument;

import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.DataBufferByte;
import java.awt.image.IndexColorModel;
import java.awt.image.PackedColorModel;
import java.awt.image.PixelInterleavedSampleModel;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.Locale;
import java.util.Optional;
import java.util.zip.CRC32;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.event.IIOReadWarningListener;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.jspecify.annotations.Nullable;
import org.openface.core.internal.AtomicFile;
import org.openface.core.internal.PictureKind;

/**
 * Reads photographs and writes PNG.
 *
 * <p>Read are JPEG, PNG, BMP and the portable maps PGM and PPM, plain or binary, 8 or 16 bits. The content decides the
 * format, never the name. Grey becomes equal red, green and blue; 16 bits are rounded to 8; transparency and colour
 * profiles are ignored, so the stored colours count, as in OpenFace; the orientation that a camera notes in a JPEG is
 * applied; CMYK and YCCK of a JPEG become RGB.
 */
public final class ImageFiles {
    private static final int[] PNG = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

    private ImageFiles() {}

    /**
     * What an image may demand. Both limits are checked before memory for the pixels is allocated.
     *
     * @param maxPixels largest accepted width × height
     * @param maxFileBytes largest accepted file
     */
    public record Limits(long maxPixels, long maxFileBytes) {
        /** 64 megapixels (67,108,864) and 256 MiB. */
        public static final Limits DEFAULT = new Limits(64L << 20, 256L << 20);

        public Limits {
            checkArgument(maxPixels > 0, "maxPixels (%s) must be positive", maxPixels);
            checkArgument(maxFileBytes > 0, "maxFileBytes (%s) must be positive", maxFileBytes);
        }
    }

    /**
     * Whether a file is named like an image this class reads, and not hidden by a leading dot: jpg, jpeg, jpe, jfif, png,
     * bmp, dib, pgm, ppm or pnm in any case. The file is not looked at.
     */
    public static boolean isImage(Path file) {
        return PictureKind.named(file).filter(PictureKind::supported).isPresent();
    }

    /**
     * Reads an image within {@link Limits#DEFAULT}.
     *
     * @throws IOException if the file cannot be read, is empty, cut short, damaged, too large or no image; the message
     *     names the file
     */
    public static RgbImage read(Path file) throws IOException {
        return read(file, Limits.DEFAULT);
    }

    /**
     * Reads an image within the given limits.
     *
     * @throws IOException as {@link #read(Path)}
     */
    public static RgbImage read(Path file, Limits limits) throws IOException {
        return load(file, limits).decode();
    }

    /**
     * Reads a file whose picture is decoded later, so that a caller can see to it that not too many are decoded at once.
     *
     * @throws IOException if the file cannot be read, is empty or too large; the message names the file
     */
    public static Encoded load(Path file, Limits limits) throws IOException {
        return new Encoded(file, readBytes(file, limits), limits);
    }

    /** An image file in memory. */
    public static final class Encoded {
        private final Path file;
        private final byte[] bytes;
        private final Limits limits;

        private Encoded(Path file, byte[] bytes, Limits limits) {
            this.file = file;
            this.bytes = bytes;
            this.limits = limits;
        }

        /** Width × height that the file declares; 0 if it is no image, or one that will not be decoded. */
        public long pixels() {
            try {
                return declaredPixels(bytes);
            } catch (IOException | RuntimeException e) {
                return 0; // decode says what is wrong
            }
        }

        /** Size of the file in bytes. */
        public long fileBytes() {
            return bytes.length;
        }

        /** CRC-32 of the file. */
        public long crc32() {
            CRC32 crc = new CRC32();
            crc.update(bytes);
            return crc.getValue();
        }

        /**
         * Decodes the picture.
         *
         * @throws IOException if it is no image, cut short, damaged or too large; the message names the file
         */
        public RgbImage decode() throws IOException {
            try {
                return ImageFiles.decode(bytes, limits);
            } catch (UnreadableImageException e) {
                throw new IOException(file + ": " + e.getMessage(), e);
            } catch (OutOfMemoryError e) {
                throw new IOException(
                        file + ": " + pixels()
                                + " pixels need more memory than there is; give Java more (-Xmx), or make"
                                + " the picture smaller",
                        e);
            } catch (IOException | RuntimeException e) {
                // ImageIO answers damaged files with any of IIOException, IllegalArgumentException,
                // ArrayIndexOutOfBoundsException, ...
                throw new IOException(file + ": damaged or cut short (" + e.getMessage() + ")", e);
            }
        }
    }

    private static long declaredPixels(byte[] bytes) throws IOException {
        if (startsWith(bytes, 0xff, 0xd8, 0xff)) {
            Jpeg header = Jpeg.parse(bytes);
            return (long) header.width() * header.height();
        }
        if (startsWith(bytes, PNG)) {
            ByteBuffer header = ByteBuffer.wrap(bytes);
            return (long) header.getInt(16) * header.getInt(20);
        }
        if (Bmp.matches(bytes)) {
            return Bmp.declaredPixels(bytes);
        }
        return PortableMap.matches(bytes) ? PortableMap.declaredPixels(bytes) : 0;
    }

    private static byte[] readBytes(Path file, Limits limits) throws IOException {
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            throw new IOException(file + ": not a file");
        }
        try (InputStream in = Files.newInputStream(file)) {
            long size = Files.size(file);
            if (size > limits.maxFileBytes()) {
                throw new IOException(file + ": " + size + " bytes; the limit is " + limits.maxFileBytes());
            }
            byte[] bytes = in.readNBytes((int) Math.min(limits.maxFileBytes(), Integer.MAX_VALUE - 8));
            if (bytes.length == 0) {
                throw new IOException(file + ": the file is empty (zero bytes)");
            }
            return bytes;
        } catch (NoSuchFileException e) {
            throw new IOException(file + ": no such file", e);
        } catch (AccessDeniedException e) {
            throw new IOException(file + ": no permission to read it", e);
        }
    }

    private static RgbImage decode(byte[] bytes, Limits limits) throws IOException {
        if (startsWith(bytes, 0xff, 0xd8, 0xff)) {
            Jpeg header = Jpeg.parse(bytes);
            checkSize(header.width(), header.height(), limits);
            Decoder decoder = header.components() == 4
                    ? reader -> readCmyk(reader, header.adobeTransform())
                    : ImageFiles::readRgb;
            return decodeWithImageIo("jpeg", header.withoutNotes(), limits, decoder)
                    .oriented(header.orientation());
        }
        if (startsWith(bytes, PNG)) {
            return decodeWithImageIo("png", new ByteArrayInputStream(bytes), limits, ImageFiles::readRgb);
        }
        if (Bmp.matches(bytes)) {
            return Bmp.decode(bytes, limits);
        }
        if (PortableMap.matches(bytes)) {
            return PortableMap.decode(bytes, limits);
        }
        Optional<PictureKind> other = PictureKind.of(bytes);
        if (other.isPresent()) {
            throw new UnreadableImageException("not an image of a kind that is read, but a "
                    + other.get().label() + " file; convert it to JPEG or PNG");
        }
        String start = HexFormat.ofDelimiter(" ").formatHex(bytes, 0, Math.min(bytes.length, 8));
        throw new UnreadableImageException("not an image: its content is none of JPEG, PNG, BMP, PGM and PPM"
                + " (it starts with the bytes " + start + ")");
    }

    private static boolean startsWith(byte[] bytes, int... magic) {
        if (bytes.length < magic.length) {
            return false;
        }
        for (int i = 0; i < magic.length; i++) {
            if ((bytes[i] & 0xff) != magic[i]) {
                return false;
            }
        }
        return true;
    }

    /** Refuses sizes that are not positive or exceed the limit, before anything is allocated for them. */
    static void checkSize(long width, long height, Limits limits) throws IOException {
        if (width <= 0 || height <= 0) {
            throw new UnreadableImageException("declares " + width + " x " + height + " pixels");
        }
        long limit = Math.min(limits.maxPixels(), RgbImage.MAX_PIXELS);
        if (width > limit / height) {
            throw new UnreadableImageException(
                    "declares " + width + " x " + height + " pixels; the limit is " + limit + " pixels");
        }
    }

    private interface Decoder {
        RgbImage decode(ImageReader reader) throws IOException;
    }

    private static RgbImage readRgb(ImageReader reader) throws IOException {
        return fromBufferedImage(reader.read(0));
    }

    /**
     * Four components, which ImageIO gives out as they are stored. With an Adobe segment they are the inverse of the inks
     * (255 is no ink), and YCCK if it says so; without one they are the inks, as Pillow has it too. Profiles of printers
     * are ignored: what an ink leaves of the light is multiplied by what black leaves of it.
     */
    private static RgbImage readCmyk(ImageReader reader, int adobeTransform) throws IOException {
        Raster raster = reader.readRaster(0, null);
        int width = raster.getWidth();
        int height = raster.getHeight();
        byte[] rgb = new byte[3 * width * height];
        int[] row = new int[4 * width];
        for (int y = 0, at = 0; y < height; y++) {
            raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
            for (int x = 0; x < row.length; x += 4) {
                double first = row[x];
                double second = row[x + 1];
                double third = row[x + 2];
                if (adobeTransform > 0) {
                    // JFIF's equations, of the values' complement; as in libjpeg's ycck_cmyk_convert
                    double luma = row[x];
                    double blueness = row[x + 1] - 128;
                    double redness = row[x + 2] - 128;
                    first = 255 - (luma + 1.402 * redness);
                    second = 255 - (luma - 0.344136 * blueness - 0.714136 * redness);
                    third = 255 - (luma + 1.772 * blueness);
                }
                boolean inverted = adobeTransform >= 0;
                double light = light(row[x + 3], inverted);
                rgb[at++] = (byte) Math.round(255 * light * light(first, inverted));
                rgb[at++] = (byte) Math.round(255 * light * light(second, inverted));
                rgb[at++] = (byte) Math.round(255 * light * light(third, inverted));
            }
        }
        return RgbImage.owning(width, height, rgb);
    }

    /** The part of the light, 0 to 1, that an ink leaves. */
    private static double light(double stored, boolean inverted) {
        double part = Math.max(0, Math.min(255, stored)) / 255;
        return inverted ? part : 1 - part;
    }

    private static RgbImage decodeWithImageIo(String format, InputStream bytes, Limits limits, Decoder decoder)
            throws IOException {
        Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName(format);
        if (!readers.hasNext()) {
            throw new UnreadableImageException("this Java runtime has no reader for " + format);
        }
        ImageReader reader = readers.next();
        // Not ImageIO.createImageInputStream: that one writes temporary files.
        try (MemoryCacheImageInputStream in = new MemoryCacheImageInputStream(bytes)) {
            reader.setInput(in, true, true);
            checkSize(reader.getWidth(0), reader.getHeight(0), limits);
            Truncation truncation = new Truncation();
            reader.addIIOReadWarningListener(truncation);
            RgbImage image = decoder.decode(reader);
            if (truncation.message != null) {
                throw new UnreadableImageException("cut short (" + truncation.message + ")");
            }
            return image;
        } finally {
            reader.dispose();
        }
    }

    /** The JPEG reader fills what is missing with grey and only warns. */
    private static final class Truncation implements IIOReadWarningListener {
        private @Nullable String message;

        @Override
        public void warningOccurred(ImageReader source, String warning) {
            String lower = warning.toLowerCase(Locale.ROOT);
            if (lower.contains("truncated") || lower.contains("premature")) {
                message = warning;
            }
        }
    }

    private static RgbImage fromBufferedImage(BufferedImage image) {
        int width = image.getWidth();
        int height = image.getHeight();
        byte[] rgb = new byte[3 * width * height];
        ColorModel model = image.getColorModel();
        boolean grey = model.getColorSpace().getType() == ColorSpace.TYPE_GRAY;
        boolean samples = !(model instanceof IndexColorModel)
                && !(model instanceof PackedColorModel)
                && (grey || model.getColorSpace().getType() == ColorSpace.TYPE_RGB);
        if (!samples) {
            int[] row = new int[width];
            for (int y = 0, at = 0; y < height; y++) {
                image.getRGB(0, y, width, 1, row, 0, width);
                for (int pixel : row) {
                    rgb[at++] = (byte) (pixel >> 16);
                    rgb[at++] = (byte) (pixel >> 8);
                    rgb[at++] = (byte) pixel;
                }
            }
            return RgbImage.owning(width, height, rgb);
        }
        // getRGB would treat grey as linear light and brighten it, and would apply colour profiles.
        Raster raster = image.getRaster();
        int green = grey ? 0 : 1;
        int blue = grey ? 0 : 2;
        if (raster.getDataBuffer() instanceof DataBufferByte buffer
                && raster.getSampleModel() instanceof PixelInterleavedSampleModel layout
                && raster.getParent() == null) {
            byte[] data = buffer.getData();
            int[] band = layout.getBandOffsets();
            for (int y = 0, at = 0; y < height; y++) {
                int from = buffer.getOffset() + y * layout.getScanlineStride();
                for (int x = 0; x < width; x++, from += layout.getPixelStride()) {
                    rgb[at++] = data[from + band[0]];
                    rgb[at++] = data[from + band[green]];
                    rgb[at++] = data[from + band[blue]];
                }
            }
            return RgbImage.owning(width, height, rgb);
        }
        int bands = raster.getNumBands();
        int highest = (1 << raster.getSampleModel().getSampleSize(0)) - 1;
        int[] row = new int[width * bands];
        for (int y = 0, at = 0; y < height; y++) {
            raster.getPixels(0, y, width, 1, row);
            for (int x = 0; x < width * bands; x += bands) {
                rgb[at++] = scale(row[x], highest);
                rgb[at++] = scale(row[x + green], highest);
                rgb[at++] = scale(row[x + blue], highest);
            }
        }
        return RgbImage.owning(width, height, rgb);
    }

    /** A sample in [0, highest] as a byte in [0, 255], rounded. */
    static byte scale(int sample, int highest) {
        return (byte) ((sample * 255L + highest / 2) / highest);
    }

    /**
     * Writes a PNG file, whole or not at all: it is written beside its place and then moved there, replacing a file of
     * that name. A new file is readable by its owner only; one that replaces another keeps its permissions.
     *
     * @throws IOException if the folder does not exist or cannot be written to
     */
    public static void writePng(RgbImage image, Path file) throws IOException {
        AtomicFile.write(Png.encode(image, null), file);
    }

    /** A PNG file with a note in it, which {@link #readNote} reads and other programs pass over. */
    public static byte[] encodePng(RgbImage image, String note) {
        return Png.encode(image, note);
    }

    /**
     * The note that {@link #encodePng} put into a file; empty if there is none.
     *
     * @throws IOException if the file cannot be read
     */
    public static Optional<String> readNote(Path png) throws IOException {
        return Png.note(readBytes(png, Limits.DEFAULT));
    }

    /**
     * Writes a file of any content, whole or not at all, as {@link #writePng} does.
     *
     * @throws IOException if the folder does not exist or cannot be written to
     */
    public static void writeAtomically(byte[] content, Path file) throws IOException {
        AtomicFile.write(content, file);
    }

    /**
     * Deletes what processes that were killed while they wrote into a folder have left there under hidden names. What
     * living processes are writing stays; so does, for a day after it was written, what processes of other computers or
     * containers may be writing.
     *
     * @throws IOException if the folder cannot be read or a file cannot be deleted
     */
    public static void deleteLeftovers(Path folder) throws IOException {
        AtomicFile.deleteLeftovers(folder);
    }
}
