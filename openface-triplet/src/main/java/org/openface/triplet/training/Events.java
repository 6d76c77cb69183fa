package org.openface.triplet.training;

import java.lang.System.Logger.Level;
import java.util.List;
import java.util.function.Consumer;

/** Tells the listeners of a run what happens, and the log what went wrong. */
final class Events {
    private static final System.Logger LOGGER = System.getLogger(Events.class.getPackageName());

    private final List<Consumer<TrainingEvent>> listeners;
    private final LeftOut leftOut;

    /** @param leftOut the images that the log has heard of */
    Events(List<Consumer<TrainingEvent>> listeners, LeftOut leftOut) {
        this.listeners = listeners;
        this.leftOut = leftOut;
    }

    void emit(TrainingEvent event) {
        if (event instanceof TrainingEvent.CheckpointSkipped skipped) {
            LOGGER.log(Level.WARNING, "skipping checkpoint {0}: {1}", skipped.file(), skipped.reason());
        } else if (event instanceof TrainingEvent.ImageSkipped skipped && leftOut.add(skipped.face())) {
            LOGGER.log(Level.WARNING, "training without an image: {0}", skipped.reason());
        } else if (event instanceof TrainingEvent.EvaluationFailed failed) {
            LOGGER.log(Level.WARNING, "evaluation " + failed.name() + " failed", failed.cause());
        } else if (event instanceof TrainingEvent.Diagnosed diagnosed) {
            LOGGER.log(
                    Level.WARNING,
                    "{0} in epoch {1}: {2}; {3}",
                    diagnosed.diagnosis().condition(),
                    diagnosed.diagnosis().epoch(),
                    diagnosed.diagnosis().seen(),
                    diagnosed.diagnosis().advice());
        } else if (event instanceof TrainingEvent.Warned warned) {
            LOGGER.log(Level.WARNING, "{0}", warned.message());
        } else if (event instanceof TrainingEvent.PlotsFailed failed) {
            LOGGER.log(Level.WARNING, "no plots", failed.cause());
        }
        listeners.forEach(listener -> listener.accept(event));
    }
}
