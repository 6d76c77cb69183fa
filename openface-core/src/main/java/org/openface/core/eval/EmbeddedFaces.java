package org.openface.core.eval;

import static com.google.common.base.Preconditions.checkState;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.Embedding;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.image.RgbImage;
import org.openface.core.internal.search.EmbeddingRows;

/** Embeds the faces that an evaluation asks for, each once, a few at a time. */
final class EmbeddedFaces {
    private static final int BATCH = 64;

    private EmbeddedFaces() {}

    /**
     * All faces embedded.
     *
     * @param rows of the embeddings, without those of images that cannot be read
     * @param numbers of the faces that the rows are of, ascending
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Rows(EmbeddingRows rows, int[] numbers) {}

    /**
     * Embeds all faces of a data set into rows, for what needs them all at once.
     *
     * @throws IOException if not a single image can be read
     * @throws InterruptedIOException as {@link #embed}
     * @throws IllegalStateException as {@link #embed}
     */
    static Rows rows(FaceDataset dataset, FaceEmbedder embedder) throws IOException {
        List<Face> faces = dataset.faces();
        float[] values = {};
        int[] numbers = new int[faces.size()];
        int count = 0;
        int dimension = 0;
        for (int from = 0; from < faces.size(); from += BATCH) {
            int[] places =
                    IntStream.range(from, Math.min(faces.size(), from + BATCH)).toArray();
            for (Map.Entry<Integer, Embedding> entry :
                    embed(faces, places, embedder).entrySet()) {
                Embedding embedding = entry.getValue();
                if (count == 0) {
                    dimension = embedding.values().length;
                    values = new float[Math.multiplyExact(dimension, faces.size())];
                }
                checkState(
                        embedding.values().length == dimension,
                        "the embedder returns embeddings of dimension %s and %s",
                        dimension,
                        embedding.values().length);
                System.arraycopy(embedding.values(), 0, values, count * dimension, dimension);
                numbers[count++] = entry.getKey();
            }
        }
        if (count == 0) {
            throw new IOException("none of the " + faces.size() + " images can be read");
        }
        return new Rows(
                EmbeddingRows.of(count == faces.size() ? values : Arrays.copyOf(values, count * dimension), dimension),
                count == numbers.length ? numbers : Arrays.copyOf(numbers, count));
    }

    /**
     * Embeds faces, scaled to the embedder's size.
     *
     * @param places of the faces to embed
     * @return the embeddings by place, without those of images that cannot be read
     * @throws InterruptedIOException if the thread is interrupted, which makes images unreadable; it stays interrupted
     * @throws IllegalStateException if the embedder returns too few embeddings, or values that are not finite, naming the
     *     image
     */
    static SortedMap<Integer, Embedding> embed(List<Face> faces, int[] places, FaceEmbedder embedder)
            throws InterruptedIOException {
        SortedMap<Integer, Embedding> embeddings = new TreeMap<>();
        int size = embedder.imageSize();
        for (int from = 0; from < places.length; from += BATCH) {
            List<Integer> read = new ArrayList<>();
            List<RgbImage> images = new ArrayList<>();
            for (int i = from; i < Math.min(places.length, from + BATCH); i++) {
                try {
                    images.add(faces.get(places[i]).read().resized(size, size));
                    read.add(places[i]);
                } catch (IOException e) {
                    // Not among the embeddings, and counted for that; unless the reason is an interrupt.
                }
                if (Thread.currentThread().isInterrupted()) {
                    throw new InterruptedIOException("interrupted while faces were read to be evaluated, after "
                            + embeddings.size() + " of " + places.length);
                }
            }
            if (!images.isEmpty()) {
                EmbeddingBatch batch = embedder.embed(images);
                checkState(
                        batch.size() == images.size(),
                        "the embedder returns %s embeddings of %s images",
                        batch.size(),
                        images.size());
                for (int i = 0; i < batch.size(); i++) {
                    embeddings.put(read.get(i), finite(batch.get(i), faces.get(read.get(i))));
                }
            }
        }
        return embeddings;
    }

    private static Embedding finite(Embedding embedding, Face face) {
        for (float value : embedding.values()) {
            checkState(
                    Float.isFinite(value),
                    "a value of the embedding of %s is %s: the embedder returns values that are not finite",
                    face.file(),
                    value);
        }
        return embedding;
    }
}
