package org.openface.align;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.URI;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/**
 * One run over a folder of photographs. Each thread takes the next photograph, aligns it and writes the face, so that at
 * most one photograph per thread is in memory.
 */
final class DirectoryJob {
    private final Function<Path, Alignment> align;
    private final int size;
    private final int threads;
    private final Consumer<AlignProgress> listener;

    DirectoryJob(Function<Path, Alignment> align, int size, int threads, Consumer<AlignProgress> listener) {
        this.align = align;
        this.size = size;
        this.threads = threads;
        this.listener = listener;
    }

    /** A photograph and where its face goes; {@code target} is null if {@code takenBy} has that name already. */
    private record Task(Path source, @Nullable Path target, @Nullable Path takenBy) {}

    /** What became of a photograph; no {@code skipped} means that its face is there. */
    private record Outcome(boolean before, AlignReport.@Nullable Skipped skipped) {}

    AlignReport run(Path raw, Path aligned) throws IOException {
        checkApart(raw, aligned);
        List<Task> tasks = tasks(FaceDataset.index(raw), aligned);
        requireWritable(aligned);

        long start = System.nanoTime();
        AtomicReferenceArray<Outcome> outcomes = new AtomicReferenceArray<>(tasks.size());
        AtomicInteger next = new AtomicInteger();
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        Progress progress = new Progress(tasks.size(), start);
        Runnable worker = () -> {
            try {
                for (int i = next.getAndIncrement();
                        i < tasks.size() && failure.get() == null;
                        i = next.getAndIncrement()) {
                    outcomes.set(i, process(tasks.get(i)));
                    progress.step();
                }
            } catch (Throwable e) { // Errors too: rethrown by the calling thread below.
                failure.compareAndSet(null, e);
            }
        };
        runOnThreads(worker, Math.min(threads, tasks.size()), failure);
        rethrow(failure.get());

        int done = 0;
        int before = 0;
        List<AlignReport.Skipped> skipped = new ArrayList<>();
        for (int i = 0; i < tasks.size(); i++) {
            Outcome outcome = outcomes.get(i);
            if (outcome.skipped() != null) {
                skipped.add(outcome.skipped());
            } else if (outcome.before()) {
                before++;
            } else {
                done++;
            }
        }
        return new AlignReport(done, before, skipped, Duration.ofNanos(System.nanoTime() - start));
    }

    private static void checkApart(Path raw, Path aligned) throws IOException {
        Path from = real(raw);
        Path to = real(aligned);
        checkArgument(
                !to.startsWith(from) && !from.startsWith(to),
                "photographs (%s) and aligned faces (%s) need separate folders, neither inside the other",
                raw,
                aligned);
    }

    /** The path without links, also if its last parts do not exist yet. */
    private static Path real(Path path) throws IOException {
        Path absolute = path.toAbsolutePath().normalize();
        Path parent = absolute.getParent();
        if (Files.exists(absolute) || parent == null) {
            return absolute.toRealPath();
        }
        return real(parent).resolve(absolute.getFileName());
    }

    private static List<Task> tasks(FaceDataset photographs, Path aligned) {
        List<Task> tasks = new ArrayList<>();
        Map<String, Path> taken = new HashMap<>();
        for (Face photograph : photographs.faces()) {
            Path target = target(photograph.file(), aligned);
            // Not by the file system's own rule, so that the same folder gives the same faces on every system.
            String name = target.toUri().getRawPath().toLowerCase(Locale.ROOT);
            Path other = taken.putIfAbsent(name, photograph.file());
            tasks.add(new Task(photograph.file(), other == null ? target : null, other));
        }
        return tasks;
    }

    /**
     * {@code <aligned>/<person>/<name>.png}. Composed as a URI because that keeps the bytes of a name, also where a Java
     * runtime in the POSIX locale cannot turn it into characters and back.
     */
    private static Path target(Path photograph, Path aligned) {
        Path person = requireNonNull(photograph.toAbsolutePath().getParent()).getFileName();
        String folder = aligned.resolve(person).toUri().toString();
        String source = photograph.toUri().toString();
        String name = source.substring(source.lastIndexOf('/') + 1, source.lastIndexOf('.'));
        return Path.of(URI.create(folder + (folder.endsWith("/") ? "" : "/") + name + ".png"));
    }

    private static void requireWritable(Path directory) throws IOException {
        try {
            Files.createDirectories(directory);
        } catch (FileAlreadyExistsException e) {
            throw new IOException("aligned faces need a folder, but " + directory + " is a file", e);
        } catch (AccessDeniedException e) {
            throw new IOException("no permission to make the folder for aligned faces " + directory, e);
        } catch (IOException e) {
            throw new IOException("cannot make the folder for aligned faces " + directory + ": " + e.getMessage(), e);
        }
        if (!Files.isWritable(directory)) {
            throw new IOException("no permission to write aligned faces into " + directory);
        }
    }

    private Outcome process(Task task) throws IOException {
        Path target = task.target();
        if (target == null) {
            return skipped(
                    task,
                    SkipReason.NAME_COLLISION,
                    "its face would have the name of " + task.takenBy() + "'s; rename one of the two");
        }
        if (isDone(target)) {
            return new Outcome(true, null);
        }
        Alignment alignment = align.apply(task.source());
        if (alignment instanceof Alignment.NotAligned none) {
            return skipped(task, none.reason(), none.detail());
        }
        try {
            Files.createDirectories(target.getParent());
            ImageFiles.writePng(alignment.orElseThrow(), target);
        } catch (IOException e) {
            throw new IOException("cannot write the aligned face " + target + ": " + e.getMessage(), e);
        }
        return new Outcome(false, null);
    }

    private static Outcome skipped(Task task, SkipReason reason, String detail) {
        return new Outcome(false, new AlignReport.Skipped(task.source(), reason, detail));
    }

    /** Whether the face is there, whole and of the right size. */
    private boolean isDone(Path target) {
        if (!Files.exists(target)) {
            return false;
        }
        try {
            RgbImage face = ImageFiles.read(target);
            return face.width() == size && face.height() == size;
        } catch (IOException e) {
            return false; // A damaged face is made anew.
        }
    }

    private static void runOnThreads(Runnable worker, int count, AtomicReference<@Nullable Throwable> failure)
            throws IOException {
        List<Thread> running = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Thread thread = new Thread(worker, "align-" + i);
            thread.setDaemon(true);
            thread.start();
            running.add(thread);
        }
        boolean interrupted = false;
        for (Thread thread : running) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    // Not passed on: an interrupt would break off reads and writes in the middle.
                    interrupted = true;
                    failure.compareAndSet(null, new InterruptedIOException("interrupted while aligning photographs"));
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static void rethrow(@Nullable Throwable failure) throws IOException {
        if (failure instanceof IOException e) {
            throw e;
        }
        if (failure instanceof RuntimeException e) {
            throw e;
        }
        if (failure instanceof Error e) {
            throw e;
        }
    }

    private final class Progress {
        private final int total;
        private final long start;
        private int done;

        Progress(int total, long start) {
            this.total = total;
            this.start = start;
        }

        synchronized void step() {
            done++;
            double seconds = Math.max(1e-9, (System.nanoTime() - start) / 1e9);
            listener.accept(new AlignProgress(done, total, done / seconds));
        }
    }
}
