package org.openface.triplet.training;

import com.google.common.base.MoreObjects;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.openface.core.dataset.Face;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.triplet.mining.MiningStatistics;

/**
 * Something that happened during training. Epochs and batches count from 1. There will be further kinds, and further figures
 * of those that are classes; the records hold all they are about.
 */
public sealed interface TrainingEvent {
    // Long, as every kind is here and says what each of its figures is; there is nothing to it beside.

    /** Training begins. */
    final class Started implements TrainingEvent {
        private final ExecutionPlan plan;
        private final Map<String, String> configuration;
        private final int firstEpoch;
        private final int epochs;
        private final Optional<Path> resumedFrom;

        Started(
                ExecutionPlan plan,
                Map<String, String> configuration,
                int firstEpoch,
                int epochs,
                Optional<Path> resumedFrom) {
            this.plan = plan;
            this.configuration = configuration;
            this.firstEpoch = firstEpoch;
            this.epochs = epochs;
            this.resumedFrom = resumedFrom;
        }

        /** How steps will be executed. */
        public ExecutionPlan plan() {
            return plan;
        }

        /** What decides the result, in words. */
        public Map<String, String> configuration() {
            return configuration;
        }

        /** The epoch to begin or go on with; beyond {@link #epochs} if there is nothing left to do. */
        public int firstEpoch() {
            return firstEpoch;
        }

        /** The last epoch. */
        public int epochs() {
            return epochs;
        }

        /** The model file that the run goes on from. */
        public Optional<Path> resumedFrom() {
            return resumedFrom;
        }

        @Override
        public String toString() {
            return MoreObjects.toStringHelper(this)
                    .add("plan", plan)
                    .add("configuration", configuration)
                    .add("firstEpoch", firstEpoch)
                    .add("epochs", epochs)
                    .add("resumedFrom", resumedFrom)
                    .toString();
        }
    }

    /** A checkpoint is damaged and an older one is looked for. */
    record CheckpointSkipped(Path file, String reason) implements TrainingEvent {}

    /** An image could not be read; its batch is trained without it. */
    final class ImageSkipped implements TrainingEvent {
        private final int epoch;
        private final int batch;
        private final Face face;
        private final String reason;

        ImageSkipped(int epoch, int batch, Face face, String reason) {
            this.epoch = epoch;
            this.batch = batch;
            this.face = face;
            this.reason = reason;
        }

        /** The epoch. */
        public int epoch() {
            return epoch;
        }

        /** The batch in the epoch. */
        public int batch() {
            return batch;
        }

        /** The image. */
        public Face face() {
            return face;
        }

        /** Why, in words. */
        public String reason() {
            return reason;
        }

        @Override
        public String toString() {
            return MoreObjects.toStringHelper(this)
                    .add("epoch", epoch)
                    .add("batch", batch)
                    .add("face", face)
                    .add("reason", reason)
                    .toString();
        }
    }

    /** The network has learnt from a batch. */
    final class StepCompleted implements TrainingEvent {
        private final int epoch;
        private final int batch;
        private final int batches;
        private final int images;
        private final int triplets;
        private final MiningStatistics statistics;
        private final double loss;
        private final double gradientNorm;
        private final double imagesPerSecond;
        private final Duration remaining;

        StepCompleted(
                int epoch,
                int batch,
                int batches,
                int images,
                int triplets,
                MiningStatistics statistics,
                double loss,
                double gradientNorm,
                double imagesPerSecond,
                Duration remaining) {
            this.epoch = epoch;
            this.batch = batch;
            this.batches = batches;
            this.images = images;
            this.triplets = triplets;
            this.statistics = statistics;
            this.loss = loss;
            this.gradientNorm = gradientNorm;
            this.imagesPerSecond = imagesPerSecond;
            this.remaining = remaining;
        }

        /** The epoch. */
        public int epoch() {
            return epoch;
        }

        /** The batch in the epoch. */
        public int batch() {
            return batch;
        }

        /** Batches in an epoch. */
        public int batches() {
            return batches;
        }

        /** Images in the batch. */
        public int images() {
            return images;
        }

        /** Triplets learnt from. */
        public int triplets() {
            return triplets;
        }

        /** What the miner saw. */
        public MiningStatistics statistics() {
            return statistics;
        }

        /** The loss over the chosen triplets. */
        public double loss() {
            return loss;
        }

        /** Norm of all parameter gradients together. */
        public double gradientNorm() {
            return gradientNorm;
        }

        /** Speed of this step, waiting for data included. */
        public double imagesPerSecond() {
            return imagesPerSecond;
        }

        /** Time until the last epoch ends, at the mean speed since the start. */
        public Duration remaining() {
            return remaining;
        }

        @Override
        public String toString() {
            return MoreObjects.toStringHelper(this)
                    .add("epoch", epoch)
                    .add("batch", batch)
                    .add("batches", batches)
                    .add("images", images)
                    .add("triplets", triplets)
                    .add("statistics", statistics)
                    .add("loss", loss)
                    .add("gradientNorm", gradientNorm)
                    .add("imagesPerSecond", imagesPerSecond)
                    .add("remaining", remaining)
                    .toString();
        }
    }

    /** The miner found no triplet in a batch: it counts as a batch of the epoch, and the network stays as it was. */
    final class EmptyBatch implements TrainingEvent {
        private final int epoch;
        private final int batch;
        private final int batches;
        private final MiningStatistics statistics;
        private final Duration remaining;

        EmptyBatch(int epoch, int batch, int batches, MiningStatistics statistics, Duration remaining) {
            this.epoch = epoch;
            this.batch = batch;
            this.batches = batches;
            this.statistics = statistics;
            this.remaining = remaining;
        }

        /** The epoch. */
        public int epoch() {
            return epoch;
        }

        /** The batch in the epoch. */
        public int batch() {
            return batch;
        }

        /** Batches in an epoch. */
        public int batches() {
            return batches;
        }

        /** What the miner saw. */
        public MiningStatistics statistics() {
            return statistics;
        }

        /** Time until the last epoch ends, at the mean speed since the start. */
        public Duration remaining() {
            return remaining;
        }

        @Override
        public String toString() {
            return MoreObjects.toStringHelper(this)
                    .add("epoch", epoch)
                    .add("batch", batch)
                    .add("batches", batches)
                    .add("statistics", statistics)
                    .add("remaining", remaining)
                    .toString();
        }
    }

    /** The network is on disk and will be found by a later run. */
    final class CheckpointWritten implements TrainingEvent {
        private final int epoch;
        private final int batch;
        private final Path modelFile;

        CheckpointWritten(int epoch, int batch, Path modelFile) {
            this.epoch = epoch;
            this.batch = batch;
            this.modelFile = modelFile;
        }

        /** The last whole epoch, 0 before the first. */
        public int epoch() {
            return epoch;
        }

        /** Batches of the next epoch that are done; 0 between epochs. */
        public int batch() {
            return batch;
        }

        /** The file with the network. */
        public Path modelFile() {
            return modelFile;
        }

        @Override
        public String toString() {
            return MoreObjects.toStringHelper(this)
                    .add("epoch", epoch)
                    .add("batch", batch)
                    .add("modelFile", modelFile)
                    .toString();
        }
    }

    /** An evaluation has ended. */
    final class EvaluationCompleted implements TrainingEvent {
        private final int epoch;
        private final String name;
        private final Map<String, Double> figures;

        EvaluationCompleted(int epoch, String name, Map<String, Double> figures) {
            this.epoch = epoch;
            this.name = name;
            this.figures = figures;
        }

        /** The epoch. */
        public int epoch() {
            return epoch;
        }

        /** The name under which the trainer was given it. */
        public String name() {
            return name;
        }

        /** What it has found, by the name of the figure. */
        public Map<String, Double> figures() {
            return figures;
        }

        @Override
        public String toString() {
            return MoreObjects.toStringHelper(this)
                    .add("epoch", epoch)
                    .add("name", name)
                    .add("figures", figures)
                    .toString();
        }
    }

    /** An evaluation has failed, whatever it threw; training goes on. */
    final class EvaluationFailed implements TrainingEvent {
        private final int epoch;
        private final String name;
        private final Throwable cause;

        EvaluationFailed(int epoch, String name, Throwable cause) {
            this.epoch = epoch;
            this.name = name;
            this.cause = cause;
        }

        /** The epoch. */
        public int epoch() {
            return epoch;
        }

        /** The name under which the trainer was given it. */
        public String name() {
            return name;
        }

        /** What it threw. */
        public Throwable cause() {
            return cause;
        }

        @Override
        public String toString() {
            return MoreObjects.toStringHelper(this)
                    .add("epoch", epoch)
                    .add("name", name)
                    .add("cause", cause)
                    .toString();
        }
    }

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
