package org.openface.triplet.training;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import org.openface.core.embedding.Distance;
import org.openface.triplet.training.Diagnosis.Condition;

/**
 * Watches a training and says what looks wrong. Judges means over the last {@value #WINDOW} batches, so that a bad batch
 * is no diagnosis, and repeats a diagnosis only after {@value #PATIENCE} batches.
 *
 * <p>Losses and distances are measured by the margin. Without one the loss says nothing, being least where all faces are
 * alike; then distances are measured by the largest seen, and gradients alone tell of a divergence.
 */
final class ConvergenceDoctor {
    private static final int WINDOW = 20;
    private static final int PATIENCE = 50;
    /** Of one condition, the first and the last diagnoses that are remembered, so many of each. */
    private static final int REMEMBERED = 10;
    /** The margin in OpenFace's recipe, as a share of the mean squared distance between people there. */
    private static final double USUAL_MARGIN = 0.2;
    /** Epochs without a new best evaluation while the loss falls. */
    private static final int OVERFITTING_EPOCHS = 4;

    private final double margin;
    private final Distance distance;
    private final Deque<Vitals> window = new ArrayDeque<>();
    private final Map<Condition, Long> lastSeen = new EnumMap<>(Condition.class);
    private long batches;
    private double lowestLoss = Double.POSITIVE_INFINITY;
    /** The largest mean that came with a loss lower than any before: what gradients are like when all is well. */
    private double usualGradientNorm = Double.NaN;
    /** The largest mean squared distance between people. */
    private double farthest;

    /** @param measure the unit of margin and distances */
    ConvergenceDoctor(double margin, Distance measure) {
        this.margin = margin;
        distance = measure;
    }

    /** Takes notice of a batch, and says what is wrong. */
    List<Diagnosis> examine(int epoch, int batch, Vitals vitals) {
        batches++;
        window.addLast(vitals);
        if (window.size() < WINDOW) {
            return List.of();
        }
        if (window.size() > WINDOW) {
            window.removeFirst();
        }
        List<Diagnosis> found = new ArrayList<>();
        double loss = mean(Vitals::lossOverAll);
        double negative = mean(Vitals::negative);
        double gradient = mean(Vitals::gradientNorm);
        // Of a network that begins with all faces alike, or has satisfied every triplet, gradients are next to nothing.
        if (!Double.isNaN(gradient) && (loss < lowestLoss || !(usualGradientNorm > 0))) {
            usualGradientNorm = Math.max(gradient, usualGradientNorm > 0 ? usualGradientNorm : 0);
        }
        farthest = Double.isNaN(negative) ? farthest : Math.max(farthest, negative);
        double measure = margin > 0 ? margin : USUAL_MARGIN * farthest;
        double rank = mean(Vitals::rank);
        long chosen = window.stream().filter(Vitals::chosen).count();
        // A tenth of the squared distance: of a plain one that is nearly a third.
        boolean alike = distance.toSquared(negative) < 0.1 * distance.toSquared(measure);
        boolean collapsed = margin > 0 ? loss >= 0.9 * margin && (alike || !(rank >= 1.5)) : alike;
        boolean worse = margin > 0 && loss > 2 * lowestLoss && loss > 1.5 * margin;
        if (collapsed && !isSpreading()) {
            add(
                    found,
                    Condition.COLLAPSE,
                    epoch,
                    batch,
                    "the loss over all triplets is %.3f at a margin of %.3f, people are %.4f apart and images of one"
                            + " person %.4f, along %.1f directions",
                    "the network gives all faces the same embedding: lower the learning rate to a tenth, begin with"
                            + " semi-hard or random negatives, and look at the label-noise list; go back to an epoch"
                            + " before this",
                    loss,
                    margin,
                    negative,
                    mean(Vitals::positive),
                    rank);
        } else if (worse || gradient > 100 * usualGradientNorm) {
            add(
                    found,
                    Condition.DIVERGENCE,
                    epoch,
                    batch,
                    "the loss over all triplets is %.3f and was %.3f at best; gradients have a norm of %.3g and had %.3g"
                            + " while it fell",
                    "lower the learning rate, warm it up, or clip gradients; go back to an epoch before this",
                    loss,
                    Math.min(loss, lowestLoss),
                    gradient,
                    usualGradientNorm);
        }
        if (chosen <= WINDOW / 10) {
            add(
                    found,
                    Condition.STARVATION,
                    epoch,
                    batch,
                    "%d of the last %d batches had triplets; the loss over all triplets is %.4f",
                    loss < 0.05 * measure
                            ? "the network has learnt these faces: take more people or images per batch, add extra"
                                    + " negatives, a larger margin or more data, or stop here"
                            : "the miner accepts hardly any triplet: take one that accepts more, such as openFace(), or"
                                    + " larger batches",
                    chosen,
                    WINDOW,
                    loss);
        }
        lowestLoss = Math.min(lowestLoss, loss);
        return found;
    }

    /** Forgets what was measured: another strategy mines from now on, with other losses and gradients. */
    void forget() {
        window.clear();
        lowestLoss = Double.POSITIVE_INFINITY;
        usualGradientNorm = Double.NaN;
    }

    /**
     * Adds a diagnosis to those of a run. A condition that lasts is diagnosed again and again; of each the first and the last
     * {@value #REMEMBERED} are kept.
     */
    static void remember(List<Diagnosis> all, Diagnosis diagnosis) {
        all.add(diagnosis);
        List<Diagnosis> same = all.stream()
                .filter(other -> other.condition() == diagnosis.condition())
                .toList();
        if (same.size() > 2 * REMEMBERED) {
            all.remove(same.get(REMEMBERED));
        }
    }

    private void add(
            List<Diagnosis> found,
            Condition condition,
            int epoch,
            int batch,
            String seen,
            String advice,
            Object... figures) {
        Long before = lastSeen.get(condition);
        if (before == null || batches - before >= PATIENCE) {
            lastSeen.put(condition, batches);
            found.add(new Diagnosis(condition, epoch, batch, String.format(Locale.ROOT, seen, figures), advice));
        }
    }

    /** Whether people move apart within the window: a network may begin with all faces alike. */
    private boolean isSpreading() {
        double[] negative = window.stream().mapToDouble(Vitals::negative).toArray();
        double before = Arrays.stream(negative, 0, WINDOW / 2).average().orElseThrow();
        double after = Arrays.stream(negative, WINDOW / 2, WINDOW).average().orElseThrow();
        return after > 1.1 * before;
    }

    private double mean(ToDoubleFunction<Vitals> figure) {
        return window.stream()
                .mapToDouble(figure)
                .filter(value -> !Double.isNaN(value))
                .average()
                .orElse(Double.NaN);
    }

    /**
     * Looks at the end of an epoch whether the evaluation gets worse while the loss falls.
     *
     * @param figure of the evaluation, the higher the better
     */
    static Optional<Diagnosis> overfitting(List<EpochMetrics> history, String figure) {
        EpochMetrics best = null;
        for (EpochMetrics metrics : history) {
            if (value(metrics, figure) > (best == null ? Double.NEGATIVE_INFINITY : value(best, figure))) {
                best = metrics;
            }
        }
        if (best == null) {
            return Optional.empty();
        }
        EpochMetrics last = history.get(history.size() - 1);
        int since = last.epoch() - best.epoch();
        boolean due = since >= OVERFITTING_EPOCHS && since % OVERFITTING_EPOCHS == 0;
        if (!due
                || !(value(last, figure) < value(best, figure) - 0.005)
                || !(last.lossOverAll() < 0.9 * best.lossOverAll())) {
            return Optional.empty();
        }
        return Optional.of(new Diagnosis(
                Condition.OVERFITTING,
                last.epoch(),
                0,
                String.format(
                        Locale.ROOT,
                        "%s was %.4f after epoch %d and is %.4f, while the training loss over all triplets fell from"
                                + " %.4f to %.4f",
                        figure,
                        value(best, figure),
                        best.epoch(),
                        value(last, figure),
                        best.lossOverAll(),
                        last.lossOverAll()),
                "take the network of epoch " + best.epoch()
                        + " (keepBest keeps it); for more, add people, augmentation or weight decay"));
    }

    private static double value(EpochMetrics metrics, String figure) {
        return metrics.evaluation().getOrDefault(figure, Double.NEGATIVE_INFINITY);
    }

    /** All it remembers, for a checkpoint. */
    Map<String, String> state() {
        Map<String, String> state = new LinkedHashMap<>();
        state.put("batches", Long.toString(batches));
        state.put("lowestLoss", Double.toString(lowestLoss));
        state.put("usualGradientNorm", Double.toString(usualGradientNorm));
        state.put("farthest", Double.toString(farthest));
        lastSeen.forEach((condition, at) -> state.put("lastSeen." + condition, Long.toString(at)));
        int i = 0;
        for (Vitals vitals : window) {
            state.put("window." + i++, vitals.format());
        }
        return state;
    }

    /** Goes on with what {@link #state} gave. */
    void restore(Map<String, String> state) {
        batches = Long.parseLong(state.getOrDefault("batches", "0"));
        lowestLoss = Double.parseDouble(state.getOrDefault("lowestLoss", "Infinity"));
        // An earlier version kept the first.
        usualGradientNorm = Double.parseDouble(
                state.getOrDefault("usualGradientNorm", state.getOrDefault("firstGradientNorm", "NaN")));
        farthest = Double.parseDouble(state.getOrDefault("farthest", "0"));
        for (Condition condition : Condition.values()) {
            String at = state.get("lastSeen." + condition);
            if (at != null) {
                lastSeen.put(condition, Long.valueOf(at));
            }
        }
        for (int i = 0; state.containsKey("window." + i); i++) {
            window.addLast(Vitals.parse(state.getOrDefault("window." + i, "")));
        }
    }
}
