package org.openface.triplet;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.hash.Hashing;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a run needs to go on, apart from the network's state, which lies in a file of its own.
 *
 * <p>As text: one {@code name=value} per line, closed by the SHA-256 of the lines before. It holds settings, counts and
 * hashes, and neither names of people nor paths.
 *
 * @param epoch the last epoch trained
 * @param evaluated whether that epoch's evaluation is in the history
 * @param modelBytes length of the model file
 * @param modelHash SHA-256 of the model file
 * @param configuration what decides the result
 * @param provenance what made it
 * @param history one entry per epoch
 */
record Checkpoint(
        int epoch,
        boolean evaluated,
        long modelBytes,
        String modelHash,
        Map<String, String> configuration,
        Map<String, String> provenance,
        List<EpochMetrics> history) {
    private static final String FORMAT = "openface-checkpoint-1";

    Checkpoint withHistory(List<EpochMetrics> newHistory) {
        return new Checkpoint(epoch, true, modelBytes, modelHash, configuration, provenance, List.copyOf(newHistory));
    }

    String format() {
        StringBuilder text = new StringBuilder();
        line(text, "format", FORMAT);
        line(text, "epoch", Integer.toString(epoch));
        line(text, "evaluated", Boolean.toString(evaluated));
        line(text, "model.bytes", Long.toString(modelBytes));
        line(text, "model.sha256", modelHash);
        configuration.forEach((name, value) -> line(text, "configuration." + name, value));
        provenance.forEach((name, value) -> line(text, "provenance." + name, value));
        history.forEach(metrics -> line(text, "history." + metrics.epoch(), metrics.format()));
        return text + "sha256=" + sha256(text.toString()) + "\n";
    }

    private static void line(StringBuilder text, String name, String value) {
        text.append(name).append('=').append(value.replaceAll("\\R", " ")).append('\n');
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
        checkArgument(format.equals(FORMAT), "it has the format %s; this version reads %s", format, FORMAT);
        List<EpochMetrics> history = new ArrayList<>();
        below(lines, "history.").values().forEach(line -> history.add(EpochMetrics.parse(line)));
        return new Checkpoint(
                Integer.parseInt(required(lines, "epoch")),
                Boolean.parseBoolean(required(lines, "evaluated")),
                Long.parseLong(required(lines, "model.bytes")),
                required(lines, "model.sha256"),
                below(lines, "configuration."),
                below(lines, "provenance."),
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
