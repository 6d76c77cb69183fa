package org.openface.examples;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.FaceDataset;

/** How many people, and how many images of each, make a batch: fitted to the data, and to a step of 100 images. */
record BatchShape(int identities, int images) {
    /** What a step takes in memory and time grows with its images; on two cores, 100 take some seconds and 2 GB. */
    private static final int MOST_IMAGES = 100;

    private static final int USUAL_IMAGES_PER_IDENTITY = 8;

    /**
     * A shape for a training set.
     *
     * @param identities what the user asked for, if anything
     * @param images what the user asked for, if anything
     */
    static BatchShape fitting(FaceDataset training, @Nullable Integer identities, @Nullable Integer images) {
        int people = training.identities().size();
        int most = IntStream.range(0, people)
                .map(i -> training.faces(i).size())
                .max()
                .orElse(0);
        checkArgument(people >= 2 && most >= 2, "%s: training takes two people, and two images of one", training);
        int k = images != null
                ? images
                : identities != null
                        ? clamp(MOST_IMAGES / identities, 2, most)
                        : Math.min(USUAL_IMAGES_PER_IDENTITY, most);
        int p = identities != null ? identities : clamp(MOST_IMAGES / k, 2, people);
        if (identities == null && images == null) {
            k = clamp(MOST_IMAGES / p, 2, most);
        }
        return new BatchShape(p, k);
    }

    private static int clamp(int value, int least, int most) {
        return Math.max(least, Math.min(value, most));
    }
}
