package org.openface.core.dataset;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/** Small data sets for tests. */
public final class Folders {
    private Folders() {}

    /** Empty files named like images, {@code counts[i]} of them for the person {@code p<i>}. */
    public static Path named(Path root, int... counts) throws IOException {
        for (int i = 0; i < counts.length; i++) {
            Path person = Files.createDirectories(root.resolve("p" + i));
            for (int k = 0; k < counts[i]; k++) {
                Files.write(person.resolve(k + ".png"), new byte[] {(byte) i, (byte) k});
            }
        }
        return root;
    }

    /** Real pictures: the colours of each pixel tell person, image and place. */
    public static Path drawn(Path root, int side, int... counts) throws IOException {
        for (int i = 0; i < counts.length; i++) {
            Path person = Files.createDirectories(root.resolve("p" + i));
            for (int k = 0; k < counts[i]; k++) {
                ImageFiles.writePng(picture(side, i, k), person.resolve(k + ".png"));
            }
        }
        return root;
    }

    public static RgbImage picture(int side, int person, int image) {
        byte[] rgb = new byte[3 * side * side];
        for (int y = 0, at = 0; y < side; y++) {
            for (int x = 0; x < side; x++) {
                rgb[at++] = (byte) (20 * person);
                rgb[at++] = (byte) (10 * image);
                rgb[at++] = (byte) (x * side + y);
            }
        }
        return RgbImage.of(side, side, rgb);
    }

    /** A data set without files. */
    public static FaceDataset imagined(int... counts) {
        List<Face> faces = new ArrayList<>();
        for (int i = 0; i < counts.length; i++) {
            String identity = String.format(Locale.ROOT, "p%05d", i);
            for (int k = 0; k < counts[i]; k++) {
                faces.add(new Face(identity, Path.of(identity, k + ".png")));
            }
        }
        return FaceDataset.of(faces);
    }

    public static List<String> relativeFiles(Path root) {
        try (var files = Files.walk(root)) {
            return files.filter(Files::isRegularFile)
                    .map(file -> root.relativize(file).toString().replace('\\', '/'))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
