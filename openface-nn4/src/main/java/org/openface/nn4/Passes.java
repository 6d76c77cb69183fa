package org.openface.nn4;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.Iterators;
import com.google.common.collect.Streams;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.openface.core.embedding.Embedding;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.image.RgbImage;
import org.openface.nn4.internal.engine.Executor;
import org.openface.nn4.internal.engine.Workers;

/** Any number of faces, embedded so many at a time with the weights of one moment, while others may train in between. */
final class Passes {
    /** Faces that take longer to unpack than other threads to wake. */
    private static final int WORTH_THREADS = 8;

    private final Nn4Model.Variant variant;
    private final int embeddingSize;
    private final Executor executor;
    private final ExclusiveUse use;
    /** An array of pixels that nobody uses; a new one costs as much as embedding some faces. */
    private final AtomicReference<float @Nullable []> spare = new AtomicReference<>();

    Passes(Nn4Model.Variant variant, int embeddingSize, Executor executor, ExclusiveUse use) {
        this.variant = variant;
        this.embeddingSize = embeddingSize;
        this.executor = executor;
        this.use = use;
    }

    EmbeddingBatch embed(List<RgbImage> faces) {
        return embed(faces, null);
    }

    Stream<Embedding> embed(Stream<RgbImage> faces) {
        Executor.Weights weights = use.get(executor::weights);
        return Streams.stream(Iterators.partition(faces.iterator(), Executor.INFERENCE_BATCH))
                .flatMap(some -> {
                    EmbeddingBatch embeddings = embed(some, weights);
                    return IntStream.range(0, embeddings.size()).mapToObj(embeddings::get);
                })
                .onClose(faces::close);
    }

    /** @param weights what to embed with; those of the first pass's moment if null */
    private EmbeddingBatch embed(List<RgbImage> faces, Executor.@Nullable Weights weights) {
        checkArgument(!faces.isEmpty(), "no faces to embed");
        checkArgument(
                (long) faces.size() * embeddingSize < Integer.MAX_VALUE - 8,
                "%s embeddings of %s values are more than an array holds; embed a stream of faces",
                faces.size(),
                embeddingSize);
        Executor.Weights used = weights;
        float[] all = new float[faces.size() * embeddingSize];
        for (int from = 0; from < faces.size(); from += Executor.INFERENCE_BATCH) {
            List<RgbImage> some = faces.subList(from, Math.min(faces.size(), from + Executor.INFERENCE_BATCH));
            float[] pixels = spare.getAndSet(null);
            if (pixels == null || pixels.length < some.size() * perImage()) {
                pixels = new float[some.size() * perImage()];
            }
            write(some, pixels);
            use.acquire();
            try {
                if (used == null && some.size() < faces.size()) {
                    used = executor.weights();
                }
                float[] values =
                        used == null ? executor.embed(pixels, some.size()) : executor.embed(used, pixels, some.size());
                System.arraycopy(values, 0, all, from * embeddingSize, values.length);
            } finally {
                use.release();
                spare.set(pixels);
            }
        }
        return new EmbeddingBatch(embeddingSize, all);
    }

    /** Faces as executors take them. */
    float[] pixels(List<RgbImage> faces) {
        float[] pixels = new float[faces.size() * perImage()];
        write(faces, pixels);
        return pixels;
    }

    private int perImage() {
        int side = variant.architecture().imageSize();
        return 3 * side * side;
    }

    private void write(List<RgbImage> faces, float[] pixels) {
        int side = variant.architecture().imageSize();
        List<RgbImage> read =
                new ArrayList<>(); // each once and on this thread: a list may do what it likes when it is asked
        for (RgbImage face : faces) {
            checkArgument(
                    face.width() == side && face.height() == side,
                    "%s takes aligned faces of %s x %s pixels, got %s x %s; align the photograph first",
                    variant,
                    side,
                    side,
                    face.width(),
                    face.height());
            read.add(face);
        }
        if (read.size() < WORTH_THREADS) {
            for (int i = 0; i < read.size(); i++) {
                read.get(i).copyTo(pixels, i * perImage());
            }
        } else {
            Workers.forEach(read.size(), i -> read.get(i).copyTo(pixels, i * perImage()));
        }
    }
}
