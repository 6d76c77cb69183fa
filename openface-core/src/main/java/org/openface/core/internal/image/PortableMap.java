package org.openface.core.internal.image;

import java.io.IOException;
import java.util.Arrays;

/**
 * Portable grey and pixel maps (PGM, PPM): P2 and P3 in decimal, P5 and P6 in binary, with any highest value up to
 * 65535; see the netpbm manual pages pgm(5) and ppm(5).
 */
final class PortableMap {
    private final byte[] file;
    private int at = 2;

    private PortableMap(byte[] file) {
        this.file = file;
    }

    static boolean matches(byte[] file) {
        return file.length > 2
                && file[0] == 'P'
                && (file[1] == '2' || file[1] == '3' || file[1] == '5' || file[1] == '6')
                && (isSpace(file[2]) || file[2] == '#');
    }

    static Raster decode(byte[] file, long maxPixels) throws IOException {
        return new PortableMap(file).decode(maxPixels);
    }

    static long declaredPixels(byte[] file) throws IOException {
        PortableMap map = new PortableMap(file);
        return (long) map.number() * map.number();
    }

    private Raster decode(long maxPixels) throws IOException {
        boolean binary = file[1] >= '5';
        int channels = file[1] == '3' || file[1] == '6' ? 3 : 1;
        int width = number();
        int height = number();
        int highest = number();
        if (highest < 1 || highest > 65535) {
            throw new PictureException("its highest value is " + highest + ", not 1 to 65535");
        }
        Raster.checkSize(width, height, maxPixels);
        int samples = width * height * channels;
        if (binary) {
            if (at == file.length || !isSpace(file[at])) {
                throw new PictureException("its header does not end in white space");
            }
            at++; // exactly one character of white space
        }
        int bytesPerSample = highest > 255 ? 2 : 1;
        // A decimal sample takes a digit and, but for the last, a space.
        long needed = binary ? (long) samples * bytesPerSample : 2L * samples - 1;
        if (file.length - at < needed) {
            throw new PictureException("cut short: " + width + " x " + height + " pixels need at least " + needed
                    + " bytes, and " + (file.length - at) + " are there");
        }
        if (file[1] == '6' && highest == 255) { // as a pack's faces are: nothing to convert
            return new Raster(width, height, Arrays.copyOfRange(file, at, at + samples));
        }
        byte[] rgb = new byte[3 * width * height];
        for (int i = 0, out = 0; i < samples; i++) {
            int value;
            if (!binary) {
                value = number();
            } else if (bytesPerSample == 1) {
                value = file[at++] & 0xff;
            } else {
                value = (file[at] & 0xff) << 8 | (file[at + 1] & 0xff);
                at += 2;
            }
            if (value > highest) {
                throw new PictureException("a sample is " + value + ", above its highest value " + highest);
            }
            byte scaled = Raster.scale(value, highest);
            rgb[out++] = scaled;
            if (channels == 1) {
                rgb[out++] = scaled;
                rgb[out++] = scaled;
            }
        }
        return new Raster(width, height, rgb);
    }

    /** The next decimal number, after white space and comments. */
    private int number() throws IOException {
        while (at < file.length && (isSpace(file[at]) || file[at] == '#')) {
            if (file[at] == '#') {
                while (at < file.length && file[at] != '\n' && file[at] != '\r') {
                    at++;
                }
            } else {
                at++;
            }
        }
        int start = at;
        long value = 0;
        while (at < file.length && file[at] >= '0' && file[at] <= '9') {
            value = Math.min(10 * value + file[at] - '0', Integer.MAX_VALUE);
            at++;
        }
        if (at == start) {
            throw new PictureException(
                    at == file.length ? "cut short" : "damaged: no number at byte " + at + " of a portable map");
        }
        return (int) value;
    }

    private static boolean isSpace(byte b) {
        return b == ' ' || (b >= '\t' && b <= '\r');
    }
}
