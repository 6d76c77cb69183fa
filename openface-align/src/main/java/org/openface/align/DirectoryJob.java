package org.openface.align;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.core.image.UnreadableImageException;
import org.openface.core.internal.AtomicFile;
import org.openface.core.internal.OwnerOnly;
import org.openface.core.internal.PortableName;
import org.openface.core.internal.image.EncodedPicture;
import org.openface.core.internal.image.PictureException;
import org.openface.core.internal.image.Png;

/**
 * One run over a folder of photographs. Each thread takes the next photograph, aligns it and writes the face, so that at
 * most one photograph per thread is in memory, and fewer if they are large.
 *
 * <p>Several runs may work on one folder of faces at once, also in several processes. There is nothing between them but
 * the faces: each goes through the photographs in an order of its own and passes over what is there. A face that two make
 * at the same time is written twice, with the same bytes.
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
 *
 * <p>A photograph is taken for unchanged if its size and time are those in its face's note. In doubt (another time; or a
 * time so near to that of the face that the photograph may have been written again within the same tick of a clock) its
 * checksum decides, and what came out is noted, so that it is read only once: another time in the note, and a face that was
 * compared later in its own time.
 */
final class DirectoryJob {
    /** Bytes that each pixel of a photograph takes until it is a face: decoded, as an image, in grey, at other sizes. */
    static final int BYTES_PER_PIXEL = 12;

    /** Clocks of file systems tick up to every so many milliseconds (FAT). */
    private static final long TICK = 2000;

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
    DirectoryJob(Work work, Runnable checkOpen, AlignmentProfile profile, Settings settings) {
        this.work = work;
        this.checkOpen = checkOpen;
        this.profile = profile;
        this.settings = settings;
    }

    /** Aligns one photograph. */
    interface Work {
        Alignment align(RgbImage photograph, StageClock clock);
    }

    /** What an {@link Aligner} was told about directories. */
    record Settings(
            int threads,
            boolean skipMulti,
            @Nullable Path fallback,
            Consumer<AlignProgress> listener,
            ImageFiles.Limits limits,
            MemoryBudget memory) {}

    private static String name(Face photograph) {
        return photograph.identity() + "/" + photograph.fileName();
    }

    /**
     * What became of a photograph: its face is there, with a note if it is one of ours, or it was skipped.
     *
     * @param before whether the face was there already
     */
    private record Outcome(boolean before, @Nullable FaceNote note, AlignReport.@Nullable Skipped skipped) {}

    private enum Change {
        NONE,
        WRITE,
        DELETE,
        TOUCH
    }

    /**
     * What is to be done for a photograph, and what then has become of it.
     *
     * @param face what to write
     */
    private record Step(Outcome outcome, Change change, @Nullable RgbImage face) {
        static Step none(Outcome outcome) {
            return new Step(outcome, Change.NONE, null);
        }
    }

    AlignReport run(Path raw, Path aligned) throws IOException {
        if (Thread.currentThread().isInterrupted()) {
            throw new InterruptedIOException("interrupted before aligning photographs");
        }
        try {
            return runWhole(raw, aligned);
        } catch (ClosedByInterruptException e) {
            throw interrupted(e);
        }
    }

    private AlignReport runWhole(Path raw, Path aligned) throws IOException {
        FaceFolder.checkApart(raw, aligned);
        FaceDataset photographs = FaceDataset.index(raw);
        FaceFolder.checkApart(photographs, aligned);
        Fallback fallback = Fallback.of(settings.fallback());
        checkFallback();
        requireWritable(aligned);
        refuseUnknown(aligned);
        FaceFolder faces = FaceFolder.of(aligned, photographs);
        Map<Integer, String> collisions = collisions(photographs, faces);
        profile.claim(aligned);

        long start = System.nanoTime();
        Tally tally = new Tally();
        try (AlignmentTable table = AlignmentTable.open(aligned)) {
            int[] order = shuffled(photographs.size());
            Progress progress = new Progress(photographs.size(), start);
            Workers.run(photographs.size(), settings.threads(), "aligning photographs", at -> {
                int i = order[at];
                Face photograph = photographs.faces().get(i);
                Outcome outcome = process(photograph, collisions.get(i), faces, aligned, fallback);
                write(photograph, outcome, table);
                tally.add(i, photograph, outcome);
                progress.step();
            });
            table.merge();
        }
        deleteLeftovers(photographs, aligned);
        List<Path> withoutPhotograph = faces.abandoned(photographs).stream()
                .map(FaceFolder.Abandoned::face)
                .toList();
        return tally.report(
                withoutPhotograph,
                photographs.passedOver(),
                Duration.ofNanos(System.nanoTime() - start),
                clock.times());
    }

    /** Deletes the faces of ours whose photographs are gone, and their rows of the table. */
    List<Path> purge(Path raw, Path aligned) throws IOException {
        FaceFolder.checkApart(raw, aligned);
        FaceDataset photographs = FaceDataset.index(raw);
        FaceFolder.checkApart(photographs, aligned);
        checkArgument(
                AlignmentProfile.of(aligned).isPresent(),
                "%s is no folder of aligned faces: it has no %s",
                aligned,
                AlignmentProfile.FILE_NAME);
        FaceFolder faces = FaceFolder.of(aligned, photographs);
        List<Path> deleted = new ArrayList<>();
        try (AlignmentTable table = AlignmentTable.open(aligned)) {
            for (FaceFolder.Abandoned gone : faces.abandoned(photographs)) {
                if (faces.delete(gone.face())) {
                    table.remove(gone.photograph());
                    deleted.add(gone.face());
                }
            }
            table.merge();
        }
        return deleted;
    }

    /** What is counted and kept of the outcomes. */
    private static final class Tally {
        private record Numbered(int number, AlignReport.Skipped skipped) {}

        private int done;
        private int before;
        private final List<Numbered> fallbacks = new ArrayList<>();
        private final List<Numbered> skipped = new ArrayList<>();

        synchronized void add(int number, Face photograph, Outcome outcome) {
            FaceNote note = outcome.note();
            if (outcome.skipped() != null) {
                skipped.add(new Numbered(number, outcome.skipped()));
            } else if (note != null && note.fallbackReason() != null) {
                fallbacks.add(new Numbered(
                        number, new AlignReport.Skipped(photograph.file(), note.fallbackReason(), note.detail())));
            } else if (outcome.before()) {
                before++;
            } else {
                done++;
            }
        }

        synchronized AlignReport report(
                List<Path> withoutPhotograph,
                List<FaceDataset.PassedOver> passedOver,
                Duration elapsed,
                Map<Stage, Duration> times) {
            return new AlignReport(
                    done, before, inOrder(fallbacks), inOrder(skipped), withoutPhotograph, passedOver, elapsed, times);
        }

        private static List<AlignReport.Skipped> inOrder(List<Numbered> some) {
            return some.stream()
                    .sorted(Comparator.comparingInt(Numbered::number))
                    .map(Numbered::skipped)
                    .toList();
        }
    }

    private static void write(Face photograph, Outcome outcome, AlignmentTable table) throws IOException {
        AlignReport.Skipped skipped = outcome.skipped();
        if (skipped != null) {
            table.addSkipped(name(photograph), skipped.reason(), skipped.detail());
        } else {
            FaceNote note = outcome.note() == null ? FaceNote.UNKNOWN : outcome.note();
            table.add(name(photograph), photograph.identity() + "/" + FaceFolder.faceName(photograph), note);
        }
    }

    private static void deleteLeftovers(FaceDataset photographs, Path aligned) throws IOException {
        AtomicFile.deleteLeftovers(aligned);
        for (int i = 0; i < photographs.identities().size(); i++) {
            Path person = aligned.resolve(folder(photographs.faces(i).get(0)));
            if (Files.isDirectory(person)) {
                AtomicFile.deleteLeftovers(person);
            }
        }
    }

    /** An order of this run's own, so that several runs on one folder seldom meet. The result does not depend on it. */
    private static int[] shuffled(int count) {
        List<Integer> order = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            order.add(i);
        }
        Collections.shuffle(order, new Random(31 * ProcessHandle.current().pid() + System.nanoTime()));
        return order.stream().mapToInt(Integer::intValue).toArray();
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

    /** Faces of unknown alignment would be taken for done. */
    private static void refuseUnknown(Path aligned) throws IOException {
        if (AlignmentProfile.of(aligned).isPresent()) {
            return;
        }
        Path found;
        try (Stream<Path> files = Files.walk(aligned, 2)) {
            found = files.filter(ImageFiles::isImage).findFirst().orElse(null);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        // Asked again: another process may have begun between the two looks.
        checkArgument(
                found == null || AlignmentProfile.of(aligned).isPresent(),
                "%s holds images, such as %s, and no %s that says how they were aligned; choose an empty folder, or mark"
                        + " this one with the profile they have (AlignmentProfile.claim)",
                aligned,
                found,
                AlignmentProfile.FILE_NAME);
    }

    /**
     * The photographs whose faces have no place, by number, and why. Not by the file system's own rule, so that the same
     * folder gives the same faces on every system, and none is lost when they are copied to another. Of several people or
     * photographs with one name the first has the place, unless another person's folder is there already.
     */
    private static Map<Integer, String> collisions(FaceDataset photographs, FaceFolder faces) throws IOException {
        Map<String, List<Path>> there = faces.persons();
        Map<String, String> owners = new HashMap<>();
        for (boolean hasFolder : new boolean[] {true, false}) {
            for (int i = 0; i < photographs.identities().size(); i++) {
                Path person = folder(photographs.faces(i).get(0));
                if (!hasFolder || faces.has(there, person)) {
                    String identity = photographs.identities().get(i);
                    owners.putIfAbsent(PortableName.key(identity), identity);
                }
            }
        }
        Map<Integer, String> collisions = new HashMap<>();
        int number = 0;
        for (int i = 0; i < photographs.identities().size(); i++) {
            String identity = photographs.identities().get(i);
            List<Face> all = photographs.faces(i);
            String owner = requireNonNull(owners.get(PortableName.key(identity)));
            Optional<String> rival =
                    owner.equals(identity) ? faces.rival(there, folder(all.get(0))) : Optional.of(owner);
            Map<String, Face> names = new HashMap<>();
            for (Face photograph : all) {
                Face other = names.putIfAbsent(PortableName.key(FaceFolder.faceName(photograph)), photograph);
                if (rival.isPresent()) {
                    collisions.put(
                            number,
                            "the folder of its face, " + identity + ", and that of " + rival.get()
                                    + "'s faces are one on some systems; rename one of the two");
                } else if (other != null) {
                    collisions.put(
                            number, "its face would have the name of " + name(other) + "'s; rename one of the two");
                }
                number++;
            }
        }
        return collisions;
    }

    /** Name of the folder in which a photograph lies. */
    private static Path folder(Face photograph) {
        return requireNonNull(requireNonNull(photograph.file().getParent()).getFileName());
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

    private static void requireWritable(Path directory) throws IOException {
        try {
            OwnerOnly.createDirectories(directory);
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

    private Outcome process(
            Face photograph, @Nullable String collision, FaceFolder faces, Path aligned, Fallback fallback)
            throws IOException {
        if (collision != null) {
            return skipped(photograph, SkipReason.NAME_COLLISION, collision);
        }
        Path target = target(photograph.file(), aligned);
        Step step;
        try {
            step = look(photograph, target, fallback);
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

    /** Looks at a photograph and at what is in its face's place, and changes nothing. */
    private Step look(Face photograph, Path target, Fallback fallback) throws IOException {
        FaceFolder.There there = FaceFolder.there(target);
        if (there != FaceFolder.There.NOTHING) {
            long start = System.nanoTime();
            Step done = done(photograph, target, there);
            clock.add(Stage.VERIFY, start);
            if (done != null) {
                return done;
            }
            if (there == FaceFolder.There.OTHER) {
                return Step.none(inTheWay(photograph, target));
            }
        }
        String name = photograph.fileName();
        long modified = Files.getLastModifiedTime(photograph.file()).toMillis(); // before it is read
        long bytes = 0;
        long crc32 = 0;
        Alignment alignment;
        long start = System.nanoTime();
        int taken = 0;
        try {
            EncodedPicture encoded =
                    EncodedPicture.read(photograph.file(), settings.limits().maxFileBytes());
            bytes = encoded.bytes().length;
            crc32 = encoded.crc32();
            start = clock.add(Stage.DECODE, start);
            taken = settings.memory().take(encoded.pixels() * BYTES_PER_PIXEL);
            start = System.nanoTime();
            RgbImage picture =
                    ImageFiles.decode(encoded.bytes(), photograph.file().toString(), settings.limits());
            clock.add(Stage.DECODE, start);
            alignment = work.align(picture, clock);
        } catch (PictureException | UnreadableImageException e) {
            alignment = new Alignment.NotAligned(SkipReason.UNREADABLE, message(e, photograph));
        } finally {
            settings.memory().release(taken);
        }
        if (alignment instanceof Alignment.Aligned found) {
            FaceNote note = FaceNote.of(name, bytes, crc32, modified, found);
            return new Step(new Outcome(false, note, null), Change.WRITE, found.face());
        }
        Alignment.NotAligned none = (Alignment.NotAligned) alignment;
        boolean lookedAt = none.reason() == SkipReason.NO_FACE || none.reason() == SkipReason.SEVERAL_FACES;
        if (!lookedAt && there == FaceFolder.There.OURS && isAligned(target)) {
            return Step.none(
                    skipped(photograph, none.reason(), none.detail() + "; the face made from it before stays"));
        }
        String detail = none.detail();
        start = System.nanoTime();
        Optional<RgbImage> substitute = Optional.empty();
        try {
            substitute = fallback.face(photograph, profile.size(), settings.limits());
        } catch (UnreadableImageException e) {
            detail += "; its fallback: " + e.getMessage();
        }
        clock.add(Stage.DECODE, start);
        if (substitute.isPresent()) {
            FaceNote note = FaceNote.fallback(name, bytes, crc32, modified, none);
            return new Step(new Outcome(false, note, null), Change.WRITE, substitute.get());
        }
        boolean delete = lookedAt && there == FaceFolder.There.OURS;
        return new Step(skipped(photograph, none.reason(), detail), delete ? Change.DELETE : Change.NONE, null);
    }

    /** Whether a face of ours is one that was aligned, and no fallback. */
    private static boolean isAligned(Path target) throws IOException {
        return Files.size(target) > 0
                && EncodedPicture.read(target, ImageFiles.Limits.DEFAULT.maxFileBytes())
                        .note()
                        .flatMap(FaceNote::parse)
                        .filter(note -> note.fallbackReason() == null)
                        .isPresent();
    }

    private Outcome carryOut(Step step, Face photograph, Path target, FaceFolder faces) throws IOException {
        switch (step.change()) {
            case NONE -> {}
            case WRITE -> {
                if (!write(
                        target,
                        requireNonNull(step.face()),
                        requireNonNull(step.outcome().note()),
                        faces)) {
                    return inTheWay(photograph, target);
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

    private static Outcome inTheWay(Face photograph, Path target) {
        return skipped(
                photograph,
                SkipReason.IN_THE_WAY,
                requireNonNull(target.getFileName()) + ", in the place of its face, is a file that was not made by"
                        + " aligning and is no face of the right size; move it away");
    }

    /** A photograph that was not given says nothing about itself. Many in a row say that there is no use in going on. */
    private Outcome ioError(Face photograph, IOException e) throws IOException {
        if (ioErrorsInRow.incrementAndGet() >= MOST_IO_ERRORS) {
            throw new IOException(
                    MOST_IO_ERRORS + " photographs in a row could not be read, the last of them " + photograph.file()
                            + " ("
                            + e
                            + "); is the disk or the network there? No face was deleted for it: the same command goes"
                            + " on from here",
                    e);
        }
        return skipped(photograph, SkipReason.IO_ERROR, name(photograph) + ": " + message(e, photograph));
    }

    private Outcome failed(Face photograph, Throwable e) throws IOException {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof InterruptedException || cause instanceof ClosedByInterruptException) {
                throw interrupted(e);
            }
        }
        if (Thread.currentThread().isInterrupted()) {
            throw interrupted(e);
        }
        checkOpen.run();
        return skipped(photograph, SkipReason.FAILED, name(photograph) + ": " + e);
    }

    private static InterruptedIOException interrupted(Throwable e) {
        InterruptedIOException interrupted = new InterruptedIOException("interrupted while aligning photographs");
        interrupted.initCause(e);
        return interrupted;
    }

    /** Without the folders, which differ from machine to machine. */
    private static String message(IOException e, Face photograph) {
        String message = e.getMessage() == null ? e.toString() : e.getMessage();
        return message.replace(photograph.file().toString(), photograph.fileName());
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

    private static Outcome skipped(Face photograph, SkipReason reason, String detail) {
        return new Outcome(false, null, new AlignReport.Skipped(photograph.file(), reason, detail));
    }

    /**
     * What to do if the face is there, whole, of the right size, and made from the photograph as it is now with these
     * settings; nothing if it has to be made. A face without a note is somebody else's, and stays.
     */
    private @Nullable Step done(Face photograph, Path target, FaceFolder.There there) throws IOException {
        if (!Files.exists(target)) {
            return null; // a link to nothing
        }
        try {
            EncodedPicture encoded = EncodedPicture.read(target, ImageFiles.Limits.DEFAULT.maxFileBytes());
            RgbImage face = ImageFiles.decode(encoded.bytes(), target.toString(), ImageFiles.Limits.DEFAULT);
            if (face.width() != profile.size() || face.height() != profile.size()) {
                return null;
            }
            Optional<String> text = encoded.note();
            if (text.isEmpty()) {
                return Step.none(new Outcome(true, null, null));
            }
            FaceNote note = FaceNote.parse(text.get()).orElse(FaceNote.UNKNOWN);
            if (!note.photograph().equals(photograph.fileName()) || (settings.skipMulti() && note.facesFound() > 1)) {
                return null;
            }
            return unchanged(photograph.file(), target, face, note, there);
        } catch (PictureException | UnreadableImageException e) {
            return null; // A damaged face is made anew.
        }
    }

    /** What to do if the photograph is the one that the note speaks of; nothing if it is not. */
    private @Nullable Step unchanged(Path source, Path target, RgbImage face, FaceNote note, FaceFolder.There there)
            throws IOException {
        BasicFileAttributes attributes = Files.readAttributes(source, BasicFileAttributes.class);
        if (attributes.size() != note.bytes()) {
            return null;
        }
        long modified = attributes.lastModifiedTime().toMillis();
        boolean sameTime = modified == note.modified();
        Step same = Step.none(new Outcome(true, note, null));
        if (sameTime && !isNear(modified, Files.getLastModifiedTime(target).toMillis())) {
            return same;
        }
        if (EncodedPicture.read(source, settings.limits().maxFileBytes()).crc32() != note.crc32()) {
            return null;
        }
        if (there != FaceFolder.There.OURS || (sameTime && isNear(modified, System.currentTimeMillis()))) {
            return same;
        }
        return sameTime
                ? new Step(same.outcome(), Change.TOUCH, null)
                : new Step(new Outcome(true, note.withModified(modified), null), Change.WRITE, face);
    }

    private static boolean isNear(long time, long other) {
        return Math.abs(time - other) < TICK;
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
            settings.listener().accept(new AlignProgress(done, total, done / seconds));
        }
    }
}
