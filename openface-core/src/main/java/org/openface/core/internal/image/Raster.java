package org.openface.core.internal.image;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;

/**
 * Decoded pixels.
 *
 * @param rgb {@code 3 * width * height} bytes, rows from the top, red, green and blue of each pixel; handed over
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record Raster(int width, int height, byte[] rgb) {
    /** Refuses sizes that are not positive or exceed the limit, before anything is allocated for them. */
    static void checkSize(long width, long height, long maxPixels) throws IOException {
        if (width <= 0 || height <= 0) {
            throw new PictureException("declares " + width + " x " + height + " pixels");
        }
        if (width > maxPixels / height) {
            throw new PictureException(
                    "declares " + width + " x " + height + " pixels; the limit is " + maxPixels + " pixels");
        }
    }

    /** A sample in [0, highest] as a byte in [0, 255], rounded. */
    static byte scale(int sample, int highest) {
        return (byte) ((sample * 255L + highest / 2) / highest);
    }

    /**
     * The picture as it was meant to be seen, from an Exif orientation.
     *
     * @param orientation 1 (as stored) to 8; see the tag Orientation of TIFF 6.0
     */
    Raster oriented(int orientation) {
        checkArgument(orientation >= 1 && orientation <= 8, "no Exif orientation %s", orientation);
        if (orientation == 1) {
            return this;
        }
        boolean transposed = orientation >= 5;
        boolean fromRight = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
        boolean fromBottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
        int newWidth = transposed ? height : width;
        int newHeight = transposed ? width : height;
        byte[] out = new byte[rgb.length];
        for (int y = 0, at = 0; y < newHeight; y++) {
            for (int x = 0; x < newWidth; x++) {
                int column = transposed ? y : x;
                int row = transposed ? x : y;
                int from =
                        3 * ((fromBottom ? height - 1 - row : row) * width + (fromRight ? width - 1 - column : column));
                out[at++] = rgb[from];
                out[at++] = rgb[from + 1];
                out[at++] = rgb[from + 2];
            }
        }
        return new Raster(newWidth, newHeight, out);
    }
}
