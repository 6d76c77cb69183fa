package org.openface.triplet;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import org.openface.core.dataset.Face;
import org.openface.core.embedding.Role;

/**
 * Finds images whose label may be wrong: those that lie closer to another identity than to any image of their own, in
 * batch after batch, and the pairs that are the hardest. It only watches; nothing that it finds changes the training.
 *
 * <p>Counts are halved after each epoch, since what a network held to be alike long ago says little. They are of this run
 * of the program: a resumed one begins anew.
 */
final class FaceTally {
    private static final int HARDEST = 12;
    private static final double LEAST_BATCHES = 3;

    /** How often a face was seen, and closest to whom. */
    private static final class Count {
        double seen;
        double violated;
        final Map<String, Double> lookedLike = new HashMap<>();
    }

    private record Pair(double distance, Face first, Face second) {}

    private final Map<Face, Count> counts = new HashMap<>();
    /** The least hard of the hardest first, so that it can make way. */
    private final PriorityQueue<Pair> different =
            new PriorityQueue<>(Comparator.comparingDouble(Pair::distance).reversed());

    private final PriorityQueue<Pair> same = new PriorityQueue<>(Comparator.comparingDouble(Pair::distance));

    /** @param faces the images of the batch, in its order */
    void observe(MiningBatch in, List<Face> faces) {
        float[] row = new float[in.size()];
        for (int i = 0; i < in.size(); i++) {
            if (in.role(i) != Role.FULL) {
                continue;
            }
            in.row(i, row);
            int positive = -1;
            int negative = -1;
            for (int j = 0; j < in.size(); j++) {
                if (j == i) {
                    continue;
                }
                if (in.identity(j) != in.identity(i)) {
                    negative = negative < 0 || row[j] < row[negative] ? j : negative;
                } else {
                    positive = positive < 0 || row[j] < row[positive] ? j : positive;
                    if (j > i && in.role(j) == Role.FULL) {
                        offer(same, new Pair(row[j], faces.get(i), faces.get(j)));
                    }
                }
            }
            if (positive >= 0 && negative >= 0) {
                Count count = counts.computeIfAbsent(faces.get(i), face -> new Count());
                count.seen++;
                if (row[negative] < row[positive]) {
                    count.violated++;
                    count.lookedLike.merge(faces.get(negative).identity(), 1.0, Double::sum);
                }
            }
            if (negative >= 0) {
                offer(different, new Pair(row[negative], faces.get(i), faces.get(negative)));
            }
        }
    }

    /** Each two faces once: drawn again in another batch, they are the same two. */
    private static void offer(PriorityQueue<Pair> hardest, Pair pair) {
        for (Pair known : hardest) {
            if (Set.of(known.first(), known.second()).equals(Set.of(pair.first(), pair.second()))) {
                return;
            }
        }
        hardest.add(pair);
        if (hardest.size() > HARDEST) {
            hardest.remove();
        }
    }

    /** Whether nothing was observed: what an earlier run has written is then better than nothing. */
    boolean isEmpty() {
        return counts.isEmpty();
    }

    /** {@code label-noise.tsv}: images that were violated in most of their batches, the surest first. */
    String labelNoise() {
        StringBuilder text = new StringBuilder("share\tbatches\tlabelled\tlooksLike\tfile\n");
        counts.entrySet().stream()
                .filter(entry ->
                        entry.getValue().seen >= LEAST_BATCHES && entry.getValue().violated > entry.getValue().seen / 2)
                .sorted(Comparator.comparingDouble((Map.Entry<Face, Count> entry) -> -atLeast(entry.getValue()))
                        .thenComparing(entry -> entry.getKey().file().toString()))
                .forEach(entry -> text.append(String.format(
                        Locale.ROOT,
                        "%.2f\t%.0f\t%s\t%s\t%s\n",
                        entry.getValue().violated / entry.getValue().seen,
                        entry.getValue().seen,
                        cell(entry.getKey().identity()),
                        cell(mostOften(entry.getValue().lookedLike)),
                        cell(entry.getKey().file().toString()))));
        return text.toString();
    }

    /** The lower end of Wilson's 95 % interval for the share, so that 3 of 3 does not come before 30 of 31. */
    private static double atLeast(Count count) {
        double n = count.seen;
        double p = count.violated / n;
        double z = 1.96;
        return (p + z * z / (2 * n) - z * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n);
    }

    private static String mostOften(Map<String, Double> identities) {
        return identities.entrySet().stream()
                .max(Map.Entry.<String, Double>comparingByValue().thenComparing(Map.Entry.comparingByKey()))
                .map(Map.Entry::getKey)
                .orElse("");
    }

    /** {@code hardest-pairs.tsv}. */
    String hardestPairs() {
        StringBuilder text = new StringBuilder("kind\tdistance\tidentity\tfile\tidentity\tfile\n");
        List<Pair> close = new ArrayList<>(different);
        close.sort(Comparator.comparingDouble(Pair::distance));
        close.forEach(pair -> text.append(line("different", pair)));
        List<Pair> far = new ArrayList<>(same);
        far.sort(Comparator.comparingDouble(Pair::distance).reversed());
        far.forEach(pair -> text.append(line("same", pair)));
        return text.toString();
    }

    private static String line(String kind, Pair pair) {
        return String.join(
                        "\t",
                        kind,
                        Double.toString(pair.distance()),
                        cell(pair.first().identity()),
                        cell(pair.first().file().toString()),
                        cell(pair.second().identity()),
                        cell(pair.second().file().toString()))
                + "\n";
    }

    private static String cell(String text) {
        return text.replaceAll("[\\t\\r\\n]", " ");
    }

    void nextEpoch() {
        same.clear();
        different.clear();
        counts.values().forEach(count -> {
            count.seen /= 2;
            count.violated /= 2;
            count.lookedLike.replaceAll((identity, times) -> times / 2);
        });
    }
}
