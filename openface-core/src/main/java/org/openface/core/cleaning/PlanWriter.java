package org.openface.core.cleaning;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.openface.core.dataset.DatasetSplitter;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.internal.AtomicFile;
import org.openface.core.internal.OwnerOnly;
import org.openface.core.internal.PlacedFile;
import org.openface.core.internal.PortableName;

/** Lays out what a plan leaves, one person at a time, so that only one person's files are held. */
final class PlanWriter {
    private final CleaningPlan plan;
    private final FaceDataset dataset;
    private final Path folder;
    private final DatasetSplitter.Placement placement;

    PlanWriter(CleaningPlan plan, Path folder, DatasetSplitter.Placement placement) {
        this.plan = plan;
        this.dataset = plan.dataset();
        this.folder = folder;
        this.placement = placement;
    }

    private interface Step {
        void on(String person, Map<String, Face> files) throws IOException;
    }

    void write() throws IOException {
        SortedMap<String, int[]> people = people();
        refuseSources();
        refuseAlike(people.keySet());
        refuseOthers(people.keySet());
        // All of it is looked at before anything is written.
        forEach(people, this::check);
        OwnerOnly.createDirectories(folder);
        try {
            if (dataset.alignmentProfile().isPresent()) {
                AlignmentProfile profile = dataset.alignmentProfile().get();
                profile.claim(folder);
            }
            forEach(people, this::place);
        } catch (AccessDeniedException e) {
            throw new IOException("no permission to write to " + folder + " (" + e.getMessage() + ")", e);
        }
    }

    /** person ↦ numbers of the faces */
    private SortedMap<String, int[]> people() throws IOException {
        SortedMap<String, IntStream.Builder> builders = new TreeMap<>();
        for (int i = 0; i < dataset.size(); i++) {
            String identity = plan.identity(i);
            if (identity != null) {
                builders.computeIfAbsent(identity, name -> IntStream.builder()).add(i);
            }
        }
        if (builders.isEmpty()) {
            throw new IOException("nothing is left of " + dataset + "; nothing was written");
        }
        SortedMap<String, int[]> people = new TreeMap<>();
        builders.forEach((name, faces) -> people.put(name, faces.build().toArray()));
        return people;
    }

    private void forEach(SortedMap<String, int[]> people, Step step) throws IOException {
        for (Map.Entry<String, int[]> person : people.entrySet()) {
            step.on(person.getKey(), files(person.getKey(), person.getValue()));
        }
    }

    /** File name ↦ face. Those that stay keep their names, whoever comes. */
    private Map<String, Face> files(String person, int[] numbers) throws IOException {
        Map<String, Face> files = new LinkedHashMap<>();
        Map<String, Face> keys = new HashMap<>();
        for (boolean staying : new boolean[] {true, false}) {
            for (int i : numbers) {
                Face face = dataset.faces().get(i);
                if (face.identity().equals(person) == staying) {
                    String name = face.fileName();
                    if (!staying && keys.containsKey(PortableName.key(name))) {
                        name = face.identity() + "-" + name;
                    }
                    Face other = keys.putIfAbsent(PortableName.key(name), face);
                    if (other != null) {
                        throw new IOException(other.file() + " and " + face.file() + " would both become " + person
                                + "/" + name + ", at least where upper and lower case or ways to write an accent are"
                                + " not told apart; nothing was written; rename one of them");
                    }
                    files.put(name, face);
                }
            }
        }
        return files;
    }

    private void refuseSources() throws IOException {
        Path target = real(folder);
        for (int person = 0; person < dataset.identities().size(); person++) {
            Path own = dataset.faces(person).get(0).file().toAbsolutePath().getParent();
            Path root = own == null ? null : own.getParent();
            if (root != null && Files.isDirectory(root) && target.startsWith(root.toRealPath())) {
                throw new IOException(folder + " lies in the data set's own folder " + root
                        + "; nothing was written; choose another");
            }
        }
    }

    /** With links resolved as far as it exists. */
    private static Path real(Path path) throws IOException {
        Path absolute = path.toAbsolutePath().normalize();
        for (Path there = absolute; there != null; there = there.getParent()) {
            if (Files.exists(there)) {
                return there.toRealPath().resolve(there.relativize(absolute));
            }
        }
        return absolute;
    }

    private static void refuseAlike(Set<String> people) throws IOException {
        Map<String, String> keys = new HashMap<>();
        for (String person : people) {
            String other = keys.putIfAbsent(PortableName.key(person), person);
            if (other != null) {
                throw new IOException("the people " + other + " and " + person + " would share a folder where upper and"
                        + " lower case or ways to write an accent are not told apart; nothing was written; move one to"
                        + " the other, or rename one");
            }
        }
    }

    private void refuseOthers(Set<String> people) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
            for (Path entry : entries) {
                String name = String.valueOf(entry.getFileName());
                if (Files.isDirectory(entry) && !name.startsWith(".") && !people.contains(name)) {
                    throw notOurs(entry);
                }
            }
        }
    }

    private static IOException notOurs(Path path) {
        return new IOException(path + " is not part of this plan; nothing was written; use an empty folder");
    }

    private void check(String person, Map<String, Face> files) throws IOException {
        Path own = folder.resolve(person);
        if (!own.normalize().startsWith(folder.normalize()) || own.getNameCount() != folder.getNameCount() + 1) {
            throw new IOException("\"" + person + "\" cannot be the name of a folder");
        }
        if (!Files.exists(own, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(own)) {
            for (Path entry : entries) {
                String name = String.valueOf(entry.getFileName());
                Face face = files.get(name);
                if (face == null && !name.startsWith(".")) {
                    throw notOurs(entry);
                }
                if (face != null && !isThere(entry, face)) {
                    throw new IOException(
                            entry + " exists and is not " + face.file() + "; nothing was written; use an empty folder");
                }
            }
        }
    }

    private static boolean isThere(Path place, Face face) throws IOException {
        if (!Files.isRegularFile(place)) {
            return false;
        }
        return face.content().isEmpty()
                ? Files.isSameFile(place, face.file()) || Files.mismatch(place, face.file()) < 0
                : Arrays.equals(Files.readAllBytes(place), face.bytes());
    }

    private void place(String person, Map<String, Face> files) throws IOException {
        Path own = folder.resolve(person);
        OwnerOnly.createDirectories(own);
        for (Map.Entry<String, Face> entry : files.entrySet()) {
            Path place = own.resolve(entry.getKey());
            Face face = requireNonNull(entry.getValue());
            if (!Files.exists(place, LinkOption.NOFOLLOW_LINKS) && !put(place, face) && !isThere(place, face)) {
                throw new IOException(place + " appeared while the folder was written, and is not " + face.file()
                        + "; it stays as it is; use an empty folder");
            }
        }
    }

    /** False if something is there, which is never replaced. */
    private boolean put(Path place, Face face) throws IOException {
        if (face.content().isPresent()) {
            return AtomicFile.writeIfAbsent(face.bytes(), place);
        }
        return switch (placement) {
            case SYMBOLIC_LINK -> PlacedFile.symbolicLink(place, face.file());
            case HARD_LINK -> PlacedFile.hardLink(place, face.file());
            case COPY -> PlacedFile.copy(place, face.file());
        };
    }
}
