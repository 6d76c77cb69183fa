package org.openface.triplet;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiConsumer;
import org.openface.core.dataset.BatchLoader;
import org.openface.core.dataset.BatchSample;
import org.openface.core.dataset.BatchSampler;
import org.openface.core.dataset.Face;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.Role;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/**
 * The batches of a run. A batch with an image that cannot be read, because it is damaged or has vanished, is read once
 * more image by image and handed over without it.
 */
final class BatchSource implements AutoCloseable {
    private final BatchSampler sampler;
    private final BatchLoader loader;
    private final int imageSize;

    BatchSource(BatchSampler sampler, int imageSize, int batchesPerEpoch) {
        this.sampler = sampler;
        this.imageSize = imageSize;
        loader = BatchLoader.builder(sampler)
                .imageSize(imageSize)
                .batchesPerEpoch(batchesPerEpoch)
                .build();
    }

    /**
     * One batch.
     *
     * @param epoch from 1
     * @param batch from 0
     * @param skipped is told of each image left out, with the reason
     * @throws IOException if more than half of the batch cannot be read, or the thread is interrupted
     */
    FaceBatch load(int epoch, int batch, BiConsumer<Face, String> skipped) throws IOException {
        try {
            return loader.load(epoch, batch);
        } catch (InterruptedIOException e) {
            throw e;
        } catch (IOException e) {
            return loadReadable(epoch, batch, skipped);
        }
    }

    private FaceBatch loadReadable(int epoch, int batch, BiConsumer<Face, String> skipped) throws IOException {
        BatchSample sample = sampler.sample(epoch, batch);
        int floatsPerImage = 3 * imageSize * imageSize;
        float[] pixels = new float[sample.size() * floatsPerImage];
        List<BatchSample.Entry> read = new ArrayList<>();
        int lost = 0;
        for (BatchSample.Entry entry : sample.entries()) {
            try {
                RgbImage face = ImageFiles.read(entry.face().file()).resized(imageSize, imageSize);
                (entry.flipped() ? face.flipped() : face).copyTo(pixels, read.size() * floatsPerImage);
                read.add(entry);
            } catch (IOException e) {
                lost++;
                if (2 * lost > sample.size()) {
                    throw new IOException(
                            "more than half of the images of a batch cannot be read, among them "
                                    + entry.face().file() + ": " + e.getMessage(),
                            e);
                }
                skipped.accept(entry.face(), String.valueOf(e.getMessage()));
            }
        }
        return new FaceBatch(
                imageSize,
                Arrays.copyOf(pixels, read.size() * floatsPerImage),
                read.stream().mapToInt(BatchSample.Entry::identity).toArray(),
                read.stream().<Role>map(BatchSample.Entry::role).toList());
    }

    /** Time that {@link #load} has waited for images so far. */
    double secondsWaited() {
        return loader.waitedNanos() / 1e9;
    }

    @Override
    public void close() {
        loader.close();
    }
}
