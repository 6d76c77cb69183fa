package org.openface.nn4;

import static com.google.common.base.Preconditions.checkState;

import java.time.Duration;
import java.util.function.Supplier;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;

/** The use of a network by one thread at a time, and by none once it is closed. */
final class ExclusiveUse {
    /** Held by whoever uses the executor or changes something; by a forward pass until it is closed. */
    private final PassLock lock = new PassLock();

    private final Runnable ending;
    private volatile boolean closed;

    /** @param ending done at the end of each use, whatever was done and whether or not it succeeded */
    ExclusiveUse(Runnable ending) {
        this.ending = ending;
    }

    /** Waits for others, then does this. */
    <T> T get(Supplier<T> work) {
        acquire();
        try {
            return work.get();
        } finally {
            release();
        }
    }

    /** As {@link #get}, for its effect. */
    void run(Runnable work) {
        acquire();
        try {
            work.run();
        } finally {
            release();
        }
    }

    /** As {@link #get}, and goes on until the pass is closed. */
    ForwardPass open(Supplier<ModelPass> opened) {
        acquire();
        try {
            ModelPass pass = opened.get();
            lock.openPass();
            return pass;
        } catch (Throwable e) {
            release();
            throw e;
        }
    }

    /** Computes for the open pass. */
    <T> T computing(Supplier<T> work) {
        lock.setComputing(true);
        try {
            return work.get();
        } finally {
            lock.setComputing(false);
        }
    }

    /** Ends the open pass. */
    void closePass() {
        lock.closePass();
        release();
    }

    /** Begins a use; {@link #release} ends it. */
    void acquire() {
        checkOpen();
        lock.acquire();
        if (closed) {
            lock.release();
            checkOpen();
        }
    }

    private void checkOpen() {
        checkState(!closed, "this model is closed");
    }

    void release() {
        try {
            ending.run();
        } finally {
            lock.release();
        }
    }

    /** Waits for others, then ends all use with this; at most once. */
    void close(Runnable last) {
        if (closed) {
            return;
        }
        lock.acquire();
        try {
            if (!closed) {
                closed = true;
                last.run();
            }
        } finally {
            lock.release();
        }
    }

    /** How long to wait for a pass whose thread waits, too; for tests. */
    void setPatience(Duration longest) {
        lock.setPatience(longest);
    }
}
