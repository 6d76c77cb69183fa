package org.openface.core.dataset;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.openface.core.image.ImageFiles;

/** Lays a split out in a folder, {@code train/<identity>/<image>} and {@code val/<identity>/<image>}. */
final class SplitWriter {
    private SplitWriter() {}

    static void write(DatasetSplitter.Split split, Path directory, DatasetSplitter.Placement placement)
            throws IOException {
        // place ↦ the file to be found there
        Map<Path, Path> wanted = new LinkedHashMap<>();
        plan(split.training(), directory.resolve("train"), wanted);
        plan(split.validation(), directory.resolve("val"), wanted);
        // Looked at as a whole before anything is written: a half-written mixture of two splits would have people in
        // both parts.
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
        try {
            claim(split.training(), directory.resolve("train"));
            claim(split.validation(), directory.resolve("val"));
            for (Map.Entry<Path, Path> entry : wanted.entrySet()) {
                if (missing.contains(entry.getKey())) {
                    Files.createDirectories(requireNonNull(entry.getKey().getParent()));
                    place(entry.getKey(), entry.getValue(), placement);
                }
            }
        } catch (AccessDeniedException e) {
            throw new IOException("no permission to write to " + directory + " (" + e.getMessage() + ")", e);
        }
    }

    private static void claim(FaceDataset faces, Path part) throws IOException {
        if (faces.alignmentProfile().isPresent()) {
            Files.createDirectories(part);
            faces.alignmentProfile().get().claim(part);
        }
    }

    private static void plan(FaceDataset faces, Path part, Map<Path, Path> wanted) throws IOException {
        for (Face face : faces.faces()) {
            Path fileName = requireNonNull(face.file().getFileName());
            Path place = part.resolve(folder(face)).resolve(fileName);
            if (place.getNameCount() != part.getNameCount() + 2
                    || !place.normalize().startsWith(part.normalize())) {
                throw new IOException("the identity " + face.identity() + " cannot be the name of a folder");
            }
            Path other = wanted.put(place, face.file());
            if (other != null) {
                throw new IOException(other + " and " + face.file() + " would both become " + place);
            }
        }
    }

    /** As a path where possible, which works for names that the runtime cannot decode. */
    private static Path folder(Face face) {
        Path parent = face.file().getParent();
        Path name = parent == null ? null : parent.getFileName();
        return name != null && FaceDataset.name(name).equals(face.identity())
                ? name
                : face.file().getFileSystem().getPath(face.identity());
    }

    private static void refuseOthers(Path part, Set<Path> wanted) throws IOException {
        if (!Files.exists(part)) {
            return;
        }
        try (Stream<Path> found = Files.walk(part, FileVisitOption.FOLLOW_LINKS)) {
            Path other = found.filter(path -> ImageFiles.isImage(path) && !wanted.contains(path))
                    .findFirst()
                    .orElse(null);
            if (other != null) {
                throw new IOException(other + " is not part of this split; nothing was written; use an empty folder");
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private static boolean sameContent(Path place, Path source) throws IOException {
        return Files.isRegularFile(place) && (Files.isSameFile(place, source) || Files.mismatch(place, source) < 0);
    }

    private static void place(Path place, Path file, DatasetSplitter.Placement placement) throws IOException {
        Path source = file.toRealPath();
        switch (placement) {
            case SYMBOLIC_LINK -> Files.createSymbolicLink(place, source);
            case COPY -> copy(place, source);
            case HARD_LINK -> {
                try {
                    Files.createLink(place, source);
                } catch (AccessDeniedException | FileAlreadyExistsException e) {
                    throw e;
                } catch (FileSystemException | UnsupportedOperationException e) {
                    copy(place, source); // another disk, or no hard links there
                }
            }
        }
    }

    private static void copy(Path place, Path source) throws IOException {
        Path temporary = place.resolveSibling("." + ProcessHandle.current().pid() + ".tmp");
        try {
            Files.copy(source, temporary, StandardCopyOption.REPLACE_EXISTING);
            Files.move(temporary, place, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }
}
