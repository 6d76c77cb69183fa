package org.openface.triplet.training;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/**
 * A training under way on a thread of its own, as {@link Trainer#start} begins it. May be used from any thread, a
 * listener's included; what is asked for happens between two batches.
 */
public final class Training {
    private final TrainingControl control;
    private final CompletableFuture<TrainingResult> result;

    Training(TrainingControl control, CompletableFuture<TrainingResult> result) {
        this.control = control;
        this.result = result;
    }

    /** How far it is; empty before the first batch. */
    public Optional<Progress> progress() {
        return Optional.ofNullable(control.progress()).map(Progress::new);
    }

    /** Stops after the batch under way, until {@link #resume}. Snapshots and evaluations are served meanwhile. */
    public void pause() {
        control.pause(true);
    }

    /** Goes on after {@link #pause}. */
    public void resume() {
        control.pause(false);
    }

    /** Whether it pauses, or will after the batch under way. */
    public boolean isPaused() {
        return control.isPaused();
    }

    /**
     * Writes the network's present state to a file of its own in the work directory, {@code snapshot-0003+000017.nn4}
     * after 3 epochs and 17 batches, which is never deleted.
     *
     * @return the file; a failure to write it does not stop the training
     */
    public CompletableFuture<Path> snapshot() {
        return control.request(control.snapshots);
    }

    /**
     * Makes the evaluations of the end of an epoch now.
     *
     * @return the figures as {@code name.figure}; an evaluation that fails is an event and has none
     */
    public CompletableFuture<Map<String, Double>> evaluate() {
        return control.request(control.evaluations);
    }

    /** Ends the training after the batch under way, with a checkpoint from which the next run goes on. */
    public void cancel() {
        control.cancel();
    }

    /** The result when there is one; completed with what {@link Trainer#fit} would throw otherwise. */
    public CompletableFuture<TrainingResult> result() {
        return result.copy();
    }

    /**
     * Waits for the end.
     *
     * @throws CancellationException if it was cancelled
     * @throws IOException as {@link Trainer#fit} does, like its unchecked exceptions
     */
    public TrainingResult await() throws IOException, InterruptedException {
        try {
            return result.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException cause) {
                throw cause;
            } else if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            } else if (e.getCause() instanceof Error cause) {
                throw cause;
            }
            throw new IllegalStateException(e.getCause());
        }
    }

    /** How far a training is. Epochs and batches count from 1. */
    public static final class Progress {
        private final TrainingControl.Position at;

        private Progress(TrainingControl.Position at) {
            this.at = at;
        }

        /** The epoch under way. */
        public int epoch() {
            return at.epoch();
        }

        /** The last epoch. */
        public int epochs() {
            return at.epochs();
        }

        /** The last batch trained, 0 before the first. */
        public int batch() {
            return at.batch();
        }

        /** Batches in an epoch. */
        public int batches() {
            return at.batches();
        }

        /** Loss over the triplets chosen in that batch; NaN if there were none. */
        public double loss() {
            return at.loss();
        }

        /** Time until the last epoch ends, at the mean speed since the start. */
        public Duration remaining() {
            return at.remaining();
        }

        /** All of it, for messages. */
        @Override
        public String toString() {
            return at.toString();
        }
    }
}
