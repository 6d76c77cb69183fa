package org.openface.nn4.internal.engine.host;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.openface.nn4.internal.engine.Workers;

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
            List<String> names = List.copyOf(gradients.keySet());
            names.forEach(name -> sums.computeIfAbsent(name, x -> new float[values(gradients, name).length]));
            Workers.forEach(names.size(), i -> {
                String name = names.get(i);
                addInPlace(values(sums, name), values(gradients, name));
            });
        }
    }

    /** By parameter, to be overwritten. */
    Map<String, float[]> byName() {
        return sums;
    }

    /** The sum of squares of each slice. */
    double[] squares(List<Slice> slices) {
        return squares(slices, sums);
    }

    static double[] squares(List<Slice> slices, Map<String, float[]> gradients) {
        double[] squares = new double[slices.size()];
        Workers.forEach(squares.length, i -> {
            Slice slice = slices.get(i);
            squares[i] = sumOfSquares(values(gradients, slice.tensor().name()), slice.from(), slice.to());
        });
        return squares;
    }

    static float[] values(Map<String, float[]> all, String name) {
        float[] values = all.get(name);
        if (values == null) {
            throw new IllegalArgumentException("no gradient for " + name);
        }
        return values;
    }

    private static void addInPlace(float[] sum, float[] more) {
        for (int i = 0; i < sum.length; i++) {
            sum[i] += more[i];
        }
    }

    private static double sumOfSquares(float[] values, int from, int to) {
        double a = 0; // four chains, so that additions overlap
        double b = 0;
        double c = 0;
        double d = 0;
        int i = from;
        for (; i + 4 <= to; i += 4) {
            a += (double) values[i] * values[i];
            b += (double) values[i + 1] * values[i + 1];
            c += (double) values[i + 2] * values[i + 2];
            d += (double) values[i + 3] * values[i + 3];
        }
        for (; i < to; i++) {
            a += (double) values[i] * values[i];
        }
        return a + b + c + d;
    }
}
