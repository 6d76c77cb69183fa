package org.openface.triplet.loss;

import static com.google.common.base.Preconditions.checkArgument;

import org.openface.triplet.mining.Mined;

/**
 * The circle loss (Sun et al., "Circle Loss: A Unified Perspective of Pair Similarity Optimization", CVPR 2020): the mean, over
 * anchors with positives and negatives, of
 *
 * <pre>{@code log(1 + Σ exp(scale · max(0, s_n + m) (s_n - m)) · Σ exp(-scale · max(0, 1 + m - s_p) (s_p - 1 + m)))}</pre>
 *
 * over the cosines of the anchor's negatives and positives. The factors max(0, …) weigh a pair by how far it is from where it
 * shall be; as in the paper they are taken for constants in the gradient.
 */
public final class CircleLoss implements Loss {
    private final double margin;
    private final double scale;

    private CircleLoss(double margin, double scale) {
        this.margin = margin;
        this.scale = scale;
    }

    /** With the paper's constants for faces: margin 0.25, scale 256. */
    public static CircleLoss create() {
        return of(0.25, 256);
    }

    /**
     * With constants of one's own.
     *
     * @param margin the m above, in [0, 1)
     * @param scale positive
     * @throws IllegalArgumentException if they are not so
     */
    public static CircleLoss of(double margin, double scale) {
        checkArgument(margin >= 0 && margin < 1, "margin (%s) must be in [0, 1)", margin);
        checkArgument(scale > 0 && Double.isFinite(scale), "scale (%s) must be positive and finite", scale);
        return new CircleLoss(margin, scale);
    }

    @Override
    public Outcome evaluate(Mined mined) {
        AnchoredPairs pairs = new AnchoredPairs(mined);
        LogSum positives = new LogSum();
        LogSum negatives = new LogSum();
        double sum = 0;
        int anchors = 0;
        while (pairs.next()) {
            int own = pairs.positives();
            if (own > 0 && own < pairs.count()) {
                anchors++;
                sum += add(pairs, positives, negatives);
            }
        }
        double weight = 1.0 / Math.max(1, anchors);
        return new Outcome(sum * weight, pairs.gradient(weight));
    }

    private double add(AnchoredPairs pairs, LogSum positives, LogSum negatives) {
        positives.clear();
        negatives.clear();
        for (int k = 0; k < pairs.count(); k++) {
            double s = pairs.cosine(k);
            if (pairs.isPositive(k)) {
                positives.add(-scale * positiveFactor(s) * (s - 1 + margin));
            } else {
                negatives.add(scale * negativeFactor(s) * (s - margin));
            }
        }
        double exponent = positives.value() + negatives.value();
        double outer = 1 / (1 + Math.exp(-exponent));
        int p = 0;
        int n = 0;
        for (int k = 0; k < pairs.count(); k++) {
            double s = pairs.cosine(k);
            pairs.add(
                    k,
                    pairs.isPositive(k)
                            ? -outer * positives.share(p++) * scale * positiveFactor(s)
                            : outer * negatives.share(n++) * scale * negativeFactor(s));
        }
        return Math.max(0, exponent) + Math.log1p(Math.exp(-Math.abs(exponent)));
    }

    private double positiveFactor(double s) {
        return Math.max(0, 1 + margin - s);
    }

    private double negativeFactor(double s) {
        return Math.max(0, s + margin);
    }

    @Override
    public String toString() {
        return "circle margin " + margin + " scale " + scale;
    }
}
