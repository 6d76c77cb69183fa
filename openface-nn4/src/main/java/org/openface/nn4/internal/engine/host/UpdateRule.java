package org.openface.nn4.internal.engine.host;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openface.core.embedding.Optimizer;
import org.openface.core.internal.update.UpdateFormula;
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

    private boolean apply(Optimizer optimizer, Update u) {
        return UpdateFormula.apply(
                optimizer, memory.steps(), decays(u.slice.tensor()), u.p, u.g, u.moments, u.slice.from(), u.slice.to());
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
}
