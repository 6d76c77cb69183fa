package org.openface.align.internal.directory;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import org.openface.align.face.SkipReason;
import org.openface.core.dataset.Face;
import org.openface.core.internal.AtomicFile;
import org.openface.core.internal.OwnerOnly;
import org.openface.core.internal.image.Png;

/**
 * The folder of aligned faces. All that a job replaces and deletes goes through here, and that is:
 *
 * <ul>
 *   <li>only a plain file, no link, that begins as our faces do, with a note in it; or an empty one, in which there is
 *       nothing to lose, and which a power cut may leave of a face;
 *   <li>only in a person's folder that really lies in this one: that is no link, and no photographs' folder seen in
 *       another place.
 * </ul>
 *
 * <p>Anything else in a face's place stays as it is, and the photograph is reported as {@link SkipReason#IN_THE_WAY}. A
 * person's folder that is a link, or that is one of the photographs', is refused before anything is written, and again
 * before each face. That the photographs' folders are elsewhere, by their real paths, is checked by {@link #checkApart}.
 */
final class FaceFolder {
    private final Path folder;
    private final Path real;
    private final PhotographFolder photographs;

    /** What is in the place of a face. */
    enum There {
        NOTHING,
        OURS,
        OTHER
    }

    private FaceFolder(Path folder, Path real, PhotographFolder photographs) {
        this.folder = folder;
        this.real = real;
        this.photographs = photographs;
    }

    /**
     * The folder for the faces of photographs, which exists.
     *
     * @throws IllegalArgumentException if a person's folder in it is a link or one of the photographs' folders
     * @throws IOException if there is a file in the place of a person's folder
     */
    static FaceFolder of(Path folder, PhotographFolder photographs) throws IOException {
        FaceFolder faces = new FaceFolder(folder, folder.toRealPath(), photographs);
        for (int i = 0; i < photographs.people(); i++) {
            Path place = faces.person(photographs.folderName(i));
            if (Files.exists(place) && !Files.isDirectory(place)) {
                String face = photographs.photographs(i).stream()
                        .findFirst()
                        .map(photograph -> photograph.file().toString())
                        .orElse(photographs.identity(i));
                throw new IOException("cannot write the aligned face of " + face + ": " + place
                        + " is a file, where a folder should be");
            }
            faces.requireOwn(place);
        }
        return faces;
    }

    /** Refuses folders of photographs and of faces of which one is, or lies in, the other. */
    static void checkApart(Path raw, Path aligned) throws IOException {
        checkApart(raw, real(raw), aligned, real(aligned));
    }

    /** As the other, of a folder or a file whose real path is known. */
    static void checkApart(Path raw, Path from, Path aligned, Path to) {
        checkArgument(
                !to.startsWith(from) && !from.startsWith(to),
                "photographs (%s) and aligned faces (%s) need separate folders, neither inside the other%s",
                raw,
                aligned,
                from.equals(raw.toAbsolutePath().normalize()) ? "" : "; the first is really " + from);
    }

    /** The path without links, also if its last parts do not exist yet. */
    static Path real(Path path) throws IOException {
        Path absolute = path.toAbsolutePath().normalize();
        Path parent = absolute.getParent();
        if (Files.exists(absolute) || parent == null) {
            return absolute.toRealPath();
        }
        return real(parent).resolve(absolute.getFileName());
    }

    /** Refuses a person's folder that is somewhere else than it seems to be. */
    private void requireOwn(Path person) throws IOException {
        if (!Files.exists(person, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        Path there = person.toRealPath();
        checkArgument(
                !Files.isSymbolicLink(person) && real.equals(there.getParent()),
                "%s, for aligned faces, is really %s; nothing is written or deleted through links: remove this one, or align"
                        + " into another folder",
                person,
                there);
        checkArgument(
                !photographs.isPersons(person),
                "%s, for aligned faces, is really a folder of photographs; align into another folder",
                person);
    }

    /** What is in the place of a face. */
    static There there(Path face) throws IOException {
        BasicFileAttributes attributes;
        try {
            attributes = Files.readAttributes(face, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        } catch (NoSuchFileException e) {
            return There.NOTHING;
        }
        boolean ours = attributes.isRegularFile() && (attributes.size() == 0 || Png.beginsWithNote(face));
        return ours ? There.OURS : There.OTHER;
    }

    /**
     * Writes a face, in place of one of ours if there is one; false if something else is there.
     *
     * @throws IllegalArgumentException if the person's folder is a link
     */
    boolean write(Path face, byte[] png) throws IOException {
        Path person = requireNonNull(face.getParent());
        OwnerOnly.createDirectories(person);
        requireOwn(person);
        if (there(face) == There.NOTHING && AtomicFile.writeIfAbsent(png, face)) {
            return true;
        }
        if (there(face) == There.OTHER) {
            return false;
        }
        AtomicFile.write(png, face);
        return true;
    }

    /** Deletes a face of ours; false if something else is there, or nothing. */
    boolean delete(Path face) throws IOException {
        requireOwn(requireNonNull(face.getParent()));
        return there(face) == There.OURS && Files.deleteIfExists(face);
    }

    /** Sets the time of a face of ours. */
    void touch(Path face, FileTime time) throws IOException {
        requireOwn(requireNonNull(face.getParent()));
        if (there(face) == There.OURS) {
            Files.setLastModifiedTime(face, time);
        }
    }

    /** The place of a person's faces. */
    Path person(Path name) {
        return folder.resolve(name);
    }

    interface Visitor {
        void visit(Path person) throws IOException;
    }

    /** Goes through the persons' folders that are there. */
    void eachPerson(Visitor visitor) throws IOException {
        try (DirectoryStream<Path> all = Files.newDirectoryStream(folder, entry -> !Files.isHidden(entry))) {
            for (Path entry : all) {
                if (Files.isDirectory(entry)) {
                    visitor.visit(entry);
                }
            }
        } catch (AccessDeniedException e) {
            return; // one that can be written to and not be looked into
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
    }

    /** What is in a person's folder. */
    static List<Path> entries(Path directory) throws IOException {
        List<Path> entries = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(directory, entry -> !Files.isHidden(entry))) {
            all.forEach(entries::add);
        } catch (AccessDeniedException e) {
            return List.of(); // not ours, as lost+found
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        return entries;
    }

    /** Name of the face's file of a photograph. */
    static String faceName(Face photograph) {
        return faceName(photograph.fileName());
    }

    /** Name of a photograph in messages and in the table, {@code person/file}. */
    static String name(Face photograph) {
        return photograph.identity() + "/" + photograph.fileName();
    }

    /** Name of the folder in which a photograph lies. */
    static Path folder(Face photograph) {
        return requireNonNull(requireNonNull(photograph.file().getParent()).getFileName());
    }

    static String faceName(String photograph) {
        int dot = photograph.lastIndexOf('.');
        return (dot > 0 ? photograph.substring(0, dot) : photograph) + ".png";
    }

    /** Name of a file or folder, right also in a Java runtime whose locale cannot decode it. */
    static String name(Path path) {
        return new Face("", path).fileName();
    }
}
