package org.openface.core.cleaning;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.openface.core.cleaning.CandidateSearch.Candidate;
import org.openface.core.cleaning.SamePhotograph.Likeness;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.image.RgbImage;

/** Groups of images that come from one photograph. */
final class Duplicates {
    /**
     * Correlation of the details of two images of one photograph, as a whole and in the parts that agree least. Photographs
     * taken one after the other of people who sat still reach 0.982; shifted, brightened, scaled and compressed copies 0.988.
     */
    static final double WHOLE = 0.985;

    static final double PARTS = 0.8;

    private final FaceDataset dataset;
    private final ImageScan scan;
    private final int[] parent;
    /** How alike an image is to another of its group that has not its pixels. */
    private final float[] score;
    /** The first image with the same pixels. */
    private final int[] twin;

    private Duplicates(FaceDataset dataset, ImageScan scan) {
        this.dataset = dataset;
        this.scan = scan;
        parent = IntStream.range(0, scan.size()).toArray();
        score = new float[scan.size()];
        twin = parent.clone();
    }

    /**
     * Images of one photograph, at least two.
     *
     * @param best the largest
     * @param others the others, at least one, ascending
     */
    record Group(int best, List<Integer> others) {}

    static Duplicates find(FaceDataset dataset, ImageScan scan, boolean mirrored, Parallel.Watch watch)
            throws IOException {
        Duplicates duplicates = new Duplicates(dataset, scan);
        duplicates.near(duplicates.exact(), mirrored, watch);
        return duplicates;
    }

    /** Unites images of the same pixels; the first of each, ascending. */
    private int[] exact() {
        Integer[] sorted = IntStream.range(0, scan.size())
                .filter(scan::isReadable)
                .boxed()
                .sorted((i, j) -> {
                    int order = scan.comparePixels(i, j);
                    return order != 0 ? order : Integer.compare(i, j);
                })
                .toArray(Integer[]::new);
        IntStream.Builder first = IntStream.builder();
        for (int k = 0, start = 0; k < sorted.length; k++) {
            if (k == 0 || !scan.samePixels(sorted[k], sorted[start])) {
                start = k;
                first.add(sorted[k]);
            } else {
                twin[sorted[k]] = sorted[start];
                unite(sorted[start], sorted[k]);
            }
        }
        return first.build().sorted().toArray();
    }

    private void near(int[] different, boolean mirrored, Parallel.Watch watch) throws IOException {
        Candidate[][] found = new CandidateSearch(scan, different, mirrored).search(watch);
        Candidate[] pairs = Arrays.stream(found)
                .flatMap(Arrays::stream)
                .sorted((a, b) -> {
                    int order = Integer.compare(a.first(), b.first());
                    order = order != 0 ? order : Integer.compare(a.second(), b.second());
                    order = order != 0 ? order : Boolean.compare(a.mirrored(), b.mirrored());
                    return order != 0 ? order : Double.compare(b.correlation(), a.correlation());
                })
                .toArray(Candidate[]::new);
        float[] likeness = new float[pairs.length];
        Parallel.forEach(pairs.length, p -> likeness[p] = likeness(pairs[p]), done -> {});
        for (int p = 0; p < pairs.length; p++) {
            if (likeness[p] > 0) {
                unite(pairs[p].first(), pairs[p].second());
                score[pairs[p].first()] = Math.max(score[pairs[p].first()], likeness[p]);
                score[pairs[p].second()] = Math.max(score[pairs[p].second()], likeness[p]);
            }
        }
    }

    /** 0 if they are two photographs. */
    private float likeness(Candidate pair) throws IOException {
        RgbImage first = dataset.faces().get(pair.first()).read();
        Likeness likeness = SamePhotograph.compare(
                SamePhotograph.details(pair.mirrored() ? first.flipped() : first),
                SamePhotograph.details(dataset.faces().get(pair.second()).read()),
                pair.dx() * SamePhotograph.SIDE / (double) Sketch.SIDE,
                pair.dy() * SamePhotograph.SIDE / (double) Sketch.SIDE);
        boolean same = likeness.whole() >= WHOLE && likeness.parts() >= PARTS;
        // 1 is for what is exactly the same.
        return same ? (float) Math.min(0.9999, likeness.whole()) : 0;
    }

    private int root(int i) {
        int at = i;
        while (parent[at] != at) {
            parent[at] = parent[parent[at]];
            at = parent[at];
        }
        return at;
    }

    private void unite(int i, int j) {
        int first = Math.min(root(i), root(j));
        int second = Math.max(root(i), root(j));
        parent[second] = first;
    }

    /** How sure it is that an image is of the photograph of another of its group; 1 only for the same pixels. */
    double score(int image, int other) {
        return scan.samePixels(image, other) ? 1 : score[twin[image]];
    }

    /** All groups of two and more, in the order of their first images. */
    List<Group> groups() {
        int[] start = new int[parent.length + 1];
        for (int i = 0; i < parent.length; i++) {
            start[root(i) + 1]++;
        }
        for (int i = 0; i < parent.length; i++) {
            start[i + 1] += start[i];
        }
        int[] next = start.clone();
        int[] members = new int[parent.length];
        for (int i = 0; i < parent.length; i++) {
            members[next[root(i)]++] = i;
        }
        List<Group> groups = new ArrayList<>();
        for (int i = 0; i < parent.length; i++) {
            if (start[i + 1] - start[i] > 1) {
                groups.add(group(Arrays.copyOfRange(members, start[i], start[i + 1])));
            }
        }
        return groups;
    }

    private Group group(int[] members) {
        int best = members[0];
        for (int i : members) {
            best = scan.area(i) > scan.area(best) ? i : best;
        }
        int chosen = best;
        return new Group(
                best, Arrays.stream(members).filter(i -> i != chosen).boxed().toList());
    }
}
