package org.openface.core.dataset;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.internal.image.PictureKind;

/** Looks into a folder of people's folders; see {@link FaceDataset#index}. */
final class FolderIndex {
    private FolderIndex() {}

    static FaceDataset read(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            throw new IOException(directory + (Files.exists(directory) ? " is not a folder" : ": no such folder"));
        }
        List<Face> found = new ArrayList<>();
        Map<String, List<Path>> others = new TreeMap<>();
        for (Path person : visible(directory)) {
            if (Files.isDirectory(person)) {
                String identity = FaceDataset.name(person);
                for (Path file : visible(person)) {
                    Optional<PictureKind> kind = PictureKind.of(file);
                    if (isFace(kind)) {
                        found.add(new Face(identity, file));
                    } else if (kind.isPresent() || Files.isDirectory(file)) {
                        add(others, kind, file);
                    }
                }
            } else {
                Optional<PictureKind> kind = PictureKind.of(person);
                if (isFace(kind)) {
                    throw new IOException("the image " + FaceDataset.name(person) + " lies directly in " + directory
                            + "; put the images of each person into a sub-folder of their own, one sub-folder per"
                            + " person");
                }
                if (kind.isPresent()) {
                    add(others, kind, person);
                }
            }
        }
        List<FaceDataset.PassedOver> passedOver = others.entrySet().stream()
                .map(entry -> new FaceDataset.PassedOver(entry.getKey(), entry.getValue()))
                .toList();
        if (found.isEmpty()) {
            throw new IOException("no images in " + directory + ": expected one sub-folder per person with JPEG, PNG,"
                    + " BMP, PGM or PPM files in it" + deeperHint(directory)
                    + passedOver.stream().map(kind -> "; " + kind.summary()).collect(Collectors.joining()));
        }
        return FaceDataset.of(found, AlignmentProfile.of(directory).orElse(null), passedOver);
    }

    private static boolean isFace(Optional<PictureKind> kind) {
        return kind.filter(PictureKind::supported).isPresent();
    }

    /** Whether {@link FaceDataset#index} takes a file for a face. */
    static boolean isFace(Path file) throws IOException {
        return isFace(PictureKind.of(file));
    }

    private static void add(Map<String, List<Path>> others, Optional<PictureKind> kind, Path file) {
        others.computeIfAbsent(
                        kind.map(PictureKind::label).orElse(FaceDataset.PassedOver.FOLDER), name -> new ArrayList<>())
                .add(file);
    }

    private static List<Path> visible(Path directory) throws IOException {
        List<Path> entries = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(directory, entry -> !Files.isHidden(entry))) {
            all.forEach(entries::add);
        } catch (AccessDeniedException e) {
            throw new IOException("no permission to read the folder " + directory, e);
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        return entries;
    }

    /** For someone who points at the folder above: OpenFace's train and val lie in one folder, for example. */
    private static String deeperHint(Path directory) throws IOException {
        for (Path child : visible(directory)) {
            if (Files.isDirectory(child)) {
                for (Path grandchild : visible(child)) {
                    if (Files.isDirectory(grandchild)) {
                        return "; did you mean " + child + "?";
                    }
                }
            }
        }
        return "";
    }
}
