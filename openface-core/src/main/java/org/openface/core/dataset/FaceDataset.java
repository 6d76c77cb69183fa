package org.openface.core.dataset;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * A sorted, immutable index of faces by identity. Identities have numbers, 0 to {@code identities().size() - 1}, in the
 * order of their names, and faces are sorted by identity, then by file.
 */
public final class FaceDataset {
    private final List<String> identities;
    private final List<Face> faces;
    /** faces of identity i are faces[start[i]] to faces[start[i + 1] - 1] */
    private final int[] start;

    private FaceDataset(List<String> identities, List<Face> faces, int[] start) {
        this.identities = identities;
        this.faces = faces;
        this.start = start;
    }

    /** Placeholder for the real index: two levels of folders, no checks. */
    public static FaceDataset index(Path directory) throws IOException {
        List<Face> found = new ArrayList<>();
        try (Stream<Path> files = Files.walk(directory, 2)) {
            files.filter(Files::isRegularFile)
                    .forEach(f -> found.add(new Face(
                            f.toAbsolutePath()
                                    .getName(f.toAbsolutePath().getNameCount() - 2)
                                    .toString(),
                            f)));
        }
        return of(found);
    }

    /** A data set of the given faces. */
    public static FaceDataset of(Collection<Face> faces) {
        List<Face> sorted = new ArrayList<>(faces);
        sorted.sort(Comparator.comparing(Face::identity).thenComparing(Face::file));
        List<String> identities = new ArrayList<>();
        List<Integer> start = new ArrayList<>();
        for (int i = 0; i < sorted.size(); i++) {
            if (i == 0 || !sorted.get(i).identity().equals(sorted.get(i - 1).identity())) {
                identities.add(sorted.get(i).identity());
                start.add(i);
            }
        }
        start.add(sorted.size());
        return new FaceDataset(
                List.copyOf(identities),
                List.copyOf(sorted),
                start.stream().mapToInt(Integer::intValue).toArray());
    }

    /** Names of the identities, sorted. */
    public List<String> identities() {
        return identities;
    }

    /** All faces, sorted by identity and file. */
    public List<Face> faces() {
        return faces;
    }

    /** The faces of one identity. */
    public List<Face> faces(int identity) {
        checkArgument(identity >= 0 && identity < identities.size(), "no identity %s", identity);
        return faces.subList(start[identity], start[identity + 1]);
    }

    /** Number of faces. */
    public int size() {
        return faces.size();
    }
}
