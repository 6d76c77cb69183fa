package org.openface.triplet.training;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.Augmentation;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.Distance;
import org.openface.core.embedding.Optimizer;
import org.openface.core.internal.batch.BatchPlan;
import org.openface.core.sampling.BatchSampler;
import org.openface.triplet.internal.Description;
import org.openface.triplet.internal.checkpoint.Checkpoint;
import org.openface.triplet.internal.checkpoint.Retention;
import org.openface.triplet.loss.Objective;
import org.openface.triplet.loss.TripletLoss;
import org.openface.triplet.mining.Draws;
import org.openface.triplet.mining.Miner;
import org.openface.triplet.mining.TripletMiner;

/**
 * What a training is configured with, beside the network, its faces and its folder; the initial values are the defaults. What
 * each means is said at the method of its name in {@link Trainer.Builder}. Written to by a builder only; a trainer has a copy
 * that nobody changes.
 */
final class Settings {
    /** Name of the evaluation on the validation set. */
    static final String VALIDATION = "validation";

    private static final long DEFAULT_MEMORY_BUDGET = 2L << 30;

    @Nullable
    FaceDataset validationSet;

    @Nullable
    Evaluation validation;

    /** In place of the next four. */
    @Nullable
    BatchSampler sampler;

    boolean shapeGiven;
    int identitiesPerBatch = 15;
    int imagesPerIdentity = 20;
    int extraNegatives;
    boolean coverIdentities;
    boolean horizontalFlip = true;
    int batchesPerEpoch = 250;
    int epochs = 1000;
    float margin = 0.2f;
    Miner miner = TripletMiner.openFace();
    Distance distance = Distance.SQUARED_EUCLIDEAN;
    int memoryBank;
    int memoryBankAfter;
    Objective loss = TripletLoss.margin();
    Optimizer optimizer = Optimizer.adam(1e-3);
    long seed = 2;
    long memoryBudget = DEFAULT_MEMORY_BUDGET;
    int loaderThreads; // 0: the loader's default
    LearningRateSchedule schedule = LearningRateSchedule.constant();
    Augmentation augmentation = Augmentation.none();
    Map<Diagnosis.Condition, Treatment> treatments = new EnumMap<>(Diagnosis.Condition.class);
    int keepCheckpoints = 2;
    int keepEvery;

    @Nullable
    String keepBest;

    int statisticsImages;
    int checkpointBatches;

    @Nullable
    Duration checkpointInterval;

    @Nullable
    Path startFrom;

    boolean keepOptimizerMemory;
    boolean resumeOnAnotherExecutor;
    int firstEpoch = 1;
    boolean plots = true;
    boolean reportFaces = true;
    Map<String, Evaluation> evaluations = new LinkedHashMap<>();
    List<Consumer<TrainingEvent>> listeners = new ArrayList<>();

    /** The same settings, which no change of these reaches. */
    Settings copy() {
        Settings copy = new Settings();
        copy.validationSet = validationSet;
        copy.validation = validation;
        copy.sampler = sampler;
        copy.shapeGiven = shapeGiven;
        copy.identitiesPerBatch = identitiesPerBatch;
        copy.imagesPerIdentity = imagesPerIdentity;
        copy.extraNegatives = extraNegatives;
        copy.coverIdentities = coverIdentities;
        copy.horizontalFlip = horizontalFlip;
        copy.batchesPerEpoch = batchesPerEpoch;
        copy.epochs = epochs;
        copy.margin = margin;
        copy.miner = miner;
        copy.distance = distance;
        copy.memoryBank = memoryBank;
        copy.memoryBankAfter = memoryBankAfter;
        copy.loss = loss;
        copy.optimizer = optimizer;
        copy.seed = seed;
        copy.memoryBudget = memoryBudget;
        copy.loaderThreads = loaderThreads;
        copy.schedule = schedule;
        copy.augmentation = augmentation;
        copy.treatments = new EnumMap<>(treatments); // its order is in describe()
        copy.keepCheckpoints = keepCheckpoints;
        copy.keepEvery = keepEvery;
        copy.keepBest = keepBest;
        copy.statisticsImages = statisticsImages;
        copy.checkpointBatches = checkpointBatches;
        copy.checkpointInterval = checkpointInterval;
        copy.startFrom = startFrom;
        copy.keepOptimizerMemory = keepOptimizerMemory;
        copy.resumeOnAnotherExecutor = resumeOnAnotherExecutor;
        copy.firstEpoch = firstEpoch;
        copy.plots = plots;
        copy.reportFaces = reportFaces;
        copy.evaluations = new LinkedHashMap<>(evaluations);
        copy.listeners = List.copyOf(listeners);
        return copy;
    }

    /** All evaluations by name, that on the validation set last. */
    Map<String, Evaluation> evaluations() {
        Map<String, Evaluation> all = new LinkedHashMap<>(evaluations);
        if (validation != null) {
            all.put(VALIDATION, validation);
        }
        return all;
    }

    Retention retention() {
        return new Retention(keepCheckpoints, keepEvery);
    }

    /** What draws the batches from some faces. */
    BatchPlan sampler(FaceDataset faces) {
        if (sampler != null) {
            return BatchPlan.of(sampler, faces, batchesPerEpoch, horizontalFlip, seed);
        }
        BatchPlan.Builder batches = BatchPlan.builder(faces)
                .identitiesPerBatch(identitiesPerBatch)
                .imagesPerIdentity(imagesPerIdentity)
                .extraNegatives(extraNegatives)
                .horizontalFlip(horizontalFlip)
                .seed(seed);
        if (coverIdentities) {
            batches.coverIdentities(batchesPerEpoch);
        }
        return batches.build();
    }

    /** The settings that decide the result, in words; what depends on files or the network is added by the run. */
    Map<String, String> describe() {
        Map<String, String> words = new LinkedHashMap<>();
        if (sampler == null) {
            words.put("identitiesPerBatch", Integer.toString(identitiesPerBatch));
            words.put("imagesPerIdentity", Integer.toString(imagesPerIdentity));
            words.put("extraNegatives", Integer.toString(extraNegatives));
            words.put(Checkpoint.COVER_IDENTITIES, Boolean.toString(coverIdentities));
        } else {
            words.put("sampler", Description.of(sampler));
        }
        words.put("horizontalFlip", Boolean.toString(horizontalFlip));
        words.put("batchesPerEpoch", Integer.toString(batchesPerEpoch));
        words.put("margin", Float.toString(margin));
        words.put("miner", Description.of(miner));
        if (Stream.concat(Stream.of(miner), switchedMiners()).anyMatch(Miner::drawsNewNumbers)) {
            words.put("draws", Draws.VERSION);
        }
        words.put(
                Checkpoint.MEMORY_BANK,
                memoryBank == 0
                        ? Checkpoint.NO_MEMORY_BANK
                        : memoryBank + " embeddings after " + memoryBankAfter + " batches");
        words.put("loss", Description.of(loss));
        if (distance != Distance.SQUARED_EUCLIDEAN) { // which runs of earlier versions do not mention
            words.put("distance", distance.toString());
        }
        words.put("optimizer", optimizer.toString());
        words.put("learningRate", Description.of(schedule));
        words.put("augmentation", Description.of(augmentation));
        if (statisticsImages > 0) { // which runs of earlier versions do not mention
            words.put("batchStatistics", "estimated from " + statisticsImages + " images");
        }
        words.put("seed", Long.toString(seed));
        words.put("firstEpoch", Integer.toString(firstEpoch));
        words.put("treatments", treatments.toString());
        return words;
    }

    private Stream<Miner> switchedMiners() {
        return treatments.values().stream()
                .filter(Treatment.SwitchMiner.class::isInstance)
                .map(treatment -> ((Treatment.SwitchMiner) treatment).miner());
    }
}
