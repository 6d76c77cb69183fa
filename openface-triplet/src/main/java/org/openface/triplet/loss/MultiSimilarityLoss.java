package org.openface.triplet.loss;

import static com.google.common.base.Preconditions.checkArgument;

import org.openface.triplet.mining.Mined;

/**
 * The multi-similarity loss (Wang et al., "Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning", CVPR 2019).
 * With the cosines s of an anchor's positives and negatives it is the mean over the batch's images of
 *
 * <pre>{@code 1/alpha · log(1 + Σ exp(-alpha (s - lambda))) + 1/beta · log(1 + Σ exp(beta (s - lambda)))}</pre>
 */
public final class MultiSimilarityLoss implements Loss {
    private final double alpha;
    private final double beta;
    private final double lambda;

    private MultiSimilarityLoss(double alpha, double beta, double lambda) {
        this.alpha = alpha;
        this.beta = beta;
        this.lambda = lambda;
    }

    /** With the paper's constants, 2, 50 and 0.5. */
    public static MultiSimilarityLoss create() {
        return of(2, 50, 0.5);
    }

    /**
     * With constants of one's own.
     *
     * @param alpha how much harder positives are preferred
     * @param beta how much harder negatives are preferred
     * @param lambda the cosine that positives shall be above and negatives below
     * @throws IllegalArgumentException if alpha or beta is not positive and finite, or lambda not in [-1, 1]
     */
    public static MultiSimilarityLoss of(double alpha, double beta, double lambda) {
        checkArgument(alpha > 0 && Double.isFinite(alpha), "alpha (%s) must be positive and finite", alpha);
        checkArgument(beta > 0 && Double.isFinite(beta), "beta (%s) must be positive and finite", beta);
        checkArgument(lambda >= -1 && lambda <= 1, "lambda (%s) is a cosine, from -1 to 1", lambda);
        return new MultiSimilarityLoss(alpha, beta, lambda);
    }

    @Override
    public Outcome evaluate(Mined mined) {
        AnchoredPairs pairs = new AnchoredPairs(mined);
        double sum = 0;
        while (pairs.next()) {
            sum += add(pairs, true, -alpha) + add(pairs, false, beta);
        }
        double weight = 1.0 / Math.max(1, pairs.images());
        return new Outcome(sum * weight, pairs.gradient(weight));
    }

    private double add(AnchoredPairs pairs, boolean positives, double factor) {
        LogSum logSum = new LogSum();
        logSum.add(0); // the one in the logarithm
        for (int k = 0; k < pairs.count(); k++) {
            if (pairs.isPositive(k) == positives) {
                logSum.add(factor * (pairs.cosine(k) - lambda));
            }
        }
        double value = logSum.value() / Math.abs(factor);
        int i = 1;
        for (int k = 0; k < pairs.count(); k++) {
            if (pairs.isPositive(k) == positives) {
                pairs.add(k, Math.signum(factor) * logSum.share(i++));
            }
        }
        return value;
    }

    @Override
    public String toString() {
        return "multi-similarity alpha " + alpha + " beta " + beta + " lambda " + lambda;
    }
}
