package org.openface.triplet.training;

import com.google.common.base.MoreObjects;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The outcome of a training. */
public final class TrainingResult {
    private final int epochs;
    private final List<EpochMetrics> history;
    private final Path modelFile;
    private final String weightsHash;

    TrainingResult(int epochs, List<EpochMetrics> history, Path modelFile, String weightsHash) {
        this.epochs = epochs;
        this.history = List.copyOf(history);
        this.modelFile = modelFile;
        this.weightsHash = weightsHash;
    }

    /** Epochs that the network has been trained for, in all runs together. */
    public int epochs() {
        return epochs;
    }

    /** One entry per epoch, those of earlier runs included. */
    public List<EpochMetrics> history() {
        return history;
    }

    /** The metrics of the last epoch. */
    public EpochMetrics last() {
        return history.get(history.size() - 1);
    }

    /** The network after the last epoch, as its {@code writeState} wrote it. */
    public Path modelFile() {
        return modelFile;
    }

    /**
     * SHA-256 over the network's trained parameters, without running statistics, and without the average that {@code
     * Optimizer.averaged} keeps.
     */
    public String weightsHash() {
        return weightsHash;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof TrainingResult result
                && epochs == result.epochs
                && history.equals(result.history)
                && modelFile.equals(result.modelFile)
                && weightsHash.equals(result.weightsHash);
    }

    @Override
    public int hashCode() {
        return Objects.hash(epochs, history, modelFile, weightsHash);
    }

    /** All of it, for messages. */
    @Override
    public String toString() {
        return MoreObjects.toStringHelper(this)
                .add("epochs", epochs)
                .add("history", history)
                .add("modelFile", modelFile)
                .add("weightsHash", weightsHash)
                .toString();
    }
}
