package org.openface.core.internal.image;

import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.DataBufferByte;
import java.awt.image.IndexColorModel;
import java.awt.image.PackedColorModel;
import java.awt.image.PixelInterleavedSampleModel;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Iterator;
import java.util.Locale;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.event.IIOReadWarningListener;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.jspecify.annotations.Nullable;

/** JPEG and PNG, read by Java's ImageIO, whose own ideas of colours and of damage are not taken over. */
final class ImageIoDecoder {
    private ImageIoDecoder() {}

    static Raster jpeg(byte[] bytes, long maxPixels) throws IOException {
        Jpeg header = Jpeg.parse(bytes);
        Raster.checkSize(header.width(), header.height(), maxPixels);
        Decoder decoder = header.components() == 4
                ? reader -> readCmyk(reader, header.adobeTransform())
                : ImageIoDecoder::readRgb;
        return decode("jpeg", header.withoutNotes(), maxPixels, decoder).oriented(header.orientation());
    }

    static Raster png(byte[] bytes, long maxPixels) throws IOException {
        return decode("png", new ByteArrayInputStream(bytes), maxPixels, ImageIoDecoder::readRgb);
    }

    private interface Decoder {
        Raster decode(ImageReader reader) throws IOException;
    }

    private static Raster readRgb(ImageReader reader) throws IOException {
        return fromBufferedImage(reader.read(0));
    }

    /**
     * Four components, which ImageIO gives out as they are stored. With an Adobe segment they are the inverse of the inks
     * (255 is no ink), and YCCK if it says so; without one they are the inks, as Pillow has it too. Profiles of printers
     * are ignored: what an ink leaves of the light is multiplied by what black leaves of it.
     */
    private static Raster readCmyk(ImageReader reader, int adobeTransform) throws IOException {
        java.awt.image.Raster raster = reader.readRaster(0, null);
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
        return new Raster(width, height, rgb);
    }

    /** The part of the light, 0 to 1, that an ink leaves. */
    private static double light(double stored, boolean inverted) {
        double part = Math.max(0, Math.min(255, stored)) / 255;
        return inverted ? part : 1 - part;
    }

    private static Raster decode(String format, InputStream bytes, long maxPixels, Decoder decoder) throws IOException {
        Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName(format);
        if (!readers.hasNext()) {
            throw new PictureException("this Java runtime has no reader for " + format);
        }
        ImageReader reader = readers.next();
        // Not ImageIO.createImageInputStream: that one writes temporary files.
        try (MemoryCacheImageInputStream in = new MemoryCacheImageInputStream(bytes)) {
            reader.setInput(in, true, true);
            Raster.checkSize(reader.getWidth(0), reader.getHeight(0), maxPixels);
            Truncation truncation = new Truncation();
            reader.addIIOReadWarningListener(truncation);
            Raster image = decoder.decode(reader);
            if (truncation.message != null) {
                throw new PictureException("cut short (" + truncation.message + ")");
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

    private static Raster fromBufferedImage(BufferedImage image) {
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
            return new Raster(width, height, rgb);
        }
        // getRGB would treat grey as linear light and brighten it, and would apply colour profiles.
        java.awt.image.Raster raster = image.getRaster();
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
            return new Raster(width, height, rgb);
        }
        int bands = raster.getNumBands();
        int highest = (1 << raster.getSampleModel().getSampleSize(0)) - 1;
        int[] row = new int[width * bands];
        for (int y = 0, at = 0; y < height; y++) {
            raster.getPixels(0, y, width, 1, row);
            for (int x = 0; x < width * bands; x += bands) {
                rgb[at++] = Raster.scale(row[x], highest);
                rgb[at++] = Raster.scale(row[x + green], highest);
                rgb[at++] = Raster.scale(row[x + blue], highest);
            }
        }
        return new Raster(width, height, rgb);
    }
}
