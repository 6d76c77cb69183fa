package org.openface.triplet;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Optional;
import org.openface.core.embedding.EmbeddingBatch;

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
 * <p>Sums are formed in double, in the order of the triplets, on any number of threads and on the GPU: the same bits.
 */
public final class TripletLoss {
    /** Components of embeddings that one thread adds up at a time; each sum stays with one thread. */
    private static final int COMPONENTS = 32;

    /** Multiply-adds that a CPU gets done in a millisecond; roughly. */
    private static final double OPERATIONS_PER_MILLISECOND = 3e6;

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
        double sum = 0;
        for (int t = 0; t < triplets.size(); t++) {
            sum += shape.value(difference(in, triplets, t), in.margin());
        }
        return sum * weight(triplets);
    }

    /**
     * The gradient of the loss with respect to the embeddings, of the same shape; 0 if there are no triplets.
     *
     * @throws IllegalArgumentException if a triplet is of a larger batch
     */
    public EmbeddingBatch gradient(MiningBatch in, Triplets triplets) {
        double[] weights = new double[triplets.size()];
        double twice = 2 * weight(triplets);
        for (int t = 0; t < weights.length; t++) {
            weights[t] = twice * shape.slope(difference(in, triplets, t), in.margin());
        }
        int dimension = in.embeddings().dimension();
        // The kernels count uses in int.
        if (weights.length > 0 && 3L * weights.length <= Integer.MAX_VALUE) {
            Optional<float[]> onGpu = Cuda.attempt(
                    triplets.batch().device(),
                    3.0 * weights.length * dimension / OPERATIONS_PER_MILLISECOND,
                    gpu -> gpu.gradient(
                            dimension,
                            in.embeddings().values(),
                            in.references().values(),
                            triplets.members(),
                            weights,
                            overUses == Reduction.MEAN));
            if (onGpu.isPresent()) {
                return new EmbeddingBatch(dimension, onGpu.get());
            }
        }
        return new EmbeddingBatch(dimension, gradientOnCpu(in, triplets, weights, overUses == Reduction.MEAN));
    }

    /** @param weights of the triplets, the slope of the loss and the factor 2 among them */
    static float[] gradientOnCpu(MiningBatch in, Triplets triplets, double[] weights, boolean meanOverUses) {
        int size = in.size();
        int dimension = in.embeddings().dimension();
        int[] uses = meanOverUses ? uses(in, triplets) : new int[0];
        float[] gradient = new float[size * dimension];
        int parts = (dimension + COMPONENTS - 1) / COMPONENTS;
        MiningThreads.run(MiningThreads.forWork(3.0 * weights.length * dimension), parts, () -> part -> {
            int from = part * COMPONENTS;
            int width = Math.min(COMPONENTS, dimension - from);
            double[][] sums = sums(in, triplets, weights, from, width);
            for (int i = 0; i < size; i++) {
                int count = meanOverUses ? Math.max(1, uses[i]) : 1;
                for (int k = 0; k < width; k++) {
                    gradient[i * dimension + from + k] = (float) (sums[i][k] / count);
                }
            }
        });
        return gradient;
    }

    /** Some components of the gradient, {@code [image][component]}. */
    private static double[][] sums(MiningBatch in, Triplets triplets, double[] weights, int from, int width) {
        double[][] embeddings = new double[in.sizeWithReferences()][width];
        for (int i = 0; i < embeddings.length; i++) {
            float[] values = in.valuesOf(i);
            int begin = in.begin(i) + from;
            for (int k = 0; k < width; k++) {
                embeddings[i][k] = values[begin + k];
            }
        }
        double[][] sums = new double[in.size()][width];
        for (int t = 0; t < weights.length; t++) {
            if (weights[t] != 0) {
                double[] a = embeddings[triplets.anchor(t)];
                double[] p = embeddings[triplets.positive(t)];
                double[] n = embeddings[triplets.negative(t)];
                add(sums[triplets.anchor(t)], weights[t], n, p);
                add(sums[triplets.positive(t)], weights[t], p, a);
                if (triplets.negative(t) < in.size()) {
                    add(sums[triplets.negative(t)], weights[t], a, n);
                }
            }
        }
        return sums;
    }

    private static void add(double[] sum, double weight, double[] plus, double[] minus) {
        for (int k = 0; k < sum.length; k++) {
            sum[k] += weight * (plus[k] - minus[k]);
        }
    }

    private static int[] uses(MiningBatch in, Triplets triplets) {
        int[] uses = new int[in.sizeWithReferences()];
        for (int t = 0; t < triplets.size(); t++) {
            uses[triplets.anchor(t)]++;
            uses[triplets.positive(t)]++;
            uses[triplets.negative(t)]++;
        }
        return uses;
    }

    private static double difference(MiningBatch in, Triplets triplets, int t) {
        if (triplets.batch().sharesEmbeddings(in)) {
            return (double) triplets.positiveDistance(t) - triplets.negativeDistance(t);
        }
        int anchor = triplets.anchor(t);
        int positive = triplets.positive(t);
        int negative = triplets.negative(t);
        checkArgument(
                Math.max(anchor, positive) < in.size() && negative < in.sizeWithReferences(),
                "triplet %s (%s, %s, %s) is not of this batch of %s images",
                t,
                anchor,
                positive,
                negative,
                in.size());
        return (double) in.distance(anchor, positive) - in.distance(anchor, negative);
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
