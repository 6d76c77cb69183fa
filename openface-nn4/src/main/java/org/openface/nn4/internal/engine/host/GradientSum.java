package org.openface.nn4.internal.engine.host;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.network.Architecture.TensorSpec;

/** The gradients of a step's passes, added up by parameter. */
final class GradientSum {
    private final Map<String, float[]> sums = new HashMap<>();

    /**
     * Adds the gradients of one pass.
     *
     * @param only whether there is no other, so that its arrays can be the sums
     */
    void add(Map<String, float[]> gradients, boolean only) {
        if (only) {
            sums.putAll(gradients);
        } else {
            gradients.forEach(
                    (name, values) -> addInPlace(sums.computeIfAbsent(name, x -> new float[values.length]), values));
        }
    }

    /** By parameter, to be overwritten. */
    Map<String, float[]> byName() {
        return sums;
    }

    /** Sums of squares in the order of the given tensors, those of statistics and of what is missing being 0. */
    double[] squares(List<TensorSpec> specs) {
        return specs.stream()
                .mapToDouble(spec -> spec.trained() ? sumOfSquares(sums.get(spec.name())) : 0)
                .toArray();
    }

    private static void addInPlace(float[] sum, float[] more) {
        for (int i = 0; i < sum.length; i++) {
            sum[i] += more[i];
        }
    }

    private static double sumOfSquares(float @Nullable [] values) {
        if (values == null) {
            return 0;
        }
        double[] sums = new double[4]; // four chains, so that additions overlap
        int i = 0;
        for (; i + 4 <= values.length; i += 4) {
            sums[0] += (double) values[i] * values[i];
            sums[1] += (double) values[i + 1] * values[i + 1];
            sums[2] += (double) values[i + 2] * values[i + 2];
            sums[3] += (double) values[i + 3] * values[i + 3];
        }
        for (; i < values.length; i++) {
            sums[0] += (double) values[i] * values[i];
        }
        return sums[0] + sums[1] + sums[2] + sums[3];
    }
}
