package org.openface.triplet.training;

import java.nio.file.Path;
import java.util.List;

/**
 * The outcome of a training.
 *
 * @param epochs epochs that the network has been trained for, in all runs together
 * @param history one entry per epoch, those of earlier runs included
 * @param modelFile the network after the last epoch, as its {@code writeState} wrote it
 * @param weightsHash SHA-256 over the network's trained parameters, without running statistics, and without the average that
 *     {@code Optimizer.averaged} keeps
 */
public record TrainingResult(int epochs, List<EpochMetrics> history, Path modelFile, String weightsHash) {
    public TrainingResult {
        history = List.copyOf(history);
    }

    /** The metrics of the last epoch. */
    public EpochMetrics last() {
        return history.get(history.size() - 1);
    }
}
