package org.openface.triplet.mining;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkElementIndex;

import com.google.common.primitives.Doubles;
import com.google.common.primitives.Floats;
import com.google.common.primitives.Ints;
import java.util.Arrays;
import org.openface.core.embedding.Distance;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch.Role;

/**
 * The triplets mined from one batch, as places in the batch, with what the miner saw on the way. Empty is an ordinary
 * result.
 *
 * <p>Whatever strategy made them, each has an anchor and a positive of one identity and a negative of another: the
 * builder refuses any other.
 */
public final class Triplets implements Mined {
    private final MiningBatch batch;
    private final int[] anchors;
    private final int[] positives;
    private final int[] negatives;
    private final float[] positiveDistances;
    private final float[] negativeDistances;
    private final MiningStatistics statistics;

    private Triplets(Builder builder, int size) {
        batch = builder.in;
        anchors = Arrays.copyOf(builder.anchors, size);
        positives = Arrays.copyOf(builder.positives, size);
        negatives = Arrays.copyOf(builder.negatives, size);
        positiveDistances = Arrays.copyOf(builder.positiveDistances, size);
        negativeDistances = Arrays.copyOf(builder.negativeDistances, size);
        statistics = builder.statistics;
    }

    private Triplets(Triplets same, MiningBatch in) {
        batch = in;
        anchors = same.anchors;
        positives = same.positives;
        negatives = same.negatives;
        positiveDistances = new float[anchors.length];
        negativeDistances = new float[anchors.length];
        for (int t = 0; t < anchors.length; t++) {
            checkArgument(
                    Math.max(anchors[t], positives[t]) < in.size() && negatives[t] < in.sizeWithReferences(),
                    "triplet %s (%s, %s, %s) is not of this batch of %s images",
                    t,
                    anchors[t],
                    positives[t],
                    negatives[t],
                    in.size());
            positiveDistances[t] = in.distance(anchors[t], positives[t]);
            negativeDistances[t] = in.distance(anchors[t], negatives[t]);
        }
        statistics = same.statistics;
    }

    private Triplets(Triplets same, MiningStatistics statistics) {
        batch = same.batch;
        anchors = same.anchors;
        positives = same.positives;
        negatives = same.negatives;
        positiveDistances = same.positiveDistances;
        negativeDistances = same.negativeDistances;
        this.statistics = statistics;
    }

    /** A builder of triplets of one batch. */
    public static Builder builder(MiningBatch in) {
        return new Builder(in);
    }

    /** Number of triplets. */
    @Override
    public int size() {
        return anchors.length;
    }

    /** The anchor of triplet t. */
    public int anchor(int t) {
        return anchors[t];
    }

    /** The positive of triplet t. */
    public int positive(int t) {
        return positives[t];
    }

    /** The negative of triplet t; at or above the size of the batch it is one of the references. */
    public int negative(int t) {
        return negatives[t];
    }

    /** Distance of anchor and positive of triplet t, as the batch measures it: squared, if not said otherwise. */
    public float positiveDistance(int t) {
        return positiveDistances[t];
    }

    /** Distance of anchor and negative of triplet t, as the batch measures it. */
    public float negativeDistance(int t) {
        return negativeDistances[t];
    }

    /** The batch that the triplets are of. */
    @Override
    public MiningBatch batch() {
        return batch;
    }

    /**
     * The same triplets among the embeddings of another batch, such as those of the same images after a step; on the device
     * that they were mined on, and measured as they are here.
     *
     * @throws IllegalArgumentException if a triplet is of a larger batch
     */
    public Triplets in(MiningBatch other) {
        return batch.sharesEmbeddings(other)
                ? this
                : new Triplets(this, other.on(batch.device()).measuredIn(batch.measure()));
    }

    /**
     * The gradient of a loss with respect to the batch's embeddings, {@code [image][component]}, given how the loss changes with
     * each triplet. So any loss over triplets is a matter of its slopes; this runs on all threads, or on the GPU where the
     * triplets were mined there, and gives the same bits. References get none.
     *
     * @param slopes for each triplet the derivative of the loss by the difference of its distances, {@link
     *     #positiveDistance} − {@link #negativeDistance}
     * @param meanOverUses whether what the triplets of an image ask of it is averaged rather than summed
     * @throws IllegalArgumentException if there are not as many slopes as triplets
     */
    public EmbeddingBatch gradient(double[] slopes, boolean meanOverUses) {
        checkArgument(slopes.length == size(), "%s slopes are not of %s triplets", slopes.length, size());
        if (batch.measure() == Distance.SQUARED_EUCLIDEAN) {
            return gradientOf(slopes, meanOverUses).compute();
        }
        double[] opposite = new double[slopes.length];
        for (int t = 0; t < slopes.length; t++) {
            opposite[t] = -slopes[t];
        }
        return gradient(slopes, opposite, meanOverUses);
    }

    /**
     * The gradient of a loss that changes otherwise with the distance to the positive than with that to the negative, as {@link
     * #gradient(double[], boolean)}; on the CPU.
     *
     * @param byPositive for each triplet the derivative of the loss by {@link #positiveDistance}
     * @param byNegative for each triplet the derivative of the loss by {@link #negativeDistance}
     * @throws IllegalArgumentException if there are not as many of either as triplets
     */
    public EmbeddingBatch gradient(double[] byPositive, double[] byNegative, boolean meanOverUses) {
        checkArgument(
                byPositive.length == size() && byNegative.length == size(),
                "%s and %s slopes are not of %s triplets",
                byPositive.length,
                byNegative.length,
                size());
        return new PairGradient(
                        batch,
                        Ints.concat(anchors, anchors),
                        Ints.concat(positives, negatives),
                        Floats.concat(positiveDistances, negativeDistances),
                        Doubles.concat(byPositive, byNegative))
                .compute(meanOverUses ? gradientOf(byPositive, true).uses() : new int[0]);
    }

    /** The same triplets with their distances measured otherwise. */
    public Triplets measuredIn(Distance measure) {
        return batch.measure() == measure ? this : new Triplets(this, batch.measuredIn(measure));
    }

    /**
     * The same triplets, but for those whose negative is nearer to the positive than to the anchor: there the two change places
     * (Balntas et al., "Learning local feature descriptors with triplets", BMVC 2016), so that the hardest of a triplet's two
     * negative distances counts.
     */
    public Triplets swapped() {
        Builder swapped = builder(batch);
        for (int t = 0; t < size(); t++) {
            float pn = batch.distance(positives[t], negatives[t]);
            if (pn < negativeDistances[t]) {
                swapped.append(positives[t], anchors[t], negatives[t], positiveDistances[t], pn);
            } else {
                swapped.append(anchors[t], positives[t], negatives[t], positiveDistances[t], negativeDistances[t]);
            }
        }
        return swapped.statistics(statistics).build();
    }

    @Override
    public Triplets triplets() {
        return this;
    }

    @Override
    public Pairs pairs() {
        return Pairs.of(this);
    }

    TripletGradient gradientOf(double[] slopes, boolean meanOverUses) {
        return new TripletGradient(batch, anchors, positives, negatives, slopes, meanOverUses);
    }

    /** What the miner counted; {@link MiningStatistics#NONE} if it did not, which a trainer makes up for by {@link TripletMiner#counted}. */
    @Override
    public MiningStatistics statistics() {
        return statistics;
    }

    Triplets with(MiningStatistics counted) {
        return new Triplets(this, counted);
    }

    /** For messages: how many there are. */
    @Override
    public String toString() {
        return size() + " triplets of " + statistics.pairs() + " pairs";
    }

    /** Collects triplets in the order in which they are added. */
    public static final class Builder {
        /** What a Java array holds. */
        private static final int MOST = Integer.MAX_VALUE - 8;

        private final MiningBatch in;
        private int[] anchors = new int[16];
        private int[] positives = new int[16];
        private int[] negatives = new int[16];
        private float[] positiveDistances = new float[16];
        private float[] negativeDistances = new float[16];
        private int size;
        private MiningStatistics statistics = MiningStatistics.NONE;

        private Builder(MiningBatch in) {
            this.in = in;
        }

        /**
         * Adds a triplet.
         *
         * @throws IllegalArgumentException if anchor and positive are one image, or of two identities, or negatives only,
         *     or if the negative is of the anchor's identity
         */
        public Builder add(int anchor, int positive, int negative) {
            checkPair(in, anchor, positive);
            checkElementIndex(negative, in.sizeWithReferences());
            checkArgument(
                    in.identity(anchor) != in.identity(negative),
                    "image %s cannot be a negative of image %s: both are of identity %s",
                    negative,
                    anchor,
                    in.identity(anchor));
            append(anchor, positive, negative, in.distance(anchor, positive), in.distance(anchor, negative));
            return this;
        }

        /** Adds a triplet that is known to be one, with its distances. */
        void append(int anchor, int positive, int negative, float ap, float an) {
            reserve(1);
            anchors[size] = anchor;
            positives[size] = positive;
            negatives[size] = negative;
            positiveDistances[size] = ap;
            negativeDistances[size] = an;
            size++;
        }

        /** Adds all that another builder of the same batch holds. */
        void append(Builder more) {
            reserve(more.size);
            System.arraycopy(more.anchors, 0, anchors, size, more.size);
            System.arraycopy(more.positives, 0, positives, size, more.size);
            System.arraycopy(more.negatives, 0, negatives, size, more.size);
            System.arraycopy(more.positiveDistances, 0, positiveDistances, size, more.size);
            System.arraycopy(more.negativeDistances, 0, negativeDistances, size, more.size);
            size += more.size;
        }

        static void checkPair(MiningBatch in, int anchor, int positive) {
            checkElementIndex(anchor, in.size());
            checkElementIndex(positive, in.size());
            if (in.isPair(anchor, positive)) {
                return; // before the words of a refusal are put together
            }
            checkArgument(anchor != positive, "image %s cannot be its own positive", anchor);
            checkArgument(
                    in.identity(anchor) == in.identity(positive),
                    "images %s and %s are of two identities, %s and %s, and no pair",
                    anchor,
                    positive,
                    in.identity(anchor),
                    in.identity(positive));
            checkArgument(
                    in.role(anchor) == Role.FULL && in.role(positive) == Role.FULL,
                    "images %s and %s are no pair: one is a negative only",
                    anchor,
                    positive);
        }

        private void reserve(int more) {
            long needed = (long) size + more;
            if (needed > anchors.length) {
                checkArgument(
                        needed <= MOST,
                        "a batch with %s triplets and more is too large, %s is the limit: choose fewer for each pair, as"
                                + " NegativeSelector.random() does, or take fewer images",
                        needed,
                        MOST);
                int capacity = (int) Math.min(MOST, Math.max(needed, 2L * size));
                anchors = Arrays.copyOf(anchors, capacity);
                positives = Arrays.copyOf(positives, capacity);
                negatives = Arrays.copyOf(negatives, capacity);
                positiveDistances = Arrays.copyOf(positiveDistances, capacity);
                negativeDistances = Arrays.copyOf(negativeDistances, capacity);
            }
        }

        /** What was counted while mining; for reports only. */
        public Builder statistics(MiningStatistics counted) {
            statistics = counted;
            return this;
        }

        /** The triplets added so far. */
        public Triplets build() {
            return new Triplets(this, size);
        }
    }
}
