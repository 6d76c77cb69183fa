package org.openface.nn4;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.base.Splitter;
import com.google.common.io.Resources;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;

/**
 * What PyTorch computes in float64 for weights and pixels that a formula gives, as written by
 * {@code nn4_torch.py reference} of the benchmarks module.
 */
public record Reference(
        int images,
        long parameterCount,
        List<Double> embeddings,
        List<Double> inference,
        Map<String, Gradient> gradients,
        Map<String, List<Double>> statistics) {

    /**
     * A parameter's gradient in short.
     *
     * @param norm Euclidean norm
     * @param projection scalar product with {@link #uniform} of the stream 2000 + place of the parameter
     * @param rounding ‖float32 − float64‖ / ‖float64‖ within PyTorch
     * @param head the first values
     */
    record Gradient(double norm, double projection, double rounding, List<Double> head) {}

    static Reference of(Nn4Model.Variant variant) {
        String resource = "reference-" + variant.name().toLowerCase(Locale.ROOT) + ".txt";
        List<Double> embeddings = List.of();
        List<Double> inference = List.of();
        Map<String, Gradient> gradients = new LinkedHashMap<>();
        Map<String, List<Double>> statistics = new LinkedHashMap<>();
        int images = 0;
        long count = 0;
        try {
            for (String line : Resources.readLines(Resources.getResource(Reference.class, resource), UTF_8)) {
                List<String> words = Splitter.on(' ').splitToList(line);
                switch (words.get(0)) {
                    case "variant" -> {
                        images = Integer.parseInt(words.get(3));
                        count = Long.parseLong(words.get(5));
                    }
                    case "embeddings" -> embeddings = numbers(words, 1);
                    case "inference" -> inference = numbers(words, 1);
                    case "gradient" -> {
                        List<Double> n = numbers(words, 2);
                        gradients.put(words.get(1), new Gradient(n.get(0), n.get(1), n.get(2), n.subList(3, n.size())));
                    }
                    case "statistic" -> statistics.put(words.get(1), numbers(words, 2));
                    default -> throw new IllegalStateException(line);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new Reference(images, count, embeddings, inference, gradients, statistics);
    }

    private static List<Double> numbers(List<String> words, int from) {
        return words.subList(from, words.size()).stream().map(Double::valueOf).toList();
    }

    /** SplitMix64 of (stream, index) in [-1, 1): the same in the Python script. */
    public static float[] uniform(int stream, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            long z = (i + stream * 1000000007L + 1) * 0x9E3779B97F4A7C15L;
            z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
            z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
            z = z ^ (z >>> 31);
            values[i] = (float) ((z >>> 40) / (double) (1 << 23) - 1);
        }
        return values;
    }

    public static float[] pixels(int images, int side) {
        float[] u = uniform(1000, images * side * side * 3);
        for (int i = 0; i < u.length; i++) {
            u[i] = (u[i] + 1) / 2;
        }
        return u;
    }

    public static Parameters parameters(List<TensorSpec> specs) {
        Parameters parameters = Parameters.initial(specs, 0); // for the running statistics, 0 and 1
        int place = 0;
        for (TensorSpec spec : specs) {
            if (!spec.trained()) {
                continue;
            }
            float[] u = uniform(place++, spec.length());
            float[] target = parameters.get(spec.name());
            float bound = (float)
                    (1.7 / Math.sqrt((double) spec.length() / spec.shape().get(0)));
            for (int i = 0; i < u.length; i++) {
                if (spec.name().endsWith(".bn.weight")) {
                    target[i] = 1 + u[i] / 2;
                } else if (spec.name().endsWith(".bn.bias")) {
                    target[i] = u[i] / 4;
                } else {
                    target[i] = spec.shape().size() > 1 ? u[i] * bound : u[i] / 16;
                }
            }
        }
        parameters.changed();
        return parameters;
    }
}
