package org.openface.triplet.training;

import java.util.function.Consumer;
import org.openface.core.dataset.Augmentation;
import org.openface.core.embedding.Distance;
import org.openface.core.embedding.Optimizer;
import org.openface.triplet.loss.ClassificationHead;
import org.openface.triplet.loss.TripletLoss;
import org.openface.triplet.mining.TripletMiner;

/**
 * How to learn: settings of a {@link Trainer} that go together. Which faces, how many of them in a batch, how long and where stays with
 * whoever trains; what is set after {@link Trainer.Builder#recipe} takes the place of the recipe's.
 */
@FunctionalInterface
public interface Recipe extends Consumer<Trainer.Builder> {
    /**
     * OpenFace's: all pairs with a random violating negative each, the triplet loss with a margin of 0.2 on squared distances, Adam at a
     * constant 1e-3, every other image mirrored. The default of a {@link Trainer}; exact ({@code training/train.lua}).
     */
    static Recipe openFace() {
        return trainer -> trainer.miner(TripletMiner.openFace())
                .loss(TripletLoss.margin())
                .distance(Distance.SQUARED_EUCLIDEAN)
                .margin(0.2f)
                .optimizer(Optimizer.adam(1e-3))
                .learningRate(LearningRateSchedule.constant())
                .augmentation(Augmentation.none())
                .horizontalFlip(true);
    }

    /**
     * What has learnt most from the same photographs in the same steps where we measured it: an ArcFace head in place of triplets, a
     * learning rate that goes down to 0 along a cosine, the average of the weights, and statistics estimated anew.
     *
     * <ul>
     *   <li>{@link ClassificationHead#arcFace}(0.3, 16): every image is compared with all people, not with those that happen to be in its
     *       batch. A margin of 0.5, the paper's, did not learn in a few hundred steps.
     *   <li>{@link LearningRateSchedule#toTheEnd}: the last steps settle what the first have found.
     *   <li>{@link Optimizer#averaged}(0.99): the average is what is evaluated and saved.
     *   <li>{@link Trainer.Builder#estimateStatistics}(384): without it figures jump from epoch to epoch.
     * </ul>
     *
     * <p>The head needs some images of each person and a learning rate that ends: a training is best begun with the number of epochs that
     * it shall have. For a hundred thousand people take a head that is {@link ClassificationHead#sampled}.
     */
    static Recipe recommended() {
        return trainer -> {
            openFace().accept(trainer);
            trainer.loss(ClassificationHead.arcFace(0.3, 16))
                    .optimizer(Optimizer.adam(1e-3).averaged(0.99))
                    .learningRate(LearningRateSchedule.toTheEnd(0))
                    .estimateStatistics(384);
        };
    }
}
