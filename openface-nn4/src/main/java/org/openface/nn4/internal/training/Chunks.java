package org.openface.nn4.internal.training;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.SplittableRandom;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.nn4.internal.engine.Executor;

/**
 * A batch cut into chunks that run one after the other in the same memory.
 *
 * @param order which image of the batch stands at each place of the chunks
 * @param start chunk c holds the places from start[c] to start[c + 1]
 */
@SuppressWarnings("ArrayRecordComponent") // handed over, never compared
public record Chunks(int[] order, int[] start) {
    /** Memory for activations and workspaces where none is named, in bytes; that of a training. */
    public static final long DEFAULT_BUDGET = 2L << 30;

    /** Fewer images than this have no batch statistics worth the name. */
    private static final int SMALLEST = 8;
    /** With room for so many, a batch that does not fit can always be cut evenly without a chunk below the smallest. */
    private static final int SMALLEST_ROOM = 2 * SMALLEST - 1;

    /**
     * Cuts batches of up to {@code batchSize} images into as few chunks as the memory allows.
     *
     * @throws IllegalArgumentException if not even the smallest chunk fits
     */
    public static ExecutionPlan plan(Executor executor, int batchSize, long memoryBudget) {
        checkArgument(batchSize > 0, "batchSize (%s) must be positive", batchSize);
        long budget = Math.min(memoryBudget, executor.mostBytes());
        int least = Math.min(batchSize, SMALLEST_ROOM);
        long leastBytes = executor.bytes(least);
        if (leastBytes > budget) {
            throw new IllegalArgumentException(least + " images, the fewest that such a batch can be cut into, need "
                    + megabytes(leastBytes + (1 << 20) - 1) + " MB but "
                    + (budget == memoryBudget
                            ? "the memory budget is " + megabytes(budget) + " MB; raise it"
                            : "JavaCPP may allocate no more than " + megabytes(budget)
                                    + " MB; raise -Xmx, or set -Dorg.bytedeco.javacpp.maxBytes"));
        }
        int chunk = least;
        if (batchSize > least) {
            // Memory grows nearly in proportion, so that few sizes have to be looked at.
            int more = Math.min(batchSize, 2 * SMALLEST_ROOM);
            long perImage = Math.max(1, (executor.bytes(more) - leastBytes) / (more - least));
            long room = least + (budget - leastBytes) / perImage;
            long optimistic = room + room / 32 + 1;
            int chunks = (int) Math.max(1, (batchSize + optimistic - 1) / optimistic);
            chunk = evened(batchSize, chunks);
            while (chunk > least && executor.bytes(chunk) > budget) {
                chunks++;
                chunk = evened(batchSize, chunks);
            }
        }
        return new ExecutionPlan(executor.name(), executor.threads(), batchSize, chunk, executor.bytes(chunk));
    }

    /** Images of the largest of so many chunks; never below the smallest room, which a smaller batch may need. */
    private static int evened(int batchSize, int chunks) {
        return Math.max(Math.min(batchSize, SMALLEST_ROOM), (batchSize + chunks - 1) / chunks);
    }

    private static long megabytes(long bytes) {
        return bytes >> 20;
    }

    /** As few chunks of at most {@code chunkSize} images as will do, which differ by one image at most. */
    public static Chunks of(int images, int chunkSize) {
        int chunks = (images + chunkSize - 1) / chunkSize;
        int[] start = new int[chunks + 1];
        for (int c = 0; c <= chunks; c++) {
            start[c] = (int) ((long) images * c / chunks);
        }
        return new Chunks(chunks == 1 ? identity(images) : shuffled(images), start);
    }

    private static int[] identity(int count) {
        int[] order = new int[count];
        for (int i = 0; i < count; i++) {
            order[i] = i;
        }
        return order;
    }

    /** The same for every batch of one size, so that a resumed training repeats itself. */
    private static int[] shuffled(int count) {
        int[] order = identity(count);
        SplittableRandom random = new SplittableRandom(count);
        for (int i = count - 1; i > 0; i--) {
            int other = random.nextInt(i + 1);
            int swapped = order[i];
            order[i] = order[other];
            order[other] = swapped;
        }
        return order;
    }
}
