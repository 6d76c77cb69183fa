package org.openface.benchmarks;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.openface.core.embedding.Distance;
import org.openface.core.embedding.Optimizer;
import org.openface.nn4.Nn4Model.Precision;
import org.openface.triplet.loss.CircleLoss;
import org.openface.triplet.loss.ClassificationHead;
import org.openface.triplet.loss.ContrastiveLoss;
import org.openface.triplet.loss.LearntMarginLoss;
import org.openface.triplet.loss.MultiSimilarityLoss;
import org.openface.triplet.loss.Reduction;
import org.openface.triplet.loss.SoftmaxContrastiveLoss;
import org.openface.triplet.loss.TripletLoss;
import org.openface.triplet.mining.NegativeSelector;
import org.openface.triplet.mining.PairMiner;
import org.openface.triplet.mining.PairSelector;
import org.openface.triplet.mining.TripletFilter;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.training.LearningRateSchedule;
import org.openface.triplet.training.Recipe;
import org.openface.triplet.training.Trainer;

/**
 * Ways to learn, by name: what differs from OpenFace's recipe. With {@code -cosine} behind its name one has the schedule of {@code
 * openface-cosine}, with {@code -bfloat16} it is learnt in that precision.
 */
final class Strategies {
    private static final String BFLOAT16 = "-bfloat16";
    private static final String COSINE = "-cosine";
    private static final Map<String, UnaryOperator<Trainer.Builder>> ALL = new LinkedHashMap<>();

    static {
        ALL.put("openface", t -> t);
        ALL.put("recommended", t -> t.recipe(Recipe.recommended()));
        ALL.put("semi-hard", t -> t.miner(TripletMiner.faceNet()));
        ALL.put("batch-hard", t -> t.miner(TripletMiner.batchHard()));
        ALL.put("batch-hard-soft-margin", t -> t.miner(TripletMiner.batchHard()).loss(TripletLoss.softMargin()));
        ALL.put("batch-hard-plain", t -> t.miner(TripletMiner.batchHard()).distance(Distance.EUCLIDEAN));
        ALL.put("batch-hard-plain-from-step-76", t -> t.miner(
                        TripletMiner.openFace().untilEpoch(3, TripletMiner.batchHard()))
                .distance(Distance.EUCLIDEAN));
        ALL.put(
                "batch-hard-from-step-76",
                t -> t.miner(TripletMiner.openFace().untilEpoch(3, TripletMiner.batchHard())));
        ALL.put("random-negatives", t -> t.miner(TripletMiner.randomNegatives()));
        ALL.put(
                "extra-negatives",
                t -> t.identitiesPerBatch(10).imagesPerIdentity(8).extraNegatives(16));
        ALL.put("sum-over-triplets", t -> t.loss(TripletLoss.margin().overTriplets(Reduction.SUM)));
        ALL.put("mean-over-uses", t -> t.loss(TripletLoss.margin().overUses(Reduction.MEAN)));
        ALL.put("mean-of-nonzero", t -> t.loss(TripletLoss.margin().overTriplets(Reduction.MEAN_OF_NONZERO)));
        ALL.put("swap", t -> t.loss(TripletLoss.margin().swapping()));
        ALL.put("plain-distance", t -> t.distance(Distance.EUCLIDEAN));
        ALL.put("contrastive", t -> t.loss(ContrastiveLoss.of(1)).miner(PairMiner.all()));
        ALL.put("multi-similarity", t -> t.loss(MultiSimilarityLoss.create()).miner(PairMiner.multiSimilarity(0.2f)));
        ALL.put("circle", t -> t.loss(CircleLoss.of(0.25, 64)).miner(PairMiner.all()));
        ALL.put("n-pair", t -> t.loss(SoftmaxContrastiveLoss.nPair(0.1)).miner(PairMiner.all()));
        ALL.put("supervised-contrastive", t -> t.loss(SoftmaxContrastiveLoss.supervised(0.1))
                .miner(PairMiner.all()));
        ALL.put("learnt-margin", t -> t.loss(LearntMarginLoss.create())
                .miner(TripletMiner.of(
                        PairSelector.orderedPairs(), TripletFilter.any(), NegativeSelector.distanceWeighted())));
        ALL.put("arcface", t -> t.loss(ClassificationHead.arcFace(0.3, 16)));
        ALL.put("cosface", t -> t.loss(ClassificationHead.cosFace(0.2, 16)));
        ALL.put(
                "arcface-and-triplet",
                t -> t.loss(TripletLoss.margin().plus(ClassificationHead.arcFace(0.3, 16), 0.1)));
        ALL.put("averaged", t -> t.optimizer(Optimizer.adam(1e-3).averaged(0.98)));
    }

    private Strategies() {}

    /** All names, for messages. */
    static String names() {
        return String.join(", ", ALL.keySet()) + "; each also with " + COSINE + " and " + BFLOAT16 + " behind it";
    }

    static Precision precision(String strategy) {
        return strategy.endsWith(BFLOAT16) ? Precision.BFLOAT16 : Precision.FLOAT32;
    }

    /**
     * Sets up a training of OpenFace's recipe.
     *
     * @throws IllegalArgumentException if there is no such strategy
     */
    static Trainer.Builder apply(String strategy, Trainer.Builder trainer) {
        String name = without(strategy, BFLOAT16);
        String plain = without(name, COSINE);
        UnaryOperator<Trainer.Builder> change = ALL.get(plain);
        if (change == null) {
            throw new IllegalArgumentException("unknown strategy " + strategy + "; there are " + names());
        }
        Trainer.Builder changed = change.apply(trainer);
        return name.equals(plain) ? changed : changed.learningRate(LearningRateSchedule.toTheEnd(0));
    }

    private static String without(String name, String ending) {
        return name.endsWith(ending) ? name.substring(0, name.length() - ending.length()) : name;
    }
}
