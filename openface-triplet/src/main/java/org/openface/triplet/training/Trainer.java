package org.openface.triplet.training;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;
import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.Augmentation;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.Distance;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder;
import org.openface.core.eval.Verification;
import org.openface.core.sampling.BatchSampler;
import org.openface.triplet.loss.Objective;
import org.openface.triplet.loss.TripletLoss;
import org.openface.triplet.mining.Miner;
import org.openface.triplet.mining.MiningBatch;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.report.TrainingReport;

/**
 * Trains a network with triplets. Per batch: one forward pass over all images, mining among their embeddings, the loss's
 * gradient mapped onto the embeddings, one backward pass.
 *
 * <p>An epoch is a number of batches, whether or not triplets are found in them; the optimiser's state lasts for the
 * whole run. With {@link Optimizer#averaged} the averaged weights are evaluated. After each epoch the network is written
 * to the work directory ({@code model-0004.nn4}, {@code memory-0004.bin} and {@code checkpoint-0004.properties} for epoch
 * 4), evaluated, and the logs ({@code train.log}, {@code test.log}, {@code metrics.csv}, {@code metrics.jsonl}), plots and
 * {@code report.html} are brought up to date. An evaluation that fails, whatever it throws, is an event, and training goes
 * on.
 *
 * <p>A work directory that holds a checkpoint is gone on with: {@link #fit} takes the newest good one, and the run ends with
 * the same network, bit for bit, as one never interrupted. What decides the result must be the same then; the number of
 * epochs, evaluations, listeners and how many checkpoints are kept may differ. {@code training-set.bin} lists the faces of
 * the training set by person and file name, so that a refusal can name those that are gone, new or changed; only faces that
 * the run has left out already may be gone. A work directory that holds all epochs already returns its result at once.
 *
 * <p>An image that cannot be read is left out of its batch and reported as an event, and so is one that has vanished. The run
 * stops only if nothing of a batch can be read, or if more than half of it is there and cannot. A trainer is immutable; do not run two on one network at a time. A second run in a work directory is
 * refused while the first one lasts, by a lock on its file {@code .lock} that ends with the process; where a network file
 * system has no locks, a warning is logged.
 *
 * <p>The thread may be interrupted: the run then ends before the next batch, with a checkpoint.
 */
public final class Trainer {
    private final TrainableEmbedder model;
    private final FaceDataset trainingSet;
    private final Path workDirectory;
    private final Settings settings;

    private Trainer(TrainableEmbedder model, FaceDataset trainingSet, Path workDirectory, Settings settings) {
        this.model = model;
        this.trainingSet = trainingSet;
        this.workDirectory = workDirectory;
        this.settings = settings;
    }

    /** A trainer to be configured. Model, training set and work directory are required; the defaults are OpenFace's. */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Trains up to the last epoch, or goes on from where an earlier run in the work directory ended. Blocks until then.
     *
     * @return what the run led to; the network holds its weights
     * @throws java.io.InterruptedIOException if the thread is interrupted, which it then still is
     * @throws IOException if the work directory cannot be written or another run is in it, checkpoints are there and none is
     *     usable, or nothing of a batch can be read, or more than half of it is there and cannot
     * @throws IllegalArgumentException if the work directory's run was made with settings that decide the result and
     *     differ from these; the message names them
     * @throws IllegalStateException if an embedding, the loss or a gradient is NaN or infinite; the message says where and
     *     names the last good checkpoint
     */
    public TrainingResult fit() throws IOException {
        return run(new TrainingControl());
    }

    private TrainingResult run(TrainingControl control) throws IOException {
        return TrainingRun.run(model, trainingSet, workDirectory, settings, control);
    }

    /**
     * Trains as {@link #fit} does, on a thread of its own, which also calls the listeners. The training goes on if the
     * handle is dropped, and keeps the Java machine alive.
     *
     * @return what the training can be watched, paused and cancelled with
     */
    public Training start() {
        TrainingControl control = new TrainingControl();
        CompletableFuture<TrainingResult> result = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    try {
                        TrainingResult ended = run(control);
                        control.end(); // first: whoever has the result can ask for nothing more
                        result.complete(ended);
                    } catch (Throwable e) {
                        control.end();
                        result.completeExceptionally(e);
                    }
                },
                "openface-trainer");
        thread.start();
        return new Training(control, result);
    }

    /** Configures a {@link Trainer}: a method with its meaning for each setting, hence the length of this file. */
    public static final class Builder {
        private final Settings settings = new Settings();
        private @Nullable TrainableEmbedder model;
        private @Nullable FaceDataset trainingSet;
        private @Nullable Path workDirectory;

        private Builder() {}

        private static <T> T given(T value, String setting) {
            return requireNonNull(value, () -> setting + "(...) was given null; leave it out for the default");
        }

        /** The network to train. Required. The caller closes it. */
        public Builder model(TrainableEmbedder network) {
            model = given(network, "model");
            return this;
        }

        /**
         * How to learn: {@link Recipe#openFace}, which is the default, {@link Recipe#recommended}, or your own. What is set after this takes
         * the place of the recipe's.
         */
        public Builder recipe(Consumer<Builder> settingsThatGoTogether) {
            given(settingsThatGoTogether, "recipe").accept(this);
            return this;
        }

        /** The faces to learn from. Required. */
        public Builder trainingSet(FaceDataset faces) {
            trainingSet = given(faces, "trainingSet");
            return this;
        }

        /**
         * Faces not learnt from: after each epoch, pairs of them are verified as in {@link Verification#pairs(FaceDataset)},
         * under the name {@code validation}. Optional.
         *
         * @throws IllegalArgumentException if they do not make two pairs of one person and two of different people
         */
        public Builder validationSet(FaceDataset faces) {
            settings.validation = Evaluation.of(Verification.pairs(given(faces, "validationSet")));
            settings.validationSet = faces;
            return this;
        }

        /** Different people in a batch (OpenFace's {@code -peoplePerBatch}); 15 by default. */
        public Builder identitiesPerBatch(int count) {
            checkArgument(
                    count >= 2, "identitiesPerBatch (%s) must be at least 2: a negative is another person", count);
            settings.shapeGiven = true;
            settings.identitiesPerBatch = count;
            return this;
        }

        /** Up to how many images of a person are in a batch (OpenFace's {@code -imagesPerPerson}); 20 by default. */
        public Builder imagesPerIdentity(int count) {
            checkArgument(count >= 2, "imagesPerIdentity (%s) must be at least 2: an anchor and a positive", count);
            settings.shapeGiven = true;
            settings.imagesPerIdentity = count;
            return this;
        }

        /**
         * Random faces of people outside the batch, added as negatives only (Schroff et al., 2015; OpenFace never had them);
         * 0 by default.
         */
        public Builder extraNegatives(int count) {
            checkArgument(count >= 0, "extraNegatives (%s) must not be negative", count);
            settings.shapeGiven = true;
            settings.extraNegatives = count;
            return this;
        }

        /**
         * Whether every identity is drawn before any is drawn again, across epochs too; off by default, as in OpenFace, whose
         * batches each draw from all identities. {@link EpochMetrics#identities} says how many an epoch has shown.
         */
        public Builder coverIdentities(boolean on) {
            settings.shapeGiven = true;
            settings.coverIdentities = on;
            return this;
        }

        /**
         * What chooses the faces of each batch: one of the strategies of {@link BatchSampler}, or your own. In place of {@link
         * #identitiesPerBatch}, {@link #imagesPerIdentity}, {@link #extraNegatives} and {@link #coverIdentities}, which make one up.
         */
        public Builder sampler(BatchSampler strategy) {
            settings.sampler = given(strategy, "sampler");
            return this;
        }

        /** Whether every other image, at random, is mirrored; on by default, as in OpenFace. */
        public Builder horizontalFlip(boolean on) {
            settings.horizontalFlip = on;
            return this;
        }

        /** How training images are changed at random, beside mirroring; not at all by default, as in OpenFace. */
        public Builder augmentation(Augmentation change) {
            settings.augmentation = given(change, "augmentation");
            return this;
        }

        /** Batches in an epoch, those without triplets included (OpenFace's {@code -epochSize}); 250 by default. */
        public Builder batchesPerEpoch(int count) {
            checkArgument(count >= 1, "batchesPerEpoch (%s) must be at least 1", count);
            settings.batchesPerEpoch = count;
            return this;
        }

        /** Epochs in all, those of earlier runs included (OpenFace's {@code -nEpochs}); 1,000 by default. */
        public Builder epochs(int count) {
            checkArgument(count >= 1, "epochs (%s) must be at least 1", count);
            settings.epochs = count;
            return this;
        }

        /**
         * What distances to negatives shall exceed those to positives by (OpenFace's {@code -alpha}), in the unit of the {@link
         * #distance}; 0.2 by default. Miners go by it, and so does a loss that has no margin of its own.
         */
        public Builder margin(float distance) {
            checkArgument(
                    distance >= 0 && Float.isFinite(distance), "margin (%s) must be finite and not negative", distance);
            settings.margin = distance;
            return this;
        }

        /**
         * How distances are measured where triplets are mined, in losses that do not say otherwise, and in the statistics; {@link
         * Distance#SQUARED_EUCLIDEAN} by default, as in OpenFace.
         */
        public Builder distance(Distance measure) {
            settings.distance = given(measure, "distance");
            return this;
        }

        /** Which triplets or pairs are learnt from; {@link TripletMiner#openFace} by default. */
        public Builder miner(Miner strategy) {
            settings.miner = given(strategy, "miner");
            return this;
        }

        /**
         * Keeps the embeddings of the last batches as further negatives: a cross-batch memory (Wang et al., "Cross-Batch
         * Memory for Embedding Learning", CVPR 2020). They cost neither memory for activations nor a pass through the
         * network, get no gradient, and the miner sees them as {@link MiningBatch#references}. None by default, as in
         * OpenFace.
         *
         * @param embeddings how many are kept, extra negatives' included; the oldest make way
         */
        public Builder memoryBank(int embeddings) {
            return memoryBank(embeddings, 0);
        }

        /**
         * As {@link #memoryBank(int)}, put to use later: at first embeddings change too fast for old ones to mean much.
         *
         * @param embeddings how many are kept
         * @param afterBatches batches of this training before the first that uses them, counted over epochs; the last of
         *     them fill the memory
         */
        public Builder memoryBank(int embeddings, int afterBatches) {
            checkArgument(embeddings >= 1, "memoryBank (%s) must keep at least 1 embedding", embeddings);
            checkArgument(afterBatches >= 0, "afterBatches (%s) must not be negative", afterBatches);
            settings.memoryBank = embeddings;
            settings.memoryBankAfter = afterBatches;
            return this;
        }

        /** What is minimised: one of the {@link org.openface.triplet.loss losses}, a sum of them, or your own; {@link TripletLoss#margin} by default. */
        public Builder loss(Objective function) {
            settings.loss = given(function, "loss");
            return this;
        }

        /** How weights are changed; Adam with a learning rate of 1e-3 by default. */
        public Builder optimizer(Optimizer rule) {
            settings.optimizer = given(rule, "optimizer");
            return this;
        }

        /** How the optimiser's learning rate changes over the epochs; constant by default, as in OpenFace. */
        public Builder learningRate(LearningRateSchedule overEpochs) {
            settings.schedule = given(overEpochs, "learningRate");
            return this;
        }

        /**
         * What to do by itself when something looks wrong. By default a {@link Diagnosis} is an event and a line in the
         * report, and nothing else changes.
         */
        public Builder treat(Diagnosis.Condition condition, Treatment treatment) {
            settings.treatments.put(given(condition, "treat"), given(treatment, "treat"));
            return this;
        }

        /**
         * Begins with the weights of a model file (OpenFace's {@code -retrain}) instead of the network's own. Only where
         * the work directory holds no checkpoint yet; in a resumed run the file must still be the same.
         */
        public Builder startFrom(Path modelFile) {
            settings.startFrom = given(modelFile, "startFrom");
            return this;
        }

        /**
         * With {@link #startFrom}: whether to take the optimiser's memory along, if the file has one. Off by default, as
         * OpenFace did.
         */
        public Builder keepOptimizerMemory(boolean on) {
            settings.keepOptimizerMemory = on;
            return this;
        }

        /**
         * Whether a run that was begun with another executor is gone on with, as on another kind of processor or without
         * oneDNN. Off by default: executors round otherwise, and the run then does not end with the same bits as without the
         * move.
         */
        public Builder resumeOnAnotherExecutor(boolean on) {
            settings.resumeOnAnotherExecutor = on;
            return this;
        }

        /**
         * Number of the first epoch (OpenFace's {@code -epochNumber}); 1 by default. Batches are chosen by the number of
         * their epoch, so that a training that goes on from another's model sees new ones.
         */
        public Builder firstEpoch(int number) {
            checkArgument(number >= 1, "firstEpoch (%s) must be at least 1", number);
            settings.firstEpoch = number;
            return this;
        }

        /** Start of all random choices of batches and triplets (OpenFace's {@code -manualSeed}); 2 by default. */
        public Builder seed(long start) {
            settings.seed = start;
            return this;
        }

        /**
         * Bytes that a step may take beyond the weights; 2 GiB by default. A batch that does not fit is executed in chunks
         * if the network can. Never taken from the machine at hand, since the size of chunks decides the result.
         */
        public Builder memoryBudget(long bytes) {
            checkArgument(bytes > 0, "memoryBudget (%s) must be positive", bytes);
            settings.memoryBudget = bytes;
            return this;
        }

        /**
         * Threads that read images (OpenFace's {@code -nDonkeys}); half of the processors by default, at most 4. The result
         * does not depend on it.
         */
        public Builder loaderThreads(int count) {
            checkArgument(count >= 1, "loaderThreads (%s) must be at least 1", count);
            settings.loaderThreads = count;
            return this;
        }

        /** Folder for checkpoints, logs and plots (OpenFace's {@code -save}), made if missing. Required. */
        public Builder workDirectory(Path folder) {
            workDirectory = given(folder, "workDirectory");
            return this;
        }

        /** Writes a checkpoint within an epoch too, after every {@code count} batches. */
        public Builder checkpointEveryBatches(int count) {
            checkArgument(count >= 1, "checkpointEveryBatches (%s) must be at least 1", count);
            settings.checkpointBatches = count;
            return this;
        }

        /** Writes a checkpoint within an epoch too, after the first batch that ends so long after the one before. */
        public Builder checkpointEvery(Duration time) {
            checkArgument(!time.isNegative() && !time.isZero(), "checkpointEvery (%s) must be positive", time);
            settings.checkpointInterval = time;
            return this;
        }

        /** Keeps the checkpoint of every epoch whose number is a multiple of {@code epochs}. */
        public Builder keepEvery(int epochs) {
            checkArgument(epochs >= 1, "keepEvery (%s) must be at least 1", epochs);
            settings.keepEvery = epochs;
            return this;
        }

        /**
         * Keeps the checkpoint of the epoch with the highest value of an evaluation's figure.
         *
         * @param figure such as {@code validation.auc}
         */
        public Builder keepBest(String figure) {
            settings.keepBest = given(figure, "keepBest");
            return this;
        }

        /**
         * How many of the newest checkpoints are kept, of whole epochs and of those within the epoch under way; 2 by
         * default, so that one can be damaged.
         */
        public Builder keepCheckpoints(int count) {
            checkArgument(count >= 1, "keepCheckpoints (%s) must be at least 1", count);
            settings.keepCheckpoints = count;
            return this;
        }

        /**
         * Whether the report names people and shows photographs: hardest pairs, and images and identities whose label may be
         * wrong. On by default; off, there are no {@code hardest-pairs.tsv}, {@code label-noise.tsv} and {@code
         * identity-pairs.tsv}, and those of an earlier run are deleted.
         */
        public Builder reportFaces(boolean on) {
            settings.reportFaces = on;
            return this;
        }

        /** Whether curves and the report are drawn after each epoch: {@link TrainingReport}; on by default. */
        public Builder plots(boolean on) {
            settings.plots = on;
            return this;
        }

        /**
         * Estimates batch normalisation's running statistics anew, from training images as they are, before each epoch's evaluation and
         * checkpoint and before each snapshot. Running averages trail behind weights that change fast, so that without this figures of
         * a short training jump by a few hundredths. Weights do not depend on it. Off by default, as in OpenFace.
         *
         * @param images how many, drawn by the seed; 384 is plenty
         */
        public Builder estimateStatistics(int images) {
            checkArgument(images >= 2, "estimateStatistics (%s) needs at least 2 images", images);
            settings.statisticsImages = images;
            return this;
        }

        /** Verifies pairs of faces after each epoch, such as LFW's, under the name {@code verification}. */
        public Builder evaluateEachEpoch(Verification pairs) {
            return evaluateEachEpoch("verification", Evaluation.of(given(pairs, "evaluateEachEpoch")));
        }

        /**
         * Evaluates the network after each epoch. May be called several times; the accuracy of the first one that has an
         * accuracy, or else of the {@link #validationSet}, goes into {@code test.log}.
         *
         * @param name of letters, digits and {@code _ @ -}; prefix of the figures in {@code metrics.csv}
         * @throws IllegalArgumentException if the name has other characters or was used before
         */
        public Builder evaluateEachEpoch(String name, Evaluation evaluation) {
            checkArgument(name.matches("[\\w@-]+"), "the name of an evaluation cannot be '%s'", name);
            checkArgument(
                    !settings.evaluations.containsKey(name) && !name.equals(Settings.VALIDATION),
                    "there is an evaluation '%s' already",
                    name);
            settings.evaluations.put(name, given(evaluation, "evaluateEachEpoch"));
            return this;
        }

        /** Hears of each epoch that ends. */
        public Builder onEpoch(Consumer<EpochMetrics> listener) {
            given(listener, "onEpoch");
            return listener(event -> {
                if (event instanceof TrainingEvent.EpochCompleted completed) {
                    listener.accept(completed.metrics());
                }
            });
        }

        /**
         * Hears of everything, in order, on the thread that trains. Training waits for it; an exception that it throws stops
         * the run. May be called several times.
         */
        public Builder listener(Consumer<TrainingEvent> listener) {
            settings.listeners.add(given(listener, "listener"));
            return this;
        }

        /**
         * The trainer; nothing is read or computed yet.
         *
         * @throws IllegalStateException if model, training set or work directory is missing
         * @throws IllegalArgumentException if the training set has too few identities for a batch, or nobody has two images
         */
        public Trainer build() {
            checkState(model != null, "a trainer needs a network: call model(...)");
            checkState(trainingSet != null, "a trainer needs faces: call trainingSet(...)");
            checkState(workDirectory != null, "a trainer needs a folder to write to: call workDirectory(...)");
            checkArgument(
                    settings.firstEpoch <= settings.epochs,
                    "firstEpoch is %s and the last epoch %s: epochs(...) counts those before the first too",
                    settings.firstEpoch,
                    settings.epochs);
            checkArgument(
                    settings.startFrom != null || !settings.keepOptimizerMemory,
                    "keepOptimizerMemory is about startFrom(...), which is missing");
            checkArgument(
                    (long) settings.memoryBank * model.dimension() <= Integer.MAX_VALUE / Float.BYTES,
                    "memoryBank (%s) embeddings of %s floats are more than 2 GiB; keep fewer",
                    settings.memoryBank,
                    model.dimension());
            checkArgument(
                    settings.sampler == null || !settings.shapeGiven,
                    "sampler(%s) chooses the faces of a batch: leave out identitiesPerBatch, imagesPerIdentity,"
                            + " extraNegatives and coverIdentities",
                    settings.sampler);
            settings.sampler(trainingSet); // refuses what cannot be sampled
            return new Trainer(model, trainingSet, workDirectory, settings.copy());
        }

        /** Builds and trains: {@link Trainer#fit}. */
        public TrainingResult fit() throws IOException {
            return build().fit();
        }

        /** Builds and trains in the background: {@link Trainer#start}. */
        public Training start() {
            return build().start();
        }
    }
}
