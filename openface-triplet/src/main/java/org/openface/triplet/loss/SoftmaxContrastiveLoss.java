package org.openface.triplet.loss;

import static com.google.common.base.Preconditions.checkArgument;

import org.openface.triplet.mining.Mined;

/**
 * Losses that tell an anchor's positives from its other images by a softmax over cosines, divided by a temperature; means over the
 * anchors that have a positive. With z = cosine / temperature they are the mean over the anchor's positives of
 *
 * <ul>
 *   <li>{@link #supervised}: {@code -z_p + log Σ exp(z)}, the sum being over all of the anchor's pairs (Khosla et al., "Supervised
 *       Contrastive Learning", NeurIPS 2020, their L_out);
 *   <li>{@link #nPair}: the same with the sum over this positive and the negatives (Sohn, "Improved Deep Metric Learning with
 *       Multi-class N-pair Loss Objective", NIPS 2016, on cosines; also called InfoNCE and NT-Xent).
 * </ul>
 */
public final class SoftmaxContrastiveLoss implements Loss {
    private final boolean againstOwn;
    private final double temperature;

    private SoftmaxContrastiveLoss(boolean againstOwn, double temperature) {
        checkArgument(
                temperature > 0 && Double.isFinite(temperature),
                "temperature (%s) must be positive and finite; 0.1 is usual",
                temperature);
        this.againstOwn = againstOwn;
        this.temperature = temperature;
    }

    /**
     * Supervised contrastive.
     *
     * @param temperature 0.1 is usual; the lower, the more the nearest negatives count
     * @throws IllegalArgumentException if it is not positive and finite
     */
    public static SoftmaxContrastiveLoss supervised(double temperature) {
        return new SoftmaxContrastiveLoss(true, temperature);
    }

    /**
     * N-pair.
     *
     * @param temperature as for {@link #supervised}
     * @throws IllegalArgumentException if it is not positive and finite
     */
    public static SoftmaxContrastiveLoss nPair(double temperature) {
        return new SoftmaxContrastiveLoss(false, temperature);
    }

    @Override
    public Outcome evaluate(Mined mined) {
        AnchoredPairs pairs = new AnchoredPairs(mined);
        double sum = 0;
        int anchors = 0;
        while (pairs.next()) {
            int positives = pairs.positives();
            if (positives > 0) {
                anchors++;
                sum += againstOwn ? supervised(pairs, positives) : nPair(pairs, positives);
            }
        }
        double weight = 1.0 / Math.max(1, anchors);
        return new Outcome(sum * weight, pairs.gradient(weight));
    }

    private double supervised(AnchoredPairs pairs, int positives) {
        LogSum all = new LogSum();
        double mean = 0;
        for (int k = 0; k < pairs.count(); k++) {
            double z = pairs.cosine(k) / temperature;
            all.add(z);
            mean += pairs.isPositive(k) ? z / positives : 0;
        }
        double value = all.value() - mean;
        for (int k = 0; k < pairs.count(); k++) {
            pairs.add(k, (all.share(k) - (pairs.isPositive(k) ? 1.0 / positives : 0)) / temperature);
        }
        return value;
    }

    private double nPair(AnchoredPairs pairs, int positives) {
        LogSum others = new LogSum();
        for (int k = 0; k < pairs.count(); k++) {
            if (!pairs.isPositive(k)) {
                others.add(pairs.cosine(k) / temperature);
            }
        }
        double negatives = others.value();
        double value = 0;
        double ofNegatives = 0;
        for (int k = 0; k < pairs.count(); k++) {
            if (pairs.isPositive(k)) {
                double excess = negatives - pairs.cosine(k) / temperature;
                double lost = 1 / (1 + Math.exp(-excess)); // the share of the negatives
                value += (Math.max(0, excess) + Math.log1p(Math.exp(-Math.abs(excess)))) / positives;
                pairs.add(k, -lost / (positives * temperature));
                ofNegatives += lost / (positives * temperature);
            }
        }
        int n = 0;
        for (int k = 0; k < pairs.count(); k++) {
            if (!pairs.isPositive(k)) {
                pairs.add(k, ofNegatives * others.share(n++));
            }
        }
        return value;
    }

    @Override
    public String toString() {
        return (againstOwn ? "supervised contrastive" : "N-pair") + ", temperature " + temperature;
    }
}
