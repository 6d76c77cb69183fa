package org.openface.core.dataset;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.openface.core.internal.OwnerOnly;
import org.openface.core.internal.PlacedFile;
import org.openface.core.internal.PortableName;

/** Lays a split out in a folder, {@code train/<identity>/<image>} and {@code val/<identity>/<image>}. */
final class SplitWriter {
    private final DatasetSplitter.Split split;
    private final Path directory;

    /** place ↦ the file to be found there */
    private final Map<Path, Path> wanted;

    private final Set<Path> missing;

    private SplitWriter(DatasetSplitter.Split split, Path directory, Map<Path, Path> wanted, Set<Path> missing) {
        this.split = split;
        this.directory = directory;
        this.wanted = wanted;
        this.missing = missing;
    }

    /**
     * Looks at the folder as a whole before anything is written: a half-written mixture of two splits would have people in both
     * parts.
     */
    static SplitWriter plan(DatasetSplitter.Split split, Path directory) throws IOException {
        Map<Path, Path> wanted = new LinkedHashMap<>();
        plan(split.training(), directory.resolve("train"), wanted);
        plan(split.validation(), directory.resolve("val"), wanted);
        refuseOthers(directory.resolve("train"), wanted.keySet());
        refuseOthers(directory.resolve("val"), wanted.keySet());
        Set<Path> missing = new HashSet<>();
        for (Map.Entry<Path, Path> entry : wanted.entrySet()) {
            if (!Files.exists(entry.getKey(), LinkOption.NOFOLLOW_LINKS)) {
                missing.add(entry.getKey());
            } else if (!sameContent(entry.getKey(), entry.getValue())) {
                throw new IOException(entry.getKey() + " exists and is not " + entry.getValue()
                        + "; nothing was written; use an empty folder");
            }
        }
        return new SplitWriter(split, directory, wanted, missing);
    }

    DatasetSplitter.Preview preview() {
        long folders = missing.stream()
                .map(place -> requireNonNull(place.getParent()))
                .distinct()
                .filter(folder -> !Files.exists(folder))
                .count();
        return new DatasetSplitter.Preview(missing.size(), wanted.size() - missing.size(), (int) folders);
    }

    void write(DatasetSplitter.Placement placement) throws IOException {
        try {
            claim(split.training(), directory.resolve("train"));
            claim(split.validation(), directory.resolve("val"));
            for (Map.Entry<Path, Path> entry : wanted.entrySet()) {
                if (missing.contains(entry.getKey())) {
                    OwnerOnly.createDirectories(requireNonNull(entry.getKey().getParent()));
                    if (!place(entry.getKey(), entry.getValue(), placement)
                            && !sameContent(entry.getKey(), entry.getValue())) {
                        throw new IOException(entry.getKey() + " appeared while the split was written, and is not "
                                + entry.getValue() + "; it stays as it is; use an empty folder");
                    }
                }
            }
        } catch (AccessDeniedException e) {
            throw new IOException("no permission to write to " + directory + " (" + e.getMessage() + ")", e);
        }
    }

    private static void claim(FaceDataset faces, Path part) throws IOException {
        if (faces.alignmentProfile().isPresent()) {
            OwnerOnly.createDirectories(part);
            faces.alignmentProfile().get().claim(part);
        }
    }

    /**
     * Adds where the faces go. Names that only some file systems tell apart are refused everywhere: the folder may lie on
     * another one, or be copied to one, where the second face would take the place of the first, or two people become one.
     */
    private static void plan(FaceDataset faces, Path part, Map<Path, Path> wanted) throws IOException {
        Map<String, Path> folders = new HashMap<>();
        Map<String, Path> files = new HashMap<>();
        for (Face face : faces.faces()) {
            if (face.content().isPresent()) {
                throw new IOException(
                        face.file() + " is no file of its own, but comes from a pack or an archive: use the"
                                + " parts as they are, or write each with FacePack");
            }
            Path fileName = requireNonNull(face.file().getFileName());
            Path folder = part.resolve(folder(face));
            Path place = folder.resolve(fileName);
            if (place.getNameCount() != part.getNameCount() + 2
                    || !place.normalize().startsWith(part.normalize())) {
                throw new IOException("the identity " + face.identity() + " cannot be the name of a folder");
            }
            String identity = PortableName.key(face.identity());
            Path otherFolder = folders.putIfAbsent(identity, folder);
            if (otherFolder != null && !otherFolder.equals(folder)) {
                throw collision("the people " + FileNames.name(otherFolder) + " and " + face.identity(), folder);
            }
            Path otherFile = files.putIfAbsent(identity + "/" + PortableName.key(face.fileName()), face.file());
            if (otherFile != null) {
                throw collision(otherFile + " and " + face.file(), place);
            }
            wanted.put(place, face.file());
        }
    }

    private static IOException collision(String both, Path place) {
        return new IOException(both + " would both become " + place
                + ", at least where upper and lower case or ways to write an accent are not told apart; nothing was"
                + " written; rename one of them");
    }

    /** As a path where possible, which works for names that the runtime cannot decode. */
    private static Path folder(Face face) {
        Path parent = face.file().getParent();
        Path name = parent == null ? null : parent.getFileName();
        return name != null && FileNames.name(name).equals(face.identity())
                ? name
                : face.file().getFileSystem().getPath(face.identity());
    }

    private static void refuseOthers(Path part, Set<Path> wanted) throws IOException {
        if (!Files.exists(part)) {
            return;
        }
        try (Stream<Path> found = Files.walk(part, FileVisitOption.FOLLOW_LINKS)) {
            for (Path path : (Iterable<Path>) found::iterator) {
                if (!wanted.contains(path) && FolderIndex.isFace(path)) {
                    throw new IOException(
                            path + " is not part of this split; nothing was written; use an empty folder");
                }
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private static boolean sameContent(Path place, Path source) throws IOException {
        return Files.isRegularFile(place) && (Files.isSameFile(place, source) || Files.mismatch(place, source) < 0);
    }

    /** Puts a file into its place; false if something is there, which is never replaced. */
    private static boolean place(Path place, Path file, DatasetSplitter.Placement placement) throws IOException {
        return switch (placement) {
            case SYMBOLIC_LINK -> PlacedFile.symbolicLink(place, file);
            case HARD_LINK -> PlacedFile.hardLink(place, file);
            case COPY -> PlacedFile.copy(place, file);
        };
    }
}
