package org.openface.nn4.internal.engine.host;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openface.core.embedding.Optimizer;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.state.OptimizerMemory;

/**
 * Turns gradients into new parameters and keeps the optimiser's memory up to date.
 *
 * <p>Plain loops over arrays in the order of PyTorch's operations: the same on every engine that leaves this to Java.
 */
public final class UpdateRule {
    private final OptimizerMemory memory;
    private final List<TensorSpec> trained;

    /** A rule that reads and writes this memory. */
    public UpdateRule(OptimizerMemory memory) {
        this.memory = memory;
        trained = memory.specs().stream().filter(TensorSpec::trained).toList();
    }

    /**
     * Adds one step. A change to another kind of optimiser starts with an empty memory.
     *
     * @param gradients by parameter; overwritten
     * @return the first parameter that would get, or be remembered with, a value that is NaN or infinite. When present, all
     *     parameters are as before and the memory is empty, since it led there.
     */
    public Optional<String> apply(Optimizer optimizer, Parameters parameters, Map<String, float[]> gradients) {
        if (optimizer instanceof Optimizer.Averaged averaged) {
            return apply(averaged.rule(), parameters, gradients);
        } else if (optimizer instanceof Optimizer.Clipped clipped) {
            clip(gradients, clipped.maximumNorm());
            return apply(clipped.rule(), parameters, gradients);
        } else {
            return applyPlain(optimizer, parameters, gradients);
        }
    }

    /** Takes the present values into the average, if the optimiser keeps one; drops it otherwise. */
    public void average(Optimizer optimizer, Parameters parameters) {
        if (optimizer instanceof Optimizer.Clipped clipped) {
            average(clipped.rule(), parameters);
        } else if (optimizer instanceof Optimizer.Averaged averaged) {
            Parameters average = memory.average().orElse(null);
            if (average == null) {
                average = parameters.copy();
                memory.setAverage(average);
            }
            long steps = memory.steps();
            float keep = (float) Math.min(averaged.decay(), (1.0 + steps) / (10.0 + steps));
            for (TensorSpec spec : memory.specs()) {
                float[] mean = average.get(spec.name());
                float[] value = parameters.get(spec.name());
                for (int i = 0; i < mean.length; i++) {
                    mean[i] += (1 - keep) * (value[i] - mean[i]);
                }
            }
            average.changed();
        } else {
            memory.setAverage(null);
        }
    }

    private Optional<String> applyPlain(Optimizer optimizer, Parameters parameters, Map<String, float[]> gradients) {
        memory.step(optimizer.getClass().getSimpleName());
        for (TensorSpec spec : trained) {
            float[] p = parameters.get(spec.name());
            float[] g = gradients.get(spec.name());
            if (g == null) {
                throw new IllegalArgumentException("no gradient for " + spec.name());
            }
            boolean decays = decays(spec);
            List<float[]> moments = memory.arrays(spec);
            if (optimizer instanceof Optimizer.Adam adam) {
                adam(adam, 1, p, g, moments.get(0), moments.get(1));
            } else if (optimizer instanceof Optimizer.AdamW adam) {
                adam(
                        new Optimizer.Adam(adam.learningRate(), adam.beta1(), adam.beta2(), adam.epsilon()),
                        decays ? (float) (1 - adam.learningRate() * adam.weightDecay()) : 1,
                        p,
                        g,
                        moments.get(0),
                        moments.get(1));
            } else if (optimizer instanceof Optimizer.Sgd sgd) {
                sgd(sgd, p, g, moments.get(0), decays ? (float) sgd.weightDecay() : 0);
            } else if (optimizer instanceof Optimizer.AdaDelta adaDelta) {
                adaDelta(adaDelta, p, g, moments.get(0), moments.get(1));
            } else if (optimizer instanceof Optimizer.RmsProp rmsProp) {
                rmsProp(rmsProp, p, g, moments.get(0), moments.get(1));
            }
            if (!isFinite(g) || !moments.stream().allMatch(UpdateRule::isFinite)) {
                memory.clear();
                return Optional.of(spec.name());
            }
        }
        for (TensorSpec spec : trained) {
            System.arraycopy(gradients.get(spec.name()), 0, parameters.get(spec.name()), 0, spec.length());
        }
        parameters.changed();
        return Optional.empty();
    }

    /** Whether no value is NaN or infinite. */
    static boolean isFinite(float[] values) {
        float a = 0; // two chains, so that additions overlap
        float b = 0;
        int i = 0;
        for (; i + 2 <= values.length; i += 2) {
            a += values[i] * 0; // NaN if the value is NaN or infinite
            b += values[i + 1] * 0;
        }
        return a + b + (i < values.length ? values[i] * 0 : 0) == 0;
    }

    /** Weights decay; biases, and the scales and shifts of batch-norm, have one dimension and do not. */
    private static boolean decays(TensorSpec spec) {
        return spec.shape().size() > 1;
    }

    private static void clip(Map<String, float[]> gradients, double maximumNorm) {
        double squares = 0;
        for (float[] gradient : gradients.values()) {
            for (float value : gradient) {
                squares += (double) value * value;
            }
        }
        float factor = (float) (maximumNorm / Math.sqrt(squares));
        if (factor < 1) {
            for (float[] gradient : gradients.values()) {
                for (int i = 0; i < gradient.length; i++) {
                    gradient[i] *= factor;
                }
            }
        }
    }

    // Each rule leaves the new values where the gradient was: parameters change only when all new values are known.

    /** Kingma and Ba, 2015, in the order of operations of their section 2. */
    private void adam(Optimizer.Adam adam, float keep, float[] p, float[] g, float[] m, float[] v) {
        long steps = memory.steps();
        float beta1 = (float) adam.beta1();
        float beta2 = (float) adam.beta2();
        float rest1 = (float) (1 - adam.beta1());
        float rest2 = (float) (1 - adam.beta2());
        float epsilon = (float) adam.epsilon();
        float stepSize = (float) (adam.learningRate() / (1 - Math.pow(adam.beta1(), (double) steps)));
        float correction2 = (float) Math.sqrt(1 - Math.pow(adam.beta2(), (double) steps));
        for (int i = 0; i < p.length; i++) {
            m[i] = beta1 * m[i] + rest1 * g[i];
            v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
            g[i] = keep * p[i] - stepSize * m[i] / ((float) Math.sqrt(v[i]) / correction2 + epsilon);
        }
    }

    private static void sgd(Optimizer.Sgd sgd, float[] p, float[] g, float[] velocity, float weightDecay) {
        float momentum = (float) sgd.momentum();
        float learningRate = (float) sgd.learningRate();
        for (int i = 0; i < p.length; i++) {
            velocity[i] = momentum * velocity[i] + (g[i] + weightDecay * p[i]);
            g[i] = p[i] - learningRate * velocity[i];
        }
    }

    private static void adaDelta(Optimizer.AdaDelta rule, float[] p, float[] g, float[] square, float[] step) {
        float rho = (float) rule.rho();
        float rest = (float) (1 - rule.rho());
        float epsilon = (float) rule.epsilon();
        float learningRate = (float) rule.learningRate();
        for (int i = 0; i < p.length; i++) {
            square[i] = rho * square[i] + rest * g[i] * g[i];
            float delta = (float) Math.sqrt(step[i] + epsilon) / (float) Math.sqrt(square[i] + epsilon) * g[i];
            step[i] = rho * step[i] + rest * delta * delta;
            g[i] = p[i] - learningRate * delta;
        }
    }

    private static void rmsProp(Optimizer.RmsProp rule, float[] p, float[] g, float[] square, float[] velocity) {
        float alpha = (float) rule.alpha();
        float rest = (float) (1 - rule.alpha());
        float momentum = (float) rule.momentum();
        float epsilon = (float) rule.epsilon();
        float learningRate = (float) rule.learningRate();
        for (int i = 0; i < p.length; i++) {
            square[i] = alpha * square[i] + rest * g[i] * g[i];
            velocity[i] = momentum * velocity[i] + g[i] / ((float) Math.sqrt(square[i]) + epsilon);
            g[i] = p[i] - learningRate * velocity[i];
        }
    }
}
