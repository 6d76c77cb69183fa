package org.openface.align.internal.directory;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.core.internal.PortableName;

/**
 * Pictures to take where no face is found, by person and name without extension. If there is none of just that name, one
 * whose name differs as names do between file systems is taken, provided that there is only one.
 */
final class Fallback {
    static final Fallback NONE = new Fallback();

    private final Map<String, Path> pictures = new HashMap<>();

    /** By what file systems know a name by; empty if there are several. */
    private final Map<String, Optional<Path>> similar = new HashMap<>();

    private Fallback() {}

    static Fallback of(@Nullable Path folder) throws IOException {
        if (folder == null) {
            return NONE;
        }
        Fallback fallback = new Fallback();
        for (Face face : FaceDataset.index(folder).faces()) {
            if (fallback.pictures.putIfAbsent(name(face), face.file()) == null) {
                fallback.similar.merge(similar(face), Optional.of(face.file()), (one, other) -> Optional.empty());
            }
        }
        return fallback;
    }

    /** The middle of the picture for a photograph, {@code size × size} pixels; empty if there is none for it. */
    Optional<RgbImage> face(Face photograph, int size, ImageFiles.Limits limits) throws IOException {
        Path picture = pictures.get(name(photograph));
        if (picture == null) {
            picture =
                    similar.getOrDefault(similar(photograph), Optional.empty()).orElse(null);
        }
        if (picture == null) {
            return Optional.empty();
        }
        RgbImage image = ImageFiles.read(picture, limits);
        int side = Math.min(image.width(), image.height());
        return Optional.of(cropped(image, side).resized(size, size));
    }

    private static String name(Face face) {
        return face.identity() + "/" + FaceFolder.faceName(face);
    }

    private static String similar(Face face) {
        return face.identity() + "/" + PortableName.key(FaceFolder.faceName(face));
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
