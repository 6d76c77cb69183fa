package org.openface.nn4.internal.training;

import static com.google.common.base.Preconditions.checkState;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.openface.nn4.internal.engine.Executor;

/** Running statistics measured anew: their average over batches under the present weights. */
public final class StatisticsEstimate {
    private StatisticsEstimate() {}

    /**
     * Replaces the running statistics of what embeds.
     *
     * @param size images of a batch; a smaller rest is left out
     * @param pixels turns images into what executors take
     * @throws IllegalStateException if the statistics are not finite, naming the layer; the old ones then stay
     */
    public static <T> void replace(Executor executor, List<T> images, int size, Function<List<T>, float[]> pixels) {
        int batches = images.size() / size;
        executor.begin();
        for (int b = 0; b < batches; b++) {
            List<T> some = images.subList(b * size, (b + 1) * size);
            executor.addStatistics(pixels.apply(some), some.size(), 1f / batches);
        }
        Optional<String> notFinite = executor.finishStatistics();
        checkState(
                notFinite.isEmpty(),
                "%s over these faces has values that are NaN or infinite; the statistics stay as they were",
                notFinite.orElse(""));
    }
}
