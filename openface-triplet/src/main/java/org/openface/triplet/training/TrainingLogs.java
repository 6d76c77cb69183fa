package org.openface.triplet.training;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.base.Splitter;
import java.io.IOException;
import java.nio.file.Files;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.openface.core.eval.Verification;
import org.openface.triplet.internal.checkpoint.WorkDirectory;

/**
 * The logs of a work directory, written anew after each epoch from the whole history, so that those of resumed runs are
 * joined: {@code metrics.csv} and {@code metrics.jsonl}, and {@code train.log} and {@code test.log} as OpenFace (Torch's {@code optim.Logger})
 * writes them.
 */
final class TrainingLogs {
    static final String METRICS = "metrics.csv";

    private final WorkDirectory directory;

    TrainingLogs(WorkDirectory directory) {
        this.directory = directory;
    }

    /** @param accuracy name of the figure in {@code test.log}, if there is an evaluation; {@code null} otherwise */
    void write(List<EpochMetrics> history, @Nullable String accuracy) throws IOException {
        directory.write("train.log", torch("avg triplet loss (train set)", history, EpochMetrics::meanLoss));
        if (accuracy != null) {
            directory.write("test.log", torch("lfwAcc", history, metrics -> metrics.evaluation()
                    .getOrDefault(accuracy, Double.NaN)));
        }
        directory.write(METRICS, csv(history));
        directory.write("metrics.jsonl", jsonLines(history));
    }

    /** What the report shows beside metrics; none of it names people or files. */
    void writeNotes(
            Map<String, String> configuration, List<Diagnosis> diagnoses, Map<String, List<Verification.RocPoint>> rocs)
            throws IOException {
        directory.write(
                "configuration.tsv",
                "setting\tvalue\n"
                        + configuration.entrySet().stream()
                                .map(entry -> entry.getKey() + "\t" + cell(entry.getValue()) + "\n")
                                .collect(Collectors.joining()));
        directory.write(
                "diagnoses.tsv",
                "epoch\tbatch\tcondition\tseen\tadvice\n"
                        + diagnoses.stream()
                                .map(diagnosis -> format(diagnosis) + "\n")
                                .collect(Collectors.joining()));
        for (Map.Entry<String, List<Verification.RocPoint>> roc : rocs.entrySet()) {
            if (!roc.getValue().isEmpty()) {
                directory.write(
                        "roc-" + roc.getKey() + ".csv",
                        "threshold,falseAcceptRate,trueAcceptRate\n"
                                + roc.getValue().stream()
                                        .map(point -> point.threshold() + "," + point.falseAcceptRate() + ","
                                                + point.trueAcceptRate() + "\n")
                                        .collect(Collectors.joining()));
            }
        }
    }

    /** What names people and files. */
    void writeFaces(FaceTally faces) throws IOException {
        directory.write("label-noise.tsv", faces.labelNoise());
        directory.write("identity-pairs.tsv", faces.identityPairs());
        directory.write("hardest-pairs.tsv", faces.hardestPairs());
    }

    /** Removes what an earlier run has written that was allowed to name people. */
    void deleteFaces() throws IOException {
        for (String name : List.of("label-noise.tsv", "identity-pairs.tsv", "hardest-pairs.tsv")) {
            Files.deleteIfExists(directory.resolve(name));
        }
    }

    /** One line, read back by {@link #parseDiagnosis}. */
    static String format(Diagnosis diagnosis) {
        return diagnosis.epoch() + "\t" + diagnosis.batch() + "\t" + diagnosis.condition() + "\t"
                + cell(diagnosis.seen()) + "\t" + cell(diagnosis.advice());
    }

    static Diagnosis parseDiagnosis(String line) {
        List<String> cells = Splitter.on('\t').splitToList(line);
        checkArgument(cells.size() == 5, "no diagnosis: %s", line);
        return new Diagnosis(
                Diagnosis.Condition.valueOf(cells.get(2)),
                Integer.parseInt(cells.get(0)),
                Integer.parseInt(cells.get(1)),
                cells.get(3),
                cells.get(4));
    }

    private static String cell(String text) {
        return text.replaceAll("[\\t\\r\\n]", " ");
    }

    private static String jsonLines(List<EpochMetrics> history) {
        return history.stream()
                .map(metrics -> metrics.toColumns().entrySet().stream()
                        // Names have neither quotes nor backslashes; JSON knows no NaN.
                        .map(column -> "\"" + column.getKey() + "\":"
                                + (Double.isFinite(Double.parseDouble(column.getValue())) ? column.getValue() : "null"))
                        .collect(Collectors.joining(",", "{", "}\n")))
                .collect(Collectors.joining());
    }

    private static String torch(String name, List<EpochMetrics> history, ToDoubleFunction<EpochMetrics> value) {
        return name + "\t\n"
                + history.stream()
                        .map(metrics -> torch(value.applyAsDouble(metrics)) + "\t\n")
                        .collect(Collectors.joining());
    }

    private static String torch(double value) {
        return Double.isFinite(value) ? String.format(Locale.ROOT, "%11.4e", value) : "        nan";
    }

    private static String csv(List<EpochMetrics> history) {
        Set<String> columns = new LinkedHashSet<>();
        history.forEach(metrics -> columns.addAll(metrics.toColumns().keySet()));
        StringBuilder text = new StringBuilder(String.join(",", columns)).append('\n');
        for (EpochMetrics metrics : history) {
            Map<String, String> values = metrics.toColumns();
            text.append(columns.stream()
                            .map(column -> values.getOrDefault(column, ""))
                            .collect(Collectors.joining(",")))
                    .append('\n');
        }
        return text.toString();
    }
}
