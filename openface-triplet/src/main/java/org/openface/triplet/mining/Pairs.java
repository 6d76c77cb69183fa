package org.openface.triplet.mining;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkElementIndex;

import com.google.common.primitives.Ints;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.openface.core.embedding.Distance;
import org.openface.core.embedding.EmbeddingBatch;

/**
 * Pairs of images of one batch, each of an anchor and another image of the same identity (a positive) or of another (a
 * negative). The pair (i, j) is another one than (j, i): an image is compared with those that it is the anchor of.
 *
 * <p>The other image may be a reference: one that gets no gradient, such as an embedding remembered from an earlier batch.
 */
public final class Pairs implements Mined {
    private final MiningBatch batch;
    private final int[] anchors;
    private final int[] others;
    private final float[] distances;
    private final MiningStatistics statistics;

    private Pairs(MiningBatch in, int[] anchors, int[] others, float[] distances, MiningStatistics statistics) {
        batch = in;
        this.anchors = anchors;
        this.others = others;
        this.distances = distances;
        this.statistics = statistics;
    }

    /** A builder of pairs of one batch. */
    public static Builder builder(MiningBatch in) {
        return new Builder(in);
    }

    @Override
    public MiningBatch batch() {
        return batch;
    }

    @Override
    public int size() {
        return anchors.length;
    }

    /** The anchor of pair k. */
    public int anchor(int k) {
        return anchors[k];
    }

    /** The other image of pair k; at or above the size of the batch it is one of the references. */
    public int other(int k) {
        return others[k];
    }

    /** Whether the two images of pair k are of one identity. */
    public boolean isPositive(int k) {
        return batch.identity(anchors[k]) == batch.identity(others[k]);
    }

    /** Distance of the two images of pair k, as the batch measures it. */
    public float distance(int k) {
        return distances[k];
    }

    @Override
    public MiningStatistics statistics() {
        return statistics;
    }

    Pairs with(MiningStatistics counted) {
        return new Pairs(batch, anchors, others, distances, counted);
    }

    /** The same pairs with their distances measured otherwise. */
    public Pairs measuredIn(Distance measure) {
        if (batch.measure() == measure) {
            return this;
        }
        MiningBatch in = batch.measuredIn(measure);
        float[] measured = new float[anchors.length];
        for (int k = 0; k < measured.length; k++) {
            measured[k] = in.distance(anchors[k], others[k]);
        }
        return new Pairs(in, anchors, others, measured, statistics);
    }

    /**
     * The gradient of a loss with respect to the batch's embeddings, {@code [image][component]}, given how the loss changes with
     * the distance of each pair. Runs on all threads and gives the same bits on any number. References get none.
     *
     * @param slopes for each pair the derivative of the loss by {@link #distance}
     * @throws IllegalArgumentException if there are not as many slopes as pairs
     */
    public EmbeddingBatch gradient(double[] slopes) {
        checkArgument(slopes.length == size(), "%s slopes are not of %s pairs", slopes.length, size());
        return new PairGradient(batch, anchors, others, distances, slopes).compute(new int[0]);
    }

    @Override
    public Pairs pairs() {
        return this;
    }

    @Override
    public Triplets triplets() {
        List<Integer>[] ofAnchor = ofAnchors();
        Triplets.Builder triplets = Triplets.builder(batch);
        for (List<Integer> own : ofAnchor) {
            for (int p : own) {
                // Positives that are references are none of a triplet: they would get half of a gradient.
                if (isPositive(p) && others[p] < batch.size()) {
                    for (int n : own) {
                        if (!isPositive(n)) {
                            triplets.append(anchors[p], others[p], others[n], distances[p], distances[n]);
                        }
                    }
                }
            }
        }
        return triplets.statistics(statistics).build();
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private List<Integer>[] ofAnchors() {
        List<Integer>[] ofAnchor = new List[batch.size()];
        Arrays.setAll(ofAnchor, a -> new ArrayList<>());
        for (int k = 0; k < anchors.length; k++) {
            ofAnchor[anchors[k]].add(k);
        }
        return ofAnchor;
    }

    /** See {@link Triplets#pairs}. */
    static Pairs of(Triplets triplets) {
        Builder pairs = builder(triplets.batch());
        Set<Long> seen = new HashSet<>();
        for (int t = 0; t < triplets.size(); t++) {
            int a = triplets.anchor(t);
            if (seen.add((long) a << 32 | triplets.positive(t))) {
                pairs.append(a, triplets.positive(t), triplets.positiveDistance(t));
            }
            if (seen.add((long) a << 32 | triplets.negative(t))) {
                pairs.append(a, triplets.negative(t), triplets.negativeDistance(t));
            }
        }
        return pairs.statistics(triplets.statistics()).build();
    }

    /** For messages: how many there are. */
    @Override
    public String toString() {
        return size() + " pairs";
    }

    /** Collects pairs in the order in which they are added. */
    public static final class Builder {
        private final MiningBatch in;
        private int[] anchors = new int[64];
        private int[] others = new int[64];
        private float[] distances = new float[64];
        private int size;
        private MiningStatistics statistics = MiningStatistics.NONE;

        private Builder(MiningBatch in) {
            this.in = in;
        }

        /**
         * Adds a pair.
         *
         * @param anchor an image of the batch
         * @param other an image or reference, of any identity
         * @throws IllegalArgumentException if the two are one image
         * @throws IndexOutOfBoundsException if one is not of this batch
         */
        public Builder add(int anchor, int other) {
            checkElementIndex(anchor, in.size());
            checkElementIndex(other, in.sizeWithReferences());
            checkArgument(anchor != other, "image %s is no pair with itself", anchor);
            append(anchor, other, in.distance(anchor, other));
            return this;
        }

        /** Adds a pair that is known to be one, with its distance. */
        void append(int anchor, int other, float distance) {
            if (size == anchors.length) {
                int capacity = Ints.saturatedCast(2L * size);
                anchors = Arrays.copyOf(anchors, capacity);
                others = Arrays.copyOf(others, capacity);
                distances = Arrays.copyOf(distances, capacity);
            }
            anchors[size] = anchor;
            others[size] = other;
            distances[size] = distance;
            size++;
        }

        /** What was counted while mining; for reports only. */
        public Builder statistics(MiningStatistics counted) {
            statistics = counted;
            return this;
        }

        /** The pairs added so far. */
        public Pairs build() {
            return new Pairs(
                    in,
                    Arrays.copyOf(anchors, size),
                    Arrays.copyOf(others, size),
                    Arrays.copyOf(distances, size),
                    statistics);
        }
    }
}
