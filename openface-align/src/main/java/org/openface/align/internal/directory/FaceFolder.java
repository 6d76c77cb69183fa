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
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.openface.align.face.SkipReason;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.image.ImageFiles;
import org.openface.core.internal.AtomicFile;
import org.openface.core.internal.OwnerOnly;
import org.openface.core.internal.PortableName;
import org.openface.core.internal.image.EncodedPicture;
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

    /** What the file system knows the photographs' folders by; empty where it knows folders by their paths only. */
    private final Set<Object> photographs;

    /** What is in the place of a face. */
    enum There {
        NOTHING,
        OURS,
        OTHER
    }

    private FaceFolder(Path folder, Path real, Set<Object> photographs) {
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
    static FaceFolder of(Path folder, FaceDataset photographs) throws IOException {
        Set<Object> keys = new HashSet<>();
        for (Path person : folders(photographs)) {
            Object key = Files.readAttributes(person, BasicFileAttributes.class).fileKey();
            if (key != null) {
                keys.add(key);
            }
        }
        FaceFolder faces = new FaceFolder(folder, folder.toRealPath(), keys);
        Path before = null;
        for (Face photograph : photographs.faces()) {
            Path person = requireNonNull(photograph.file().getParent()).getFileName();
            if (!person.equals(before)) {
                Path place = folder.resolve(person);
                if (Files.exists(place) && !Files.isDirectory(place)) {
                    throw new IOException("cannot write the aligned face of " + photograph.file() + ": " + place
                            + " is a file, where a folder should be");
                }
                faces.requireOwn(place);
                before = person;
            }
        }
        return faces;
    }

    /** The folders in which photographs lie. */
    private static Set<Path> folders(FaceDataset photographs) {
        Set<Path> folders = new HashSet<>();
        photographs
                .faces()
                .forEach(face -> folders.add(requireNonNull(face.file().getParent())));
        return folders;
    }

    /**
     * Refuses folders of photographs and of faces of which one is, or lies in, the other; also where a link in the first
     * leads into the second.
     */
    static void checkApart(FaceDataset photographs, Path aligned) throws IOException {
        Path faces = real(aligned);
        for (Path person : folders(photographs)) {
            checkApart(person, person.toRealPath(), aligned, faces);
        }
        for (Face photograph : photographs.faces()) {
            if (Files.isSymbolicLink(photograph.file())) {
                checkApart(photograph.file(), photograph.file().toRealPath(), aligned, faces);
            }
        }
    }

    static void checkApart(Path raw, Path aligned) throws IOException {
        checkApart(raw, real(raw), aligned, real(aligned));
    }

    private static void checkApart(Path raw, Path from, Path aligned, Path to) {
        checkArgument(
                !to.startsWith(from) && !from.startsWith(to),
                "photographs (%s) and aligned faces (%s) need separate folders, neither inside the other%s",
                raw,
                aligned,
                from.equals(raw.toAbsolutePath().normalize()) ? "" : "; the first is really " + from);
    }

    /** The path without links, also if its last parts do not exist yet. */
    private static Path real(Path path) throws IOException {
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
        Object key = Files.readAttributes(person, BasicFileAttributes.class).fileKey();
        checkArgument(
                key == null || !photographs.contains(key),
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

    /**
     * A person's folder that is there, in place of the person's own, and that other file systems take for that; empty if
     * there is none.
     */
    Optional<String> rival(Map<String, List<Path>> there, Path person) throws IOException {
        List<Path> similar = there.getOrDefault(PortableName.key(name(person)), List.of());
        return has(there, person)
                ? Optional.empty()
                : similar.stream().findFirst().map(FaceFolder::name);
    }

    /** Whether a person's folder is there. It may have the name in another form, where the file system composes accents. */
    boolean has(Map<String, List<Path>> there, Path person) throws IOException {
        String identity = name(person);
        Path own = folder.resolve(person);
        for (Path similar : there.getOrDefault(PortableName.key(identity), List.of())) {
            String name = name(similar);
            if (name.equals(identity)
                    || (nfc(name).equals(nfc(identity)) && Files.exists(own) && Files.isSameFile(own, similar))) {
                return true;
            }
        }
        return false;
    }

    private static String nfc(String name) {
        return Normalizer.normalize(name, Normalizer.Form.NFC);
    }

    /** The persons' folders that are there, by what file systems know them by. */
    Map<String, List<Path>> persons() throws IOException {
        Map<String, List<Path>> persons = new HashMap<>();
        for (Path entry : entries(folder)) {
            if (Files.isDirectory(entry)) {
                persons.computeIfAbsent(PortableName.key(name(entry)), key -> new ArrayList<>())
                        .add(entry);
            }
        }
        return persons;
    }

    /** A face of ours whose photograph is gone, and that photograph's name. */
    record Abandoned(Path face, String photograph) {}

    /**
     * The faces of ours that are of none of the photographs.
     *
     * @throws IOException if a folder or a face cannot be read
     */
    List<Abandoned> abandoned(FaceDataset photographs) throws IOException {
        Map<String, List<Integer>> identities = new LinkedHashMap<>();
        for (int i = 0; i < photographs.identities().size(); i++) {
            identities
                    .computeIfAbsent(PortableName.key(photographs.identities().get(i)), key -> new ArrayList<>())
                    .add(i);
        }
        List<Abandoned> abandoned = new ArrayList<>();
        for (Map.Entry<String, List<Path>> person : persons().entrySet()) {
            Set<String> wanted = new HashSet<>();
            for (int identity : identities.getOrDefault(person.getKey(), List.of())) {
                photographs.faces(identity).forEach(face -> wanted.add(PortableName.key(faceName(face))));
            }
            for (Path own : person.getValue()) {
                if (Files.isSymbolicLink(own)) {
                    continue;
                }
                for (Path face : entries(own)) {
                    String name = name(face);
                    if (name.endsWith(".png")
                            && !wanted.contains(PortableName.key(name))
                            && there(face) == There.OURS) {
                        String photograph = EncodedPicture.read(face, ImageFiles.Limits.DEFAULT.maxFileBytes())
                                .note()
                                .flatMap(FaceNote::parse)
                                .map(FaceNote::photograph)
                                .orElse(name);
                        abandoned.add(new Abandoned(face, name(own) + "/" + photograph));
                    }
                }
            }
        }
        abandoned.sort(Comparator.comparing(gone -> gone.face().toString()));
        return abandoned;
    }

    private static List<Path> entries(Path directory) throws IOException {
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
    private static String name(Path path) {
        return new Face("", path).fileName();
    }
}
