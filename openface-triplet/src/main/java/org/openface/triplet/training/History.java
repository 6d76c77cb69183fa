package org.openface.triplet.training;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The epochs of a training that have ended, those of earlier runs in its work directory included. */
final class History {
    private final List<EpochMetrics> epochs = new ArrayList<>();

    /**
     * The history that a checkpoint holds.
     *
     * @throws IllegalArgumentException if its lines are none that {@link #lines} gave
     */
    static History of(SortedMap<Integer, String> lines) {
        History history = new History();
        lines.values().forEach(line -> history.add(EpochMetrics.parse(line)));
        return history;
    }

    void add(EpochMetrics epoch) {
        epochs.add(epoch);
    }

    /** Adds the figures of evaluations to the last epoch. */
    void evaluate(Map<String, Double> figures) {
        epochs.set(epochs.size() - 1, last().withEvaluation(figures));
    }

    boolean isEmpty() {
        return epochs.isEmpty();
    }

    EpochMetrics last() {
        return epochs.get(epochs.size() - 1);
    }

    List<EpochMetrics> epochs() {
        return Collections.unmodifiableList(epochs);
    }

    /** A line for each epoch, for checkpoints. */
    SortedMap<Integer, String> lines() {
        SortedMap<Integer, String> lines = new TreeMap<>();
        epochs.forEach(metrics -> lines.put(metrics.epoch(), metrics.format()));
        return lines;
    }

    /**
     * The epoch with the highest value of a figure: the first of several equally good ones, which had less time to overfit;
     * none whose value is NaN.
     *
     * @param figure such as {@code validation.auc}; nothing is the best where it is null
     */
    Optional<Integer> best(@Nullable String figure) {
        if (figure == null) {
            return Optional.empty();
        }
        return epochs.stream()
                .filter(metrics -> !Double.isNaN(value(metrics, figure)))
                .max(Comparator.<EpochMetrics>comparingDouble(metrics -> value(metrics, figure))
                        .thenComparing(
                                Comparator.comparingInt(EpochMetrics::epoch).reversed()))
                .map(EpochMetrics::epoch);
    }

    /** Whether an evaluation has given the figure in any epoch. */
    boolean has(String figure) {
        return epochs.stream().anyMatch(metrics -> metrics.evaluation().containsKey(figure));
    }

    private static double value(EpochMetrics metrics, String figure) {
        return metrics.evaluation().getOrDefault(figure, Double.NaN);
    }
}
