package org.openface.align;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/** Pictures to take where no face is found, by person and name without extension. */
final class Fallback {
    static final Fallback NONE = new Fallback(Map.of());

    private final Map<String, Path> pictures;

    private Fallback(Map<String, Path> pictures) {
        this.pictures = pictures;
    }

    static Fallback of(@Nullable Path folder) throws IOException {
        if (folder == null) {
            return NONE;
        }
        Map<String, Path> pictures = new HashMap<>();
        for (Face face : FaceDataset.index(folder).faces()) {
            pictures.putIfAbsent(key(face), face.file());
        }
        return new Fallback(pictures);
    }

    /** The middle of the picture for a photograph, {@code size × size} pixels; empty if there is none for it. */
    Optional<RgbImage> face(Face photograph, int size, ImageFiles.Limits limits) throws IOException {
        Path picture = pictures.get(key(photograph));
        if (picture == null) {
            return Optional.empty();
        }
        RgbImage image = ImageFiles.read(picture, limits);
        int side = Math.min(image.width(), image.height());
        return Optional.of(cropped(image, side).resized(size, size));
    }

    private static String key(Face face) {
        String name = face.fileName();
        return face.identity() + "/" + name.substring(0, name.lastIndexOf('.')).toLowerCase(Locale.ROOT);
    }

    private static RgbImage cropped(RgbImage image, int side) {
        int left = (image.width() - side) / 2;
        int top = (image.height() - side) / 2;
        byte[] all = image.toBytes();
        byte[] rgb = new byte[3 * side * side];
        for (int y = 0; y < side; y++) {
            System.arraycopy(all, 3 * ((top + y) * image.width() + left), rgb, 3 * y * side, 3 * side);
        }
        return RgbImage.of(side, side, rgb);
    }
}
