package org.openface.nn4;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.util.concurrent.Uninterruptibles;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Lets one thread at a time use a network, in the order of asking: for one computation, or for a forward pass until it is
 * closed, which is the caller's business.
 *
 * <p>Others wait for a pass. If the thread that has it open waits as well, for them or for what waits for them, nobody would
 * ever go on. Java does not tell who waits for whom. So whoever waits gives up when a pass has been open for a while in
 * which the network computed nothing for it and its thread did not run either, each time one looked.
 */
final class PassLock {
    private static final Duration LOOK_EVERY = Duration.ofMillis(100);

    /** A forward pass and the thread that opened it. */
    private static final class Pass {
        final Thread owner = Thread.currentThread();
        volatile boolean computing;
    }

    private final Semaphore inUse = new Semaphore(1, true);
    private volatile @Nullable Pass open;
    private volatile Duration patience = Duration.ofSeconds(10);

    /** After how long to give up; for tests. */
    void setPatience(Duration longest) {
        patience = longest;
    }

    /**
     * Waits for whoever uses the network now.
     *
     * @throws IllegalStateException if this thread has a pass open, or another has and does not go on
     */
    void acquire() {
        Pass seen = open;
        checkState(
                seen == null || seen.owner != Thread.currentThread(),
                "this thread has a forward pass open; close it before using the model otherwise");
        long looks = 0;
        while (!Uninterruptibles.tryAcquireUninterruptibly(inUse, LOOK_EVERY.toMillis(), TimeUnit.MILLISECONDS)) {
            Pass now = open;
            boolean stands = now != null && !now.computing && now.owner.getState() != Thread.State.RUNNABLE;
            looks = stands && now == seen ? looks + 1 : 0; // looks, not time: the process may have been stopped
            seen = now;
            if (now != null && looks * LOOK_EVERY.toMillis() >= patience.toMillis()) {
                throw new IllegalStateException("the model's forward pass, opened by thread " + now.owner.getName()
                        + ", has not gone on for " + patience.toMillis() / 1000.0 + " s: that thread is waiting too,"
                        + " maybe for this one (" + Thread.currentThread().getName() + "); close a pass before other"
                        + " threads are to embed with the model or close it");
            }
        }
    }

    void release() {
        inUse.release();
    }

    /** Makes what was acquired a pass of this thread. */
    void openPass() {
        open = new Pass();
    }

    /** Says whether the network computes for the open pass, while its thread waits for it. */
    void setComputing(boolean computing) {
        Pass pass = open;
        if (pass != null) {
            pass.computing = computing;
        }
    }

    /** Ends the pass; to be released after it. */
    void closePass() {
        open = null;
    }
}
