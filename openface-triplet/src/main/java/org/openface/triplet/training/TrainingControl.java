package org.openface.triplet.training;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.openface.triplet.internal.checkpoint.Checkpoint.Place;

/** What others ask of a run, and how far it is; the run looks here between batches. */
final class TrainingControl {
    /** See {@link Training.Progress}. */
    record Position(int epoch, int epochs, int batch, int batches, double loss, Duration remaining) {}

    final Queue<CompletableFuture<Path>> snapshots = new ConcurrentLinkedQueue<>();
    final Queue<CompletableFuture<Map<String, Double>>> evaluations = new ConcurrentLinkedQueue<>();
    private boolean paused; // guarded by this
    private boolean cancelled; // guarded by this
    private boolean ended; // guarded by this
    private volatile @Nullable Position progress;

    synchronized void pause(boolean on) {
        paused = on;
        notifyAll();
    }

    synchronized void cancel() {
        cancelled = true;
        notifyAll();
    }

    synchronized boolean isCancelled() {
        return cancelled;
    }

    synchronized boolean isPaused() {
        return paused;
    }

    /** Puts a request into its queue and wakes a run that pauses. */
    synchronized <T> CompletableFuture<T> request(Queue<CompletableFuture<T>> queue) {
        CompletableFuture<T> answer = new CompletableFuture<>();
        if (ended) {
            answer.completeExceptionally(new IllegalStateException("the training has ended"));
        } else {
            queue.add(answer);
            notifyAll();
        }
        return answer;
    }

    private boolean isAsked() {
        return !snapshots.isEmpty() || !evaluations.isEmpty();
    }

    /** Waits while the run is to pause and nothing is asked of it; returns whether it is still to pause. */
    synchronized boolean awaitWork() throws InterruptedException {
        while (paused && !cancelled && !isAsked()) {
            wait();
        }
        return paused && !cancelled;
    }

    void report(Position now) {
        progress = now;
    }

    @Nullable
    Position progress() {
        return progress;
    }

    /** What a cancelled run ends with. */
    CancellationException cancelled(Place place) {
        return new CancellationException("the training was cancelled after " + place.epoch() + " epochs and "
                + place.batch() + " batches; the same call goes on from there");
    }

    /** Nothing that is still asked for will happen. */
    synchronized void end() {
        ended = true;
        CancellationException reason = new CancellationException("the training has ended");
        snapshots.forEach(answer -> answer.completeExceptionally(reason));
        evaluations.forEach(answer -> answer.completeExceptionally(reason));
        snapshots.clear();
        evaluations.clear();
    }
}
