package org.openface.triplet;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.openface.core.dataset.Face;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.ExecutionPlan;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.ForwardPass;
import org.openface.core.embedding.StepReport;
import org.openface.core.embedding.TrainableEmbedder;
import org.openface.triplet.report.TrainingPlots;

/** One call of {@link Trainer#fit}. */
final class TrainingRun {
    private static final System.Logger LOGGER = System.getLogger(Trainer.class.getName());

    private final Trainer trainer;
    private final TrainableEmbedder model;
    private final WorkDirectory directory;
    private final CheckpointDirectory checkpoints;
    private final TrainingLogs logs;
    private final ExecutionPlan plan;
    private final Map<String, String> configuration;
    private final List<EpochMetrics> history = new ArrayList<>();
    private final Set<Face> skippedBefore = new HashSet<>();

    private final long start = System.nanoTime();
    private long stepsDone;

    TrainingRun(Trainer trainer) throws IOException {
        this.trainer = trainer;
        model = trainer.model;
        directory = WorkDirectory.open(trainer.workDirectory);
        checkpoints = new CheckpointDirectory(directory, trainer.keepCheckpoints);
        logs = new TrainingLogs(directory);
        plan = model.plan(trainer.sampler.maximumBatchSize(), trainer.memoryBudget);
        configuration = configuration();
    }

    private Map<String, String> configuration() throws IOException {
        Map<String, String> words = new LinkedHashMap<>(trainer.configuration);
        words.put("trainingSet", trainer.sampler.dataset().fingerprint());
        words.put("network", model.getClass().getName());
        words.put("imageSize", Integer.toString(model.imageSize()));
        words.put("dimension", Integer.toString(model.dimension()));
        words.put("executor", plan.executor());
        words.put("chunkSize", Integer.toString(plan.chunkSize()));
        return words;
    }

    private Map<String, String> provenance() {
        String version = Trainer.class.getPackage().getImplementationVersion();
        Map<String, String> words = new LinkedHashMap<>();
        words.put("library", version == null ? "development" : version);
        words.put("java", System.getProperty("java.vm.name") + " " + System.getProperty("java.runtime.version"));
        words.put("system", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        words.put("threads", Integer.toString(plan.threads()));
        return words;
    }

    TrainingResult run() throws IOException {
        Optional<Checkpoint> found =
                checkpoints.newest((file, reason) -> emit(new TrainingEvent.CheckpointSkipped(file, reason)));
        if (found.isPresent()) {
            refuseOtherConfiguration(found.get());
            checkpoints.restore(found.get(), model);
            history.addAll(found.get().history());
        }
        emit(new TrainingEvent.Started(
                plan,
                configuration,
                history.size() + 1,
                trainer.epochs,
                found.map(checkpoint -> checkpoints.modelFile(checkpoint.epoch()))));
        if (found.isPresent()) {
            if (!found.get().evaluated()) {
                // The run before was interrupted between the checkpoint and its evaluation.
                evaluate(found.get());
            }
            report();
        }
        try (BatchSource batches = new BatchSource(trainer.sampler, model.imageSize(), trainer.batchesPerEpoch)) {
            while (history.size() < trainer.epochs) {
                epoch(history.size() + 1, batches);
            }
        }
        TrainingResult result =
                new TrainingResult(history.size(), history, checkpoints.modelFile(history.size()), model.weightsHash());
        emit(new TrainingEvent.Finished(result));
        return result;
    }

    private void refuseOtherConfiguration(Checkpoint checkpoint) {
        Map<String, String> before = checkpoint.configuration();
        TreeSet<String> names = new TreeSet<>(before.keySet());
        names.addAll(configuration.keySet());
        List<String> differences = new ArrayList<>();
        for (String name : names) {
            if (!Objects.equals(before.get(name), configuration.get(name))) {
                differences.add(name + " was " + before.get(name) + " and is now " + configuration.get(name));
            }
        }
        checkArgument(
                differences.isEmpty(),
                "cannot go on from %s: %s; use the same settings or another work directory",
                checkpoints.trainerFile(checkpoint.epoch()),
                String.join(", ", differences));
    }

    private void epoch(int epoch, BatchSource batches) throws IOException {
        EpochTally tally = new EpochTally();
        long epochStart = System.nanoTime();
        double waitedBefore = batches.secondsWaited();
        for (int batch = 0; batch < trainer.batchesPerEpoch; batch++) {
            step(epoch, batch, batches, tally);
        }
        history.add(
                tally.metrics(epoch, (System.nanoTime() - epochStart) / 1e9, batches.secondsWaited() - waitedBefore));
        // Saved before it is evaluated: an evaluation that takes the process down costs no epoch.
        Checkpoint checkpoint =
                checkpoints.write(model, trainer.evaluations.isEmpty(), configuration, provenance(), history);
        emit(new TrainingEvent.CheckpointWritten(epoch, checkpoints.modelFile(epoch)));
        evaluate(checkpoint);
        report();
        emit(new TrainingEvent.EpochCompleted(history.get(history.size() - 1)));
    }

    private void step(int epoch, int batch, BatchSource batches, EpochTally tally) throws IOException {
        long stepStart = System.nanoTime();
        FaceBatch faces = batches.load(
                epoch, batch, (face, reason) -> emit(new TrainingEvent.ImageSkipped(epoch, batch + 1, face, reason)));
        Triplets triplets;
        double loss = 0;
        double gradientNorm = 0;
        try (ForwardPass pass = model.forward(faces, plan)) {
            MiningBatch in = miningBatch(epoch, batch, faces, pass.embeddings());
            triplets = trainer.miner.mine(in);
            if (!triplets.isEmpty()) {
                loss = trainer.loss.value(in, triplets);
                EmbeddingBatch gradient = trainer.loss.gradient(in, triplets);
                if (!Double.isFinite(loss) || MiningBatch.firstNonFinite(gradient) >= 0) {
                    throw notFinite(epoch, batch, "the loss (" + loss + ") or its gradient");
                }
                StepReport report = pass.update(gradient, trainer.optimizer);
                if (report.firstNonFinite().isPresent()) {
                    throw notFinite(
                            epoch,
                            batch,
                            "the gradient or new value of "
                                    + report.firstNonFinite().get());
                }
                gradientNorm = report.gradientNorm();
            }
        }
        // The pass is closed before anyone hears of it: a listener may embed faces.
        stepsDone++;
        MiningStatistics statistics = triplets.statistics();
        if (triplets.isEmpty()) {
            tally.empty(faces.size(), statistics);
            emit(new TrainingEvent.EmptyBatch(
                    epoch, batch + 1, trainer.batchesPerEpoch, statistics, remaining(epoch, batch)));
        } else {
            tally.step(faces.size(), triplets, loss, gradientNorm);
            emit(new TrainingEvent.StepCompleted(
                    epoch,
                    batch + 1,
                    trainer.batchesPerEpoch,
                    faces.size(),
                    triplets.size(),
                    statistics,
                    loss,
                    gradientNorm,
                    faces.size() * 1e9 / (System.nanoTime() - stepStart),
                    remaining(epoch, batch)));
        }
    }

    private MiningBatch miningBatch(int epoch, int batch, FaceBatch faces, EmbeddingBatch embeddings) {
        int image = MiningBatch.firstNonFinite(embeddings);
        if (image >= 0) {
            throw notFinite(epoch, batch, "the embedding of image " + image + " of the batch");
        }
        return MiningBatch.of(
                embeddings, faces.identities(), faces.roles(), trainer.margin, new Draws(trainer.seed, epoch, batch));
    }

    private IllegalStateException notFinite(int epoch, int batch, String what) {
        return new IllegalStateException("training stopped in epoch " + epoch + ", batch " + (batch + 1) + ": " + what
                + " is NaN or infinite; last good checkpoint: "
                + (history.isEmpty() ? "none yet" : checkpoints.modelFile(history.size()))
                + "; a lower learning rate may help");
    }

    private Duration remaining(int epoch, int batch) {
        long left = (long) (trainer.epochs - epoch + 1) * trainer.batchesPerEpoch - batch - 1;
        return Duration.ofNanos((long) ((double) (System.nanoTime() - start) / stepsDone * left));
    }

    private void evaluate(Checkpoint checkpoint) throws IOException {
        if (trainer.evaluations.isEmpty()) {
            return;
        }
        int epoch = checkpoint.epoch();
        Map<String, Double> all = new LinkedHashMap<>();
        for (Map.Entry<String, Evaluation> evaluation : trainer.evaluations.entrySet()) {
            String name = evaluation.getKey();
            TrainingEvent outcome;
            try {
                Map<String, Double> figures = evaluation.getValue().evaluate(model);
                figures.keySet()
                        .forEach(figure ->
                                checkArgument(figure.matches("[\\w.@-]+"), "a figure cannot be named '%s'", figure));
                figures.forEach((figure, value) -> all.put(name + "." + figure, value));
                outcome = new TrainingEvent.EvaluationCompleted(
                        epoch, name, Collections.unmodifiableMap(new LinkedHashMap<>(figures)));
            } catch (IOException | RuntimeException e) {
                outcome = new TrainingEvent.EvaluationFailed(epoch, name, e);
            }
            emit(outcome);
        }
        history.set(epoch - 1, history.get(epoch - 1).withEvaluation(all));
        checkpoints.write(checkpoint.withHistory(history));
    }

    private void report() throws IOException {
        String accuracy = trainer.evaluations.isEmpty()
                ? null
                : trainer.evaluations.keySet().iterator().next() + "." + Evaluation.ACCURACY;
        logs.write(history, accuracy);
        if (!trainer.plots) {
            return;
        }
        try {
            TrainingPlots.write(trainer.workDirectory);
        } catch (IOException | RuntimeException | LinkageError | InternalError e) {
            // Drawing needs fonts, which a bare server may lack; Java says so in several ways.
            emit(new TrainingEvent.PlotsFailed(history.size(), e));
        }
    }

    private void emit(TrainingEvent event) {
        if (event instanceof TrainingEvent.CheckpointSkipped skipped) {
            LOGGER.log(Level.WARNING, "skipping checkpoint {0}: {1}", skipped.file(), skipped.reason());
        } else if (event instanceof TrainingEvent.ImageSkipped skipped && skippedBefore.add(skipped.face())) {
            LOGGER.log(Level.WARNING, "training without an image: {0}", skipped.reason());
        } else if (event instanceof TrainingEvent.EvaluationFailed failed) {
            LOGGER.log(Level.WARNING, "evaluation " + failed.name() + " failed", failed.cause());
        } else if (event instanceof TrainingEvent.PlotsFailed failed) {
            LOGGER.log(Level.WARNING, "no plots", failed.cause());
        }
        trainer.listeners.forEach(listener -> listener.onEvent(event));
    }
}
