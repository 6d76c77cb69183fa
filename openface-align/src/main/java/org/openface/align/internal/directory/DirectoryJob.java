package org.openface.align.internal.directory;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.URI;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.openface.align.face.Alignment;
import org.openface.align.face.SkipReason;
import org.openface.align.face.Stage;
import org.openface.align.internal.MemoryBudget;
import org.openface.align.internal.Workers;
import org.openface.core.dataset.Face;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.core.internal.image.Png;

/**
 * One run over a folder of photographs. Each thread takes the next photograph, aligns it and writes the face, so that at
 * most one photograph per thread is in memory, and fewer if they are large.
 *
 * <p>Several runs may work on one folder of faces at once, also in several processes. There is nothing between them but
 * the faces, and what is remembered of photographs without one: each goes through the photographs in an order of its own
 * and passes over what is there. A face that two make at the same time is written twice, with the same bytes.
 *
 * <p>Of the photographs, those of one of the {@link Batches} are in memory, by name; of the people all, by name; of what
 * became of the photographs, counts and the first of each kind. The rest is in the folder of faces.
 *
 * <p>What a run may change:
 *
 * <ul>
 *   <li>Photographs are only read.
 *   <li>A face is written where nothing is, or over a face of ours; never over anything else, and never through a link
 *       ({@link FaceFolder} sees to it).
 *   <li>A face of ours is replaced when its photograph has changed or it is damaged itself. It is deleted only when its
 *       photograph, whole and looked at, has no face or too many. A photograph that cannot be read, or whose alignment
 *       fails, says nothing about its face, which stays.
 *   <li>A face whose photograph is gone stays, and is reported; {@link #purge} is a request of its own.
 * </ul>
 */
public final class DirectoryJob {
    /** Bytes that each pixel of a photograph takes until it is a face: decoded, as an image, in grey, at other sizes. */
    public static final int BYTES_PER_PIXEL = 12;

    /** So many photographs in a row that the disk does not give are no accident. */
    private static final int MOST_IO_ERRORS = 25;

    private final Work work;
    private final Runnable checkOpen;
    private final AlignmentProfile profile;
    private final Settings settings;
    private final StageClock clock = new StageClock();
    private final AtomicInteger ioErrorsInRow = new AtomicInteger();

    /**
     * A job.
     *
     * @param checkOpen throws if there is no more work to be had
     */
    public DirectoryJob(Work work, Runnable checkOpen, AlignmentProfile profile, Settings settings) {
        this.work = work;
        this.checkOpen = checkOpen;
        this.profile = profile;
        this.settings = settings;
    }

    /** Aligns one photograph. */
    public interface Work {
        Alignment align(RgbImage photograph, StageClock clock);
    }

    /** Is told after each photograph how far the job has come, by one thread at a time. */
    public interface Listener {
        /** So many of the photographs are dealt with, and so many a second. */
        void dealtWith(int done, int total, double imagesPerSecond);
    }

    /** What an aligner was told about directories. */
    public record Settings(
            int threads,
            boolean skipMulti,
            @Nullable Path fallback,
            Listener listener,
            ImageFiles.Limits limits,
            MemoryBudget memory) {}

    public Totals run(Path raw, Path aligned) throws IOException {
        if (Thread.currentThread().isInterrupted()) {
            throw new InterruptedIOException("interrupted before aligning photographs");
        }
        try {
            return runWhole(raw, aligned);
        } catch (ClosedByInterruptException e) {
            throw interrupted(e);
        }
    }

    private Totals runWhole(Path raw, Path aligned) throws IOException {
        PhotographFolder photographs = PhotographFolder.survey(raw, aligned);
        Inspection inspection = new Inspection(
                work, profile, settings, Fallback.of(settings.fallback()), clock, new SkipRecord(aligned));
        checkFallback();
        OutputFolder.requireWritable(aligned);
        OutputFolder.refuseUnknown(aligned);
        FaceFolder faces = FaceFolder.of(aligned, photographs);
        Batches batches = new Batches(photographs, NameCollisions.of(photographs, faces));
        profile.claim(aligned);

        long start = System.nanoTime();
        Tally tally = new Tally();
        Progress progress = new Progress(start);
        try (AlignmentTable table = AlignmentTable.open(aligned)) {
            for (List<Batches.Item> batch = batches.next(); !batch.isEmpty(); batch = batches.next()) {
                List<Batches.Item> items = batch;
                progress.total(batches.total());
                Workers.run(items.size(), settings.threads(), "aligning photographs", i -> {
                    Batches.Item item = items.get(i);
                    Step.Outcome outcome = process(item, faces, aligned, inspection);
                    write(item.photograph(), outcome, table);
                    tally.add(item.number(), item.photograph(), outcome);
                    progress.step();
                });
                inspection.forget();
                table.mergeIfDue();
            }
            table.merge();
        }
        OutputFolder.deleteLeftovers(photographs, faces, aligned);
        return tally.report(
                AbandonedFaces.first(photographs, faces),
                photographs.passedOver(),
                Duration.ofNanos(System.nanoTime() - start),
                clock.times());
    }

    /** Deletes the faces of ours whose photographs are gone, and their rows of the table. */
    public List<Path> purge(Path raw, Path aligned) throws IOException {
        PhotographFolder photographs = PhotographFolder.survey(raw, aligned);
        checkArgument(
                AlignmentProfile.of(aligned).isPresent(),
                "%s is no folder of aligned faces: it has no %s",
                aligned,
                AlignmentProfile.FILE_NAME);
        FaceFolder faces = FaceFolder.of(aligned, photographs);
        List<Path> deleted = new ArrayList<>();
        try (AlignmentTable table = AlignmentTable.open(aligned)) {
            AbandonedFaces.each(photographs, faces, (face, photograph) -> {
                if (faces.delete(face)) {
                    table.remove(photograph);
                    deleted.add(face);
                }
            });
            table.merge();
        }
        deleted.sort(Comparator.comparing(Path::toString));
        return deleted;
    }

    private static void write(Face photograph, Step.Outcome outcome, AlignmentTable table) throws IOException {
        Totals.Skip skipped = outcome.skipped();
        if (skipped != null) {
            table.addSkipped(FaceFolder.name(photograph), skipped.reason(), skipped.detail(), outcome.memo());
        } else {
            FaceNote note = outcome.note() == null ? FaceNote.UNKNOWN : outcome.note();
            table.add(FaceFolder.name(photograph), photograph.identity() + "/" + FaceFolder.faceName(photograph), note);
        }
    }

    private void checkFallback() throws IOException {
        Path folder = settings.fallback();
        Optional<AlignmentProfile> there = folder == null ? Optional.empty() : AlignmentProfile.of(folder);
        String differences = there.map(profile::differences).orElse("");
        checkArgument(
                differences.isEmpty(),
                "the faces in the fallback folder %s are aligned otherwise than these will be: %s",
                folder,
                differences);
    }

    /**
     * {@code <aligned>/<person>/<name>.png}. Composed as a URI because that keeps the bytes of a name, also where a Java
     * runtime in the POSIX locale cannot turn it into characters and back.
     */
    private static Path target(Path photograph, Path aligned) {
        Path person = requireNonNull(photograph.toAbsolutePath().getParent()).getFileName();
        String folder = aligned.resolve(person).toUri().toString();
        String source = photograph.toUri().toString();
        String name = FaceFolder.faceName(source.substring(source.lastIndexOf('/') + 1));
        return Path.of(URI.create(folder + (folder.endsWith("/") ? "" : "/") + name));
    }

    private Step.Outcome process(Batches.Item item, FaceFolder faces, Path aligned, Inspection inspection)
            throws IOException {
        Face photograph = item.photograph();
        if (item.collision() != null) {
            return Step.Outcome.skipped(photograph, SkipReason.NAME_COLLISION, item.collision());
        }
        Path target = target(photograph.file(), aligned);
        Step step;
        try {
            step = inspection.look(photograph, target);
        } catch (ClosedByInterruptException | InterruptedIOException e) {
            throw interrupted(e);
        } catch (IOException e) {
            return ioError(photograph, e);
        } catch (RuntimeException | OutOfMemoryError e) {
            return failed(photograph, e);
        }
        ioErrorsInRow.set(0);
        if (Thread.currentThread().isInterrupted()) { // what a detector says then is no answer
            throw new InterruptedIOException("interrupted while aligning photographs");
        }
        return carryOut(step, photograph, target, faces);
    }

    private Step.Outcome carryOut(Step step, Face photograph, Path target, FaceFolder faces) throws IOException {
        switch (step.change()) {
            case NONE -> {}
            case WRITE -> {
                if (!write(
                        target,
                        requireNonNull(step.face()),
                        requireNonNull(step.outcome().note()),
                        faces)) {
                    return Step.Outcome.inTheWay(photograph, target);
                }
            }
            case DELETE -> faces.delete(target);
            case TOUCH -> {
                try {
                    faces.touch(target, FileTime.from(Instant.now()));
                } catch (ClosedByInterruptException e) {
                    throw interrupted(e);
                } catch (IOException e) {
                    // The file is another user's, perhaps: the photograph is read again the next time.
                }
            }
        }
        return step.outcome();
    }

    /** A photograph that was not given says nothing about itself. Many in a row say that there is no use in going on. */
    private Step.Outcome ioError(Face photograph, IOException e) throws IOException {
        if (ioErrorsInRow.incrementAndGet() >= MOST_IO_ERRORS) {
            throw new IOException(
                    MOST_IO_ERRORS + " photographs in a row could not be read, the last of them " + photograph.file()
                            + " ("
                            + e
                            + "); is the disk or the network there? No face was deleted for it: the same command goes"
                            + " on from here",
                    e);
        }
        return Step.Outcome.skipped(
                photograph,
                SkipReason.IO_ERROR,
                FaceFolder.name(photograph) + ": " + Inspection.message(e, photograph));
    }

    private Step.Outcome failed(Face photograph, Throwable e) throws IOException {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof InterruptedException || cause instanceof ClosedByInterruptException) {
                throw interrupted(e);
            }
        }
        if (Thread.currentThread().isInterrupted()) {
            throw interrupted(e);
        }
        checkOpen.run();
        return Step.Outcome.skipped(photograph, SkipReason.FAILED, FaceFolder.name(photograph) + ": " + e);
    }

    private static InterruptedIOException interrupted(Throwable e) {
        InterruptedIOException interrupted = new InterruptedIOException("interrupted while aligning photographs");
        interrupted.initCause(e);
        return interrupted;
    }

    private boolean write(Path target, RgbImage face, FaceNote note, FaceFolder faces) throws IOException {
        long start = System.nanoTime();
        byte[] png = Png.encode(face.width(), face.height(), face.toBytes(), note.text());
        start = clock.add(Stage.ENCODE, start);
        try {
            return faces.write(target, png);
        } catch (ClosedByInterruptException e) {
            throw interrupted(e);
        } catch (IOException e) {
            throw new IOException("cannot write the aligned face " + target + ": " + e.getMessage(), e);
        } finally {
            clock.add(Stage.WRITE, start);
        }
    }

    private final class Progress {
        private final long start;
        private int total;
        private int done;

        Progress(long start) {
            this.start = start;
        }

        synchronized void total(int photographs) {
            total = photographs;
        }

        synchronized void step() {
            done++;
            double seconds = Math.max(1e-9, (System.nanoTime() - start) / 1e9);
            settings.listener().dealtWith(done, total, done / seconds);
        }
    }
}
