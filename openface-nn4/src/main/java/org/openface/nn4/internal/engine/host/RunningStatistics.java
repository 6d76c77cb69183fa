package org.openface.nn4.internal.engine.host;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openface.core.internal.update.UpdateFormula;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.Convolution;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;

/** The batch-norms' means and variances, added up over passes on their way into a network's running ones. */
final class RunningStatistics {
    /** Torch's momentum for running statistics: {@code running ← 0.9 · running + 0.1 · batch}. */
    private static final float MOMENTUM = 0.1f;

    private final List<Convolution> layers;
    private final List<TensorSpec> specs;
    private final Parameters sums;

    RunningStatistics(Architecture architecture, int embeddingSize) {
        layers = architecture.convolutions();
        specs = architecture.tensors(embeddingSize).stream()
                .filter(spec -> !spec.trained())
                .toList();
        sums = Parameters.zeros(specs);
    }

    /** Adds a batch's statistics with a weight, with the unbiased variance as Torch has it. */
    void add(Map<String, Runner.Statistics> statistics, int images, float share) {
        for (Convolution layer : layers) {
            Runner.Statistics batch = statistics.get(layer.name());
            if (batch == null) {
                throw new IllegalStateException("no batch statistics for " + layer.name());
            }
            double count = (double) images * layer.side() * layer.side();
            float unbiased = (float) (count / Math.max(1, count - 1));
            float[] mean = sums.get(layer.name() + ".bn.running_mean");
            float[] variance = sums.get(layer.name() + ".bn.running_var");
            for (int c = 0; c < mean.length; c++) {
                mean[c] += share * batch.mean()[c];
                variance[c] += share * unbiased * batch.variance()[c];
            }
        }
    }

    /** Turns what was added up into what the running statistics of a network become with it. */
    void follow(Parameters parameters) {
        for (TensorSpec spec : specs) {
            float[] running = parameters.get(spec.name());
            float[] batch = sums.get(spec.name());
            for (int i = 0; i < running.length; i++) {
                batch[i] = (1 - MOMENTUM) * running[i] + MOMENTUM * batch[i];
            }
        }
    }

    /** The first layer whose activations overflow has them so. */
    Optional<String> firstNonFinite() {
        return specs.stream()
                .map(TensorSpec::name)
                .filter(name -> !UpdateFormula.isFinite(sums.get(name)))
                .findFirst();
    }

    /** Replaces a network's running statistics. */
    void into(Parameters parameters) {
        for (TensorSpec spec : specs) {
            System.arraycopy(sums.get(spec.name()), 0, parameters.get(spec.name()), 0, spec.length());
        }
    }
}
