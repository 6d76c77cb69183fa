package org.openface.align.internal;

import java.util.concurrent.Semaphore;

/** Memory that several threads share: whoever needs more than is left waits, first come, first served. */
public final class MemoryBudget {
    /** Memory is counted in units of so many bytes. */
    private static final int UNIT = 1 << 16;

    private final int units;
    private final Semaphore free;

    public MemoryBudget(long bytes) {
        units = (int) Math.max(1, Math.min(bytes / UNIT, Integer.MAX_VALUE));
        free = new Semaphore(units, true);
    }

    /**
     * For photographs that are aligned at the same time: half the heap. The other half is the caller's, and what is
     * garbage already.
     */
    public static MemoryBudget ofPhotographs() {
        return new MemoryBudget(Runtime.getRuntime().maxMemory() / 2);
    }

    /**
     * Waits until there is so much memory. Whoever needs more than there ever is gets all of it, and is alone.
     *
     * @return what to {@link #release}
     */
    public int take(long bytes) {
        int needed = (int) Math.min(units, Math.max(0, bytes - 1) / UNIT + 1);
        free.acquireUninterruptibly(needed);
        return needed;
    }

    /** Gives back what {@link #take} returned; 0 is nothing. */
    public void release(int taken) {
        free.release(taken);
    }
}
