package org.openface.triplet.training;

/**
 * Hears what happens during training, on the thread that called {@link Trainer#fit}. Training waits for it; an exception
 * that it throws stops the run.
 */
@FunctionalInterface
public interface TrainingListener {
    /** Called for each event, in order. */
    void onEvent(TrainingEvent event);
}
