package org.openface.triplet.loss;

import org.openface.core.embedding.EmbeddingBatch;
import org.openface.triplet.mining.MiningBatch;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.mining.Triplets;

/**
 * A triplet loss and its gradient with respect to the batch's embeddings. With d_ap = |a - p|² and d_an = |a - n|² it is
 * max(0, d_ap - d_an + margin) for {@link #margin} and log(1 + exp(d_ap - d_an)) for {@link #softMargin}. The gradients
 * of a triplet, 2(n - p) for the anchor, 2(p - a) for the positive and 2(a - n) for the negative, weighted by the slope
 * of the loss, are added to the rows of the images they belong to, so that one backward pass serves all triplets.
 * References get none.
 *
 * <p>Two choices are independent. Over triplets: {@link Reduction#MEAN} (default, as OpenFace) or {@link Reduction#SUM}.
 * Over the uses of an image that takes part in several triplets: {@link Reduction#SUM} (default, as OpenFace; the true
 * gradient) or {@link Reduction#MEAN}, which divides an image's gradient by the number of chosen triplets it takes part
 * in and so lets each image weigh the same however often it was chosen.
 *
 * <p>A loss of one's own needs no more than this one has: its slopes, and {@link Triplets#gradient}.
 */
public final class TripletLoss {
    private enum Shape {
        MARGIN("margin") {
            @Override
            double value(double difference, float margin) {
                return Math.max(0, difference + margin);
            }

            @Override
            double slope(double difference, float margin) {
                return difference + margin > 0 ? 1 : 0;
            }
        },
        SOFT_MARGIN("soft margin") {
            @Override
            double value(double difference, float margin) {
                // exp of a positive difference could overflow.
                return Math.max(0, difference) + Math.log1p(Math.exp(-Math.abs(difference)));
            }

            @Override
            double slope(double difference, float margin) {
                return 1 / (1 + Math.exp(-difference));
            }
        };

        private final String words;

        Shape(String words) {
            this.words = words;
        }

        abstract double value(double difference, float margin);

        abstract double slope(double difference, float margin);
    }

    /** How several contributions become one. */
    public enum Reduction {
        /** Their mean. */
        MEAN,
        /** Their sum. */
        SUM
    }

    private final Shape shape;
    private final Reduction overTriplets;
    private final Reduction overUses;

    private TripletLoss(Shape shape, Reduction overTriplets, Reduction overUses) {
        this.shape = shape;
        this.overTriplets = overTriplets;
        this.overUses = overUses;
    }

    /** OpenFace's loss: mean over triplets, sum over the uses of an image, the margin being the batch's. */
    public static TripletLoss margin() {
        return new TripletLoss(Shape.MARGIN, Reduction.MEAN, Reduction.SUM);
    }

    /**
     * The soft margin of Hermans et al. (2017): every triplet pulls, the more the more it violates, and there is no
     * margin to set; the batch's only matters to filters. Made for {@link TripletMiner#batchHard}.
     */
    public static TripletLoss softMargin() {
        return new TripletLoss(Shape.SOFT_MARGIN, Reduction.MEAN, Reduction.SUM);
    }

    /** The same loss with another reduction over triplets. */
    public TripletLoss overTriplets(Reduction reduction) {
        return new TripletLoss(shape, reduction, overUses);
    }

    /** The same loss with another reduction over the uses of an image. */
    public TripletLoss overUses(Reduction reduction) {
        return new TripletLoss(shape, overTriplets, reduction);
    }

    /**
     * The loss; 0 if there are no triplets.
     *
     * @throws IllegalArgumentException if a triplet is of a larger batch
     */
    public double value(MiningBatch in, Triplets triplets) {
        Triplets here = triplets.in(in);
        double sum = 0;
        for (int t = 0; t < here.size(); t++) {
            sum += shape.value(difference(here, t), in.margin());
        }
        return sum * weight(here);
    }

    /**
     * The gradient of the loss with respect to the embeddings, of the same shape; 0 if there are no triplets.
     *
     * @throws IllegalArgumentException if a triplet is of a larger batch
     */
    public EmbeddingBatch gradient(MiningBatch in, Triplets triplets) {
        Triplets here = triplets.in(in);
        double[] slopes = new double[here.size()];
        for (int t = 0; t < slopes.length; t++) {
            slopes[t] = weight(here) * shape.slope(difference(here, t), in.margin());
        }
        return here.gradient(slopes, overUses == Reduction.MEAN);
    }

    private static double difference(Triplets triplets, int t) {
        return (double) triplets.positiveDistance(t) - triplets.negativeDistance(t);
    }

    private double weight(Triplets triplets) {
        return overTriplets == Reduction.MEAN ? 1.0 / Math.max(1, triplets.size()) : 1;
    }

    /** The loss and its two reductions, the same words in every run. */
    @Override
    public String toString() {
        return shape.words + ", " + overTriplets + " over triplets, " + overUses + " over uses";
    }
}
