package org.openface.nn4.internal.engine;

import com.google.common.util.concurrent.Uninterruptibles;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * The one thread on which a model's native code runs: OpenMP keeps a team of threads for every thread that calls it, and
 * JavaCPP its scopes.
 */
public final class NativeThread implements AutoCloseable {
    private final ExecutorService thread = Executors.newSingleThreadExecutor(task -> {
        Thread t = new Thread(task, "openface-nn4");
        t.setDaemon(true);
        return t;
    });

    public <T> Future<T> submit(Callable<T> task) {
        return thread.submit(task);
    }

    public <T> T call(Callable<T> task) {
        return join(thread.submit(task));
    }

    /** Waits for a result; what went wrong is thrown here as it was there. */
    public static <T> T join(Future<T> future) {
        try {
            return Objects.requireNonNull(Uninterruptibles.getUninterruptibly(future));
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            if (cause instanceof RuntimeException unchecked) {
                throw unchecked;
            }
            if (cause instanceof Error error) {
                throw error;
            }
            throw new IllegalStateException(cause);
        }
    }

    /** Lets the work under way end. */
    @Override
    public void close() {
        thread.shutdown();
    }
}
