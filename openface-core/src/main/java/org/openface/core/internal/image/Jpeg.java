package org.openface.core.internal.image;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** What is to be known about a JPEG file before, or beside, decoding it. */
final class Jpeg {
    private static final int ORIENTATION_TAG = 0x0112;
    private static final int SHORT_TYPE = 3;

    /** What libjpeg takes three components for that come without a word about their colours, if these are their numbers. */
    private static final int RGB_NUMBERS = 'R' << 16 | 'G' << 8 | 'B';

    private static final byte[] JFIF = {
        (byte) 0xff, (byte) 0xe0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 2, 0, 0, 1, 0, 1, 0, 0
    };

    private final byte[] file;
    private int width;
    private int height;
    private int components;
    private int numbers;
    private int orientation = 1;
    private int adobeTransform = -1;
    private boolean jfif;
    /** The segments before the pixels that say how these are coded. */
    private final ByteArrayOutputStream coding = new ByteArrayOutputStream();
    /** Where the pixels begin. */
    private int scan = 2;

    private Jpeg(byte[] file) {
        this.file = file;
    }

    /** Width in pixels, before orientation. */
    int width() {
        return width;
    }

    /** Height in pixels, before orientation. */
    int height() {
        return height;
    }

    /** Colour components. */
    int components() {
        return components;
    }

    /** The Exif orientation, 1 (as stored) to 8. */
    int orientation() {
        return orientation;
    }

    /** What an Adobe segment says of the colours (0: as they are, 1: YCbCr, 2: YCCK), -1 without one. */
    int adobeTransform() {
        return adobeTransform;
    }

    /**
     * Walks the segments before the pixels.
     *
     * @throws PictureException if none of them is a whole frame header
     */
    static Jpeg parse(byte[] file) throws PictureException {
        Jpeg jpeg = new Jpeg(file);
        jpeg.walk();
        if (jpeg.components == 0) {
            throw new PictureException("damaged or cut short: a JPEG without a frame header");
        }
        return jpeg;
    }

    private void walk() {
        while (scan + 4 <= file.length) {
            int marker = file[scan + 1] & 0xff;
            if ((file[scan] & 0xff) != 0xff || marker == 0xff || marker == 0) { // no marker: passed over as by libjpeg
                scan++;
                continue;
            }
            if (marker == 0xda || marker == 0xd9) { // start of scan, end of image
                return;
            }
            if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) { // markers without a length
                scan += 2;
                continue;
            }
            int length = unsignedShort(file, scan + 2);
            int end = scan + 2 + length;
            if (length < 2 || end > file.length) {
                return;
            }
            boolean note = (marker >= 0xe0 && marker <= 0xef) || marker == 0xfe;
            if (note) {
                note(marker, length);
            } else {
                coding.write(file, scan, end - scan);
            }
            boolean frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
            if (frame && length >= 8) {
                height = unsignedShort(file, scan + 5);
                width = unsignedShort(file, scan + 7);
                components = file[scan + 9] & 0xff;
                numbers = components == 3 && length >= 17
                        ? (file[scan + 10] & 0xff) << 16 | (file[scan + 13] & 0xff) << 8 | (file[scan + 16] & 0xff)
                        : 0;
            }
            scan = end;
        }
    }

    private void note(int marker, int length) {
        int content = scan + 4;
        if (marker == 0xe0 && length >= 16 && startsWith(content, "JFIF\0")) {
            jfif = true;
        } else if (marker == 0xe1 && orientation == 1) {
            orientation =
                    exifOrientation(ByteBuffer.wrap(file, content, length - 2).slice());
        } else if (marker == 0xee && length >= 14 && startsWith(content, "Adobe")) {
            adobeTransform = file[content + 11] & 0xff;
        }
    }

    /**
     * The file for ImageIO, without its notes: colour profiles, which that would apply, previews, texts. Said anew is what
     * the colours are, as libjpeg concludes it (jdapimin.c, default_decompress_parms), because ImageIO has rules of its own.
     */
    InputStream withoutNotes() {
        ByteArrayOutputStream start = new ByteArrayOutputStream();
        start.write(0xff);
        start.write(0xd8);
        if (components == 3) {
            boolean rgb = !jfif && (adobeTransform >= 0 ? adobeTransform == 0 : numbers == RGB_NUMBERS);
            start.writeBytes(rgb ? adobe(0) : JFIF);
        } else if (components == 4 && adobeTransform >= 0) {
            start.writeBytes(adobe(adobeTransform == 0 ? 0 : 2));
        }
        start.writeBytes(coding.toByteArray());
        return new SequenceInputStream(
                new ByteArrayInputStream(start.toByteArray()),
                new ByteArrayInputStream(file, scan, file.length - scan));
    }

    private static byte[] adobe(int transform) {
        return new byte[] {
            (byte) 0xff, (byte) 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, (byte) transform
        };
    }

    private boolean startsWith(int at, String letters) {
        for (int i = 0; i < letters.length(); i++) {
            if (file[at + i] != letters.charAt(i)) {
                return false;
            }
        }
        return true;
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
