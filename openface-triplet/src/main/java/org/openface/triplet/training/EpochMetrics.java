package org.openface.triplet.training;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.openface.triplet.mining.MiningStatistics;

/** What one epoch did. Means are over batches; NaN where no batch contributed. There will be further figures. */
public final class EpochMetrics {
    /** Where the column of an evaluation's figure begins. */
    static final String EVALUATION = "evaluation.";

    private final Values values;

    EpochMetrics(Values values) {
        this.values = values;
    }

    /** The figures, as the accessors describe them; what is new joins them here. */
    record Values(
            int epoch,
            int batches,
            int emptyBatches,
            long images,
            long triplets,
            double meanLoss,
            double lossOverAll,
            double pairsWithViolatingNegative,
            double violatingShare,
            double meanPositiveDistance,
            double meanNegativeDistance,
            double gradientNorm,
            double spread,
            double effectiveRank,
            int identities,
            double learningRate,
            double seconds,
            double secondsWaiting,
            Map<String, Double> evaluation) {
        Values {
            evaluation = Collections.unmodifiableMap(new LinkedHashMap<>(evaluation));
        }
    }

    /** The epoch, from 1. */
    public int epoch() {
        return values.epoch;
    }

    /** Batches attempted. */
    public int batches() {
        return values.batches;
    }

    /** Of these, the ones in which no triplet was found. */
    public int emptyBatches() {
        return values.emptyBatches;
    }

    /** Images seen. */
    public long images() {
        return values.images;
    }

    /** Triplets learnt from. */
    public long triplets() {
        return values.triplets;
    }

    /**
     * Mean loss over chosen triplets, the batches with triplets counting; OpenFace's training loss. It hovers near the
     * margin when only violating triplets are chosen.
     */
    public double meanLoss() {
        return values.meanLoss;
    }

    /** Mean loss over all triplets of the pairs looked at, see {@link MiningStatistics#lossOverAll}. */
    public double lossOverAll() {
        return values.lossOverAll;
    }

    /** Share of pairs that have a violating negative. */
    public double pairsWithViolatingNegative() {
        return values.pairsWithViolatingNegative;
    }

    /** Share of all triplets that violate the constraint. */
    public double violatingShare() {
        return values.violatingShare;
    }

    /** Mean squared distance within pairs. */
    public double meanPositiveDistance() {
        return values.meanPositiveDistance;
    }

    /** Mean squared distance to images of other identities. */
    public double meanNegativeDistance() {
        return values.meanNegativeDistance;
    }

    /** Mean norm of the parameter gradients. */
    public double gradientNorm() {
        return values.gradientNorm;
    }

    /** Mean squared distance of an embedding to the mean of its batch. */
    public double spread() {
        return values.spread;
    }

    /** Over how many directions a batch's embeddings spread: (Σλ)² / Σλ² of their covariance. */
    public double effectiveRank() {
        return values.effectiveRank;
    }

    /** How many identities the epoch's batches have shown. */
    public int identities() {
        return values.identities;
    }

    /** Learning rate of the last batch. */
    public double learningRate() {
        return values.learningRate;
    }

    /** Time the batches took. */
    public double seconds() {
        return values.seconds;
    }

    /** Of it, the time waited for images. */
    public double secondsWaiting() {
        return values.secondsWaiting;
    }

    /** Figures of the evaluations, as {@code name.figure}; empty without evaluation or if all failed. */
    public Map<String, Double> evaluation() {
        return values.evaluation;
    }

    /** Training speed. */
    public double imagesPerSecond() {
        return images() / seconds();
    }

    EpochMetrics withEvaluation(Map<String, Double> figures) {
        return new EpochMetrics(new Values(
                values.epoch,
                values.batches,
                values.emptyBatches,
                values.images,
                values.triplets,
                values.meanLoss,
                values.lossOverAll,
                values.pairsWithViolatingNegative,
                values.violatingShare,
                values.meanPositiveDistance,
                values.meanNegativeDistance,
                values.gradientNorm,
                values.spread,
                values.effectiveRank,
                values.identities,
                values.learningRate,
                values.seconds,
                values.secondsWaiting,
                figures));
    }

    /** All values by column name, exact. */
    Map<String, String> toColumns() {
        Map<String, String> columns = new LinkedHashMap<>();
        columns.put("epoch", Integer.toString(values.epoch));
        columns.put("batches", Integer.toString(values.batches));
        columns.put("emptyBatches", Integer.toString(values.emptyBatches));
        columns.put("images", Long.toString(values.images));
        columns.put("triplets", Long.toString(values.triplets));
        columns.put("meanLoss", Double.toString(values.meanLoss));
        columns.put("lossOverAll", Double.toString(values.lossOverAll));
        columns.put("pairsWithViolatingNegative", Double.toString(values.pairsWithViolatingNegative));
        columns.put("violatingShare", Double.toString(values.violatingShare));
        columns.put("meanPositiveDistance", Double.toString(values.meanPositiveDistance));
        columns.put("meanNegativeDistance", Double.toString(values.meanNegativeDistance));
        columns.put("gradientNorm", Double.toString(values.gradientNorm));
        columns.put("spread", Double.toString(values.spread));
        columns.put("effectiveRank", Double.toString(values.effectiveRank));
        columns.put("identities", Integer.toString(values.identities));
        columns.put("learningRate", Double.toString(values.learningRate));
        columns.put("imagesPerSecond", Double.toString(imagesPerSecond()));
        columns.put("seconds", Double.toString(values.seconds));
        columns.put("secondsWaiting", Double.toString(values.secondsWaiting));
        values.evaluation.forEach((name, value) -> columns.put(EVALUATION + name, Double.toString(value)));
        return columns;
    }

    /** One line, read back by {@link #parse}. */
    String format() {
        return toColumns().entrySet().stream()
                .map(column -> column.getKey() + "=" + column.getValue())
                .collect(Collectors.joining(" "));
    }

    /** @throws IllegalArgumentException if the line is not one that {@link #format} wrote */
    static EpochMetrics parse(String line) {
        Map<String, String> columns = new LinkedHashMap<>();
        Arrays.stream(line.split(" ")).forEach(column -> {
            int equals = column.indexOf('=');
            checkArgument(equals > 0, "no metrics: %s", line);
            columns.put(column.substring(0, equals), column.substring(equals + 1));
        });
        Map<String, Double> evaluation = new LinkedHashMap<>();
        columns.forEach((name, value) -> {
            if (name.startsWith(EVALUATION)) {
                evaluation.put(name.substring(EVALUATION.length()), Double.valueOf(value));
            }
        });
        return new EpochMetrics(new Values(
                (int) number(columns, "epoch"),
                (int) number(columns, "batches"),
                (int) number(columns, "emptyBatches"),
                (long) number(columns, "images"),
                (long) number(columns, "triplets"),
                number(columns, "meanLoss"),
                number(columns, "lossOverAll"),
                number(columns, "pairsWithViolatingNegative"),
                number(columns, "violatingShare"),
                number(columns, "meanPositiveDistance"),
                number(columns, "meanNegativeDistance"),
                number(columns, "gradientNorm"),
                number(columns, "spread"),
                number(columns, "effectiveRank"),
                (int) number(columns, "identities"),
                number(columns, "learningRate"),
                number(columns, "seconds"),
                number(columns, "secondsWaiting"),
                evaluation));
    }

    private static double number(Map<String, String> columns, String name) {
        String value = columns.get(name);
        checkArgument(value != null, "metrics without %s", name);
        return Double.parseDouble(value);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof EpochMetrics metrics && values.equals(metrics.values);
    }

    @Override
    public int hashCode() {
        return values.hashCode();
    }

    /** All values by name, for messages. */
    @Override
    public String toString() {
        return "EpochMetrics" + toColumns();
    }
}
