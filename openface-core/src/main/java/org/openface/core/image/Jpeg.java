package org.openface.core.image;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What is to be known about a JPEG file before, or beside, decoding it.
 *
 * @param width in pixels, before orientation
 * @param height in pixels, before orientation
 * @param components colour components
 * @param orientation the Exif orientation, 1 (as stored) to 8
 * @param adobeTransform what an Adobe segment says of the colours (0: as they are, 1: YCbCr, 2: YCCK), -1 without one
 */
record Jpeg(int width, int height, int components, int orientation, int adobeTransform) {
    private static final int ORIENTATION_TAG = 0x0112;
    private static final int SHORT_TYPE = 3;

    /**
     * Walks the segments before the pixels.
     *
     * @throws UnreadableImageException if none of them is a whole frame header
     */
    static Jpeg parse(byte[] file) throws UnreadableImageException {
        int width = 0;
        int height = 0;
        int components = 0;
        int orientation = 1;
        int adobeTransform = -1;
        int at = 2;
        while (at + 4 <= file.length && (file[at] & 0xff) == 0xff) {
            int marker = file[at + 1] & 0xff;
            if (marker == 0xff) { // a fill byte
                at++;
                continue;
            }
            if (marker == 0xda || marker == 0xd9) { // start of scan, end of image
                break;
            }
            if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) { // markers without a length
                at += 2;
                continue;
            }
            int length = unsignedShort(file, at + 2);
            int end = at + 2 + length;
            if (length < 2 || end > file.length) {
                break;
            }
            boolean frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
            if (frame && length >= 8) {
                height = unsignedShort(file, at + 5);
                width = unsignedShort(file, at + 7);
                components = file[at + 9] & 0xff;
            } else if (marker == 0xe1 && orientation == 1) {
                orientation = exifOrientation(
                        ByteBuffer.wrap(file, at + 4, length - 2).slice());
            } else if (marker == 0xee && length >= 14 && isAdobe(file, at + 4)) {
                adobeTransform = file[at + 15] & 0xff;
            }
            at = end;
        }
        if (components == 0) {
            throw new UnreadableImageException("damaged or cut short: a JPEG without a frame header");
        }
        return new Jpeg(width, height, components, orientation, adobeTransform);
    }

    private static boolean isAdobe(byte[] file, int at) {
        return file[at] == 'A'
                && file[at + 1] == 'd'
                && file[at + 2] == 'o'
                && file[at + 3] == 'b'
                && file[at + 4] == 'e';
    }

    private static int unsignedShort(byte[] file, int at) {
        return (file[at] & 0xff) << 8 | (file[at + 1] & 0xff);
    }

    /** Orientation in an APP1 segment: "Exif", two zeros, then a TIFF header and its first directory. */
    private static int exifOrientation(ByteBuffer segment) {
        try {
            if (segment.getInt() != 0x45786966 || segment.getShort() != 0) {
                return 1;
            }
            ByteBuffer tiff = segment.slice();
            short order = tiff.getShort(0);
            tiff.order(order == 0x4949 ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
            int directory = tiff.getInt(4);
            int entries = tiff.getShort(directory) & 0xffff;
            for (int i = 0; i < entries; i++) {
                int entry = directory + 2 + 12 * i;
                if ((tiff.getShort(entry) & 0xffff) == ORIENTATION_TAG && tiff.getShort(entry + 2) == SHORT_TYPE) {
                    int value = tiff.getShort(entry + 8);
                    return value >= 1 && value <= 8 ? value : 1;
                }
            }
            return 1;
        } catch (IndexOutOfBoundsException | BufferUnderflowException e) {
            return 1; // damaged notes are no reason to refuse the picture
        }
    }
}
