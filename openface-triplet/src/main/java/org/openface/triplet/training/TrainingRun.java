package org.openface.triplet.training;

import com.google.common.hash.Hashing;
import com.google.common.io.MoreFiles;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.TrainableEmbedder;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.core.internal.batch.BatchLoader;
import org.openface.core.internal.batch.BatchPlan;
import org.openface.triplet.internal.Interruption;
import org.openface.triplet.internal.checkpoint.Checkpoint;
import org.openface.triplet.internal.checkpoint.Checkpoint.Place;
import org.openface.triplet.internal.checkpoint.CheckpointDirectory;
import org.openface.triplet.internal.checkpoint.WorkDirectory;
import org.openface.triplet.report.TrainingReport;

/** One call of {@link Trainer#fit}: begins or resumes, and goes from batch to batch, checkpoint to checkpoint. */
final class TrainingRun {
    private static final System.Logger LOGGER = System.getLogger(TrainingRun.class.getPackageName());

    private final TrainableEmbedder model;
    private final Settings settings;
    private final TrainingControl control;
    private final WorkDirectory directory;
    private final CheckpointDirectory checkpoints;
    private final Optional<Checkpoint> found;
    private final TrainingSet trainingSet;
    private final BatchPlan sampler;
    private final ExecutionPlan plan;
    private final Map<String, String> configuration;
    private final Provenance provenance;
    private final RunState state;
    private final Events events;
    private final Cautions cautions;
    private final Evaluations evaluations;
    private final Stopwatch stopwatch = new Stopwatch();
    private final TrainingStep step;
    private final TrainingLogs logs;
    private final BatchStatistics statistics;

    private @Nullable Place lastCheckpoint;
    private long lastCheckpointNanos = System.nanoTime();

    private TrainingRun(
            TrainableEmbedder model,
            FaceDataset faces,
            WorkDirectory directory,
            Settings settings,
            TrainingControl control)
            throws IOException {
        this.model = model;
        this.directory = directory;
        this.settings = settings;
        this.control = control;
        LeftOut leftOut = new LeftOut();
        events = new Events(settings.listeners, leftOut);
        cautions = new Cautions(message -> events.emit(new TrainingEvent.Warned(message)));
        checkpoints = new CheckpointDirectory(directory, settings.retention());
        found = checkpoints.newest(
                checkpoint -> History.of(checkpoint.history()),
                (file, reason) -> events.emit(new TrainingEvent.CheckpointSkipped(file, reason)));
        trainingSet = TrainingSet.of(faces, found, directory);
        sampler = settings.sampler(trainingSet.faces());
        plan = model.plan(sampler.maximumBatchSize(), settings.memoryBudget);
        configuration = configuration();
        provenance = new Provenance(trainingSet, configuration, settings.batchesPerEpoch, plan);
        state = new RunState(settings, trainingSet.faces(), model.dimension(), sampler.needsCentres(), leftOut);
        evaluations = new Evaluations(settings, model, control, events);
        step = new TrainingStep(
                model,
                plan,
                settings,
                state,
                control,
                events,
                stopwatch,
                () -> lastCheckpoint == null
                        ? "none yet"
                        : checkpoints.modelFile(lastCheckpoint).toString());
        logs = new TrainingLogs(directory);
        statistics = new BatchStatistics(model, trainingSet.faces(), settings);
    }

    /** Trains, as the one run in its work directory. */
    static TrainingResult run(
            TrainableEmbedder model, FaceDataset faces, Path folder, Settings settings, TrainingControl control)
            throws IOException {
        try (WorkDirectory directory = WorkDirectory.open(folder)) {
            return new TrainingRun(model, faces, directory, settings, control).run();
        }
    }

    private Map<String, String> configuration() throws IOException {
        Map<String, String> words = new LinkedHashMap<>(settings.describe());
        words.put(Configurations.TRAINING_SET, trainingSet.fingerprint());
        words.put("network", model.getClass().getName());
        words.put("imageSize", Integer.toString(model.imageSize()));
        words.put("dimension", Integer.toString(model.dimension()));
        words.put(Configurations.EXECUTOR, plan.executor());
        words.put(Configurations.CHUNK_SIZE, Integer.toString(plan.chunkSize()));
        if (settings.startFrom != null) {
            words.put(
                    "startFrom",
                    MoreFiles.asByteSource(settings.startFrom).hash(Hashing.sha256())
                            + (settings.keepOptimizerMemory ? " with the optimiser's memory" : ""));
        }
        words.replaceAll((name, value) -> Checkpoint.oneLine(value));
        return words;
    }

    private TrainingResult run() throws IOException {
        if (found.isPresent()) {
            resume(found.get());
        } else if (settings.startFrom != null) {
            startFrom(settings.startFrom);
        }
        describe(found.isEmpty() || found.get().place().batch() == 0);
        events.emit(new TrainingEvent.Started(
                plan,
                configuration,
                lastEpoch() + 1,
                settings.epochs,
                found.map(checkpoint -> checkpoints.modelFile(checkpoint.place()))));
        caution();
        if (found.isPresent()) {
            if (!found.get().evaluated()) {
                // The run before was interrupted between the checkpoint and its evaluation.
                evaluate(found.get());
            }
            report();
        }
        BatchLoader.Builder loader = BatchLoader.builder(sampler)
                .imageSize(model.imageSize())
                .augmentation(settings.augmentation)
                .batchesPerEpoch(settings.batchesPerEpoch)
                .acrossEpochs(!sampler.needsCentres());
        if (settings.loaderThreads > 0) {
            loader.threads(settings.loaderThreads);
        }
        try (BatchLoader batches = loader.build()) {
            while (lastEpoch() < settings.epochs) {
                epoch(lastEpoch() + 1, batches);
            }
        }
        TrainingResult result = new TrainingResult(
                lastEpoch(),
                state.history().epochs(),
                checkpoints.modelFile(new Place(lastEpoch(), 0)),
                model.weightsHash());
        events.emit(new TrainingEvent.Finished(result));
        return result;
    }

    private void caution() {
        cautions.ofFaces(trainingSet.faces(), settings.validationSet, model.imageSize());
        cautions.ofBest(settings.keepBest, evaluations.names());
        if (found.isPresent()) {
            cautions.ofResumed(configuration);
            if (Configurations.isOtherExecutor(found.get().configuration(), configuration)) {
                cautions.ofExecutor(found.get().configuration(), configuration);
            }
        }
    }

    /** The last whole epoch; the one before the first if there is none. */
    private int lastEpoch() {
        return state.history().isEmpty()
                ? settings.firstEpoch - 1
                : state.history().last().epoch();
    }

    private void startFrom(Path file) throws IOException {
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
            model.readState(in);
        } catch (IOException e) {
            throw new IOException("cannot start from " + file + ": " + e.getMessage(), e);
        }
        if (!settings.keepOptimizerMemory) {
            model.forgetOptimizer();
        }
    }

    private void resume(Checkpoint checkpoint) throws IOException {
        Configurations.refuseOthers(
                checkpoints.trainerFile(checkpoint.place()),
                checkpoint.configuration(),
                configuration,
                trainingSet.difference(),
                settings.resumeOnAnotherExecutor);
        String threads = checkpoint.provenance().get("threads");
        if (threads != null && !threads.equals(Integer.toString(plan.threads()))) {
            LOGGER.log(
                    Level.WARNING,
                    "the checkpoint was made with {0} threads, this run has {1}: it goes on, but not bit for bit as before",
                    threads,
                    plan.threads());
        }
        checkpoints.restore(checkpoint, model, state::readMemory);
        state.restore(checkpoint);
        lastCheckpoint = checkpoint.place();
    }

    private void epoch(int epoch, BatchLoader batches) throws IOException {
        describe(false);
        state.begin(epoch);
        sampler.beginEpoch(epoch, state.centres.atStart());
        for (int batch = state.tally().batches(); batch < settings.batchesPerEpoch; batch++) {
            serve(epoch, batch);
            try {
                step.run(epoch, batch, batches).forEach(this::diagnose);
            } catch (InterruptedIOException e) { // before anything was learnt from the batch
                leave(new Place(epoch - 1, batch));
                throw e;
            }
            if (batch + 1 < settings.batchesPerEpoch && isCheckpointDue(batch + 1)) {
                writeCheckpoint(new Place(epoch - 1, batch + 1), true);
            }
        }
        state.end(epoch, sampler.identitiesInEpoch(epoch, settings.batchesPerEpoch));
        statistics.estimate();
        // Saved before it is evaluated: an evaluation that takes the process down costs no epoch.
        Checkpoint checkpoint = writeCheckpoint(new Place(epoch, 0), evaluations.isEmpty());
        evaluate(checkpoint);
        report();
        events.emit(new TrainingEvent.EpochCompleted(state.history().last()));
    }

    private void diagnose(Diagnosis diagnosis) {
        ConvergenceDoctor.remember(state.diagnoses, diagnosis);
        events.emit(new TrainingEvent.Diagnosed(diagnosis));
        state.treatments.treat(diagnosis.condition()).ifPresent(treatment -> {
            if (treatment instanceof Treatment.SwitchMiner) {
                state.doctor.forget();
            }
            events.emit(new TrainingEvent.Treated(diagnosis, treatment));
        });
    }

    private boolean isCheckpointDue(int batchesDone) {
        return (settings.checkpointBatches > 0 && batchesDone % settings.checkpointBatches == 0)
                || (settings.checkpointInterval != null
                        && System.nanoTime() - lastCheckpointNanos >= settings.checkpointInterval.toNanos());
    }

    private Checkpoint writeCheckpoint(Place place, boolean evaluated) throws IOException {
        describe(false);
        Checkpoint checkpoint = checkpoints.write(
                model,
                state::writeMemory,
                place,
                evaluated,
                configuration,
                provenance.words(),
                state.words(),
                state.history().lines(),
                state.history().best(settings.keepBest));
        lastCheckpoint = place;
        lastCheckpointNanos = System.nanoTime();
        events.emit(new TrainingEvent.CheckpointWritten(place.epoch(), place.batch(), checkpoints.modelFile(place)));
        return checkpoint;
    }

    /** Does what others ask for between two batches. */
    private void serve(int epoch, int batch) throws IOException {
        Place place = new Place(epoch - 1, batch);
        boolean paused = false;
        long arrived = System.nanoTime();
        try {
            do {
                if (control.isPaused() && !control.isCancelled() && !paused) {
                    paused = true;
                    events.emit(new TrainingEvent.Paused(true));
                }
                CompletableFuture<Path> snapshot;
                while ((snapshot = control.snapshots.poll()) != null) {
                    snapshot(place, snapshot);
                }
                CompletableFuture<Map<String, Double>> evaluation;
                while ((evaluation = control.evaluations.poll()) != null) {
                    evaluate(place, evaluation);
                }
            } while (control.awaitWork());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            leave(place);
            throw Interruption.of("pausing", e);
        }
        if (paused) {
            stopwatch.paused(System.nanoTime() - arrived);
            events.emit(new TrainingEvent.Paused(false));
        }
        if (control.isCancelled()) {
            leave(place);
        }
    }

    /** Ends a run that was cancelled or interrupted, with a checkpoint; returns only if it was not cancelled. */
    private void leave(Place place) throws IOException {
        if (place.batch() > 0 && !place.equals(lastCheckpoint)) {
            writeCheckpoint(place, true);
        }
        if (control.isCancelled()) {
            throw control.cancelled(place);
        }
    }

    private void evaluate(Place place, CompletableFuture<Map<String, Double>> answer) throws IOException {
        try {
            statistics.estimate();
            answer.complete(evaluations.run(place));
        } catch (CancellationException e) {
            answer.completeExceptionally(e); // cancelled meanwhile, which ends with a checkpoint
        } catch (InterruptedIOException e) {
            answer.completeExceptionally(e);
            leave(place);
            throw e;
        } catch (RuntimeException | Error e) { // a listener's
            answer.completeExceptionally(e);
            throw e;
        }
    }

    private void snapshot(Place place, CompletableFuture<Path> answer) {
        String name = "snapshot-" + place + ".nn4";
        try {
            statistics.estimate();
            directory.write(name, model::writeState);
            answer.complete(directory.resolve(name));
        } catch (IOException | RuntimeException e) {
            answer.completeExceptionally(e);
        }
    }

    private void evaluate(Checkpoint checkpoint) throws IOException {
        if (evaluations.isEmpty()) {
            return;
        }
        History history = state.history();
        history.evaluate(evaluations.run(new Place(lastEpoch(), 0)));
        describe(true);
        cautions.ofBest(settings.keepBest, history.last().evaluation());
        evaluations
                .judgedBy(history, ".auc")
                .or(() -> evaluations.judgedBy(history, "." + Evaluation.ACCURACY))
                .flatMap(figure -> ConvergenceDoctor.overfitting(history.epochs(), figure))
                .ifPresent(this::diagnose);
        checkpoints.write(checkpoint.evaluated(state.words(), history.lines()));
    }

    /**
     * Tells the network what its file shall say about it.
     *
     * @param evaluated whether the last epoch's evaluation, if there was one, is of the present weights
     */
    private void describe(boolean evaluated) {
        Map<String, Double> figures =
                evaluated && !state.history().isEmpty() ? state.history().last().evaluation() : Map.of();
        model.describe(provenance.record(
                lastEpoch(), figures, evaluations.thresholdFrom(figures).orElse("")));
    }

    /** Brings logs, plots and the report up to date. */
    private void report() throws IOException {
        String accuracy = evaluations.isEmpty()
                ? null
                : evaluations
                        .judgedBy(state.history(), "." + Evaluation.ACCURACY)
                        .orElse(Evaluation.ACCURACY);
        logs.write(state.history().epochs(), accuracy);
        logs.writeNotes(configuration, state.diagnoses, evaluations.rocs());
        if (!settings.reportFaces) {
            logs.deleteFaces();
        } else if (!state.faceTally.isEmpty()) {
            logs.writeFaces(state.faceTally);
        }
        if (!settings.plots) {
            return;
        }
        try {
            TrainingReport.write(directory.resolve(""));
        } catch (IOException | RuntimeException | LinkageError | InternalError e) {
            // Drawing needs fonts, which a bare server may lack; Java says so in several ways.
            events.emit(new TrainingEvent.PlotsFailed(lastEpoch(), e));
        }
    }
}
