package org.openface.triplet.loss;

import org.openface.core.embedding.Distance;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.triplet.mining.Mined;
import org.openface.triplet.mining.Pairs;

/**
 * Pairs by their anchor, for losses that compare all pairs of an anchor by their cosines. Such a loss goes through the anchors,
 * looks at the similarities of each, and says how it changes with them.
 */
final class AnchoredPairs {
    private final Pairs pairs;
    /** The pairs of anchor a are {@code order[start[a]]} to {@code order[start[a + 1] - 1]}, in their order. */
    private final int[] order;

    private final int[] start;
    private final double[] slopes;
    private int anchor = -1;

    AnchoredPairs(Mined mined) {
        pairs = mined.pairs().measuredIn(Distance.COSINE);
        int anchors = pairs.batch().size();
        start = new int[anchors + 1];
        for (int k = 0; k < pairs.size(); k++) {
            start[pairs.anchor(k) + 1]++;
        }
        for (int a = 0; a < anchors; a++) {
            start[a + 1] += start[a];
        }
        int[] next = start.clone();
        order = new int[pairs.size()];
        for (int k = 0; k < pairs.size(); k++) {
            order[next[pairs.anchor(k)]++] = k;
        }
        slopes = new double[pairs.size()];
    }

    /** Images of the batch, whether or not they are an anchor. */
    int images() {
        return pairs.batch().size();
    }

    /** Goes on to the next image, which may have no pairs; false after the last. */
    boolean next() {
        anchor++;
        return anchor < images();
    }

    /** Pairs of the present anchor. */
    int count() {
        return start[anchor + 1] - start[anchor];
    }

    /** Whether the k-th pair of the present anchor is of one identity. */
    boolean isPositive(int k) {
        return pairs.isPositive(order[start[anchor] + k]);
    }

    /** How many of the present anchor's pairs are of one identity. */
    int positives() {
        int positives = 0;
        for (int k = 0; k < count(); k++) {
            positives += isPositive(k) ? 1 : 0;
        }
        return positives;
    }

    /** Cosine of the k-th pair of the present anchor. */
    double cosine(int k) {
        return 1.0 - pairs.distance(order[start[anchor] + k]);
    }

    /** Adds to the derivative of the loss by a cosine. */
    void add(int k, double slope) {
        slopes[order[start[anchor] + k]] -= slope;
    }

    /** The gradient with all derivatives multiplied by a weight. */
    EmbeddingBatch gradient(double weight) {
        for (int k = 0; k < slopes.length; k++) {
            slopes[k] *= weight;
        }
        return pairs.gradient(slopes);
    }
}
