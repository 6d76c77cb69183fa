package org.openface.align.internal.directory;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.internal.PortableName;

/** Photographs whose faces have no place, because those of others have the same names here or on some file system. */
final class NameCollisions {
    private NameCollisions() {}

    /**
     * The photographs whose faces have no place, by number, and why. Not by the file system's own rule, so that the same
     * folder gives the same faces on every system, and none is lost when they are copied to another. Of several people or
     * photographs with one name the first has the place, unless another person's folder is there already.
     */
    static Map<Integer, String> of(FaceDataset photographs, FaceFolder faces) throws IOException {
        Map<String, List<Path>> there = faces.persons();
        Map<String, String> owners = new HashMap<>();
        for (boolean hasFolder : new boolean[] {true, false}) {
            for (int i = 0; i < photographs.identities().size(); i++) {
                Path person = FaceFolder.folder(photographs.faces(i).get(0));
                if (!hasFolder || faces.has(there, person)) {
                    String identity = photographs.identities().get(i);
                    owners.putIfAbsent(PortableName.key(identity), identity);
                }
            }
        }
        Map<Integer, String> collisions = new HashMap<>();
        int number = 0;
        for (int i = 0; i < photographs.identities().size(); i++) {
            String identity = photographs.identities().get(i);
            List<Face> all = photographs.faces(i);
            String owner = requireNonNull(owners.get(PortableName.key(identity)));
            Optional<String> rival =
                    owner.equals(identity) ? faces.rival(there, FaceFolder.folder(all.get(0))) : Optional.of(owner);
            Map<String, Face> names = new HashMap<>();
            for (Face photograph : all) {
                Face other = names.putIfAbsent(PortableName.key(FaceFolder.faceName(photograph)), photograph);
                if (rival.isPresent()) {
                    collisions.put(
                            number,
                            "the folder of its face, " + identity + ", and that of " + rival.get()
                                    + "'s faces are one on some systems; rename one of the two");
                } else if (other != null) {
                    collisions.put(
                            number,
                            "its face would have the name of " + FaceFolder.name(other) + "'s; rename one of the two");
                }
                number++;
            }
        }
        return collisions;
    }
}
