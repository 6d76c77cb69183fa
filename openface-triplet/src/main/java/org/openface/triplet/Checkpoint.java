package org.openface.triplet;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.hash.Hashing;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

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
 * @param history one entry per epoch
 */
record Checkpoint(
        Place place,
        boolean evaluated,
        long modelBytes,
        String modelHash,
        long memoryBytes,
        String memoryHash,
        Map<String, String> configuration,
        Map<String, String> provenance,
        Map<String, String> state,
        List<EpochMetrics> history) {
    private static final String FORMAT = "openface-checkpoint-3";
    /** Had no memory of faces, and what is new in the configuration was as {@link #BEFORE} says. */
    private static final String EARLIER_FORMAT = "openface-checkpoint-2";

    private static final Map<String, String> BEFORE =
            Map.of(Trainer.MEMORY_BANK, Trainer.NO_MEMORY_BANK, Trainer.COVER_IDENTITIES, "false");

    /**
     * How far training is.
     *
     * @param epoch the last whole epoch, 0 before the first
     * @param batch batches of the next epoch that are done, 0 between epochs
     */
    record Place(int epoch, int batch) implements Comparable<Place> {
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

    Checkpoint evaluated(Map<String, String> newState, List<EpochMetrics> newHistory) {
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
                List.copyOf(newHistory));
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
        history.forEach(metrics -> line(text, "history." + metrics.epoch(), metrics.format()));
        return text + "sha256=" + sha256(text.toString()) + "\n";
    }

    private static void line(StringBuilder text, String name, String value) {
        text.append(name).append('=').append(oneLine(value)).append('\n');
    }

    /** A value as it is read back. */
    static String oneLine(String value) {
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
        List<EpochMetrics> history = new ArrayList<>();
        below(lines, "history.").values().forEach(line -> history.add(EpochMetrics.parse(line)));
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
                List.copyOf(history));
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
