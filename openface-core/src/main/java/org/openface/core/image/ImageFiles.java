package org.openface.core.image;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.nio.file.Path;
import org.openface.core.internal.AtomicFile;
import org.openface.core.internal.image.EncodedPicture;
import org.openface.core.internal.image.PictureException;
import org.openface.core.internal.image.PictureKind;
import org.openface.core.internal.image.Png;
import org.openface.core.internal.image.Raster;

/**
 * Reads photographs and writes PNG.
 *
 * <p>Read are JPEG, PNG, BMP and the portable maps PGM and PPM, plain or binary, 8 or 16 bits. The content decides the
 * format, never the name. Grey becomes equal red, green and blue; 16 bits are rounded to 8; transparency and colour
 * profiles are ignored, so the stored colours count, as in OpenFace; the orientation that a camera notes in a JPEG is
 * applied; CMYK and YCCK of a JPEG become RGB.
 */
public final class ImageFiles {
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
     * @throws UnreadableImageException if the file is empty, cut short, damaged, too large or no image; the message names
     *     the file
     * @throws IOException if the file cannot be read
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
        try {
            return decoded(EncodedPicture.read(file, limits.maxFileBytes()), limits);
        } catch (PictureException e) {
            throw new UnreadableImageException(String.valueOf(e.getMessage()), e);
        }
    }

    /**
     * Decodes an image that is in memory already, such as one that was uploaded.
     *
     * @param file the content of an image file
     * @param name what messages call it
     * @param limits of which the number of pixels counts
     * @throws UnreadableImageException if it is cut short, damaged, too large or no image; the message names it
     */
    public static RgbImage decode(byte[] file, String name, Limits limits) throws UnreadableImageException {
        try {
            return decoded(new EncodedPicture(name, file), limits);
        } catch (PictureException e) {
            throw new UnreadableImageException(String.valueOf(e.getMessage()), e);
        }
    }

    private static RgbImage decoded(EncodedPicture file, Limits limits) throws PictureException {
        Raster pixels = file.decode(Math.min(limits.maxPixels(), RgbImage.MAX_PIXELS));
        return RgbImage.owning(pixels.width(), pixels.height(), pixels.rgb());
    }

    /**
     * Writes a PNG file, whole or not at all: it is written beside its place and then moved there, replacing a file of
     * that name. A new file is readable by its owner only; one that replaces another keeps its permissions.
     *
     * @throws IOException if the folder does not exist or cannot be written to
     */
    public static void writePng(RgbImage image, Path file) throws IOException {
        AtomicFile.write(Png.encode(image.width(), image.height(), image.toBytes(), null), file);
    }
}
