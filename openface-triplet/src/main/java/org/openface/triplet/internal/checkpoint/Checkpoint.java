package org.openface.triplet.internal.checkpoint;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.hash.Hashing;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a run needs to go on, apart from the network's state and what the trainer remembers of faces, which lie in files
 * of their own.
 *
 * <p>As text: one {@code name=value} per line, closed by the SHA-256 of the lines before. It holds settings, counts and
 * hashes, and neither names of people nor paths.
 *
 * @param place how far training was
 * @param evaluated whether the evaluation of the last epoch is in the history
 * @param modelBytes length of the model file
 * @param modelHash SHA-256 of the model file
 * @param memoryBytes length of the file with what the trainer remembers of faces; 0 if there is none
 * @param memoryHash its SHA-256
 * @param configuration what decides the result
 * @param provenance what made it
 * @param state what the trainer itself remembers: sums of the epoch under way, the doctor's notes
 * @param history a line of figures for each epoch, which the trainer alone understands
 */
public record Checkpoint(
        Place place,
        boolean evaluated,
        long modelBytes,
        String modelHash,
        long memoryBytes,
        String memoryHash,
        Map<String, String> configuration,
        Map<String, String> provenance,
        Map<String, String> state,
        SortedMap<Integer, String> history) {
    public Checkpoint {
        history = Collections.unmodifiableSortedMap(new TreeMap<>(history));
    }

    private static final String FORMAT = "openface-checkpoint-3";
    /** Had no memory of faces, and what is new in the configuration was as {@code BEFORE} says. */
    private static final String EARLIER_FORMAT = "openface-checkpoint-2";

    // Settings that the earlier format did not know.
    public static final String MEMORY_BANK = "memoryBank";
    public static final String NO_MEMORY_BANK = "none";
    public static final String COVER_IDENTITIES = "coverIdentities";

    private static final Map<String, String> BEFORE = Map.of(MEMORY_BANK, NO_MEMORY_BANK, COVER_IDENTITIES, "false");

    /**
     * How far training is.
     *
     * @param epoch the last whole epoch, 0 before the first
     * @param batch batches of the next epoch that are done, 0 between epochs
     */
    public record Place(int epoch, int batch) implements Comparable<Place> {
        @Override
        public int compareTo(Place other) {
            return Comparator.comparingInt(Place::epoch)
                    .thenComparingInt(Place::batch)
                    .compare(this, other);
        }

        /** {@code 0003}, or {@code 0003+000017} for 17 batches more. */
        @Override
        public String toString() {
            return batch == 0
                    ? String.format(Locale.ROOT, "%04d", epoch)
                    : String.format(Locale.ROOT, "%04d+%06d", epoch, batch);
        }
    }

    public Checkpoint evaluated(Map<String, String> newState, SortedMap<Integer, String> newHistory) {
        return new Checkpoint(
                place,
                true,
                modelBytes,
                modelHash,
                memoryBytes,
                memoryHash,
                configuration,
                provenance,
                newState,
                newHistory);
    }

    String format() {
        StringBuilder text = new StringBuilder();
        line(text, "format", FORMAT);
        line(text, "epoch", Integer.toString(place.epoch()));
        line(text, "batch", Integer.toString(place.batch()));
        line(text, "evaluated", Boolean.toString(evaluated));
        line(text, "model.bytes", Long.toString(modelBytes));
        line(text, "model.sha256", modelHash);
        line(text, "memory.bytes", Long.toString(memoryBytes));
        line(text, "memory.sha256", memoryHash);
        configuration.forEach((name, value) -> line(text, "configuration." + name, value));
        provenance.forEach((name, value) -> line(text, "provenance." + name, value));
        state.forEach((name, value) -> line(text, "state." + name, value));
        history.forEach((epoch, figures) -> line(text, "history." + epoch, figures));
        return text + "sha256=" + sha256(text.toString()) + "\n";
    }

    private static void line(StringBuilder text, String name, String value) {
        text.append(name).append('=').append(oneLine(value)).append('\n');
    }

    /** A value as it is read back. */
    public static String oneLine(String value) {
        return value.replaceAll("\\R", " ");
    }

    /** @throws IllegalArgumentException if the text is damaged, with what is wrong */
    static Checkpoint parse(String text) {
        int last = text.lastIndexOf("sha256=");
        checkArgument(
                last > 0 && text.substring(last).equals("sha256=" + sha256(text.substring(0, last)) + "\n"),
                "it is damaged or cut short: its checksum does not fit");
        Map<String, String> lines = new LinkedHashMap<>();
        text.substring(0, last).lines().forEach(line -> {
            int equals = line.indexOf('=');
            checkArgument(equals > 0, "not a line of a checkpoint: %s", line);
            lines.put(line.substring(0, equals), line.substring(equals + 1));
        });
        String format = required(lines, "format");
        boolean earlier = format.equals(EARLIER_FORMAT);
        checkArgument(
                earlier || format.equals(FORMAT),
                "it has the format %s; this version reads %s and %s",
                format,
                EARLIER_FORMAT,
                FORMAT);
        Map<String, String> configuration = below(lines, "configuration.");
        if (earlier) {
            BEFORE.forEach(configuration::putIfAbsent);
        }
        SortedMap<Integer, String> history = new TreeMap<>();
        below(lines, "history.").forEach((epoch, figures) -> history.put(Integer.valueOf(epoch), figures));
        return new Checkpoint(
                new Place(Integer.parseInt(required(lines, "epoch")), Integer.parseInt(required(lines, "batch"))),
                Boolean.parseBoolean(required(lines, "evaluated")),
                Long.parseLong(required(lines, "model.bytes")),
                required(lines, "model.sha256"),
                earlier ? 0 : Long.parseLong(required(lines, "memory.bytes")),
                earlier ? "" : required(lines, "memory.sha256"),
                configuration,
                below(lines, "provenance."),
                below(lines, "state."),
                history);
    }

    private static String required(Map<String, String> lines, String name) {
        String value = lines.get(name);
        checkArgument(value != null, "it has no line %s", name);
        return value;
    }

    private static Map<String, String> below(Map<String, String> lines, String prefix) {
        Map<String, String> out = new LinkedHashMap<>();
        lines.forEach((name, value) -> {
            if (name.startsWith(prefix)) {
                out.put(name.substring(prefix.length()), value);
            }
        });
        return out;
    }

    private static String sha256(String text) {
        return Hashing.sha256().hashString(text, StandardCharsets.UTF_8).toString();
    }
}
