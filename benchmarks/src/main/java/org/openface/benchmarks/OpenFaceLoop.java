package org.openface.benchmarks;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * OpenFace's mining loop in plain Java, the way {@code training/train.lua} writes it down: for each person, each anchor and
 * each later image of the person, the images that violate the constraint are listed and one is drawn. Without its mistakes:
 * the person's own images are left out by label, and the distances to an anchor are computed once and not once per pair.
 */
final class OpenFaceLoop {
    private OpenFaceLoop() {}

    /** Triplets as {anchor, positive, negative}. */
    static List<int[]> mine(float[] embeddings, int dimension, int people, int images, float margin, Random random) {
        int size = people * images;
        List<int[]> triplets = new ArrayList<>();
        float[] distances = new float[size];
        for (int person = 0; person < people; person++) {
            int first = person * images;
            for (int a = first; a < first + images - 1; a++) {
                for (int j = 0; j < size; j++) {
                    distances[j] = squaredDistance(embeddings, dimension, a, j);
                }
                for (int p = a + 1; p < first + images; p++) {
                    List<Integer> violating = new ArrayList<>();
                    for (int n = 0; n < size; n++) {
                        boolean other = n < first || n >= first + images;
                        if (other && distances[n] - distances[p] < margin) {
                            violating.add(n);
                        }
                    }
                    if (!violating.isEmpty()) {
                        triplets.add(new int[] {a, p, violating.get(random.nextInt(violating.size()))});
                    }
                }
            }
        }
        return triplets;
    }

    private static float squaredDistance(float[] embeddings, int dimension, int i, int j) {
        float sum = 0;
        for (int k = 0; k < dimension; k++) {
            float t = embeddings[i * dimension + k] - embeddings[j * dimension + k];
            sum += t * t;
        }
        return sum;
    }

    /** The gradient of the mean loss, added up triplet by triplet as OpenFace does. */
    static float[] gradient(float[] embeddings, int dimension, List<int[]> triplets, float margin) {
        float[] gradient = new float[embeddings.length];
        float weight = 2f / triplets.size();
        for (int[] t : triplets) {
            int a = t[0] * dimension;
            int p = t[1] * dimension;
            int n = t[2] * dimension;
            float ap = squaredDistance(embeddings, dimension, t[0], t[1]);
            float an = squaredDistance(embeddings, dimension, t[0], t[2]);
            if (ap - an + margin > 0) {
                for (int k = 0; k < dimension; k++) {
                    gradient[a + k] += weight * (embeddings[n + k] - embeddings[p + k]);
                    gradient[p + k] += weight * (embeddings[p + k] - embeddings[a + k]);
                    gradient[n + k] += weight * (embeddings[a + k] - embeddings[n + k]);
                }
            }
        }
        return gradient;
    }
}
