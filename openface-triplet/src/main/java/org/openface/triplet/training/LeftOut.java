package org.openface.triplet.training;

import com.google.common.base.Splitter;
import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;

/** The faces that a run could not read in some batch. */
final class LeftOut {
    private static final String STATE = "leftOut";

    private final Set<Face> faces = new HashSet<>();
    private final Set<Face> reported = new HashSet<>();

    /** Takes in a face; returns whether this run meets it for the first time. */
    boolean add(Face face) {
        faces.add(face);
        return reported.add(face);
    }

    /** For a checkpoint: numbers, and no names. */
    Map<String, String> state(FaceDataset dataset) {
        if (faces.isEmpty()) {
            return Map.of();
        }
        List<String> numbers = faces.stream()
                .map(dataset::numberOf)
                .flatMapToInt(OptionalInt::stream)
                .sorted()
                .mapToObj(Integer::toString)
                .toList();
        return Map.of(STATE, String.join(" ", numbers));
    }

    /** The numbers in what {@link #state} gave. */
    static BitSet numbers(Map<String, String> state) {
        BitSet numbers = new BitSet();
        String words = state.getOrDefault(STATE, "");
        if (!words.isEmpty()) {
            Splitter.on(' ').split(words).forEach(word -> numbers.set(Integer.parseInt(word)));
        }
        return numbers;
    }

    void restore(Map<String, String> state, FaceDataset dataset) {
        numbers(state).stream().mapToObj(dataset.faces()::get).forEach(faces::add);
    }
}
