package org.openface.align.internal.directory;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.internal.PortableName;
import org.openface.core.internal.image.PictureKind;

/**
 * The folder of photographs, of which only the names of the people are kept, some 80 bytes each; the photographs of a
 * person are listed when they are asked for. People have numbers in the order of their names, and what counts as a
 * photograph is what {@link FaceDataset#index} says.
 */
final class PhotographFolder {
    private static final Comparator<Face> ORDER = Comparator.comparing(Face::fileName)
            .thenComparing(face -> face.file().toString());

    /** Where the file system knows folders by their paths only. */
    private static final Object NO_KEY = new Object();

    private final Path folder;

    /** Sorted; only of people who have photographs. */
    private final String[] identities;

    /** By number, the names of people's folders that Java cannot decode, and so not find again. */
    private final Map<Integer, Path> undecoded;

    private final int[] counts;

    /** For each person what file systems know the name by, as a hash in the upper half, and the number; sorted. */
    private final long[] byKey;

    /** Hashes of what the file system knows the people's folders by; sorted. */
    private final int[] folderKeys;

    private final List<Totals.PassedOver> passedOver;

    private PhotographFolder(
            Path folder,
            String[] identities,
            Map<Integer, Path> undecoded,
            int[] counts,
            int[] folderKeys,
            List<Totals.PassedOver> passedOver) {
        this.folder = folder;
        this.identities = identities;
        this.undecoded = undecoded;
        this.counts = counts;
        this.folderKeys = folderKeys;
        this.passedOver = passedOver;
        byKey = new long[identities.length];
        for (int i = 0; i < identities.length; i++) {
            byKey[i] = (long) PortableName.key(identities[i]).hashCode() << Integer.SIZE | i;
        }
        Arrays.sort(byKey);
    }

    /**
     * Looks through the whole folder once.
     *
     * @param aligned the folder for the faces
     * @throws IllegalArgumentException if one of the folders is, or lies in, the other, also by a link in the first
     * @throws IOException as {@link FaceDataset#index}
     */
    static PhotographFolder survey(Path folder, Path aligned) throws IOException {
        FaceFolder.checkApart(folder, aligned);
        if (!Files.isDirectory(folder)) {
            throw new IOException(folder + (Files.exists(folder) ? " is not a folder" : ": no such folder"));
        }
        Map<String, First<Path>> others = new TreeMap<>();
        List<Person> people = people(folder, others);
        int[] counts = new int[people.size()];
        int[] keys = new int[people.size()];
        Path faces = FaceFolder.real(aligned);
        int kept = 0;
        for (int i = 0; i < people.size(); i++) {
            Person person = people.get(i);
            Path place = folder.resolve(person.folder());
            counts[kept] = count(place, aligned, faces, others);
            if (counts[kept] > 0) {
                FaceFolder.checkApart(place, place.toRealPath(), aligned, faces);
                keys[kept] = key(place).hashCode();
                people.set(kept++, person);
            }
        }
        if (kept == 0) {
            FaceDataset.index(folder); // says what is wrong
            throw new IOException("no images in " + folder);
        }
        Arrays.sort(keys, 0, kept);
        String[] identities = new String[kept];
        Map<Integer, Path> undecoded = new HashMap<>();
        for (int i = 0; i < kept; i++) {
            Person person = people.get(i);
            identities[i] = person.identity();
            if (!person.identity().equals(person.folder().toString())) {
                undecoded.put(i, person.folder());
            }
        }
        List<Totals.PassedOver> passedOver = new ArrayList<>();
        others.forEach((kind, files) -> passedOver.add(new Totals.PassedOver(
                new FaceDataset.PassedOver(kind, files.inOrder().first()), files.count())));
        return new PhotographFolder(
                folder,
                identities,
                undecoded,
                Arrays.copyOf(counts, kept),
                Arrays.copyOf(keys, kept),
                List.copyOf(passedOver));
    }

    /** How many photographs lie in a person's folder; 0 if it has gone meanwhile. */
    private static int count(Path person, Path aligned, Path faces, Map<String, First<Path>> others)
            throws IOException {
        int[] count = {0};
        try {
            each(person, file -> {
                Optional<PictureKind> kind = PictureKind.of(file);
                if (isPhotograph(kind)) {
                    count[0]++;
                    if (Files.isSymbolicLink(file)) {
                        FaceFolder.checkApart(file, file.toRealPath(), aligned, faces);
                    }
                } else if (kind.isPresent() || Files.isDirectory(file)) {
                    pass(others, kind, file);
                }
            });
        } catch (NoSuchFileException | NotDirectoryException e) {
            return 0;
        }
        return count[0];
    }

    /** A person and the name of the folder. */
    private record Person(String identity, Path folder) {}

    private static List<Person> people(Path folder, Map<String, First<Path>> others) throws IOException {
        List<Person> people = new ArrayList<>();
        each(folder, entry -> {
            if (Files.isDirectory(entry)) {
                people.add(new Person(FaceFolder.name(entry), entry.getFileName()));
                return;
            }
            Optional<PictureKind> kind = PictureKind.of(entry);
            if (isPhotograph(kind)) {
                throw new IOException("the image " + FaceFolder.name(entry) + " lies directly in " + folder
                        + "; put the images of each person into a sub-folder of their own, one sub-folder per"
                        + " person");
            }
            if (kind.isPresent()) {
                pass(others, kind, entry);
            }
        });
        people.sort(Comparator.comparing(Person::identity)
                .thenComparing(person -> person.folder().toString()));
        return people;
    }

    private static void pass(Map<String, First<Path>> others, Optional<PictureKind> kind, Path file) {
        others.computeIfAbsent(
                        kind.map(PictureKind::label).orElse(FaceDataset.PassedOver.FOLDER), name -> new First<>())
                .add(file);
    }

    private static boolean isPhotograph(Optional<PictureKind> kind) {
        return kind.filter(PictureKind::supported).isPresent();
    }

    private static void each(Path directory, FaceFolder.Visitor visitor) throws IOException {
        try (DirectoryStream<Path> all = Files.newDirectoryStream(directory, entry -> !Files.isHidden(entry))) {
            for (Path entry : all) {
                visitor.visit(entry);
            }
        } catch (AccessDeniedException e) {
            throw new IOException("no permission to read the folder " + directory, e);
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
    }

    /** Number of people who have photographs. */
    int people() {
        return identities.length;
    }

    /** Number of photographs at the time of the {@link #survey}. */
    long total() {
        return Arrays.stream(counts).asLongStream().sum();
    }

    /** Number of photographs of a person at that time. */
    int count(int person) {
        return counts[person];
    }

    String identity(int person) {
        return identities[person];
    }

    /** The name of the folder in which the photographs of a person lie. */
    Path folderName(int person) {
        Path undecodable = undecoded.get(person);
        return undecodable != null ? undecodable : folder.getFileSystem().getPath(identities[person]);
    }

    /** What there is besides photographs. */
    List<Totals.PassedOver> passedOver() {
        return passedOver;
    }

    /** The photographs of a person, sorted by the names of their files; none if the person has gone meanwhile. */
    List<Face> photographs(int person) throws IOException {
        List<Face> photographs = photographs(folder.resolve(folderName(person)), identities[person]);
        if (photographs.isEmpty() && !Files.isDirectory(folder)) {
            throw new IOException(
                    folder + " has gone; is the disk or the network there? No face was deleted for it: the"
                            + " same command goes on from here");
        }
        return photographs;
    }

    /** The photographs in a person's folder, sorted by the names of their files; none if it is not there. */
    static List<Face> photographs(Path person, String identity) throws IOException {
        List<Face> photographs = new ArrayList<>();
        try {
            each(person, file -> {
                if (isPhotograph(PictureKind.of(file))) {
                    photographs.add(new Face(identity, file));
                }
            });
        } catch (NoSuchFileException | NotDirectoryException e) {
            return List.of();
        }
        photographs.sort(ORDER);
        return photographs;
    }

    /** The number of the person of just this name; negative if there is none. */
    int find(String identity) {
        return Arrays.binarySearch(identities, identity);
    }

    /** The people of this name, here or on some file system, in their order. */
    List<Integer> alike(String name) {
        String key = PortableName.key(name);
        List<Integer> alike = new ArrayList<>();
        int at = Arrays.binarySearch(byKey, (long) key.hashCode() << Integer.SIZE);
        for (int i = at < 0 ? -at - 1 : at; i < byKey.length; i++) {
            if ((int) (byKey[i] >> Integer.SIZE) != key.hashCode()) {
                break;
            }
            if (PortableName.key(identities[(int) byKey[i]]).equals(key)) {
                alike.add((int) byKey[i]);
            }
        }
        return alike;
    }

    /** Whether a folder is that of one of the people, whatever leads to it; false where the file system does not say. */
    boolean isPersons(Path place) throws IOException {
        Object key = key(place);
        if (key == NO_KEY || Arrays.binarySearch(folderKeys, key.hashCode()) < 0) {
            return false;
        }
        for (int i = 0; i < identities.length; i++) {
            Path person = folder.resolve(folderName(i));
            if (Files.exists(person) && key.equals(key(person))) {
                return true;
            }
        }
        return false;
    }

    private static Object key(Path place) throws IOException {
        Object key = Files.readAttributes(place, BasicFileAttributes.class).fileKey();
        return key == null ? NO_KEY : key;
    }
}
