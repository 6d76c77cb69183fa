package org.openface.align.internal.directory;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
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
    private final @Nullable Path folder;

    /** The pictures of people who were asked for lately, by the names of their folders. */
    private final Map<Path, Pictures> people = new ConcurrentHashMap<>();

    private Fallback(@Nullable Path folder) {
        this.folder = folder;
    }

    /**
     * Pictures in a folder, or none.
     *
     * @throws IOException if there is no picture in it
     */
    static Fallback of(@Nullable Path folder) throws IOException {
        if (folder != null && !hasPicture(folder)) {
            FaceDataset.index(folder); // says what is wrong
        }
        return new Fallback(folder);
    }

    private static boolean hasPicture(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return false;
        }
        try (DirectoryStream<Path> people = Files.newDirectoryStream(folder, entry -> !Files.isHidden(entry))) {
            for (Path person : people) {
                if (Files.isDirectory(person)
                        && !PhotographFolder.photographs(person, "").isEmpty()) {
                    return true;
                }
            }
            return false;
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
    }

    /** The pictures of one person. */
    private static final class Pictures {
        private final Map<String, Path> named = new HashMap<>();

        /** By what file systems know a name by; empty if there are several. */
        private final Map<String, Optional<Path>> similar = new HashMap<>();

        Pictures(List<Face> all) {
            for (Face face : all) {
                String name = FaceFolder.faceName(face);
                if (named.putIfAbsent(name, face.file()) == null) {
                    similar.merge(PortableName.key(name), Optional.of(face.file()), (one, other) -> Optional.empty());
                }
            }
        }

        Optional<Path> of(String name) {
            Path picture = named.get(name);
            return picture != null
                    ? Optional.of(picture)
                    : similar.getOrDefault(PortableName.key(name), Optional.empty());
        }
    }

    /** The middle of the picture for a photograph, {@code size × size} pixels; empty if there is none for it. */
    Optional<RgbImage> face(Face photograph, int size, ImageFiles.Limits limits) throws IOException {
        if (folder == null) {
            return Optional.empty();
        }
        Path person = FaceFolder.folder(photograph);
        Pictures pictures = people.get(person);
        if (pictures == null) {
            pictures = new Pictures(pictures(folder.resolve(person), photograph.identity()));
            people.put(person, pictures);
        }
        Path picture = pictures.of(FaceFolder.faceName(photograph)).orElse(null);
        if (picture == null) {
            return Optional.empty();
        }
        RgbImage image = ImageFiles.read(picture, limits);
        int side = Math.min(image.width(), image.height());
        return Optional.of(cropped(image, side).resized(size, size));
    }

    private static List<Face> pictures(Path person, String identity) throws IOException {
        // Where Ann and ann are one folder, it is that of the one whose name it has.
        boolean there = Files.isDirectory(person)
                && FaceFolder.name(person.toRealPath(LinkOption.NOFOLLOW_LINKS)).equals(identity);
        return there ? PhotographFolder.photographs(person, identity) : List.of();
    }

    /** Forgets what was looked up, which is found again when it is asked for. */
    void forget() {
        people.clear();
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
