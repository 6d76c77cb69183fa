package org.openface.triplet.training;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.common.hash.Hashing;
import com.google.common.io.MoreFiles;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.BatchLoader;
import org.openface.core.dataset.BatchSampler;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.ExecutionPlan;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.embedding.ForwardPass;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.StepReport;
import org.openface.core.embedding.TrainableEmbedder;
import org.openface.core.embedding.TrainingRecord;
import org.openface.core.eval.Verification;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.RgbImage;
import org.openface.triplet.internal.Description;
import org.openface.triplet.internal.Interruption;
import org.openface.triplet.internal.checkpoint.Checkpoint;
import org.openface.triplet.internal.checkpoint.Checkpoint.Place;
import org.openface.triplet.internal.checkpoint.CheckpointDirectory;
import org.openface.triplet.internal.checkpoint.WorkDirectory;
import org.openface.triplet.mining.Draws;
import org.openface.triplet.mining.MiningBatch;
import org.openface.triplet.mining.MiningStatistics;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.mining.Triplets;
import org.openface.triplet.report.HtmlReport;
import org.openface.triplet.report.TrainingPlots;

/** One call of {@link Trainer#fit}. */
final class TrainingRun {
    private static final System.Logger LOGGER = System.getLogger(Trainer.class.getName());

    private final Trainer trainer;
    private final TrainingControl control;
    private final TrainableEmbedder model;
    private final WorkDirectory directory;
    private final CheckpointDirectory checkpoints;
    private final TrainingLogs logs;
    private final ExecutionPlan plan;
    private final Map<String, String> configuration;
    private History history = new History();
    private final Optional<Checkpoint> found;
    private final TrainingSet trainingSet;
    private final BatchSampler sampler;
    private final LeftOut leftOut = new LeftOut();
    private final Cautions cautions = new Cautions(message -> emit(new TrainingEvent.Warned(message)));
    private final ConvergenceDoctor doctor;

    private final Treatments treatments;
    private EpochTally tally = new EpochTally();
    private final FaceTally faceTally = new FaceTally();
    private final MemoryBank memoryBank;
    private final List<Diagnosis> diagnoses = new ArrayList<>();
    private final Map<String, List<Verification.RocPoint>> rocs = new LinkedHashMap<>();
    private @Nullable Place lastCheckpoint;
    private long lastCheckpointNanos = System.nanoTime();
    private final long start = System.nanoTime();
    private long pausedNanos;
    private long stepsDone;

    private TrainingRun(Trainer trainer, TrainingControl control, WorkDirectory directory) throws IOException {
        this.trainer = trainer;
        this.control = control;
        this.directory = directory;
        model = trainer.model;
        treatments = new Treatments(trainer.treatments, trainer.miner);
        doctor = new ConvergenceDoctor(trainer.margin);
        memoryBank = new MemoryBank(trainer.memoryBank, model.dimension());
        checkpoints = new CheckpointDirectory(directory, trainer.retention);
        logs = new TrainingLogs(directory);
        found = checkpoints.newest(
                checkpoint -> History.of(checkpoint.history()),
                (file, reason) -> emit(new TrainingEvent.CheckpointSkipped(file, reason)));
        trainingSet = TrainingSet.of(trainer.trainingSet, found, directory);
        sampler = trainer.sampler(trainingSet.faces());
        plan = model.plan(sampler.maximumBatchSize(), trainer.memoryBudget);
        configuration = configuration();
    }

    /** Trains, as the one run in its work directory. */
    static TrainingResult run(Trainer trainer, TrainingControl control) throws IOException {
        try (WorkDirectory directory = WorkDirectory.open(trainer.workDirectory)) {
            return new TrainingRun(trainer, control, directory).run();
        }
    }

    private Map<String, String> configuration() throws IOException {
        Map<String, String> words = new LinkedHashMap<>(trainer.configuration);
        words.put(Configurations.TRAINING_SET, trainingSet.fingerprint());
        words.put("network", model.getClass().getName());
        words.put("imageSize", Integer.toString(model.imageSize()));
        words.put("dimension", Integer.toString(model.dimension()));
        words.put(Configurations.EXECUTOR, plan.executor());
        words.put(Configurations.CHUNK_SIZE, Integer.toString(plan.chunkSize()));
        if (trainer.startFrom != null) {
            words.put(
                    "startFrom",
                    MoreFiles.asByteSource(trainer.startFrom).hash(Hashing.sha256())
                            + (trainer.keepOptimizerMemory ? " with the optimiser's memory" : ""));
        }
        words.replaceAll((name, value) -> Checkpoint.oneLine(value));
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

    private TrainingResult run() throws IOException {
        if (found.isPresent()) {
            resume(found.get());
        } else if (trainer.startFrom != null) {
            startFrom(trainer.startFrom);
        }
        describe(found.isEmpty() || found.get().place().batch() == 0);
        emit(new TrainingEvent.Started(
                plan,
                configuration,
                lastEpoch() + 1,
                trainer.epochs,
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
                .augmentation(trainer.augmentation)
                .batchesPerEpoch(trainer.batchesPerEpoch);
        if (trainer.loaderThreads > 0) {
            loader.threads(trainer.loaderThreads);
        }
        try (BatchLoader batches = loader.build()) {
            while (lastEpoch() < trainer.epochs) {
                epoch(lastEpoch() + 1, batches);
            }
        }
        TrainingResult result = new TrainingResult(
                lastEpoch(), history.epochs(), checkpoints.modelFile(new Place(lastEpoch(), 0)), model.weightsHash());
        emit(new TrainingEvent.Finished(result));
        return result;
    }

    private void caution() {
        cautions.ofFaces(trainingSet.faces(), trainer.validationSet, model.imageSize());
        cautions.ofBest(trainer.keepBest, trainer.evaluations.keySet());
        if (found.isPresent()) {
            cautions.ofResumed(configuration);
            if (Configurations.isOtherExecutor(found.get().configuration(), configuration)) {
                cautions.ofExecutor(found.get().configuration(), configuration);
            }
        }
    }

    /** The last whole epoch; the one before the first if there is none. */
    private int lastEpoch() {
        return history.isEmpty() ? trainer.firstEpoch - 1 : history.last().epoch();
    }

    private void startFrom(Path file) throws IOException {
        readState(file);
        if (!trainer.keepOptimizerMemory) {
            model.forgetOptimizer();
        }
    }

    private void readState(Path file) throws IOException {
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
            model.readState(in);
        } catch (IOException e) {
            throw new IOException("cannot start from " + file + ": " + e.getMessage(), e);
        }
    }

    private void resume(Checkpoint checkpoint) throws IOException {
        Configurations.refuseOthers(
                checkpoints.trainerFile(checkpoint.place()),
                checkpoint.configuration(),
                configuration,
                trainingSet.difference(),
                trainer.resumeOnAnotherExecutor);
        String threads = checkpoint.provenance().get("threads");
        if (threads != null && !threads.equals(Integer.toString(plan.threads()))) {
            LOGGER.log(
                    Level.WARNING,
                    "the checkpoint was made with {0} threads, this run has {1}: it goes on, but not bit for bit as before",
                    threads,
                    plan.threads());
        }
        checkpoints.restore(checkpoint, model, this::readMemory);
        history = History.of(checkpoint.history());
        lastCheckpoint = checkpoint.place();
        Map<String, String> state = checkpoint.state();
        if (checkpoint.place().batch() > 0) {
            tally = EpochTally.parse(state.getOrDefault("tally", ""));
        }
        doctor.restore(below(state, "doctor."));
        for (int i = 0; state.containsKey("diagnosis." + i); i++) {
            ConvergenceDoctor.remember(
                    diagnoses, TrainingLogs.parseDiagnosis(state.getOrDefault("diagnosis." + i, "")));
        }
        treatments.restore(state, diagnoses);
        leftOut.restore(state, trainingSet.faces());
    }

    /** What is remembered of faces. */
    private void writeMemory(OutputStream out) throws IOException {
        DataOutputStream data = new DataOutputStream(new BufferedOutputStream(out));
        memoryBank.write(data);
        data.writeBoolean(trainer.reportFaces);
        if (trainer.reportFaces) {
            faceTally.write(data, trainingSet.faces());
        }
        data.flush();
    }

    private void readMemory(InputStream in) throws IOException {
        DataInputStream data = new DataInputStream(in);
        memoryBank.read(data);
        if (data.readBoolean()) {
            faceTally.read(data, trainingSet.faces());
        }
    }

    private Map<String, String> state() {
        Map<String, String> state = new LinkedHashMap<>();
        if (tally.batches() > 0) {
            state.put("tally", tally.format());
        }
        state.putAll(treatments.state());
        state.putAll(leftOut.state(trainingSet.faces()));
        for (int i = 0; i < diagnoses.size(); i++) {
            state.put("diagnosis." + i, TrainingLogs.format(diagnoses.get(i)));
        }
        doctor.state().forEach((name, value) -> state.put("doctor." + name, value));
        return state;
    }

    private static Map<String, String> below(Map<String, String> all, String prefix) {
        Map<String, String> out = new LinkedHashMap<>();
        all.forEach((name, value) -> {
            if (name.startsWith(prefix)) {
                out.put(name.substring(prefix.length()), value);
            }
        });
        return out;
    }

    private void epoch(int epoch, BatchLoader batches) throws IOException {
        describe(false);
        if (tally.batches() == 0) {
            faceTally.nextEpoch();
            if (!treatments.miner().inEpoch(epoch).equals(treatments.miner().inEpoch(epoch - 1))) {
                doctor.forget();
            }
        }
        for (int batch = tally.batches(); batch < trainer.batchesPerEpoch; batch++) {
            serve(epoch, batch);
            try {
                step(epoch, batch, batches);
            } catch (InterruptedIOException e) { // before anything was learnt from the batch
                leave(new Place(epoch - 1, batch));
                throw e;
            }
            if (batch + 1 < trainer.batchesPerEpoch && isCheckpointDue(batch + 1)) {
                writeCheckpoint(new Place(epoch - 1, batch + 1), true);
            }
        }
        history.add(tally.metrics(epoch, sampler.identitiesInEpoch(epoch, trainer.batchesPerEpoch)));
        tally = new EpochTally();
        // Saved before it is evaluated: an evaluation that takes the process down costs no epoch.
        Checkpoint checkpoint = writeCheckpoint(new Place(epoch, 0), trainer.evaluations.isEmpty());
        evaluate(checkpoint);
        report();
        emit(new TrainingEvent.EpochCompleted(history.last()));
    }

    private boolean isCheckpointDue(int batchesDone) {
        return (trainer.checkpointBatches > 0 && batchesDone % trainer.checkpointBatches == 0)
                || (trainer.checkpointInterval != null
                        && System.nanoTime() - lastCheckpointNanos >= trainer.checkpointInterval.toNanos());
    }

    private Checkpoint writeCheckpoint(Place place, boolean evaluated) throws IOException {
        describe(false);
        Checkpoint checkpoint = checkpoints.write(
                model,
                this::writeMemory,
                place,
                evaluated,
                configuration,
                provenance(),
                state(),
                history.lines(),
                history.best(trainer.keepBest));
        lastCheckpoint = place;
        lastCheckpointNanos = System.nanoTime();
        emit(new TrainingEvent.CheckpointWritten(place.epoch(), place.batch(), checkpoints.modelFile(place)));
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
                    emit(new TrainingEvent.Paused(true));
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
            pausedNanos += System.nanoTime() - arrived;
            emit(new TrainingEvent.Paused(false));
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
            throw cancelled(place);
        }
    }

    private static CancellationException cancelled(Place place) {
        return new CancellationException("the training was cancelled after " + place.epoch() + " epochs and "
                + place.batch() + " batches; the same call goes on from there");
    }

    private void evaluate(Place place, CompletableFuture<Map<String, Double>> answer) throws IOException {
        try {
            answer.complete(evaluateAll(place));
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
            directory.write(name, model::writeState);
            answer.complete(directory.resolve(name));
        } catch (IOException | RuntimeException e) {
            answer.completeExceptionally(e);
        }
    }

    private Optimizer optimizer(int epoch, int batch) {
        double done = epoch - 1 + (double) batch / trainer.batchesPerEpoch;
        double begin = trainer.keepOptimizerMemory ? 0 : trainer.firstEpoch - 1;
        double factor = trainer.schedule.factor(done, begin);
        checkArgument(
                factor >= 0 && Double.isFinite(factor),
                "the learning-rate schedule (%s) gives the factor %s after %s epochs; it must be finite and not negative",
                Description.of(trainer.schedule),
                factor,
                done);
        return trainer.optimizer.withLearningRate(trainer.optimizer.learningRate() * factor * treatments.rateFactor());
    }

    private void step(int epoch, int batch, BatchLoader batches) throws IOException {
        long stepStart = System.nanoTime();
        long waitedBefore = batches.waitedNanos();
        BatchLoader.Loaded loaded = batches.loadReadable(
                epoch, batch, (face, reason) -> emit(new TrainingEvent.ImageSkipped(epoch, batch + 1, face, reason)));
        FaceBatch faces = loaded.batch();
        Optimizer optimizer = optimizer(epoch, batch);
        Triplets triplets;
        MiningBatch in;
        double loss = Double.NaN;
        double gradientNorm = Double.NaN;
        try (ForwardPass pass = model.forward(faces, plan)) {
            in = miningBatch(epoch, batch, faces, pass.embeddings());
            Triplets mined = treatments.miner().mine(in);
            checkState(mined != null, "the miner %s returned null, not triplets", Description.of(treatments.miner()));
            triplets = TripletMiner.counted(mined);
            if (!triplets.isEmpty()) {
                loss = trainer.loss.value(in, triplets);
                EmbeddingBatch gradient = trainer.loss.gradient(in, triplets);
                if (!Double.isFinite(loss) || gradient.firstNonFinite() >= 0) {
                    throw notFinite(epoch, batch, "the loss (" + loss + ") or its gradient");
                }
                StepReport report = pass.update(gradient, optimizer);
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
        Vitals vitals = Vitals.of(in.embeddings(), statistics, !triplets.isEmpty(), gradientNorm);
        memoryBank.add(in.embeddings(), faces.identities());
        if (trainer.reportFaces) {
            faceTally.observe(in, loaded.faces());
        }
        Duration remaining = remaining(epoch, batch);
        if (triplets.isEmpty()) {
            tally.empty(faces.size(), statistics, vitals);
        } else {
            tally.step(faces.size(), triplets, loss, optimizer.learningRate(), vitals);
        }
        double seconds = (System.nanoTime() - stepStart) / 1e9;
        tally.time(seconds, (batches.waitedNanos() - waitedBefore) / 1e9);
        control.report(
                new TrainingProgress(epoch, trainer.epochs, batch + 1, trainer.batchesPerEpoch, loss, remaining));
        emit(
                triplets.isEmpty()
                        ? new TrainingEvent.EmptyBatch(epoch, batch + 1, trainer.batchesPerEpoch, statistics, remaining)
                        : new TrainingEvent.StepCompleted(
                                epoch,
                                batch + 1,
                                trainer.batchesPerEpoch,
                                faces.size(),
                                triplets.size(),
                                statistics,
                                loss,
                                gradientNorm,
                                faces.size() / seconds,
                                remaining));
        doctor.examine(epoch, batch + 1, vitals).forEach(this::diagnose);
    }

    private void diagnose(Diagnosis diagnosis) {
        ConvergenceDoctor.remember(diagnoses, diagnosis);
        emit(new TrainingEvent.Diagnosed(diagnosis));
        treatments.treat(diagnosis.condition()).ifPresent(treatment -> {
            if (treatment instanceof Treatment.SwitchMiner) {
                doctor.forget();
            }
            emit(new TrainingEvent.Treated(diagnosis, treatment));
        });
    }

    private void diagnoseEpoch() {
        judgedBy(".auc")
                .or(() -> judgedBy("." + Evaluation.ACCURACY))
                .flatMap(figure -> ConvergenceDoctor.overfitting(history.epochs(), figure))
                .ifPresent(this::diagnose);
    }

    /** The figure of the first evaluation that has given one in any epoch. */
    private Optional<String> judgedBy(String suffix) {
        return trainer.evaluations.keySet().stream()
                .map(name -> name + suffix)
                .filter(history::has)
                .findFirst();
    }

    private MiningBatch miningBatch(int epoch, int batch, FaceBatch faces, EmbeddingBatch embeddings) {
        int image = embeddings.firstNonFinite();
        if (image >= 0) {
            throw notFinite(epoch, batch, "the embedding of image " + image + " of the batch");
        }
        MiningBatch in = MiningBatch.of(
                embeddings, faces.identities(), faces.roles(), trainer.margin, new Draws(trainer.seed, epoch, batch));
        long batchesBefore = (long) (epoch - trainer.firstEpoch) * trainer.batchesPerEpoch + batch;
        return memoryBank.size() > 0 && batchesBefore >= trainer.memoryBankAfter
                ? in.withReferences(memoryBank.embeddings(), memoryBank.identities())
                : in;
    }

    private IllegalStateException notFinite(int epoch, int batch, String what) {
        return new IllegalStateException("training stopped in epoch " + epoch + ", batch " + (batch + 1) + ": " + what
                + " is NaN or infinite; last good checkpoint: "
                + (lastCheckpoint == null ? "none yet" : checkpoints.modelFile(lastCheckpoint))
                + "; a lower learning rate may help");
    }

    private Duration remaining(int epoch, int batch) {
        long left = (long) (trainer.epochs - epoch + 1) * trainer.batchesPerEpoch - batch - 1;
        return Duration.ofNanos((long) ((double) (System.nanoTime() - start - pausedNanos) / stepsDone * left));
    }

    private void evaluate(Checkpoint checkpoint) throws IOException {
        if (trainer.evaluations.isEmpty()) {
            return;
        }
        history.evaluate(evaluateAll(new Place(lastEpoch(), 0)));
        describe(true);
        cautions.ofBest(trainer.keepBest, history.last().evaluation());
        diagnoseEpoch();
        checkpoints.write(checkpoint.evaluated(state(), history.lines()));
    }

    /**
     * Tells the network what its file shall say about it.
     *
     * @param evaluated whether the last epoch's evaluation, if there was one, is of the present weights
     */
    private void describe(boolean evaluated) {
        FaceDataset faces = trainingSet.faces();
        TreeMap<String, Long> counts = new TreeMap<>();
        counts.put("identities", (long) faces.identities().size());
        counts.put("images", (long) faces.size());
        counts.put("epochs", (long) lastEpoch());
        counts.put("batchesPerEpoch", (long) trainer.batchesPerEpoch);
        TreeMap<String, String> hashes = new TreeMap<>();
        hashes.put("trainingSet", trainingSet.fingerprint());
        hashes.put(
                "configuration",
                Hashing.sha256()
                        .hashString(configuration.toString(), StandardCharsets.UTF_8)
                        .toString());
        Map<String, Double> figures =
                evaluated && !history.isEmpty() ? history.last().evaluation() : Map.of();
        // The validation set's threshold if there is one, or that of the first evaluation that has one.
        String name = Stream.concat(Stream.of(Trainer.VALIDATION), trainer.evaluations.keySet().stream())
                .filter(evaluation -> figures.containsKey(evaluation + ".threshold"))
                .findFirst()
                .orElse("");
        model.describe(new TrainingRecord(
                faces.alignmentProfile(),
                figure(figures, name + ".threshold"),
                figure(figures, name + ".thresholdConfidence"),
                counts,
                hashes));
    }

    private static OptionalDouble figure(Map<String, Double> figures, String name) {
        Double value = figures.get(name);
        return value == null || !Double.isFinite(value) || value < 0 // an evaluation may say anything
                ? OptionalDouble.empty()
                : OptionalDouble.of(value);
    }

    /** The network as evaluations see it; a cancelled training does not wait for the rest of their faces. */
    private FaceEmbedder evaluated() {
        FaceEmbedder averaged = model.averaged();
        return new FaceEmbedder() {
            @Override
            public int imageSize() {
                return averaged.imageSize();
            }

            @Override
            public int dimension() {
                return averaged.dimension();
            }

            @Override
            public Optional<AlignmentProfile> alignmentProfile() {
                return averaged.alignmentProfile();
            }

            @Override
            public EmbeddingBatch embed(List<RgbImage> faces) {
                if (control.isCancelled()) {
                    throw new CancellationException("the training was cancelled");
                }
                return averaged.embed(faces);
            }
        };
    }

    private Map<String, Double> evaluateAll(Place place) throws InterruptedIOException {
        int epoch = place.epoch();
        Map<String, Double> all = new LinkedHashMap<>();
        for (Map.Entry<String, Evaluation> evaluation : trainer.evaluations.entrySet()) {
            String name = evaluation.getKey();
            TrainingEvent outcome;
            try {
                Evaluation.Outcome found = evaluation.getValue().outcome(evaluated());
                Map<String, Double> figures = found.figures();
                figures.keySet()
                        .forEach(figure ->
                                checkArgument(figure.matches("[\\w.@-]+"), "a figure cannot be named '%s'", figure));
                figures.forEach((figure, value) -> all.put(name + "." + figure, value));
                rocs.put(name, found.roc());
                outcome = new TrainingEvent.EvaluationCompleted(
                        epoch, name, Collections.unmodifiableMap(new LinkedHashMap<>(figures)));
            } catch (Throwable e) { // errors too: out of memory for an evaluation is not out of memory for training
                if (control.isCancelled()) {
                    throw cancelled(place);
                }
                if (Interruption.isCauseOf(e)) {
                    throw Interruption.of("evaluating " + name, e);
                }
                outcome = new TrainingEvent.EvaluationFailed(epoch, name, e);
            }
            emit(outcome);
        }
        return all;
    }

    private void report() throws IOException {
        String accuracy = trainer.evaluations.isEmpty()
                ? null
                : judgedBy("." + Evaluation.ACCURACY).orElse(Evaluation.ACCURACY);
        logs.write(history.epochs(), accuracy);
        logs.writeNotes(configuration, diagnoses, rocs);
        if (!trainer.reportFaces) {
            logs.deleteFaces();
        } else if (!faceTally.isEmpty()) {
            logs.writeFaces(faceTally);
        }
        if (!trainer.plots) {
            return;
        }
        try {
            TrainingPlots.write(trainer.workDirectory);
            HtmlReport.write(trainer.workDirectory);
        } catch (IOException | RuntimeException | LinkageError | InternalError e) {
            // Drawing needs fonts, which a bare server may lack; Java says so in several ways.
            emit(new TrainingEvent.PlotsFailed(lastEpoch(), e));
        }
    }

    private void emit(TrainingEvent event) {
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
        trainer.listeners.forEach(listener -> listener.onEvent(event));
    }
}
