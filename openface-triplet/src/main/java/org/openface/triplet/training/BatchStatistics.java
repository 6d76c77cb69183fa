package org.openface.triplet.training;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.TrainableEmbedder;
import org.openface.core.image.RgbImage;
import org.openface.core.internal.AddressedRandom;

/**
 * Estimates a network's running statistics from training faces, always the same ones: see {@link
 * Trainer.Builder#estimateStatistics}.
 */
final class BatchStatistics {
    /** A batch of few identities has other statistics than the world. */
    private static final int BATCH = 96;

    private final TrainableEmbedder model;
    private final FaceDataset faces;
    private final int[] chosen;
    private final long memoryBudget;
    /** Read when they are first needed. */
    private final List<RgbImage> images = new ArrayList<>();

    BatchStatistics(TrainableEmbedder model, FaceDataset faces, Settings settings) {
        this.model = model;
        this.faces = faces;
        memoryBudget = settings.memoryBudget;
        chosen = AddressedRandom.at(settings.seed, AddressedRandom.hash("batch statistics"))
                .distinct(Math.min(settings.statisticsImages, faces.size()), faces.size());
    }

    /** Replaces the running statistics, if that was asked for. */
    void estimate() {
        if (chosen.length == 0) {
            return;
        }
        if (images.isEmpty()) {
            for (int face : chosen) {
                try {
                    images.add(faces.faces().get(face).read().resized(model.imageSize(), model.imageSize()));
                } catch (IOException e) {
                    // Left out, as it is of the batches, which report it.
                }
            }
        }
        if (images.size() >= 2) {
            model.estimateBatchStatistics(images, Math.min(BATCH, images.size()), memoryBudget);
        }
    }
}
