package org.openface.triplet.training;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.openface.core.dataset.Face;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.triplet.mining.MiningStatistics;

/** Something that happened during training. Epochs and batches count from 1. */
public sealed interface TrainingEvent {

    /**
     * Training begins.
     *
     * @param plan how steps will be executed
     * @param configuration what decides the result, in words
     * @param firstEpoch the epoch to begin or go on with; beyond {@code epochs} if there is nothing left to do
     * @param epochs the last epoch
     * @param resumedFrom the model file that the run goes on from
     */
    record Started(
            ExecutionPlan plan,
            Map<String, String> configuration,
            int firstEpoch,
            int epochs,
            Optional<Path> resumedFrom)
            implements TrainingEvent {}

    /** A checkpoint is damaged and an older one is looked for. */
    record CheckpointSkipped(Path file, String reason) implements TrainingEvent {}

    /**
     * An image could not be read; its batch is trained without it.
     *
     * @param face the image
     * @param reason why, in words
     */
    record ImageSkipped(int epoch, int batch, Face face, String reason) implements TrainingEvent {}

    /**
     * The network has learnt from a batch.
     *
     * @param epoch the epoch
     * @param batch the batch in the epoch
     * @param batches batches in an epoch
     * @param images images in the batch
     * @param triplets triplets learnt from
     * @param statistics what the miner saw
     * @param loss the loss over the chosen triplets
     * @param gradientNorm norm of all parameter gradients together
     * @param imagesPerSecond speed of this step, waiting for data included
     * @param remaining time until the last epoch ends, at the mean speed since the start
     */
    record StepCompleted(
            int epoch,
            int batch,
            int batches,
            int images,
            int triplets,
            MiningStatistics statistics,
            double loss,
            double gradientNorm,
            double imagesPerSecond,
            Duration remaining)
            implements TrainingEvent {}

    /** The miner found no triplet in a batch: it counts as a batch of the epoch, and the network stays as it was. */
    record EmptyBatch(int epoch, int batch, int batches, MiningStatistics statistics, Duration remaining)
            implements TrainingEvent {}

    /**
     * The network is on disk and will be found by a later run.
     *
     * @param epoch the last whole epoch, 0 before the first
     * @param batch batches of the next epoch that are done; 0 between epochs
     */
    record CheckpointWritten(int epoch, int batch, Path modelFile) implements TrainingEvent {}

    /** An evaluation has ended. */
    record EvaluationCompleted(int epoch, String name, Map<String, Double> figures) implements TrainingEvent {}

    /** An evaluation has failed, whatever it threw; training goes on. */
    record EvaluationFailed(int epoch, String name, Throwable cause) implements TrainingEvent {}

    /** Something is allowed and yet hardly meant, in words; said once. */
    record Warned(String message) implements TrainingEvent {}

    /** Something looks wrong. */
    record Diagnosed(Diagnosis diagnosis) implements TrainingEvent {}

    /**
     * What was asked for in case of a diagnosis has been done.
     *
     * @param diagnosis the case
     * @param treatment what is different from the next batch on
     */
    record Treated(Diagnosis diagnosis, Treatment treatment) implements TrainingEvent {}

    /** The training waits, or no longer waits, because {@link Training#pause} was called. */
    record Paused(boolean on) implements TrainingEvent {}

    /** Plots or the report could not be drawn or written; training goes on. */
    record PlotsFailed(int epoch, Throwable cause) implements TrainingEvent {}

    /** An epoch has ended, with its evaluation, its checkpoint and its line in the logs. */
    record EpochCompleted(EpochMetrics metrics) implements TrainingEvent {}

    /** Training has ended after the last epoch. */
    record Finished(TrainingResult result) implements TrainingEvent {}
}
