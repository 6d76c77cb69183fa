package org.openface.core.dataset;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/**
 * Turns what a {@link BatchSampler} chooses into pixels, on threads of its own and ahead of the training: RGB in [0, 1],
 * mirrored where the sample says so, scaled to the network's size where a file has another (sides independently, so
 * that a picture that is not square is squeezed, as in OpenFace).
 *
 * <p>A batch is the same for any number of threads and any order of calls. Decoded faces are kept within a budget of
 * bytes, so that a small data set is read once; files are therefore expected not to change during a run.
 */
public final class BatchLoader implements AutoCloseable {
    private final BatchSampler sampler;
    private final int imageSize;
    private final int lookAhead;
    private final int batchesPerEpoch;
    private final ExecutorService threads;
    private final FaceCache cache;
    private final AtomicLong waitedNanos = new AtomicLong();

    /** Batches under way or ready; guarded by itself. */
    private final Map<Position, Pending> pending = new HashMap<>();

    private boolean closed; // guarded by pending

    private BatchLoader(Builder builder) {
        sampler = builder.sampler;
        imageSize = builder.imageSize;
        lookAhead = builder.lookAhead;
        batchesPerEpoch = builder.batchesPerEpoch;
        cache = new FaceCache(builder.cacheBytes);
        AtomicInteger number = new AtomicInteger();
        threads = Executors.newFixedThreadPool(builder.threads, task -> {
            Thread thread = new Thread(task, "openface-loader-" + number.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        });
    }

    /** A loader of the batches that the sampler chooses, to be configured. */
    public static Builder builder(BatchSampler sampler) {
        return new Builder(sampler);
    }

    /** Configures a {@link BatchLoader}. */
    public static final class Builder {
        private final BatchSampler sampler;
        private int imageSize = 96;
        private int threads = Math.max(1, Math.min(4, Runtime.getRuntime().availableProcessors() / 2));
        private int lookAhead = 2;
        private int batchesPerEpoch = Integer.MAX_VALUE;
        private long cacheBytes = 256L << 20;

        private Builder(BatchSampler sampler) {
            this.sampler = sampler;
        }

        /** Side in pixels of the loaded faces; 96 by default. */
        public Builder imageSize(int size) {
            checkArgument(size > 0, "imageSize (%s) must be positive", size);
            imageSize = size;
            return this;
        }

        /** Threads that decode (OpenFace's {@code -nDonkeys}); half of the processors by default, at most 4. */
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
     * The batch that the sampler chooses for (epoch, batch), and a start on those that follow it. Batches are numbered from
     * 0.
     *
     * @throws IOException if an image cannot be read, naming the file; also if the calling thread is interrupted
     * @throws IllegalStateException if the loader is closed
     */
    public FaceBatch load(int epoch, int batch) throws IOException {
        Pending asked = schedule(new Position(epoch, batch));
        long start = System.nanoTime();
        try {
            if (Thread.interrupted()) { // a future that is done would not notice
                throw new InterruptedException();
            }
            for (Future<?> image : asked.images()) {
                image.get();
            }
        } catch (ExecutionException e) {
            asked.cancel();
            synchronized (pending) {
                checkState(!closed, "the loader was closed while a batch was loading");
            }
            if (e.getCause() instanceof IOException cause) {
                throw new IOException(cause.getMessage(), cause);
            }
            throw new IllegalStateException("loading batch " + batch + " of epoch " + epoch + " failed", e.getCause());
        } catch (CancellationException e) {
            throw new IllegalStateException("the loader was closed while a batch was loading", e);
        } catch (InterruptedException e) {
            asked.cancel();
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while loading batch " + batch + " of epoch " + epoch);
        } finally {
            waitedNanos.addAndGet(System.nanoTime() - start);
        }
        List<BatchSample.Entry> entries = asked.sample().entries();
        return new FaceBatch(
                imageSize,
                asked.pixels().values,
                entries.stream().mapToInt(BatchSample.Entry::identity).toArray(),
                entries.stream().map(BatchSample.Entry::role).toList());
    }

    /** Starts what is asked for and what follows, drops everything else, and hands over what is asked for. */
    private Pending schedule(Position asked) {
        synchronized (pending) {
            checkState(!closed, "the loader is closed");
            Set<Position> wanted = new LinkedHashSet<>();
            wanted.add(asked);
            for (Position next = asked; wanted.size() <= lookAhead; ) {
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
            return pending.remove(asked);
        }
    }

    private Pending start(Position position) {
        BatchSample sample = sampler.sample(position.epoch(), position.batch());
        int floatsPerImage = 3 * imageSize * imageSize;
        Pixels pixels = new Pixels(Math.multiplyExact(sample.size(), floatsPerImage));
        List<Future<?>> images = new ArrayList<>();
        for (int i = 0; i < sample.size(); i++) {
            BatchSample.Entry entry = sample.entries().get(i);
            int offset = i * floatsPerImage;
            images.add(threads.submit(() -> {
                RgbImage face = cache.read(entry.face(), imageSize);
                (entry.flipped() ? face.flipped() : face).copyTo(pixels.values, offset);
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
            RgbImage image = ImageFiles.read(face.file()).resized(size, size);
            long bytes = 3L * size * size;
            if (used.addAndGet(bytes) > capacity || kept.putIfAbsent(face, image) != null) {
                used.addAndGet(-bytes);
            }
            return image;
        }
    }
}
