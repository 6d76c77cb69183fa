package org.openface.nn4;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openface.core.embedding.Optimizer;
import org.openface.nn4.Architecture.TensorSpec;

/**
 * Turns gradients into new parameters, and keeps what the optimiser remembers between steps: for Adam the two moments of
 * every parameter and the number of steps, for momentum the velocity.
 *
 * <p>Plain loops over arrays: the same on every engine.
 */
final class UpdateRule {
    private final List<TensorSpec> specs;
    /** The kind of optimiser that the memory belongs to: its record's name; empty before the first step. */
    private String kind = "";

    private long steps;
    /** Adam's first moment, or the velocity. */
    private final Map<String, float[]> first = new LinkedHashMap<>();
    /** Adam's second moment. */
    private final Map<String, float[]> second = new LinkedHashMap<>();

    UpdateRule(List<TensorSpec> specs) {
        this.specs = specs.stream().filter(TensorSpec::trained).toList();
    }

    /** Adds one step. A change to another kind of optimiser starts with an empty memory. */
    void apply(Optimizer optimizer, Parameters parameters, Map<String, float[]> gradients) {
        start(optimizer.getClass().getSimpleName());
        steps++;
        for (TensorSpec spec : specs) {
            float[] p = parameters.get(spec.name());
            float[] g = gradients.get(spec.name());
            if (g == null) {
                throw new IllegalArgumentException("no gradient for " + spec.name());
            }
            if (optimizer instanceof Optimizer.Adam adam) {
                adam(adam, p, g, moment(first, spec), moment(second, spec));
            } else if (optimizer instanceof Optimizer.Sgd sgd) {
                sgd(sgd, p, g, moment(first, spec));
            }
        }
        parameters.changed();
    }

    /** Kingma and Ba, 2015, in the order of operations of their section 2. */
    private void adam(Optimizer.Adam adam, float[] p, float[] g, float[] m, float[] v) {
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
            p[i] -= stepSize * m[i] / ((float) Math.sqrt(v[i]) / correction2 + epsilon);
        }
    }

    private static void sgd(Optimizer.Sgd sgd, float[] p, float[] g, float[] velocity) {
        float momentum = (float) sgd.momentum();
        float learningRate = (float) sgd.learningRate();
        for (int i = 0; i < p.length; i++) {
            velocity[i] = momentum * velocity[i] + g[i];
            p[i] -= learningRate * velocity[i];
        }
    }

    private static float[] moment(Map<String, float[]> moments, TensorSpec spec) {
        return moments.computeIfAbsent(spec.name(), name -> new float[spec.length()]);
    }

    /** Makes the memory one of the given kind: kept if it is already, emptied otherwise. */
    private void start(String newKind) {
        if (!kind.equals(newKind)) {
            kind = newKind;
            first.clear();
            second.clear();
            steps = 0;
        }
    }

    String kind() {
        return kind;
    }

    long steps() {
        return steps;
    }

    /** The arrays of the memory in a fixed order, made if need be: to be written, or read into. */
    List<float[]> memory() {
        return switch (kind) {
            case "" -> List.of();
            case "Adam" -> specs.stream()
                    .flatMap(s -> List.of(moment(first, s), moment(second, s)).stream())
                    .toList();
            case "Sgd" -> specs.stream().map(s -> moment(first, s)).toList();
            default -> throw new IllegalStateException("unknown optimiser " + kind);
        };
    }

    /** An empty memory of the given kind after the given number of steps, whose arrays are then read. */
    static UpdateRule restored(List<TensorSpec> specs, String kind, long steps) {
        UpdateRule rule = new UpdateRule(specs);
        rule.kind = kind;
        rule.steps = steps;
        return rule;
    }
}
