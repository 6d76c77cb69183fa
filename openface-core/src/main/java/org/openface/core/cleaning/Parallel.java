package org.openface.core.cleaning;

import com.google.common.util.concurrent.Uninterruptibles;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Work on numbered things, a block at a time on all processors. */
final class Parallel {
    private static final int BLOCK = 16;

    private Parallel() {}

    /** What is done with each; called by several threads at once. */
    @FunctionalInterface
    interface Work {
        void on(int index) throws IOException;
    }

    /** Called by the thread that waits, with how many are done. */
    @FunctionalInterface
    interface Watch {
        void done(int done);
    }

    /**
     * Does the work for 0 to {@code count - 1}, in any order.
     *
     * @throws IOException the first that the work threw
     * @throws InterruptedIOException if the thread is interrupted, which stays interrupted; the others have stopped then
     */
    static void forEach(int count, Work work, Watch watch) throws IOException {
        AtomicInteger next = new AtomicInteger();
        AtomicInteger done = new AtomicInteger();
        int threads = Math.max(1, Math.min(Runtime.getRuntime().availableProcessors(), (count + BLOCK - 1) / BLOCK));
        ExecutorService executor = Executors.newFixedThreadPool(threads, task -> {
            Thread thread = new Thread(task, "cleaning");
            thread.setDaemon(true);
            return thread;
        });
        try {
            List<Future<?>> running = new ArrayList<>();
            for (int t = 0; t < threads; t++) {
                running.add(executor.submit(() -> {
                    for (int from = next.getAndAdd(BLOCK);
                            from >= 0 && from < count && !Thread.currentThread().isInterrupted();
                            from = next.getAndAdd(BLOCK)) {
                        for (int i = from; i < Math.min(count, from + BLOCK); i++) {
                            work.on(i);
                        }
                        done.addAndGet(Math.min(count, from + BLOCK) - from);
                    }
                    return null;
                }));
            }
            executor.shutdown();
            while (!executor.awaitTermination(100, TimeUnit.MILLISECONDS)) {
                watch.done(done.get());
                for (Future<?> thread : running) {
                    if (thread.isDone()) {
                        thread.get(); // what one has thrown ends the others
                    }
                }
            }
            for (Future<?> thread : running) {
                thread.get();
            }
            watch.done(count);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted after " + done.get() + " of " + count);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException cause) {
                throw cause;
            }
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new IllegalStateException(e.getCause());
        } finally {
            executor.shutdownNow();
            Uninterruptibles.awaitTerminationUninterruptibly(executor);
        }
    }
}
