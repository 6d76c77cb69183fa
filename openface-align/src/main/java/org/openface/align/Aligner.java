package org.openface.align;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/**
 * Turns photographs into aligned faces: the largest face is found, verified by both its eyes, and turned, scaled and
 * shifted so that the eyes lie where OpenFace's template has them.
 *
 * <p>Nothing needs to be downloaded: the detectors are the Haar cascades that come inside OpenCV's jar. An aligner may be
 * used by several threads at once, and must be closed.
 *
 * <pre>{@code
 * try (Aligner aligner = Aligner.builder().build()) {
 *     AlignReport report = aligner.alignDirectory(Path.of("raw"), Path.of("aligned"));
 *     report.skipped().forEach(s -> System.out.println(s.source() + ": " + s.reason()));
 * }
 * }</pre>
 */
public final class Aligner implements AutoCloseable {
    private final int size;
    private final int threads;
    private final boolean skipMulti;
    private final Consumer<AlignProgress> listener;
    private final Supplier<FaceDetector> newDetector;

    /** Detectors that no thread is using. A detector serves one thread at a time and takes long to make. */
    private final Deque<FaceDetector> idle = new ArrayDeque<>();

    private boolean closed;

    private Aligner(Builder builder) {
        size = builder.size;
        threads = builder.threads;
        skipMulti = builder.skipMulti;
        listener = builder.listener;
        newDetector = builder.newDetector;
        // Missing native libraries should be known now, not at the first photograph.
        idle.add(newDetector.get());
    }

    /** An aligner with OpenFace's settings unless told otherwise. */
    public static Builder builder() {
        return new Builder();
    }

    /** Settings of an {@link Aligner}. */
    public static final class Builder {
        private int size = 96;
        private int threads = Runtime.getRuntime().availableProcessors();
        private boolean skipMulti;
        private Consumer<AlignProgress> listener = progress -> {};
        private Supplier<FaceDetector> newDetector = HaarDetector::new;

        private Builder() {}

        /**
         * Side of the aligned faces in pixels, 96 by default, which the nn4 networks expect (OpenFace's {@code --size}).
         *
         * @throws IllegalArgumentException unless between 16 and 1024
         */
        public Builder size(int pixels) {
            checkArgument(pixels >= 16 && pixels <= 1024, "size must be 16 to 1024 pixels, got %s", pixels);
            this.size = pixels;
            return this;
        }

        /**
         * How many threads work on a directory, by default as many as there are cores. The result does not depend on it.
         *
         * @throws IllegalArgumentException unless positive
         */
        public Builder threads(int count) {
            checkArgument(count > 0, "threads must be at least 1, got %s", count);
            this.threads = count;
            return this;
        }

        /**
         * Whether photographs of several people are skipped; by default the largest face is taken (OpenFace's {@code
         * --skipMulti}).
         */
        public Builder skipMulti(boolean skip) {
            this.skipMulti = skip;
            return this;
        }

        /**
         * Is told after every photograph of {@link Aligner#alignDirectory} how far the job has come, by one thread at a
         * time. What it throws ends the job.
         */
        public Builder onProgress(Consumer<AlignProgress> progressListener) {
            this.listener = progressListener;
            return this;
        }

        Builder detector(Supplier<FaceDetector> factory) {
            this.newDetector = factory;
            return this;
        }

        /**
         * Loads the detectors.
         *
         * @throws IllegalStateException if OpenCV's native library is not on the class path
         */
        public Aligner build() {
            return new Aligner(this);
        }
    }

    /**
     * Aligns the largest face of a photograph on disk. A file that is no readable picture is no exception but an
     * {@linkplain SkipReason#UNREADABLE unreadable} one.
     *
     * @throws IllegalStateException if this aligner is closed
     */
    public Alignment align(Path photograph) {
        checkOpen();
        RgbImage image;
        try {
            image = ImageFiles.read(photograph);
        } catch (IOException e) {
            return new Alignment.NotAligned(SkipReason.UNREADABLE, String.valueOf(e.getMessage()));
        }
        return align(image);
    }

    /**
     * Aligns the largest face of a photograph.
     *
     * @throws IllegalStateException if this aligner is closed
     */
    public Alignment align(RgbImage photograph) {
        List<FaceDetector.DetectedFace> faces = detect(photograph);
        if (faces.isEmpty()) {
            return new Alignment.NotAligned(
                    SkipReason.NO_FACE,
                    String.format(
                            Locale.ROOT,
                            "no face with two visible eyes in %d x %d pixels",
                            photograph.width(),
                            photograph.height()));
        }
        if (skipMulti && faces.size() > 1) {
            return new Alignment.NotAligned(SkipReason.SEVERAL_FACES, faces.size() + " faces");
        }
        FaceDetector.DetectedFace face = faces.get(0);
        return new Alignment.Aligned(
                FaceTemplate.warp(photograph, face.leftEye(), face.rightEye(), size),
                face.box(),
                face.leftEye(),
                face.rightEye(),
                faces.size());
    }

    /**
     * Aligns every photograph of {@code raw/<person>/<name>.<extension>} to {@code aligned/<person>/<name>.png}.
     *
     * <p>Photographs are only read. Aligned faces that are there already, and are whole and of this aligner's size, are
     * left as they are, so that an interrupted run can be repeated to finish it; a new face appears under its name only
     * when it is complete. A person without a single aligned face gets no folder. Of photographs of one person whose
     * names differ only in extension or in upper and lower case, the first in the order of the index is aligned and the
     * others are {@linkplain SkipReason#NAME_COLLISION reported}.
     *
     * @param raw a folder with one sub-folder per person
     * @param aligned made if it is not there
     * @return what became of each photograph
     * @throws IllegalArgumentException if one folder is, or lies in, the other
     * @throws IOException if the photographs cannot be listed or a face cannot be written; or, as {@link
     *     java.io.InterruptedIOException}, if the calling thread was interrupted. Faces written until then stay.
     * @throws IllegalStateException if this aligner is closed
     */
    public AlignReport alignDirectory(Path raw, Path aligned) throws IOException {
        checkOpen();
        return new DirectoryJob(this::align, size, threads, listener).run(raw, aligned);
    }

    private List<FaceDetector.DetectedFace> detect(RgbImage photograph) {
        FaceDetector detector;
        synchronized (idle) {
            checkOpen();
            detector = idle.poll();
        }
        if (detector == null) {
            detector = newDetector.get();
        }
        try {
            return detector.detect(photograph);
        } finally {
            boolean keep;
            synchronized (idle) {
                keep = !closed;
                if (keep) {
                    idle.push(detector);
                }
            }
            if (!keep) {
                detector.close();
            }
        }
    }

    private void checkOpen() {
        synchronized (idle) {
            checkState(!closed, "this aligner is closed");
        }
    }

    /** Frees the native memory of the detectors. */
    @Override
    public void close() {
        synchronized (idle) {
            closed = true;
            idle.forEach(FaceDetector::close);
            idle.clear();
        }
    }
}
