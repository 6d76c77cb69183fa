package org.openface.triplet.training;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.PriorityQueue;
import java.util.TreeMap;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.FaceBatch.Role;
import org.openface.triplet.mining.MiningBatch;

/**
 * Finds images whose label may be wrong: those that lie closer to another identity than to any image of their own, in
 * batch after batch; identities that keep being confused with each other, as one person under two names is; and the pairs
 * that are the hardest. It only watches; nothing that it finds changes the training.
 *
 * <p>Counts are halved before each epoch, since what a network held to be alike long ago says little.
 */
final class FaceTally {
    private static final int HARDEST = 12;
    private static final double LEAST_BATCHES = 3;
    private static final double LEAST_IMAGES = 6;
    /** A count that has been halved to less than this is forgotten. */
    private static final double FORGOTTEN = 0.25;

    /** How often a face was seen, and closest to whom. */
    private static final class Count {
        double seen;
        double violated;
        final Map<String, Double> lookedLike = new HashMap<>();
    }

    private record Pair(double distance, Face first, Face second) {
        boolean isOfTheSame(Pair other) {
            return (first.equals(other.first) && second.equals(other.second))
                    || (first.equals(other.second) && second.equals(other.first));
        }
    }

    /** Two identities, the first in the order of names. */
    private record Names(String first, String second) {
        static Names of(String one, String other) {
            return one.compareTo(other) < 0 ? new Names(one, other) : new Names(other, one);
        }
    }

    /** Of two identities: their images in common batches, and how many of these lie closer to the other identity. */
    private static final class Confusion {
        double images;
        double closer;
    }

    private static final Comparator<Pair> BY_DISTANCE = Comparator.comparingDouble(Pair::distance)
            .thenComparing(pair -> pair.first().file().toString())
            .thenComparing(pair -> pair.second().file().toString());

    private final Map<Face, Count> counts = new HashMap<>();
    /** Counted from the first image that was confused. */
    private final Map<Names, Confusion> confusions = new HashMap<>();
    /** The least hard of the hardest first, so that it can make way. */
    private final PriorityQueue<Pair> different = new PriorityQueue<>(BY_DISTANCE.reversed());

    private final PriorityQueue<Pair> same = new PriorityQueue<>(BY_DISTANCE);

    /** @param faces the images of the batch, in its order */
    void observe(MiningBatch in, List<Face> faces) {
        Neighbours neighbours = new Neighbours(in);
        Map<String, Integer> images = new TreeMap<>(); // of each identity, the ones with a positive
        faces.forEach(face -> images.putIfAbsent(face.identity(), 0));
        Map<Names, Integer> confused = new HashMap<>();
        for (int i = 0; i < in.size(); i++) {
            if (in.role(i) != Role.FULL) {
                continue;
            }
            if (same.size() < HARDEST
                    || neighbours.farthest[i] >= same.element().distance()) {
                for (int p = in.nextOfIdentity(i); p >= 0; p = in.nextOfIdentity(p)) {
                    offer(same, new Pair(in.distance(i, p), faces.get(i), faces.get(p)));
                }
            }
            int negative = neighbours.other[i];
            if (neighbours.alike[i] >= 0 && negative >= 0) {
                Count count = counts.computeIfAbsent(faces.get(i), face -> new Count());
                count.seen++;
                String own = faces.get(i).identity();
                images.merge(own, 1, Integer::sum);
                if (neighbours.otherDistances[i] < neighbours.alikeDistances[i]) {
                    String other = faces.get(negative).identity();
                    count.violated++;
                    count.lookedLike.merge(other, 1.0, Double::sum);
                    confused.merge(Names.of(own, other), 1, Integer::sum);
                }
            }
            if (negative >= 0) {
                offer(different, new Pair(neighbours.otherDistances[i], faces.get(i), faces.get(negative)));
            }
        }
        confused.forEach((names, times) -> confusions.computeIfAbsent(names, x -> new Confusion()).closer += times);
        images.forEach((one, ofOne) -> {
            if (ofOne > 0) {
                images.forEach((other, ofOther) -> {
                    // Two with images to judge meet twice here.
                    boolean first = ofOther == 0 || one.compareTo(other) < 0;
                    Confusion known = first ? confusions.get(Names.of(one, other)) : null;
                    if (known != null) {
                        known.images += ofOne + ofOther;
                    }
                });
            }
        });
    }

    /** Each two faces once: drawn again in another batch, they are the same two. */
    private static void offer(PriorityQueue<Pair> hardest, Pair pair) {
        // Most are not hard enough, which is quickly seen.
        if (hardest.size() == HARDEST && hardest.comparator().compare(pair, hardest.element()) <= 0) {
            return;
        }
        for (Pair known : hardest) {
            if (known.isOfTheSame(pair)) {
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
                .sorted(Comparator.comparingDouble((Map.Entry<Face, Count> entry) ->
                                -atLeast(entry.getValue().violated, entry.getValue().seen))
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

    /** {@code identity-pairs.tsv}: identities of which many images lie closer to each other's, the surest first. */
    String identityPairs() {
        StringBuilder text = new StringBuilder("share\timages\tidentity\tidentity\n");
        confusions.entrySet().stream()
                .filter(entry -> entry.getValue().images >= LEAST_IMAGES
                        && entry.getValue().closer > entry.getValue().images / 4)
                .sorted(Comparator.comparingDouble((Map.Entry<Names, Confusion> entry) ->
                                -atLeast(entry.getValue().closer, entry.getValue().images))
                        .thenComparing(entry -> entry.getKey().first())
                        .thenComparing(entry -> entry.getKey().second()))
                .forEach(entry -> text.append(String.format(
                        Locale.ROOT,
                        "%.2f\t%.0f\t%s\t%s\n",
                        entry.getValue().closer / entry.getValue().images,
                        entry.getValue().images,
                        cell(entry.getKey().first()),
                        cell(entry.getKey().second()))));
        return text.toString();
    }

    /** The lower end of Wilson's 95 % interval for the share, so that 3 of 3 does not come before 30 of 31. */
    private static double atLeast(double violated, double n) {
        double p = violated / n;
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
        close.sort(BY_DISTANCE);
        close.forEach(pair -> text.append(line("different", pair)));
        List<Pair> far = new ArrayList<>(same);
        far.sort(BY_DISTANCE.reversed());
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
            count.lookedLike.values().removeIf(times -> times < FORGOTTEN);
        });
        counts.values().removeIf(count -> count.seen < FORGOTTEN);
        confusions.values().forEach(confusion -> {
            confusion.images /= 2;
            confusion.closer /= 2;
        });
        confusions.values().removeIf(confusion -> confusion.closer < FORGOTTEN);
    }

    /**
     * Writes all of it; faces and identities as their numbers in the data set, so that neither names nor paths are in a
     * checkpoint.
     */
    void write(DataOutputStream out, FaceDataset dataset) throws IOException {
        Map<String, Integer> identities = new HashMap<>();
        dataset.identities().forEach(name -> identities.put(name, identities.size()));
        TreeMap<Integer, Count> counted = new TreeMap<>();
        for (Map.Entry<Face, Count> entry : counts.entrySet()) {
            counted.put(number(dataset, entry.getKey()), entry.getValue());
        }
        out.writeInt(counted.size());
        for (Map.Entry<Integer, Count> entry : counted.entrySet()) {
            Count count = entry.getValue();
            out.writeInt(entry.getKey());
            out.writeDouble(count.seen);
            out.writeDouble(count.violated);
            out.writeInt(count.lookedLike.size());
            for (Map.Entry<String, Double> other : new TreeMap<>(count.lookedLike).entrySet()) {
                out.writeInt(number(identities, other.getKey()));
                out.writeDouble(other.getValue());
            }
        }
        out.writeInt(confusions.size());
        List<Names> names = new ArrayList<>(confusions.keySet());
        names.sort(Comparator.comparing(Names::first).thenComparing(Names::second));
        for (Names two : names) {
            Confusion confusion = Objects.requireNonNull(confusions.get(two));
            out.writeInt(number(identities, two.first()));
            out.writeInt(number(identities, two.second()));
            out.writeDouble(confusion.images);
            out.writeDouble(confusion.closer);
        }
        for (PriorityQueue<Pair> pairs : List.of(same, different)) {
            out.writeInt(pairs.size());
            for (Pair pair : pairs.stream().sorted(BY_DISTANCE).toList()) {
                out.writeDouble(pair.distance());
                out.writeInt(number(dataset, pair.first()));
                out.writeInt(number(dataset, pair.second()));
            }
        }
    }

    private static int number(Map<String, Integer> identities, String of) throws IOException {
        Integer number = identities.get(of);
        if (number == null) {
            throw new IOException("the training set has no " + of);
        }
        return number;
    }

    private static int number(FaceDataset dataset, Face face) throws IOException {
        return dataset.numberOf(face).orElseThrow(() -> new IOException("the training set has no " + face));
    }

    /** Takes over what {@link #write} wrote for the same data set. */
    void read(DataInputStream in, FaceDataset dataset) throws IOException {
        List<Face> faces = dataset.faces();
        List<String> identities = dataset.identities();
        for (int left = in.readInt(); left > 0; left--) {
            Face face = faces.get(in.readInt());
            Count count = new Count();
            count.seen = in.readDouble();
            count.violated = in.readDouble();
            for (int others = in.readInt(); others > 0; others--) {
                count.lookedLike.put(identities.get(in.readInt()), in.readDouble());
            }
            counts.put(face, count);
        }
        for (int left = in.readInt(); left > 0; left--) {
            Names names = new Names(identities.get(in.readInt()), identities.get(in.readInt()));
            Confusion confusion = new Confusion();
            confusion.images = in.readDouble();
            confusion.closer = in.readDouble();
            confusions.put(names, confusion);
        }
        for (PriorityQueue<Pair> pairs : List.of(same, different)) {
            for (int left = in.readInt(); left > 0; left--) {
                pairs.add(new Pair(in.readDouble(), faces.get(in.readInt()), faces.get(in.readInt())));
            }
        }
    }
}
