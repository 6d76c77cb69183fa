package org.openface.triplet.loss;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.stream.IntStream;
import org.openface.core.embedding.Distance;
import org.openface.core.embedding.Optimizer;
import org.openface.triplet.mining.Mined;
import org.openface.triplet.mining.Pairs;

/**
 * The margin loss with a learnt boundary (Wu et al., "Sampling Matters in Deep Embedding Learning", ICCV 2017): of plain distances d,
 * max(0, d - β + margin) for a pair of one identity and max(0, β - d + margin) for one of two, averaged over the pairs that are not 0. β,
 * the distance that tells people apart, is learnt for each identity, as the anchor's.
 */
public final class LearntMarginLoss implements Objective {
    private final double margin;
    private final double start;
    private final double rateFactor;

    private LearntMarginLoss(double margin, double start, double rateFactor) {
        this.margin = margin;
        this.start = start;
        this.rateFactor = rateFactor;
    }

    /** With the paper's constants: a margin of 0.2 around a boundary that begins at 1.2. */
    public static LearntMarginLoss create() {
        return of(0.2, 1.2);
    }

    /**
     * With constants of one's own.
     *
     * @param margin how far from the boundary a pair shall be, not negative
     * @param start of the boundary, a plain distance in (0, 2]
     * @throws IllegalArgumentException if they are not so
     */
    public static LearntMarginLoss of(double margin, double start) {
        checkArgument(margin >= 0 && Double.isFinite(margin), "margin (%s) must be finite and not negative", margin);
        checkArgument(start > 0 && start <= 2, "start (%s) is a distance, in (0, 2]", start);
        return new LearntMarginLoss(margin, start, 1);
    }

    /**
     * The same with the boundaries learning faster or more slowly than the network; by default at its learning rate.
     *
     * @throws IllegalArgumentException if the factor is not positive and finite
     */
    public LearntMarginLoss learningRateFactor(double factor) {
        checkArgument(factor > 0 && Double.isFinite(factor), "factor (%s) must be positive and finite", factor);
        return new LearntMarginLoss(margin, start, factor);
    }

    @Override
    public Run begin(Scope scope) {
        return new Boundaries(scope.identities());
    }

    @Override
    public String toString() {
        return "learnt margin " + margin + ", from " + start
                + (rateFactor == 1 ? "" : ", learning rate x " + rateFactor);
    }

    final class Boundaries implements Run {
        private final Centres boundaries;
        private double[] gradient = {};

        private Boundaries(int identities) {
            boundaries = new Centres(identities, 1);
            boundaries.fill((float) start);
        }

        float boundary(int identity) {
            return boundaries.shard(identity)[boundaries.begin(identity)];
        }

        void setBoundary(int identity, float value) {
            boundaries.shard(identity)[boundaries.begin(identity)] = value;
        }

        double[] gradient() {
            return gradient;
        }

        @Override
        public Outcome evaluate(Mined mined) {
            Pairs pairs = mined.pairs().measuredIn(Distance.EUCLIDEAN);
            double[] slopes = new double[pairs.size()];
            double sum = 0;
            int nonZero = 0;
            for (int k = 0; k < slopes.length; k++) {
                int sign = pairs.isPositive(k) ? 1 : -1;
                float beta = boundary(pairs.batch().identity(pairs.anchor(k)));
                double value = margin + sign * ((double) pairs.distance(k) - beta);
                if (value > 0) {
                    sum += value;
                    slopes[k] = sign;
                    nonZero++;
                }
            }
            double weight = 1.0 / Math.max(1, nonZero);
            gradient = new double[boundaries.rows()];
            for (int k = 0; k < slopes.length; k++) {
                slopes[k] *= weight;
                gradient[pairs.batch().identity(pairs.anchor(k))] -= slopes[k];
            }
            return new Outcome(sum * weight, pairs.gradient(slopes));
        }

        @Override
        public void update(Optimizer rule, double weight) {
            float[] g = new float[gradient.length];
            for (int i = 0; i < g.length; i++) {
                g[i] = (float) gradient[i];
            }
            boundaries.update(
                    rule.withLearningRate(rule.learningRate() * rateFactor),
                    IntStream.range(0, g.length).toArray(),
                    g,
                    weight);
        }

        @Override
        public void write(DataOutputStream out) throws IOException {
            boundaries.write(out);
        }

        @Override
        public void read(DataInputStream in) throws IOException {
            boundaries.read(in);
        }
    }
}
