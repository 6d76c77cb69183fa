package org.openface.core.internal.image;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.zip.CRC32;

/**
 * A picture's file in memory, decoded later, so that a caller can see to it that not too many are decoded at once. The
 * content decides the format, never the name.
 */
public final class EncodedPicture {
    private final String name;
    private final byte[] bytes;

    /**
     * A file that was read elsewhere.
     *
     * @param name what messages call it
     */
    public EncodedPicture(String name, byte[] bytes) {
        this.name = name;
        this.bytes = bytes;
    }

    /**
     * Reads a file.
     *
     * @throws PictureException if it is no file, empty or too large; the message names it
     * @throws IOException if it cannot be read
     */
    public static EncodedPicture read(Path file, long maxFileBytes) throws IOException {
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            throw new PictureException(file + ": not a file");
        }
        try (InputStream in = Files.newInputStream(file)) {
            long size = Files.size(file);
            if (size > maxFileBytes) {
                throw new PictureException(file + ": " + size + " bytes; the limit is " + maxFileBytes);
            }
            byte[] bytes = in.readNBytes((int) Math.min(maxFileBytes, Integer.MAX_VALUE - 8));
            if (bytes.length == 0) {
                throw new PictureException(file + ": the file is empty (zero bytes)");
            }
            return new EncodedPicture(file.toString(), bytes);
        } catch (NoSuchFileException e) {
            throw new IOException(file + ": no such file", e);
        } catch (AccessDeniedException e) {
            throw new IOException(file + ": no permission to read it", e);
        }
    }

    /** Width × height that the file declares; 0 if it is no image, or one that will not be decoded. */
    public long pixels() {
        try {
            return declaredPixels();
        } catch (IOException | RuntimeException e) {
            return 0; // decode says what is wrong
        }
    }

    private long declaredPixels() throws IOException {
        if (isJpeg()) {
            Jpeg header = Jpeg.parse(bytes);
            return (long) header.width() * header.height();
        }
        if (isPng()) {
            ByteBuffer header = ByteBuffer.wrap(bytes);
            return (long) header.getInt(16) * header.getInt(20);
        }
        if (Bmp.matches(bytes)) {
            return Bmp.declaredPixels(bytes);
        }
        return PortableMap.matches(bytes) ? PortableMap.declaredPixels(bytes) : 0;
    }

    /** The file; not a copy. */
    public byte[] bytes() {
        return bytes;
    }

    /** CRC-32 of the file. */
    public long crc32() {
        CRC32 crc = new CRC32();
        crc.update(bytes);
        return crc.getValue();
    }

    /** The note that {@link Png#encode} put into the file; empty if there is none, or if it is damaged. */
    public Optional<String> note() {
        return Png.note(bytes);
    }

    /**
     * Decodes the picture.
     *
     * @throws PictureException if it is no image, cut short, damaged or too large; the message names it
     */
    public Raster decode(long maxPixels) throws PictureException {
        try {
            return decoded(maxPixels);
        } catch (PictureException e) {
            throw new PictureException(name + ": " + e.getMessage(), e);
        } catch (OutOfMemoryError e) {
            throw new PictureException(
                    name + ": " + pixels()
                            + " pixels need more memory than there is; give Java more (-Xmx), or make"
                            + " the picture smaller",
                    e);
        } catch (IOException | RuntimeException e) {
            // ImageIO answers damaged files with any of IIOException, IllegalArgumentException,
            // ArrayIndexOutOfBoundsException, ...
            throw new PictureException(name + ": damaged or cut short (" + e.getMessage() + ")", e);
        }
    }

    private Raster decoded(long maxPixels) throws IOException {
        if (isJpeg()) {
            return ImageIoDecoder.jpeg(bytes, maxPixels);
        }
        if (isPng()) {
            return ImageIoDecoder.png(bytes, maxPixels);
        }
        if (Bmp.matches(bytes)) {
            return Bmp.decode(bytes, maxPixels);
        }
        if (PortableMap.matches(bytes)) {
            return PortableMap.decode(bytes, maxPixels);
        }
        Optional<PictureKind> other = PictureKind.of(bytes);
        if (other.isPresent()) {
            throw new PictureException("not an image of a kind that is read, but a "
                    + other.get().label() + " file; convert it to JPEG or PNG");
        }
        String start = HexFormat.ofDelimiter(" ").formatHex(bytes, 0, Math.min(bytes.length, 8));
        throw new PictureException("not an image: its content is none of JPEG, PNG, BMP, PGM and PPM"
                + " (it starts with the bytes " + start + ")");
    }

    private boolean isJpeg() {
        return bytes.length >= 3 && (bytes[0] & 0xff) == 0xff && (bytes[1] & 0xff) == 0xd8 && (bytes[2] & 0xff) == 0xff;
    }

    private boolean isPng() {
        int length = Png.SIGNATURE.length;
        return bytes.length >= length && Arrays.equals(bytes, 0, length, Png.SIGNATURE, 0, length);
    }
}
