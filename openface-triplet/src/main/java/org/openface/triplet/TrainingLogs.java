package org.openface.triplet;

import java.io.IOException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The logs of a work directory, written anew after each epoch from the whole history, so that those of resumed runs are
 * joined: {@code metrics.csv}, and {@code train.log} and {@code test.log} as OpenFace (Torch's {@code optim.Logger})
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
