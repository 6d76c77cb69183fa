package org.openface.core.embedding;

import static com.google.common.base.Preconditions.checkArgument;

/** A rule that turns gradients into new parameters. The state it needs (moments, step count) belongs to the network. */
public sealed interface Optimizer {
    /** Step size. */
    double learningRate();

    /** The same rule with another step size. */
    Optimizer withLearningRate(double learningRate);

    /** Adam with the usual constants β₁ = 0.9, β₂ = 0.999, ε = 1e-8; OpenFace's optimiser, there with 1e-3. */
    static Optimizer adam(double learningRate) {
        return new Adam(learningRate, 0.9, 0.999, 1e-8);
    }

    /** Plain gradient descent. */
    static Optimizer sgd(double learningRate) {
        return new Sgd(learningRate, 0);
    }

    /** Gradient descent with momentum, {@code v ← momentum · v + g; p ← p − learningRate · v}. */
    static Optimizer sgd(double learningRate, double momentum) {
        return new Sgd(learningRate, momentum);
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
            checkArgument(beta1 >= 0 && beta1 < 1, "beta1 (%s) must be in [0, 1)", beta1);
            checkArgument(beta2 >= 0 && beta2 < 1, "beta2 (%s) must be in [0, 1)", beta2);
            checkArgument(epsilon > 0, "epsilon (%s) must be positive", epsilon);
        }

        @Override
        public Adam withLearningRate(double newLearningRate) {
            return new Adam(newLearningRate, beta1, beta2, epsilon);
        }
    }

    /**
     * Gradient descent with momentum.
     *
     * @param momentum in [0, 1); 0 is plain gradient descent
     */
    record Sgd(double learningRate, double momentum) implements Optimizer {
        public Sgd {
            checkLearningRate(learningRate);
            checkArgument(momentum >= 0 && momentum < 1, "momentum (%s) must be in [0, 1)", momentum);
        }

        @Override
        public Sgd withLearningRate(double newLearningRate) {
            return new Sgd(newLearningRate, momentum);
        }
    }

    private static void checkLearningRate(double learningRate) {
        checkArgument(
                learningRate >= 0 && Double.isFinite(learningRate),
                "learningRate (%s) must be finite and not negative",
                learningRate);
    }
}
