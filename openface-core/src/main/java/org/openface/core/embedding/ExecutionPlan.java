package org.openface.core.embedding;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * How training steps are executed: decided once, said to the user and kept in the checkpoint, since another plan may
 * round differently.
 *
 * @param executor what runs the network, such as {@code samediff} or {@code onednn}
 * @param threads compute threads
 * @param batchSize largest batch, in images
 * @param chunkSize images in memory at a time; equal to {@code batchSize} when the batch runs whole
 * @param estimatedBytes memory outside of Java's heap that steps are expected to take, in bytes, with the copies of the
 *     weights that the executor computes with
 */
public record ExecutionPlan(String executor, int threads, int batchSize, int chunkSize, long estimatedBytes) {
    public ExecutionPlan {
        checkArgument(!executor.isEmpty(), "executor must have a name");
        checkArgument(threads > 0, "threads (%s) must be positive", threads);
        checkArgument(batchSize > 0, "batchSize (%s) must be positive", batchSize);
        checkArgument(chunkSize > 0 && chunkSize <= batchSize, "chunkSize (%s) must be 1 to %s", chunkSize, batchSize);
    }
}
