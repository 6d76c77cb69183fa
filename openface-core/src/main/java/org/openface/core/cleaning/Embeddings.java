package org.openface.core.cleaning;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import java.io.IOException;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.image.RgbImage;

/** The embeddings of a data set's images, by their numbers there; those that cannot be read have none. */
final class Embeddings {
    private static final int BATCH = 64;

    private final int dimension;
    /** Blocks of embeddings, since all need more floats than one array can hold. */
    private final float[][] blocks;

    private final BitSet there;

    private Embeddings(int dimension, int size) {
        this.dimension = dimension;
        this.there = new BitSet(size);
        blocks = new float[(size + BATCH - 1) / BATCH][];
        for (int b = 0; b < blocks.length; b++) {
            blocks[b] = new float[Math.min(BATCH, size - b * BATCH) * dimension];
        }
    }

    /**
     * Embeds all faces, scaled to the embedder's size.
     *
     * @throws IllegalArgumentException if the embedder was trained on faces aligned otherwise
     * @throws IllegalStateException if it returns too few embeddings, or values that are not finite, naming the image
     */
    static Embeddings of(FaceDataset dataset, FaceEmbedder embedder, Parallel.Watch watch) throws IOException {
        return of(List.of(dataset), embedder, watch);
    }

    /** The second data set's images are numbered on from the first's. */
    static Embeddings of(List<FaceDataset> datasets, FaceEmbedder embedder, Parallel.Watch watch) throws IOException {
        Embeddings embeddings = new Embeddings(
                embedder.dimension(),
                datasets.stream().mapToInt(FaceDataset::size).sum());
        int offset = 0;
        for (FaceDataset dataset : datasets) {
            embeddings.embed(dataset, offset, embedder, watch);
            offset += dataset.size();
        }
        return embeddings;
    }

    private void embed(FaceDataset dataset, int offset, FaceEmbedder embedder, Parallel.Watch watch)
            throws IOException {
        embedder.requireFitting(dataset.alignmentProfile());
        int size = embedder.imageSize();
        for (int from = 0; from < dataset.size(); from += BATCH) {
            int first = from;
            @Nullable RgbImage[] images = new RgbImage[Math.min(BATCH, dataset.size() - from)];
            Parallel.forEach(images.length, i -> images[i] = read(dataset, first + i, size), done -> {});
            int[] read = IntStream.range(0, images.length)
                    .filter(i -> images[i] != null)
                    .toArray();
            if (read.length > 0) {
                List<RgbImage> faces =
                        Arrays.stream(images).filter(Objects::nonNull).toList();
                put(dataset, first, offset, read, embedder.embed(faces));
            }
            watch.done(offset + from + images.length);
        }
    }

    private static @Nullable RgbImage read(FaceDataset dataset, int face, int size) throws IOException {
        try {
            return dataset.faces().get(face).read().resized(size, size);
        } catch (IOException e) {
            if (Thread.currentThread().isInterrupted()) {
                throw e;
            }
            return null; // listed by whoever scanned it
        }
    }

    private void put(FaceDataset dataset, int first, int offset, int[] read, EmbeddingBatch batch) {
        checkState(
                batch.size() == read.length && batch.dimension() == dimension,
                "the embedder returns %s embeddings of dimension %s for %s images, and says its dimension is %s",
                batch.size(),
                batch.dimension(),
                read.length,
                dimension);
        int bad = batch.firstNonFinite();
        checkState(
                bad < 0,
                "the embedding of %s is not finite",
                bad < 0 ? "" : dataset.faces().get(first + read[bad]).file());
        for (int k = 0; k < read.length; k++) {
            int i = offset + first + read[k];
            System.arraycopy(batch.values(), k * dimension, block(i), at(i), dimension);
            there.set(i);
        }
    }

    int dimension() {
        return dimension;
    }

    boolean has(int i) {
        return there.get(i);
    }

    float[] block(int i) {
        checkArgument(i >= 0, "no image %s", i);
        return blocks[i / BATCH];
    }

    /** Where an embedding begins in its block. */
    int at(int i) {
        return i % BATCH * dimension;
    }
}
