package org.openface.core.cleaning;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.util.Arrays;

/**
 * Embeddings with people in them: {@linkplain Whitening whitened}, so that the images of one person spread by about the same
 * in all directions, and with a mean for each group of images. A group is a person at first.
 *
 * <p>Squared distances to means are estimates for the mean that the group would have with many images: what few images make
 * it larger by is taken off, and where an image is in the group itself, the mean is that of the others.
 */
final class FaceSpace {
    /** Groups of an image that is not judged by. */
    static final int NONE = -1;

    private final Embeddings embeddings;
    private final int dimension;
    private final int size;
    /** image ↦ group */
    private final int[] groups;

    private float[][] means;
    private int[] counts;
    private double spread;

    private FaceSpace(Embeddings embeddings, int size, int[] groups, int groupCount) {
        this.embeddings = embeddings;
        this.dimension = embeddings.dimension();
        this.size = size;
        this.groups = groups;
        means = new float[groupCount][dimension];
        counts = new int[groupCount];
    }

    /** Whitens the embeddings, which are the space's from here on. */
    static FaceSpace of(Embeddings embeddings, int[] groups, int groupCount, Parallel.Watch watch) throws IOException {
        checkArgument(groupCount > 0, "no groups");
        FaceSpace space = new FaceSpace(embeddings, groups.length, groups.clone(), groupCount);
        space.computeMeans();
        double[][] scatter = new double[space.dimension][space.dimension];
        long freedom = space.scatter(scatter);
        Whitening whitening = Whitening.of(scatter, freedom);
        Parallel.forEach(
                groups.length,
                i -> {
                    if (embeddings.has(i)) {
                        whitening.apply(embeddings.block(i), embeddings.at(i));
                    }
                },
                watch);
        space.computeMeans();
        space.computeSpread();
        return space;
    }

    int size() {
        return size;
    }

    /** The group of an image, or {@link #NONE}. */
    int group(int image) {
        return groups[image];
    }

    int groupCount() {
        return counts.length;
    }

    int count(int group) {
        return counts[group];
    }

    /** The mean squared distance of images to their group's mean. */
    double spread() {
        return spread;
    }

    /** Puts images into other groups. */
    void regroup(int[] newGroups, int groupCount) {
        System.arraycopy(newGroups, 0, groups, 0, groups.length);
        means = new float[groupCount][dimension];
        counts = new int[groupCount];
        computeMeans();
        computeSpread();
    }

    private void computeMeans() {
        Arrays.fill(counts, 0);
        double[][] sums = new double[counts.length][];
        for (int i = 0; i < size; i++) {
            if (groups[i] != NONE) {
                double[] sum = sums[groups[i]] == null ? new double[dimension] : sums[groups[i]];
                float[] block = embeddings.block(i);
                int at = embeddings.at(i);
                for (int d = 0; d < dimension; d++) {
                    sum[d] += block[at + d];
                }
                sums[groups[i]] = sum;
                counts[groups[i]]++;
            }
        }
        for (int g = 0; g < counts.length; g++) {
            for (int d = 0; d < dimension && counts[g] > 0; d++) {
                means[g][d] = (float) (sums[g][d] / counts[g]);
            }
        }
    }

    private long scatter(double[][] scatter) {
        long freedom = 0;
        double[] off = new double[dimension];
        for (int i = 0; i < size; i++) {
            if (groups[i] == NONE || counts[groups[i]] < 2) {
                continue;
            }
            float[] block = embeddings.block(i);
            int at = embeddings.at(i);
            for (int d = 0; d < dimension; d++) {
                off[d] = block[at + d] - means[groups[i]][d];
            }
            for (int d = 0; d < dimension; d++) {
                for (int c = 0; c <= d; c++) {
                    scatter[d][c] += off[d] * off[c];
                }
            }
            freedom++;
        }
        for (int count : counts) {
            freedom -= count > 1 ? 1 : 0;
        }
        return freedom;
    }

    private void computeSpread() {
        double sum = 0;
        long freedom = 0;
        for (int i = 0; i < size; i++) {
            if (groups[i] != NONE && counts[groups[i]] > 1) {
                sum += squaredDistance(i, means[groups[i]]);
                freedom++;
            }
        }
        for (int count : counts) {
            freedom -= count > 1 ? 1 : 0;
        }
        spread = freedom <= 0 ? 0 : sum / freedom;
    }

    /** Squared distance to the mean of the other images of its group; what is usual if there are none. */
    double own(int image) {
        int group = groups[image];
        int count = counts[group];
        if (count < 2) {
            return spread;
        }
        // x - (sum - x) / (n - 1) = (x - mean) × n / (n - 1)
        double ratio = count / (count - 1.0);
        return squaredDistance(image, means[group]) * ratio * ratio - spread / (count - 1);
    }

    /** Squared distance to the mean of a group that the image does not belong to. */
    double other(int image, int group) {
        return squaredDistance(image, means[group]) - spread / counts[group];
    }

    private double squaredDistance(int image, float[] to) {
        return squaredDistance(embeddings.block(image), embeddings.at(image), to);
    }

    private static double squaredDistance(float[] values, int at, float[] to) {
        // Four sums, as one alone waits for each of its additions.
        float a = 0;
        float b = 0;
        float c = 0;
        float e = 0;
        int d = 0;
        for (; d + 3 < to.length; d += 4) {
            float p = values[at + d] - to[d];
            float q = values[at + d + 1] - to[d + 1];
            float r = values[at + d + 2] - to[d + 2];
            float s = values[at + d + 3] - to[d + 3];
            a += p * p;
            b += q * q;
            c += r * r;
            e += s * s;
        }
        for (; d < to.length; d++) {
            float p = values[at + d] - to[d];
            a += p * p;
        }
        return (double) a + b + c + e;
    }

    /** Squared distance between the means of two groups. */
    double between(int first, int second) {
        return squaredDistance(means[first], 0, means[second])
                - spread / Math.max(1, counts[first])
                - spread / Math.max(1, counts[second]);
    }

    /** The group whose mean is nearest to each image, its own left out; {@link #NONE} if there is no other. */
    int[] nearestOthers(Parallel.Watch watch) throws IOException {
        int[] nearest = new int[size];
        Parallel.forEach(
                size,
                i -> {
                    nearest[i] = NONE;
                    double least = Double.POSITIVE_INFINITY;
                    for (int g = 0; g < counts.length && groups[i] != NONE; g++) {
                        if (g != groups[i] && counts[g] > 0) {
                            double distance = other(i, g);
                            if (distance < least) {
                                least = distance;
                                nearest[i] = g;
                            }
                        }
                    }
                },
                watch);
        return nearest;
    }

    /**
     * The numbers of the groups whose means are nearest to a group's mean, at most {@code k} of those from {@code from} to
     * {@code to - 1}, the nearest first.
     */
    int[] nearestGroups(int group, int from, int to, int k) {
        int[] best = new int[k];
        double[] distances = new double[k];
        int found = 0;
        for (int g = from; g < to; g++) {
            if (g == group || counts[g] == 0) {
                continue;
            }
            double distance = between(group, g);
            int at = found;
            while (at > 0 && distance < distances[at - 1]) {
                at--;
            }
            if (at < k) {
                int moved = Math.min(found, k - 1) - at;
                System.arraycopy(best, at, best, at + 1, moved);
                System.arraycopy(distances, at, distances, at + 1, moved);
                best[at] = g;
                distances[at] = distance;
                found = Math.min(k, found + 1);
            }
        }
        return Arrays.copyOf(best, found);
    }

    /** Copies an embedding. */
    void copy(int image, float[] target) {
        System.arraycopy(embeddings.block(image), embeddings.at(image), target, 0, dimension);
    }

    int dimension() {
        return dimension;
    }
}
