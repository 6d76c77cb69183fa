package org.openface.core.cleaning;

import static java.util.Objects.requireNonNull;

import com.google.common.hash.HashCode;
import com.google.common.hash.Hashing;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.SortedMap;
import java.util.TreeMap;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/**
 * What one pass over all images remembers of each: digests of its bytes and of its pixels, its number of pixels, and its
 * {@link Sketch}; 612 bytes in all.
 */
final class ImageScan {
    /** Images per array, since all sketches need more bytes than one array can hold. */
    private static final int BLOCK = 1 << 12;

    private final long[] bytes;
    private final long[] pixels;
    private final int[] area;
    private final byte[][] sketches;
    private final SortedMap<Integer, String> unreadable = new TreeMap<>();

    private ImageScan(int size) {
        bytes = new long[2 * size];
        pixels = new long[2 * size];
        area = new int[size];
        sketches = new byte[(size + BLOCK - 1) / BLOCK][];
        for (int i = 0; i < sketches.length; i++) {
            sketches[i] = new byte[Math.min(BLOCK, size - i * BLOCK) * Sketch.BYTES];
        }
    }

    static ImageScan of(FaceDataset dataset, Parallel.Watch watch) throws IOException {
        ImageScan scan = new ImageScan(dataset.size());
        Parallel.forEach(dataset.size(), i -> scan.read(dataset.faces().get(i), i), watch);
        return scan;
    }

    private void read(Face face, int i) throws InterruptedIOException {
        try {
            byte[] file = face.bytes();
            put(Hashing.sha256().hashBytes(file), bytes, i);
            RgbImage image = ImageFiles.decode(file, face.file().toString(), ImageFiles.Limits.DEFAULT);
            put(
                    Hashing.sha256()
                            .newHasher()
                            .putInt(image.width())
                            .putBytes(image.toBytes())
                            .hash(),
                    pixels,
                    i);
            area[i] = image.width() * image.height();
            Sketch.write(image, sketch(i), sketchAt(i));
        } catch (IOException e) {
            if (Thread.currentThread().isInterrupted()) {
                throw new InterruptedIOException("interrupted while images were read");
            }
            synchronized (unreadable) {
                unreadable.put(i, e.getClass().getSimpleName() + ": " + e.getMessage());
            }
        }
    }

    private static void put(HashCode hash, long[] target, int i) {
        ByteBuffer first = ByteBuffer.wrap(hash.asBytes());
        target[2 * i] = first.getLong();
        target[2 * i + 1] = first.getLong();
    }

    int size() {
        return area.length;
    }

    boolean isReadable(int i) {
        return area[i] > 0;
    }

    /** Why images cannot be read. */
    SortedMap<Integer, String> unreadable() {
        return unreadable;
    }

    int area(int i) {
        return area[i];
    }

    byte[] sketch(int i) {
        return requireNonNull(sketches[i / BLOCK]);
    }

    int sketchAt(int i) {
        return i % BLOCK * Sketch.BYTES;
    }

    boolean sameBytes(int i, int j) {
        return bytes[2 * i] == bytes[2 * j] && bytes[2 * i + 1] == bytes[2 * j + 1];
    }

    boolean samePixels(int i, int j) {
        return pixels[2 * i] == pixels[2 * j] && pixels[2 * i + 1] == pixels[2 * j + 1];
    }

    int comparePixels(int i, int j) {
        int first = Long.compare(pixels[2 * i], pixels[2 * j]);
        return first != 0 ? first : Long.compare(pixels[2 * i + 1], pixels[2 * j + 1]);
    }
}
