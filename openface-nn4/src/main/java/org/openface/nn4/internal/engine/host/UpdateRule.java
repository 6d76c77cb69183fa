package org.openface.nn4.internal.engine.host;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openface.core.embedding.Optimizer;
import org.openface.nn4.internal.engine.Workers;
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
    private final List<Slice> trained;
    private final List<Slice> all;

    /** A rule that reads and writes this memory. */
    public UpdateRule(OptimizerMemory memory) {
        this.memory = memory;
        trained = Slice.of(memory.specs().stream().filter(TensorSpec::trained).toList());
        all = Slice.of(memory.specs());
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
            Parameters to = average;
            Workers.forEach(all.size(), k -> {
                Slice slice = all.get(k);
                float[] mean = to.get(slice.tensor().name());
                float[] value = parameters.get(slice.tensor().name());
                for (int i = slice.from(); i < slice.to(); i++) {
                    mean[i] += (1 - keep) * (value[i] - mean[i]);
                }
            });
            average.changed();
        } else {
            memory.setAverage(null);
        }
    }

    private Optional<String> applyPlain(Optimizer optimizer, Parameters parameters, Map<String, float[]> gradients) {
        memory.step(optimizer.getClass().getSimpleName());
        List<Update> updates = trained.stream()
                .map(slice -> {
                    float[] g = gradients.get(slice.tensor().name());
                    if (g == null) {
                        throw new IllegalArgumentException(
                                "no gradient for " + slice.tensor().name());
                    }
                    return new Update(slice, parameters.get(slice.tensor().name()), g, memory.arrays(slice.tensor()));
                })
                .toList();
        boolean[] finite = new boolean[updates.size()];
        Workers.forEach(finite.length, k -> finite[k] = apply(optimizer, updates.get(k)));
        for (int k = 0; k < finite.length; k++) {
            if (!finite[k]) {
                memory.clear();
                return Optional.of(trained.get(k).tensor().name());
            }
        }
        Workers.forEach(updates.size(), k -> {
            Update u = updates.get(k);
            System.arraycopy(u.g, u.slice.from(), u.p, u.slice.from(), u.slice.to() - u.slice.from());
        });
        parameters.changed();
        return Optional.empty();
    }

    /** A slice with the arrays of its tensor. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Update(Slice slice, float[] p, float[] g, List<float[]> moments) {}

    /** Leaves the new values where the gradient was, and tells whether all of them and all that is remembered are finite. */
    private boolean apply(Optimizer optimizer, Update u) {
        int from = u.slice.from();
        int to = u.slice.to();
        float[] p = u.p;
        float[] g = u.g;
        List<float[]> moments = u.moments;
        boolean decays = decays(u.slice.tensor());
        if (optimizer instanceof Optimizer.Adam adam) {
            adam(adam, 1, p, g, moments.get(0), moments.get(1), from, to);
        } else if (optimizer instanceof Optimizer.AdamW adam) {
            adam(
                    new Optimizer.Adam(adam.learningRate(), adam.beta1(), adam.beta2(), adam.epsilon()),
                    decays ? (float) (1 - adam.learningRate() * adam.weightDecay()) : 1,
                    p,
                    g,
                    moments.get(0),
                    moments.get(1),
                    from,
                    to);
        } else if (optimizer instanceof Optimizer.Sgd sgd) {
            sgd(sgd, p, g, moments.get(0), decays ? (float) sgd.weightDecay() : 0, from, to);
        } else if (optimizer instanceof Optimizer.AdaDelta adaDelta) {
            adaDelta(adaDelta, p, g, moments.get(0), moments.get(1), from, to);
        } else if (optimizer instanceof Optimizer.RmsProp rmsProp) {
            rmsProp(rmsProp, p, g, moments.get(0), moments.get(1), from, to);
        }
        boolean finite = isFinite(g, from, to);
        for (float[] moment : moments) {
            finite &= isFinite(moment, from, to);
        }
        return finite;
    }

    /** Whether no value is NaN or infinite. */
    static boolean isFinite(float[] values) {
        return isFinite(values, 0, values.length);
    }

    private static boolean isFinite(float[] values, int from, int to) {
        float a = 0; // four chains, so that additions overlap
        float b = 0;
        float c = 0;
        float d = 0;
        int i = from;
        for (; i + 4 <= to; i += 4) {
            a += values[i] * 0; // NaN if the value is NaN or infinite
            b += values[i + 1] * 0;
            c += values[i + 2] * 0;
            d += values[i + 3] * 0;
        }
        for (; i < to; i++) {
            a += values[i] * 0;
        }
        return a + b + c + d == 0;
    }

    /** Weights decay; biases, and the scales and shifts of batch-norm, have one dimension and do not. */
    private static boolean decays(TensorSpec spec) {
        return spec.shape().size() > 1;
    }

    private void clip(Map<String, float[]> gradients, double maximumNorm) {
        double squares = 0;
        for (double own : GradientSum.squares(trained, gradients)) {
            squares += own;
        }
        float factor = (float) (maximumNorm / Math.sqrt(squares));
        if (factor < 1) {
            Workers.forEach(trained.size(), k -> {
                Slice slice = trained.get(k);
                float[] gradient = GradientSum.values(gradients, slice.tensor().name());
                for (int i = slice.from(); i < slice.to(); i++) {
                    gradient[i] *= factor;
                }
            });
        }
    }

    // Each rule leaves the new values where the gradient was: parameters change only when all new values are known.

    /** Kingma and Ba, 2015, in the order of operations of their section 2. */
    private void adam(Optimizer.Adam adam, float keep, float[] p, float[] g, float[] m, float[] v, int from, int to) {
        long steps = memory.steps();
        float beta1 = (float) adam.beta1();
        float beta2 = (float) adam.beta2();
        float rest1 = (float) (1 - adam.beta1());
        float rest2 = (float) (1 - adam.beta2());
        float epsilon = (float) adam.epsilon();
        float stepSize = (float) (adam.learningRate() / (1 - Math.pow(adam.beta1(), (double) steps)));
        float correction2 = (float) Math.sqrt(1 - Math.pow(adam.beta2(), (double) steps));
        for (int i = from; i < to; i++) {
            m[i] = beta1 * m[i] + rest1 * g[i];
            v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
            g[i] = keep * p[i] - stepSize * m[i] / ((float) Math.sqrt(v[i]) / correction2 + epsilon);
        }
    }

    private static void sgd(
            Optimizer.Sgd sgd, float[] p, float[] g, float[] velocity, float weightDecay, int from, int to) {
        float momentum = (float) sgd.momentum();
        float learningRate = (float) sgd.learningRate();
        for (int i = from; i < to; i++) {
            velocity[i] = momentum * velocity[i] + (g[i] + weightDecay * p[i]);
            g[i] = p[i] - learningRate * velocity[i];
        }
    }

    private static void adaDelta(
            Optimizer.AdaDelta rule, float[] p, float[] g, float[] square, float[] step, int from, int to) {
        float rho = (float) rule.rho();
        float rest = (float) (1 - rule.rho());
        float epsilon = (float) rule.epsilon();
        float learningRate = (float) rule.learningRate();
        for (int i = from; i < to; i++) {
            square[i] = rho * square[i] + rest * g[i] * g[i];
            float delta = (float) Math.sqrt(step[i] + epsilon) / (float) Math.sqrt(square[i] + epsilon) * g[i];
            step[i] = rho * step[i] + rest * delta * delta;
            g[i] = p[i] - learningRate * delta;
        }
    }

    private static void rmsProp(
            Optimizer.RmsProp rule, float[] p, float[] g, float[] square, float[] velocity, int from, int to) {
        float alpha = (float) rule.alpha();
        float rest = (float) (1 - rule.alpha());
        float momentum = (float) rule.momentum();
        float epsilon = (float) rule.epsilon();
        float learningRate = (float) rule.learningRate();
        for (int i = from; i < to; i++) {
            square[i] = alpha * square[i] + rest * g[i] * g[i];
            velocity[i] = momentum * velocity[i] + g[i] / ((float) Math.sqrt(square[i]) + epsilon);
            g[i] = p[i] - learningRate * velocity[i];
        }
    }
}
