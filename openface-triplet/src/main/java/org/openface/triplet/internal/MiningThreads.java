package org.openface.triplet.internal;

import com.google.common.util.concurrent.Uninterruptibles;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The threads of mining and of the loss: daemons, started when there is something to do and gone when there has been
 * nothing for a while. The calling thread works too, so that a busy pool delays nobody.
 */
public final class MiningThreads {
    private static final int PROCESSORS = Runtime.getRuntime().availableProcessors();

    /** Multiply-adds that are worth a thread; less is done before another thread has woken up. */
    private static final double WORTH_A_THREAD = 4e6;

    private static final AtomicInteger STARTED = new AtomicInteger();
    private static final ThreadPoolExecutor POOL = pool();

    private MiningThreads() {}

    private static ThreadPoolExecutor pool() {
        ThreadPoolExecutor pool = new ThreadPoolExecutor(
                PROCESSORS, PROCESSORS, 5, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
                    Thread thread = new Thread(task, "openface-mining-" + STARTED.incrementAndGet());
                    thread.setDaemon(true);
                    return thread;
                });
        pool.allowCoreThreadTimeOut(true);
        return pool;
    }

    /** How many threads to give to so many multiply-adds. */
    public static int forWork(double operations) {
        return (int) Math.max(1, Math.min(PROCESSORS, operations / WORTH_A_THREAD));
    }

    /**
     * Does tasks 0 to {@code tasks - 1}, each once, and returns when all are done. If some fail, the failure of the first
     * of them is thrown, whatever it is: a lambda of Kotlin or Scala may throw what Java calls a checked exception.
     *
     * @param worker asked once by each thread, for something that may keep scratch memory of its own
     */
    public static void run(int threads, int tasks, Supplier<IntConsumer> worker) {
        Work work = new Work(tasks, worker);
        List<Helper> helpers = new ArrayList<>();
        try {
            for (int t = 1; t < Math.min(threads, tasks); t++) {
                Helper helper = new Helper(work);
                helpers.add(helper);
                POOL.execute(helper);
            }
            work.run();
        } finally {
            // Whatever happens, nobody works on when the caller has its answer.
            helpers.forEach(Helper::finish);
        }
        Throwable failure = work.failure();
        if (failure != null) {
            MiningThreads.<RuntimeException>rethrow(failure);
        }
    }

    /** As it is: to the compiler it is a {@code T}, and nobody else looks. */
    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void rethrow(Throwable failure) throws T {
        throw (T) failure;
    }

    private static final class Work {
        private final int tasks;
        private final Supplier<IntConsumer> worker;
        private final AtomicInteger next = new AtomicInteger();
        private int failedTask = Integer.MAX_VALUE;
        private @Nullable Throwable failure;

        Work(int tasks, Supplier<IntConsumer> worker) {
            this.tasks = tasks;
            this.worker = worker;
        }

        // Tasks are taken in order: whatever comes before a failed one has been taken and will still be done, so the
        // first failure does not depend on timing.
        void run() {
            int task = -1;
            try {
                IntConsumer own = worker.get();
                for (task = next.getAndIncrement(); task < tasks; task = next.getAndIncrement()) {
                    own.accept(task);
                }
            } catch (Throwable e) {
                next.set(tasks);
                synchronized (this) {
                    if (task < failedTask) {
                        failedTask = task;
                        failure = e;
                    }
                }
            }
        }

        synchronized @Nullable Throwable failure() {
            return failure;
        }
    }

    private static final class Helper implements Runnable {
        private final Work work;
        private final AtomicBoolean taken = new AtomicBoolean();
        private final CountDownLatch done = new CountDownLatch(1);

        Helper(Work work) {
            this.work = work;
        }

        @Override
        public void run() {
            if (taken.compareAndSet(false, true)) {
                try {
                    work.run();
                } finally {
                    done.countDown();
                }
            }
        }

        /** Waits for the helper, or sees to it that it never begins. */
        void finish() {
            if (!taken.compareAndSet(false, true)) {
                Uninterruptibles.awaitUninterruptibly(done);
            }
        }
    }
}
