package org.openface.nn4.internal.engine;

import java.util.concurrent.ForkJoinPool;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Threads for Java code around an engine, as many as engines compute on; daemons, gone when there is long nothing to do. For
 * code of ours only: what waits for an engine, as users' code may, would keep the engine waiting for these threads.
 */
public final class Workers {
    private static final ForkJoinPool POOL = new ForkJoinPool(ComputeThreads.wanted());

    private Workers() {}

    /** Does tasks 0 to {@code tasks - 1}, each once, in any order, and returns when all are done. */
    public static void forEach(int tasks, IntConsumer task) {
        if (POOL.getParallelism() == 1) {
            IntStream.range(0, tasks).forEach(task);
        } else {
            // A parallel stream that is started in a pool stays in it.
            POOL.submit(() -> IntStream.range(0, tasks).parallel().forEach(task))
                    .join();
        }
    }
}
