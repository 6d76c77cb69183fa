package org.openface.triplet.loss;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;
import org.openface.core.embedding.Distance;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.triplet.mining.Mined;
import org.openface.triplet.mining.MiningBatch;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.mining.Triplets;

/**
 * The triplet loss: of the distances ap of anchor and positive and an of anchor and negative it is max(0, ap - an + margin) for
 * {@link #margin} and log(1 + exp(ap - an)) for {@link #softMargin}. Distances are measured as the training does, squared by
 * default; {@link #measuredIn} measures them otherwise. The gradients of a triplet are added to the rows of the images they
 * belong to, so that one backward pass serves all triplets. References get none.
 *
 * <p>Two choices are independent. Over triplets: {@link Reduction#MEAN} (default, as OpenFace) or another. Over the uses of an
 * image that takes part in several triplets: {@link Reduction#SUM} (default, as OpenFace; the true gradient) or {@link
 * Reduction#MEAN}, which divides an image's gradient by the number of chosen triplets it takes part in and so lets each image
 * weigh the same however often it was chosen.
 */
public final class TripletLoss implements Loss {
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

    private final Shape shape;
    private final Reduction overTriplets;
    private final Reduction overUses;
    /** Its own; without one it is the batch's. */
    private final @Nullable Float margin;

    private final @Nullable Distance distance;
    private final boolean swap;

    private TripletLoss(
            Shape shape,
            Reduction overTriplets,
            Reduction overUses,
            @Nullable Float margin,
            @Nullable Distance distance,
            boolean swap) {
        this.shape = shape;
        this.overTriplets = overTriplets;
        this.overUses = overUses;
        this.margin = margin;
        this.distance = distance;
        this.swap = swap;
    }

    /** OpenFace's loss: mean over triplets, sum over the uses of an image, the margin being the batch's. */
    public static TripletLoss margin() {
        return new TripletLoss(Shape.MARGIN, Reduction.MEAN, Reduction.SUM, null, null, false);
    }

    /**
     * The soft margin of Hermans et al. (2017): every triplet pulls, the more the more it violates, and there is no
     * margin to set; the batch's only matters to filters. Made for {@link TripletMiner#batchHard} and plain distances.
     */
    public static TripletLoss softMargin() {
        return new TripletLoss(Shape.SOFT_MARGIN, Reduction.MEAN, Reduction.SUM, null, null, false);
    }

    /**
     * The same loss with a margin of its own, apart from the one that a miner goes by.
     *
     * @param own in the unit of its distances
     * @throws IllegalArgumentException if the margin is not finite or negative, or this is the soft margin, which has none
     */
    public TripletLoss withMargin(float own) {
        checkArgument(shape == Shape.MARGIN, "the %s has no margin to set", shape.words);
        checkArgument(own >= 0 && Float.isFinite(own), "margin (%s) must be finite and not negative", own);
        return new TripletLoss(shape, overTriplets, overUses, own, distance, swap);
    }

    /**
     * The same loss on another distance than triplets are mined by. The plain one, {@link Distance#EUCLIDEAN}, keeps hard triplets
     * from drawing everything together (Hermans et al., 2017): it pulls near images as strongly as far ones.
     */
    public TripletLoss measuredIn(Distance measure) {
        requireNonNull(measure, "measuredIn was given null, not a distance");
        return new TripletLoss(shape, overTriplets, overUses, margin, measure, swap);
    }

    /** The same loss with the anchor being whichever of anchor and positive is nearer to the negative: {@link Triplets#swapped}. */
    public TripletLoss swapping() {
        return new TripletLoss(shape, overTriplets, overUses, margin, distance, true);
    }

    /** The same loss with another reduction over triplets. */
    public TripletLoss overTriplets(Reduction reduction) {
        return new TripletLoss(shape, reduction, overUses, margin, distance, swap);
    }

    /**
     * The same loss with another reduction over the uses of an image.
     *
     * @throws IllegalArgumentException if it is {@link Reduction#MEAN_OF_NONZERO}: a use counts whether or not it pulls
     */
    public TripletLoss overUses(Reduction reduction) {
        checkArgument(
                reduction != Reduction.MEAN_OF_NONZERO,
                "over uses there are MEAN and SUM; %s is for triplets",
                reduction);
        return new TripletLoss(shape, overTriplets, reduction, margin, distance, swap);
    }

    @Override
    public Outcome evaluate(Mined mined) {
        Triplets triplets = prepared(mined.triplets());
        return new Outcome(value(triplets), gradient(triplets));
    }

    /**
     * The loss of some triplets in a batch; 0 if there are none.
     *
     * @throws IllegalArgumentException if a triplet is of a larger batch
     */
    public double value(MiningBatch in, Triplets triplets) {
        return value(prepared(triplets.in(in)));
    }

    /**
     * The gradient of the loss with respect to the embeddings, of the same shape; 0 if there are no triplets.
     *
     * @throws IllegalArgumentException if a triplet is of a larger batch
     */
    public EmbeddingBatch gradient(MiningBatch in, Triplets triplets) {
        return gradient(prepared(triplets.in(in)));
    }

    private Triplets prepared(Triplets triplets) {
        Triplets measured = distance == null ? triplets : triplets.measuredIn(distance);
        return swap ? measured.swapped() : measured;
    }

    private double value(Triplets triplets) {
        double sum = 0;
        for (int t = 0; t < triplets.size(); t++) {
            sum += shape.value(difference(triplets, t), marginIn(triplets));
        }
        return sum * weight(triplets);
    }

    private EmbeddingBatch gradient(Triplets triplets) {
        double weight = weight(triplets);
        double[] slopes = new double[triplets.size()];
        for (int t = 0; t < slopes.length; t++) {
            slopes[t] = weight * shape.slope(difference(triplets, t), marginIn(triplets));
        }
        return triplets.gradient(slopes, overUses == Reduction.MEAN);
    }

    private float marginIn(Triplets triplets) {
        return margin == null ? triplets.batch().margin() : margin;
    }

    private static double difference(Triplets triplets, int t) {
        return (double) triplets.positiveDistance(t) - triplets.negativeDistance(t);
    }

    private double weight(Triplets triplets) {
        long nonZero = 0;
        if (overTriplets == Reduction.MEAN_OF_NONZERO) {
            for (int t = 0; t < triplets.size(); t++) {
                nonZero += shape.value(difference(triplets, t), marginIn(triplets)) > 0 ? 1 : 0;
            }
        }
        return overTriplets.weight(triplets.size(), nonZero);
    }

    /** The loss and what was chosen of it, the same words in every run. */
    @Override
    public String toString() {
        return shape.words + (margin == null ? "" : " " + margin) + ", " + overTriplets + " over triplets, " + overUses
                + " over uses" + (distance == null ? "" : ", " + distance) + (swap ? ", swapping" : "");
    }
}
