package org.openface.align.internal.directory;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.Face;
import org.openface.core.internal.PortableName;

/** Photographs whose faces have no place, because those of others have the same names here or on some file system. */
final class NameCollisions {
    /** By the number of the person whose folder has no place. */
    private final Map<Integer, String> rivals = new HashMap<>();

    private final PhotographFolder photographs;
    private final FaceFolder faces;

    /** The folders of faces that are there, where several people, here or there, have one name. */
    private final Map<String, List<Path>> there = new HashMap<>();

    private NameCollisions(PhotographFolder photographs, FaceFolder faces) {
        this.photographs = photographs;
        this.faces = faces;
    }

    /**
     * Not by the file system's own rule, so that the same folder gives the same faces on every system, and none is lost
     * when they are copied to another. Of several people or photographs with one name the first has the place, unless
     * another person's folder is there already.
     */
    static NameCollisions of(PhotographFolder photographs, FaceFolder faces) throws IOException {
        NameCollisions collisions = new NameCollisions(photographs, faces);
        Set<String> doubtful = new HashSet<>(); // most names are like no other: nothing is kept of those
        TreeSet<Integer> people = new TreeSet<>();
        for (int i = 0; i < photographs.people(); i++) {
            if (photographs.alike(photographs.identity(i)).size() > 1) {
                doubtful.add(PortableName.key(photographs.identity(i)));
                people.add(i);
            }
        }
        faces.eachPerson(folder -> {
            String name = FaceFolder.name(folder);
            List<Integer> alike = photographs.alike(name);
            if (photographs.find(name) < 0 && !alike.isEmpty()) {
                doubtful.add(PortableName.key(name));
                people.addAll(alike);
            }
        });
        if (!doubtful.isEmpty()) {
            faces.eachPerson(folder -> {
                String key = PortableName.key(FaceFolder.name(folder));
                if (doubtful.contains(key)) {
                    collisions
                            .there
                            .computeIfAbsent(key, k -> new ArrayList<>())
                            .add(folder);
                }
            });
        }
        collisions.decide(people);
        return collisions;
    }

    private void decide(Set<Integer> people) throws IOException {
        Map<String, Integer> owners = new HashMap<>();
        for (boolean hasFolder : new boolean[] {true, false}) {
            for (int person : people) {
                if (!hasFolder || has(person)) {
                    owners.putIfAbsent(PortableName.key(photographs.identity(person)), person);
                }
            }
        }
        for (int person : people) {
            String key = PortableName.key(photographs.identity(person));
            int owner = requireNonNull(owners.get(key));
            if (owner != person) {
                rivals.put(person, photographs.identity(owner));
            } else if (!has(person) && there.containsKey(key)) {
                rivals.put(
                        person, FaceFolder.name(requireNonNull(there.get(key)).get(0)));
            }
        }
    }

    /** Whether a person's folder is there. It may have the name in another form, where the file system composes accents. */
    private boolean has(int person) throws IOException {
        String identity = photographs.identity(person);
        Path own = faces.person(photographs.folderName(person));
        for (Path similar : there.getOrDefault(PortableName.key(identity), List.of())) {
            String name = FaceFolder.name(similar);
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

    /** For each of a person's photographs, in their order, why its face has no place; null if it has one. */
    @Nullable
    String[] of(int person, List<Face> all) {
        String rival = rivals.get(person);
        Map<String, Face> names = new HashMap<>();
        @Nullable String[] collisions = new String[all.size()];
        for (int i = 0; i < collisions.length; i++) {
            Face photograph = all.get(i);
            Face other = names.putIfAbsent(PortableName.key(FaceFolder.faceName(photograph)), photograph);
            if (rival != null) {
                collisions[i] = "the folder of its face, " + photographs.identity(person) + ", and that of " + rival
                        + "'s faces are one on some systems; rename one of the two";
            } else if (other != null) {
                collisions[i] =
                        "its face would have the name of " + FaceFolder.name(other) + "'s; rename one of the two";
            }
        }
        return collisions;
    }
}
