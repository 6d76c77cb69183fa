package org.openface.triplet.training;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.openface.triplet.mining.MiningStatistics;

/**
 * What one epoch did. Means are over batches; NaN where no batch contributed.
 *
 * @param epoch the epoch, from 1
 * @param batches batches attempted
 * @param emptyBatches of these, the ones in which no triplet was found
 * @param images images seen
 * @param triplets triplets learnt from
 * @param meanLoss mean loss over chosen triplets, the batches with triplets counting; OpenFace's training loss. It hovers
 *     near the margin when only violating triplets are chosen
 * @param lossOverAll mean loss over all triplets of the pairs looked at, see {@link MiningStatistics#lossOverAll}
 * @param pairsWithViolatingNegative share of pairs that have a violating negative
 * @param violatingShare share of all triplets that violate the constraint
 * @param meanPositiveDistance mean squared distance within pairs
 * @param meanNegativeDistance mean squared distance to images of other identities
 * @param gradientNorm mean norm of the parameter gradients
 * @param spread mean squared distance of an embedding to the mean of its batch
 * @param effectiveRank over how many directions a batch's embeddings spread: (Σλ)² / Σλ² of their covariance
 * @param identities how many identities the epoch's batches have shown
 * @param learningRate learning rate of the last batch
 * @param seconds time the batches took
 * @param secondsWaiting of it, the time waited for images
 * @param evaluation figures of the evaluations, as {@code name.figure}; empty without evaluation or if all failed
 */
public record EpochMetrics(
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
    public EpochMetrics {
        evaluation = Collections.unmodifiableMap(new LinkedHashMap<>(evaluation));
    }

    /** Training speed. */
    public double imagesPerSecond() {
        return images / seconds;
    }

    EpochMetrics withEvaluation(Map<String, Double> figures) {
        return new EpochMetrics(
                epoch,
                batches,
                emptyBatches,
                images,
                triplets,
                meanLoss,
                lossOverAll,
                pairsWithViolatingNegative,
                violatingShare,
                meanPositiveDistance,
                meanNegativeDistance,
                gradientNorm,
                spread,
                effectiveRank,
                identities,
                learningRate,
                seconds,
                secondsWaiting,
                figures);
    }

    /** All values by column name, exact. */
    Map<String, String> toColumns() {
        Map<String, String> columns = new LinkedHashMap<>();
        columns.put("epoch", Integer.toString(epoch));
        columns.put("batches", Integer.toString(batches));
        columns.put("emptyBatches", Integer.toString(emptyBatches));
        columns.put("images", Long.toString(images));
        columns.put("triplets", Long.toString(triplets));
        columns.put("meanLoss", Double.toString(meanLoss));
        columns.put("lossOverAll", Double.toString(lossOverAll));
        columns.put("pairsWithViolatingNegative", Double.toString(pairsWithViolatingNegative));
        columns.put("violatingShare", Double.toString(violatingShare));
        columns.put("meanPositiveDistance", Double.toString(meanPositiveDistance));
        columns.put("meanNegativeDistance", Double.toString(meanNegativeDistance));
        columns.put("gradientNorm", Double.toString(gradientNorm));
        columns.put("spread", Double.toString(spread));
        columns.put("effectiveRank", Double.toString(effectiveRank));
        columns.put("identities", Integer.toString(identities));
        columns.put("learningRate", Double.toString(learningRate));
        columns.put("imagesPerSecond", Double.toString(imagesPerSecond()));
        columns.put("seconds", Double.toString(seconds));
        columns.put("secondsWaiting", Double.toString(secondsWaiting));
        evaluation.forEach((name, value) -> columns.put(EVALUATION + name, Double.toString(value)));
        return columns;
    }

    /** Where the column of an evaluation's figure begins. */
    static final String EVALUATION = "evaluation.";

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
        return new EpochMetrics(
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
                evaluation);
    }

    private static double number(Map<String, String> columns, String name) {
        String value = columns.get(name);
        checkArgument(value != null, "metrics without %s", name);
        return Double.parseDouble(value);
    }
}
