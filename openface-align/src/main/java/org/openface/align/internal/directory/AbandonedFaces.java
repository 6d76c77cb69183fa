package org.openface.align.internal.directory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Set;
import org.openface.core.dataset.Face;
import org.openface.core.image.ImageFiles;
import org.openface.core.internal.PortableName;
import org.openface.core.internal.image.EncodedPicture;

/** The faces of ours that are of none of the photographs. */
final class AbandonedFaces {
    private AbandonedFaces() {}

    interface Visitor {
        /**
         * A face of ours whose photograph is gone, and what was that one's name, {@code person/file}.
         */
        void abandoned(Path face, String photograph) throws IOException;
    }

    /**
     * Goes through them, person by person.
     *
     * @throws IOException if a folder or a face cannot be read
     */
    static void each(PhotographFolder photographs, FaceFolder faces, Visitor visitor) throws IOException {
        faces.eachPerson(own -> {
            if (Files.isSymbolicLink(own)) {
                return;
            }
            Set<String> wanted = new HashSet<>();
            for (int person : photographs.alike(FaceFolder.name(own))) {
                for (Face photograph : photographs.photographs(person)) {
                    wanted.add(PortableName.key(FaceFolder.faceName(photograph)));
                }
            }
            for (Path face : FaceFolder.entries(own)) {
                String name = FaceFolder.name(face);
                if (name.endsWith(".png")
                        && !wanted.contains(PortableName.key(name))
                        && FaceFolder.there(face) == FaceFolder.There.OURS) {
                    String photograph = EncodedPicture.read(face, ImageFiles.Limits.DEFAULT.maxFileBytes())
                            .note()
                            .flatMap(FaceNote::parse)
                            .map(FaceNote::photograph)
                            .orElse(name);
                    visitor.abandoned(face, FaceFolder.name(own) + "/" + photograph);
                }
            }
        });
    }

    /** The first of them by their paths. */
    static Totals.Some<Path> first(PhotographFolder photographs, FaceFolder faces) throws IOException {
        Comparator<Path> order = Comparator.comparing(Path::toString);
        PriorityQueue<Path> first = new PriorityQueue<>(order.reversed());
        int[] count = {0};
        each(photographs, faces, (face, photograph) -> {
            count[0]++;
            first.add(face);
            if (first.size() > Totals.MOST_LISTED) {
                first.poll();
            }
        });
        List<Path> sorted = first.stream().sorted(order).toList();
        return new Totals.Some<>(sorted, count[0]);
    }
}
