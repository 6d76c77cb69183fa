package org.openface.triplet;

import static com.google.common.base.Preconditions.checkArgument;

import org.openface.core.embedding.EmbeddingBatch;

/**
 * The triplet loss max(0, |a - p|² - |a - n|² + margin) and its gradient with respect to the batch's embeddings. The
 * gradients of a triplet, 2(n - p) for the anchor, 2(p - a) for the positive and 2(a - n) for the negative, are added to
 * the rows of the images they belong to, so that one backward pass serves all triplets.
 *
 * <p>Two choices are independent. Over triplets: {@link Reduction#MEAN} (default, as OpenFace) or {@link Reduction#SUM}.
 * Over the uses of an image that takes part in several triplets: {@link Reduction#SUM} (default, as OpenFace; the true
 * gradient) or {@link Reduction#MEAN}, which divides an image's gradient by the number of chosen triplets it takes part
 * in and so lets each image weigh the same however often it was chosen.
 *
 * <p>Sums are formed in double, in the order of the triplets.
 */
public final class TripletLoss {
    private final Reduction overTriplets;
    private final Reduction overUses;

    private TripletLoss(Reduction overTriplets, Reduction overUses) {
        this.overTriplets = overTriplets;
        this.overUses = overUses;
    }

    /** OpenFace's loss: mean over triplets, sum over the uses of an image, the margin being the batch's. */
    public static TripletLoss margin() {
        return new TripletLoss(Reduction.MEAN, Reduction.SUM);
    }

    /** The same loss with another reduction over triplets. */
    public TripletLoss overTriplets(Reduction reduction) {
        return new TripletLoss(reduction, overUses);
    }

    /** The same loss with another reduction over the uses of an image. */
    public TripletLoss overUses(Reduction reduction) {
        return new TripletLoss(overTriplets, reduction);
    }

    /** The loss; 0 if there are no triplets. */
    public double value(MiningBatch in, Triplets triplets) {
        double sum = 0;
        for (int t = 0; t < triplets.size(); t++) {
            sum += Math.max(0, excess(in, triplets, t));
        }
        return sum * weight(triplets);
    }

    /**
     * The gradient of the loss with respect to the embeddings, of the same shape; 0 if there are no triplets.
     *
     * @throws IllegalArgumentException if a triplet is of a larger batch
     */
    public EmbeddingBatch gradient(MiningBatch in, Triplets triplets) {
        int dimension = in.embeddings().dimension();
        float[] e = in.embeddings().values();
        double[] sum = new double[e.length];
        int[] uses = new int[in.size()];
        double twice = 2 * weight(triplets);
        for (int t = 0; t < triplets.size(); t++) {
            boolean active = excess(in, triplets, t) > 0;
            int anchor = triplets.anchor(t);
            int positive = triplets.positive(t);
            int negative = triplets.negative(t);
            uses[anchor]++;
            uses[positive]++;
            uses[negative]++;
            if (active) {
                int a = anchor * dimension;
                int p = positive * dimension;
                int n = negative * dimension;
                for (int k = 0; k < dimension; k++, a++, p++, n++) {
                    sum[a] += twice * ((double) e[n] - e[p]);
                    sum[p] += twice * ((double) e[p] - e[a]);
                    sum[n] += twice * ((double) e[a] - e[n]);
                }
            }
        }
        float[] gradient = new float[e.length];
        for (int i = 0; i < gradient.length; i++) {
            int count = overUses == Reduction.MEAN ? Math.max(1, uses[i / dimension]) : 1;
            gradient[i] = (float) (sum[i] / count);
        }
        return new EmbeddingBatch(dimension, gradient);
    }

    private static double excess(MiningBatch in, Triplets triplets, int t) {
        int anchor = triplets.anchor(t);
        int positive = triplets.positive(t);
        int negative = triplets.negative(t);
        checkArgument(
                Math.max(anchor, Math.max(positive, negative)) < in.size(),
                "triplet %s (%s, %s, %s) is not of this batch of %s images",
                t,
                anchor,
                positive,
                negative,
                in.size());
        return (double) in.distance(anchor, positive) - in.distance(anchor, negative) + in.margin();
    }

    private double weight(Triplets triplets) {
        return overTriplets == Reduction.MEAN ? 1.0 / Math.max(1, triplets.size()) : 1;
    }

    /** The two reductions, the same words in every run. */
    @Override
    public String toString() {
        return "margin, " + overTriplets + " over triplets, " + overUses + " over uses";
    }
}
