package org.openface.triplet.training;

import static com.google.common.base.Preconditions.checkArgument;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.openface.triplet.internal.Description;

/** Compares the settings that decide the result of a run with those in the checkpoint that it shall go on from. */
final class Configurations {
    static final String TRAINING_SET = "trainingSet";
    static final String EXECUTOR = "executor";
    static final String CHUNK_SIZE = "chunkSize";
    /** What another executor may bring along. */
    private static final Set<String> OF_EXECUTOR = Set.of(EXECUTOR, CHUNK_SIZE);

    private Configurations() {}

    /**
     * Refuses others.
     *
     * @param faces how the training set differs, if it does
     * @param anotherExecutor whether another executor will do
     * @throws IllegalArgumentException if a setting is another; the message names all of them and says what to do
     */
    static void refuseOthers(
            Path checkpoint,
            Map<String, String> before,
            Map<String, String> now,
            Optional<String> faces,
            boolean anotherExecutor) {
        boolean moved = isOtherExecutor(before, now);
        TreeSet<String> names = new TreeSet<>(before.keySet());
        names.addAll(now.keySet());
        List<String> differences = new ArrayList<>();
        for (String name : names) {
            boolean same = Objects.equals(before.get(name), now.get(name));
            if (same || (moved && anotherExecutor && OF_EXECUTOR.contains(name))) {
                continue;
            }
            differences.add(
                    name.equals(TRAINING_SET) && faces.isPresent()
                            ? faces.get()
                            : name + " was " + before.get(name) + " and is now " + now.get(name));
        }
        checkArgument(
                differences.isEmpty(),
                "cannot go on from %s: %s; use the same settings or another work directory%s",
                checkpoint,
                String.join(", ", differences),
                moved && !anotherExecutor
                        ? ". Another executor, as on another kind of processor, rounds otherwise:"
                                + " resumeOnAnotherExecutor(true) goes on with it all the same, and the run then does not"
                                + " end with the same bits as without the move"
                        : "");
    }

    static boolean isOtherExecutor(Map<String, String> before, Map<String, String> now) {
        return !Objects.equals(before.get(EXECUTOR), now.get(EXECUTOR));
    }

    /** Settings of which nothing tells whether they are the same as in another run, with what is known of each. */
    static String incomparable(Map<String, String> configuration) {
        return configuration.entrySet().stream()
                .filter(setting -> Description.isVague(setting.getValue()))
                .filter(setting -> !setting.getKey().equals("network"))
                .map(setting -> setting.getKey() + " (" + setting.getValue() + ")")
                .collect(Collectors.joining(", "));
    }
}
