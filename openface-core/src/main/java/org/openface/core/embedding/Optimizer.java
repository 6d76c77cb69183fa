package org.openface.core.embedding;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * A rule that turns gradients into new parameters. The state it needs (moments, step count) belongs to the network.
 *
 * <p>Weight decay never touches biases and the scales and shifts of batch-norm: only what is multiplied with an image's
 * values decays. Formulas and constants are PyTorch's.
 */
public sealed interface Optimizer {
    /** Step size. */
    double learningRate();

    /** The same rule with another step size. */
    Optimizer withLearningRate(double learningRate);

    /** Adam with the usual constants β₁ = 0.9, β₂ = 0.999, ε = 1e-8; OpenFace's optimiser, there with 1e-3. */
    static Optimizer adam(double learningRate) {
        return new Adam(learningRate, 0.9, 0.999, 1e-8);
    }

    /** Adam with decoupled weight decay and the usual constants; 0.01 is a usual {@code weightDecay}. */
    static Optimizer adamW(double learningRate, double weightDecay) {
        return new AdamW(learningRate, 0.9, 0.999, 1e-8, weightDecay);
    }

    /** Plain gradient descent. */
    static Optimizer sgd(double learningRate) {
        return new Sgd(learningRate, 0, 0);
    }

    /** Gradient descent with momentum, {@code v ← momentum · v + g; p ← p − learningRate · v}. */
    static Optimizer sgd(double learningRate, double momentum) {
        return new Sgd(learningRate, momentum, 0);
    }

    /** AdaDelta with ρ = 0.9 and ε = 1e-6; its step size is a factor, 1 in the paper. */
    static Optimizer adaDelta() {
        return new AdaDelta(1, 0.9, 1e-6);
    }

    /** RMSProp with α = 0.99, ε = 1e-8 and no momentum. */
    static Optimizer rmsProp(double learningRate) {
        return new RmsProp(learningRate, 0.99, 0, 1e-8);
    }

    /**
     * This rule on gradients that are scaled down, all by one factor, where their norm exceeds a maximum (Pascanu, Mikolov
     * and Bengio, 2013).
     *
     * @param maximumNorm Euclidean norm of all parameters' gradients together
     */
    default Optimizer clippedTo(double maximumNorm) {
        return new Clipped(this, maximumNorm);
    }

    /**
     * This rule, and a moving average of the weights and running statistics that the network keeps beside them, {@code
     * average ← decay · average + (1 − decay) · value} after each step (Polyak and Juditsky, 1992). In the first steps the
     * decay is at most {@code (1 + step) / (10 + step)}, so that the weights before training are soon forgotten. Training
     * itself goes on as without; see {@link TrainableEmbedder#averaged}.
     *
     * @param decay in (0, 1), such as 0.999: the average is over some 1 / (1 − decay) steps
     */
    default Optimizer averaged(double decay) {
        return new Averaged(this, decay);
    }

    /**
     * Adam (Kingma and Ba, 2015), with bias correction.
     *
     * @param beta1 decay of the first moment, in [0, 1)
     * @param beta2 decay of the second moment, in [0, 1)
     * @param epsilon added to the root of the second moment
     */
    record Adam(double learningRate, double beta1, double beta2, double epsilon) implements Optimizer {
        public Adam {
            checkLearningRate(learningRate);
            checkDecay("beta1", beta1);
            checkDecay("beta2", beta2);
            checkEpsilon(epsilon);
        }

        @Override
        public Adam withLearningRate(double newLearningRate) {
            return new Adam(newLearningRate, beta1, beta2, epsilon);
        }
    }

    /**
     * Adam whose weight decay is no part of the gradient (Loshchilov and Hutter, 2019): {@code p ← p − learningRate ·
     * weightDecay · p} before Adam's step.
     *
     * @param beta1 decay of the first moment, in [0, 1)
     * @param beta2 decay of the second moment, in [0, 1)
     * @param epsilon added to the root of the second moment
     * @param weightDecay share of a weight that a step with learning rate 1 would remove, not negative
     */
    record AdamW(double learningRate, double beta1, double beta2, double epsilon, double weightDecay)
            implements Optimizer {
        public AdamW {
            checkLearningRate(learningRate);
            checkDecay("beta1", beta1);
            checkDecay("beta2", beta2);
            checkEpsilon(epsilon);
            checkWeightDecay(weightDecay);
        }

        @Override
        public AdamW withLearningRate(double newLearningRate) {
            return new AdamW(newLearningRate, beta1, beta2, epsilon, weightDecay);
        }
    }

    /**
     * Gradient descent with momentum and weight decay: {@code g ← g + weightDecay · p} comes first.
     *
     * @param momentum in [0, 1); 0 is plain gradient descent
     * @param weightDecay not negative
     */
    record Sgd(double learningRate, double momentum, double weightDecay) implements Optimizer {
        public Sgd {
            checkLearningRate(learningRate);
            checkDecay("momentum", momentum);
            checkWeightDecay(weightDecay);
        }

        @Override
        public Sgd withLearningRate(double newLearningRate) {
            return new Sgd(newLearningRate, momentum, weightDecay);
        }
    }

    /**
     * AdaDelta (Zeiler, 2012), whose steps have the size of earlier steps.
     *
     * @param learningRate factor of the steps
     * @param rho decay of the squared gradients and steps, in [0, 1)
     * @param epsilon added below both roots
     */
    record AdaDelta(double learningRate, double rho, double epsilon) implements Optimizer {
        public AdaDelta {
            checkLearningRate(learningRate);
            checkDecay("rho", rho);
            checkEpsilon(epsilon);
        }

        @Override
        public AdaDelta withLearningRate(double newLearningRate) {
            return new AdaDelta(newLearningRate, rho, epsilon);
        }
    }

    /**
     * RMSProp (Tieleman and Hinton, 2012): gradients over the root of their mean square, with momentum on top.
     *
     * @param alpha decay of the squared gradients, in [0, 1)
     * @param momentum in [0, 1)
     * @param epsilon added to the root
     */
    record RmsProp(double learningRate, double alpha, double momentum, double epsilon) implements Optimizer {
        public RmsProp {
            checkLearningRate(learningRate);
            checkDecay("alpha", alpha);
            checkDecay("momentum", momentum);
            checkEpsilon(epsilon);
        }

        @Override
        public RmsProp withLearningRate(double newLearningRate) {
            return new RmsProp(newLearningRate, alpha, momentum, epsilon);
        }
    }

    /**
     * A rule on clipped gradients, see {@link Optimizer#clippedTo}.
     *
     * @param rule what is done with the clipped gradients
     * @param maximumNorm positive
     */
    record Clipped(Optimizer rule, double maximumNorm) implements Optimizer {
        public Clipped {
            checkArgument(maximumNorm > 0, "maximumNorm (%s) must be positive", maximumNorm);
        }

        @Override
        public double learningRate() {
            return rule.learningRate();
        }

        @Override
        public Clipped withLearningRate(double newLearningRate) {
            return new Clipped(rule.withLearningRate(newLearningRate), maximumNorm);
        }
    }

    /**
     * A rule and an average of the weights it leads to, see {@link Optimizer#averaged}.
     *
     * @param rule how the weights are changed
     * @param decay in (0, 1)
     */
    record Averaged(Optimizer rule, double decay) implements Optimizer {
        public Averaged {
            checkArgument(decay > 0 && decay < 1, "decay (%s) must be in (0, 1)", decay);
        }

        @Override
        public double learningRate() {
            return rule.learningRate();
        }

        @Override
        public Averaged withLearningRate(double newLearningRate) {
            return new Averaged(rule.withLearningRate(newLearningRate), decay);
        }
    }

    private static void checkLearningRate(double learningRate) {
        checkArgument(
                learningRate >= 0 && Double.isFinite(learningRate),
                "learningRate (%s) must be finite and not negative",
                learningRate);
    }

    private static void checkDecay(String name, double value) {
        checkArgument(value >= 0 && value < 1, "%s (%s) must be in [0, 1)", name, value);
    }

    private static void checkEpsilon(double epsilon) {
        checkArgument(epsilon > 0, "epsilon (%s) must be positive", epsilon);
    }

    private static void checkWeightDecay(double weightDecay) {
        checkArgument(
                weightDecay >= 0 && Double.isFinite(weightDecay),
                "weightDecay (%s) must be finite and not negative",
                weightDecay);
    }
}
