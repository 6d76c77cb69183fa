package org.openface.core.internal.batch;

import java.util.List;
import org.openface.core.dataset.Face;
import org.openface.core.embedding.FaceBatch.Role;

/**
 * Which faces make up one batch. The images of one person are neighbours; extra negatives come last.
 *
 * @param epoch the epoch the batch belongs to
 * @param batch its index in the epoch
 * @param entries its images
 */
public record BatchSample(int epoch, int batch, List<Entry> entries) {
    public BatchSample {
        entries = List.copyOf(entries);
    }

    /**
     * One image of a batch.
     *
     * @param face the image
     * @param identity number of its identity in the data set
     * @param role what mining may use it for
     * @param flipped whether left and right are to be exchanged
     */
    public record Entry(Face face, int identity, Role role, boolean flipped) {}

    /** Number of images. */
    public int size() {
        return entries.size();
    }
}
