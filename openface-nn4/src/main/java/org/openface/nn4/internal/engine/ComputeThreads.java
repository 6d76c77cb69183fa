package org.openface.nn4.internal.engine;

import com.google.common.base.Splitter;
import com.google.common.primitives.Ints;
import org.jspecify.annotations.Nullable;

/**
 * How many threads native code computes on: what {@code OMP_NUM_THREADS} says, and otherwise the processors that Java sees,
 * which is fewer than the machine's where a container has a quota. OpenMP itself does not look at quotas.
 */
public final class ComputeThreads {
    private ComputeThreads() {}

    /** The number that is wanted. */
    public static int wanted() {
        return wanted(System.getenv("OMP_NUM_THREADS"), Runtime.getRuntime().availableProcessors());
    }

    /** Whether {@code OMP_NUM_THREADS} says it, so that OpenMP does as wanted by itself. */
    public static boolean isSet() {
        return number(System.getenv("OMP_NUM_THREADS")) > 0;
    }

    /**
     * As above.
     *
     * @param variable a number, or a list of which the first counts; anything else is as nothing, as for OpenMP
     */
    static int wanted(@Nullable String variable, int processors) {
        int number = number(variable);
        return number > 0 ? number : processors;
    }

    private static int number(@Nullable String variable) {
        if (variable == null) {
            return 0;
        }
        Integer number = Ints.tryParse(
                Splitter.on(',').trimResults().split(variable).iterator().next());
        return number == null ? 0 : number;
    }
}
