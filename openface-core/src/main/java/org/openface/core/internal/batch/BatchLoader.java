package org.openface.core.internal.batch;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;
import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import org.openface.core.dataset.Augmentation;
import org.openface.core.dataset.Face;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.image.RgbImage;

/**
 * Turns what a {@link BatchPlan} chooses into pixels, on threads of its own and ahead of the training: RGB in [0, 1],
 * mirrored where the sample says so, changed by an {@link Augmentation} if there is one, scaled to the network's size where a
 * file has another (sides independently, so that a picture that is not square is squeezed, as in OpenFace).
 *
 * <p>A batch is the same for any number of threads and any order of calls. Decoded faces are kept within a budget of
 * bytes, so that a small data set is read once; files are therefore expected not to change during a run.
 */
public final class BatchLoader implements AutoCloseable {
    private final BatchPlan sampler;
    private final int imageSize;
    private final Augmentation augmentation;
    private final int lookAhead;
    private final int batchesPerEpoch;
    private final boolean acrossEpochs;
    private final ExecutorService threads;
    private final FaceCache cache;
    private final AtomicLong waitedNanos = new AtomicLong();

    /** Batches under way or ready; guarded by itself. */
    private final Map<Position, Pending> pending = new HashMap<>();

    private boolean closed; // guarded by pending

    private BatchLoader(Builder builder) {
        sampler = builder.sampler;
        imageSize = builder.imageSize;
        augmentation = builder.augmentation;
        lookAhead = builder.lookAhead;
        batchesPerEpoch = builder.batchesPerEpoch;
        acrossEpochs = builder.acrossEpochs;
        cache = new FaceCache(builder.cacheBytes);
        AtomicInteger number = new AtomicInteger();
        threads = Executors.newFixedThreadPool(builder.threads, task -> {
            Thread thread = new Thread(task, "openface-loader-" + number.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        });
    }

    /** A loader of the batches that the sampler chooses, to be configured. */
    public static Builder builder(BatchPlan sampler) {
        return new Builder(sampler);
    }

    /** Configures a {@link BatchLoader}. */
    public static final class Builder {
        private final BatchPlan sampler;
        private int imageSize = 96;
        private Augmentation augmentation = Augmentation.none();
        private int threads = Math.max(2, Math.min(8, Runtime.getRuntime().availableProcessors()));
        private int lookAhead = 2;
        private int batchesPerEpoch = Integer.MAX_VALUE;
        private boolean acrossEpochs = true;
        private long cacheBytes = 256L << 20;

        private Builder(BatchPlan sampler) {
            this.sampler = sampler;
        }

        /** Side in pixels of the loaded faces; 96 by default. */
        public Builder imageSize(int size) {
            checkArgument(size > 0, "imageSize (%s) must be positive", size);
            imageSize = size;
            return this;
        }

        /** How images are changed after they are scaled and mirrored; {@link Augmentation#none} by default. */
        public Builder augmentation(Augmentation change) {
            augmentation = change;
            return this;
        }

        /**
         * Threads that decode (OpenFace's {@code -nDonkeys}); as many as there are processors by default, from 2 to 8. They take
         * nothing from the network that fewer would not take, as the work is the same, and wait for nothing but the disk.
         */
        public Builder threads(int count) {
            checkArgument(count >= 1, "threads (%s) must be at least 1", count);
            threads = count;
            return this;
        }

        /** How many batches after the one asked for are prepared; 2 by default. Each takes the memory of a batch. */
        public Builder lookAhead(int batches) {
            checkArgument(batches >= 0, "lookAhead (%s) must not be negative", batches);
            lookAhead = batches;
            return this;
        }

        /**
         * Where looking ahead goes on to batch 0 of the next epoch. Not set by default: it then stays in the epoch.
         * It makes no difference to what {@link BatchLoader#load} returns.
         */
        public Builder batchesPerEpoch(int count) {
            checkArgument(count >= 1, "batchesPerEpoch (%s) must be at least 1", count);
            batchesPerEpoch = count;
            return this;
        }

        /**
         * Whether looking ahead goes on into the next epoch; on by default. Off for a sampler that is told something when an epoch begins,
         * and which cannot choose its batches before.
         */
        public Builder acrossEpochs(boolean on) {
            acrossEpochs = on;
            return this;
        }

        /** Bytes that decoded faces may take between batches; 256 MiB by default, 0 for none. */
        public Builder cacheBytes(long bytes) {
            checkArgument(bytes >= 0, "cacheBytes (%s) must not be negative", bytes);
            cacheBytes = bytes;
            return this;
        }

        /** The loader; it does nothing before the first {@link BatchLoader#load}. */
        public BatchLoader build() {
            return new BatchLoader(this);
        }
    }

    private record Position(int epoch, int batch) {}

    /** A batch whose images are being decoded, each into its own part of the pixels. */
    private record Pending(BatchSample sample, Pixels pixels, List<Future<?>> images) {
        void cancel() {
            images.forEach(image -> image.cancel(false));
        }
    }

    /** The pixels of a batch, {@code [image][row][column][channel]}. */
    private static final class Pixels {
        private final float[] values;

        Pixels(int length) {
            values = new float[length];
        }
    }

    /**
     * A batch and the faces in it, in its order.
     *
     * @param batch their pixels
     * @param faces their files
     */
    public record Loaded(FaceBatch batch, List<Face> faces) {
        public Loaded {
            faces = List.copyOf(faces);
        }
    }

    /**
     * The batch that the sampler chooses for (epoch, batch), and a start on those that follow it. Batches are numbered from
     * 0.
     *
     * @throws IOException if an image cannot be read, naming the file; also if the calling thread is interrupted
     * @throws IllegalStateException if the loader is closed
     */
    public FaceBatch load(int epoch, int batch) throws IOException {
        return load(epoch, batch, true, (face, reason) -> {}).batch();
    }

    /**
     * As {@link #load(int, int)}, without the images that cannot be read. However many have vanished since the data set was
     * indexed, the others make up the batch.
     *
     * @param skipped is told of each image left out, with the reason
     * @throws IOException if none of the batch can be read, if more than half of it is there and cannot be read, as when a
     *     disk fails, or if the calling thread is interrupted
     */
    public Loaded loadReadable(int epoch, int batch, BiConsumer<Face, String> skipped) throws IOException {
        return load(epoch, batch, false, skipped);
    }

    private Loaded load(int epoch, int batch, boolean all, BiConsumer<Face, String> skipped) throws IOException {
        Pending asked = schedule(new Position(epoch, batch));
        List<BatchSample.Entry> entries = asked.sample().entries();
        Map<Integer, IOException> lost = new TreeMap<>();
        int failed = 0; // of those lost, not counting the ones that have vanished
        long start = System.nanoTime();
        try {
            if (Thread.interrupted()) { // a future that is done would not notice
                throw new InterruptedException();
            }
            for (int i = 0; i < entries.size(); i++) {
                Optional<IOException> reason = await(asked, i);
                if (reason.isEmpty()) {
                    continue;
                }
                if (all) {
                    throw new IOException(reason.get().getMessage(), reason.get());
                }
                lost.put(i, reason.get());
                failed += reason.get().getCause() instanceof NoSuchFileException ? 0 : 1;
                if (failed > 0.5 * entries.size() || lost.size() == entries.size()) {
                    throw new IOException(
                            "more than half of the images of a batch cannot be read, among them "
                                    + entries.get(i).face().file() + ": "
                                    + reason.get().getMessage() + "; is the disk still there?",
                            reason.get());
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while loading batch " + batch + " of epoch " + epoch);
        } finally {
            asked.cancel(); // nothing is left under way if all went well
            waitedNanos.addAndGet(System.nanoTime() - start);
        }
        lost.forEach((i, reason) -> skipped.accept(entries.get(i).face(), String.valueOf(reason.getMessage())));
        List<BatchSample.Entry> read = new ArrayList<>();
        float[] pixels = asked.pixels().values;
        int perImage = 3 * imageSize * imageSize;
        for (int i = 0; i < entries.size(); i++) {
            if (!lost.containsKey(i)) {
                System.arraycopy(pixels, i * perImage, pixels, read.size() * perImage, perImage);
                read.add(entries.get(i));
            }
        }
        FaceBatch faces = new FaceBatch(
                imageSize,
                lost.isEmpty() ? pixels : Arrays.copyOf(pixels, read.size() * perImage),
                read.stream().mapToInt(BatchSample.Entry::identity).toArray(),
                read.stream().map(BatchSample.Entry::role).toList());
        return new Loaded(faces, read.stream().map(BatchSample.Entry::face).toList());
    }

    /** Waits for one image; returns why it cannot be read. */
    private Optional<IOException> await(Pending asked, int image) throws InterruptedException {
        try {
            asked.images().get(image).get();
            return Optional.empty();
        } catch (ExecutionException e) {
            synchronized (pending) {
                checkState(!closed, "the loader was closed while a batch was loading");
            }
            if (e.getCause() instanceof IOException cause) {
                return Optional.of(cause);
            }
            throw new IllegalStateException(
                    "loading image " + image + " of batch " + asked.sample().batch() + " of epoch "
                            + asked.sample().epoch() + " failed: " + e.getCause(),
                    e.getCause());
        } catch (CancellationException e) {
            throw new IllegalStateException("the loader was closed while a batch was loading", e);
        }
    }

    /** Starts what is asked for and what follows, drops everything else, and hands over what is asked for. */
    private Pending schedule(Position asked) {
        synchronized (pending) {
            checkState(!closed, "the loader is closed");
            Set<Position> wanted = new LinkedHashSet<>();
            wanted.add(asked);
            for (Position next = asked; wanted.size() <= lookAhead; ) {
                if (!acrossEpochs && next.batch() + 1 >= batchesPerEpoch) {
                    break;
                }
                next = next.batch() + 1 < batchesPerEpoch
                        ? new Position(next.epoch(), next.batch() + 1)
                        : new Position(next.epoch() + 1, 0);
                wanted.add(next);
            }
            pending.entrySet().removeIf(entry -> {
                boolean drop = !wanted.contains(entry.getKey());
                if (drop) {
                    entry.getValue().cancel();
                }
                return drop;
            });
            wanted.forEach(position -> pending.computeIfAbsent(position, this::start));
            return requireNonNull(pending.remove(asked));
        }
    }

    private Pending start(Position position) {
        BatchSample sample = sampler.sample(position.epoch(), position.batch());
        int floatsPerImage = 3 * imageSize * imageSize;
        Pixels pixels = new Pixels(Math.multiplyExact(sample.size(), floatsPerImage));
        List<Future<?>> images = new ArrayList<>();
        for (int i = 0; i < sample.size(); i++) {
            BatchSample.Entry entry = sample.entries().get(i);
            int place = i;
            int offset = i * floatsPerImage;
            images.add(threads.submit(() -> {
                RgbImage face = cache.read(entry.face(), imageSize);
                face = augmentation.apply(
                        entry.flipped() ? face.flipped() : face,
                        sampler.augmentation(position.epoch(), position.batch(), place));
                if (face.width() != imageSize || face.height() != imageSize) {
                    throw new IllegalStateException("the augmentation made " + face + " of an image of " + imageSize
                            + " x " + imageSize + " pixels; it must keep the size");
                }
                face.copyTo(pixels.values, offset);
                return null;
            }));
        }
        return new Pending(sample, pixels, images);
    }

    /** Waits until nothing is under way, for tests. */
    void awaitLookAhead() throws InterruptedException, ExecutionException {
        List<Pending> all;
        synchronized (pending) {
            all = List.copyOf(pending.values());
        }
        for (Pending batch : all) {
            for (Future<?> image : batch.images()) {
                image.get();
            }
        }
    }

    /**
     * Nanoseconds that calls of {@link #load} have waited for images so far. Where this is a good part of a training's time,
     * more {@linkplain Builder#threads threads} help.
     */
    public long waitedNanos() {
        return waitedNanos.get();
    }

    /** Ends the threads; batches under way are dropped. */
    @Override
    public void close() {
        synchronized (pending) {
            closed = true;
            pending.values().forEach(Pending::cancel);
            pending.clear();
        }
        threads.shutdownNow().forEach(task -> ((Future<?>) task).cancel(false));
        try {
            if (!threads.awaitTermination(10, TimeUnit.SECONDS)) {
                System.getLogger(BatchLoader.class.getName())
                        .log(System.Logger.Level.WARNING, "a loader thread has not ended after 10 s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Faces in the size of the network, kept until the budget is full and for good then. Every face is as likely to come
     * next as any other, so that throwing an older one out for a newer one would gain nothing.
     */
    private static final class FaceCache {
        private final long capacity;
        private final AtomicLong used = new AtomicLong();
        private final Map<Face, RgbImage> kept = new ConcurrentHashMap<>();

        FaceCache(long capacity) {
            this.capacity = capacity;
        }

        RgbImage read(Face face, int size) throws IOException {
            RgbImage known = kept.get(face);
            if (known != null) {
                return known;
            }
            RgbImage image = face.read().resized(size, size);
            long bytes = 3L * size * size;
            if (used.addAndGet(bytes) > capacity || kept.putIfAbsent(face, image) != null) {
                used.addAndGet(-bytes);
            }
            return image;
        }
    }
}
