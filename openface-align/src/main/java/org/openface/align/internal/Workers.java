package org.openface.align.internal;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Numbered pieces of work on several threads. */
public final class Workers {
    private Workers() {}

    public interface Work {
        void run(int number) throws IOException;
    }

    /**
     * Does the work of the numbers from 0 to {@code count - 1}. The first failure ends it, after the pieces under way.
     *
     * @param doing for the message of an interrupt, such as {@code aligning photographs}
     * @throws InterruptedIOException if the calling thread was interrupted
     */
    public static void run(int count, int threads, String doing, Work work) throws IOException {
        AtomicInteger next = new AtomicInteger();
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        Runnable worker = () -> {
            try {
                for (int i = next.getAndIncrement(); i < count && failure.get() == null; i = next.getAndIncrement()) {
                    work.run(i);
                }
            } catch (Throwable e) { // Errors too: rethrown by the calling thread below.
                failure.compareAndSet(null, e);
            }
        };
        List<Thread> running = new ArrayList<>();
        for (int i = 0; i < Math.min(threads, count); i++) {
            Thread thread = new Thread(worker, "align-" + i);
            thread.setDaemon(true);
            thread.start();
            running.add(thread);
        }
        boolean interrupted = false;
        for (Thread thread : running) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    // Not passed on: an interrupt would break off reads and writes in the middle.
                    interrupted = true;
                    failure.compareAndSet(null, new InterruptedIOException("interrupted while " + doing));
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        rethrow(failure.get());
    }

    private static void rethrow(@Nullable Throwable failure) throws IOException {
        if (failure instanceof IOException e) {
            throw e;
        }
        if (failure instanceof RuntimeException e) {
            throw e;
        }
        if (failure instanceof Error e) {
            throw e;
        }
    }
}
