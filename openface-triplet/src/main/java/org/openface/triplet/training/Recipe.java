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

    /** TBD. */
    static Recipe recommended() {
        return trainer -> {
            openFace().accept(trainer);
            trainer.loss(ClassificationHead.arcFace(0.3, 16))
                    .learningRate(LearningRateSchedule.toTheEnd(0))
                    .estimateStatistics(384);
        };
    }
}
