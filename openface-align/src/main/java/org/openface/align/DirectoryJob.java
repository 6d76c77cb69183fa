package org.openface.align;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/**
 * One run over a folder of photographs. Each thread takes the next photograph, aligns it and writes the face, so that at
 * most one photograph per thread is in memory, and fewer if they are large.
 *
 * <p>Several runs may work on one folder of faces at once, also in several processes. There is nothing between them but
 * the faces: each goes through the photographs in an order of its own and passes over what is there. A face that two make
 * at the same time is written twice, with the same bytes.
 */
final class DirectoryJob {
    /** Bytes that each pixel of a photograph takes until it is a face: decoded, as an image, in grey, at other sizes. */
    static final int BYTES_PER_PIXEL = 12;

    private final Work work;
    private final AlignmentProfile profile;
    private final Settings settings;
    private final StageClock clock = new StageClock();

    DirectoryJob(Work work, AlignmentProfile profile, Settings settings) {
        this.work = work;
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

    /** A photograph and where its face goes; {@code target} is null if {@code takenBy} has that name already. */
    private record Task(Face photograph, @Nullable Path target, @Nullable Face takenBy) {
        Path source() {
            return photograph.file();
        }

        String name() {
            return DirectoryJob.name(photograph);
        }

        String faceName() {
            String name = name();
            return name.substring(0, name.lastIndexOf('.')) + ".png";
        }
    }

    private static String name(Face photograph) {
        return photograph.identity() + "/" + photograph.fileName();
    }

    /**
     * What became of a photograph: its face is there, with a note if it is one of ours, or it was skipped.
     *
     * @param before whether the face was there already
     */
    private record Outcome(boolean before, @Nullable FaceNote note, AlignReport.@Nullable Skipped skipped) {}

    AlignReport run(Path raw, Path aligned) throws IOException {
        checkApart(raw, aligned);
        List<Task> tasks = tasks(FaceDataset.index(raw), aligned);
        Fallback fallback = Fallback.of(settings.fallback());
        checkFallback();
        requireWritable(aligned);
        refuseUnknown(aligned);
        profile.claim(aligned);

        long start = System.nanoTime();
        AtomicReferenceArray<Outcome> outcomes = new AtomicReferenceArray<>(tasks.size());
        int[] order = shuffled(tasks.size());
        Progress progress = new Progress(tasks.size(), start);
        Workers.run(tasks.size(), settings.threads(), "aligning photographs", at -> {
            int i = order[at];
            outcomes.set(i, process(tasks.get(i), fallback));
            progress.step();
        });

        int done = 0;
        int before = 0;
        List<AlignReport.Skipped> fallbacks = new ArrayList<>();
        List<AlignReport.Skipped> skipped = new ArrayList<>();
        AlignmentTable table = new AlignmentTable();
        for (int i = 0; i < tasks.size(); i++) {
            Task task = tasks.get(i);
            Outcome outcome = outcomes.get(i);
            FaceNote note = outcome.note();
            if (outcome.skipped() != null) {
                skipped.add(outcome.skipped());
                table.addSkipped(
                        task.name(),
                        outcome.skipped().reason(),
                        outcome.skipped().detail());
                continue;
            }
            table.add(task.name(), task.faceName(), note == null ? FaceNote.UNKNOWN : note);
            if (note != null && note.fallbackReason() != null) {
                fallbacks.add(new AlignReport.Skipped(task.source(), note.fallbackReason(), note.detail()));
            } else if (outcome.before()) {
                before++;
            } else {
                done++;
            }
        }
        table.writeTo(aligned);
        deleteLeftovers(tasks, aligned);
        return new AlignReport(
                done, before, fallbacks, skipped, Duration.ofNanos(System.nanoTime() - start), clock.times());
    }

    private static void deleteLeftovers(List<Task> tasks, Path aligned) throws IOException {
        Set<Path> folders = new LinkedHashSet<>();
        folders.add(aligned);
        for (Task task : tasks) {
            if (task.target() != null) {
                folders.add(requireNonNull(task.target().getParent()));
            }
        }
        for (Path folder : folders) {
            if (Files.isDirectory(folder)) {
                ImageFiles.deleteLeftovers(folder);
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
        Map<String, Face> taken = new HashMap<>();
        for (Face photograph : photographs.faces()) {
            Path target = target(photograph.file(), aligned);
            // Not by the file system's own rule, so that the same folder gives the same faces on every system.
            String name = target.toUri().getRawPath().toLowerCase(Locale.ROOT);
            Face other = taken.putIfAbsent(name, photograph);
            tasks.add(new Task(photograph, other == null ? target : null, other));
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

    private Outcome process(Task task, Fallback fallback) throws IOException {
        Path target = task.target();
        if (target == null) {
            String other = name(requireNonNull(task.takenBy()));
            return skipped(
                    task,
                    SkipReason.NAME_COLLISION,
                    "its face would have the name of " + other + "'s; rename one of the two");
        }
        boolean exists = Files.exists(target);
        if (exists) {
            Outcome done = done(task, target);
            if (done != null) {
                return done;
            }
        }
        String name = task.photograph().fileName();
        long bytes = 0;
        long crc32 = 0;
        Alignment alignment;
        long start = System.nanoTime();
        int taken = 0;
        try {
            ImageFiles.Encoded encoded = ImageFiles.load(task.source(), settings.limits());
            bytes = encoded.fileBytes();
            crc32 = encoded.crc32();
            start = clock.add(Stage.DECODE, start);
            taken = settings.memory().take(encoded.pixels() * BYTES_PER_PIXEL);
            start = System.nanoTime();
            RgbImage photograph = encoded.decode();
            clock.add(Stage.DECODE, start);
            alignment = work.align(photograph, clock);
        } catch (IOException e) {
            alignment = new Alignment.NotAligned(SkipReason.UNREADABLE, message(e, task));
        } finally {
            settings.memory().release(taken);
        }
        if (alignment instanceof Alignment.Aligned found) {
            FaceNote note = FaceNote.of(name, bytes, crc32, found);
            write(target, found.face(), note);
            return new Outcome(false, note, null);
        }
        Alignment.NotAligned none = (Alignment.NotAligned) alignment;
        String detail = none.detail();
        start = System.nanoTime();
        Optional<RgbImage> substitute = Optional.empty();
        try {
            substitute = fallback.face(task.photograph(), profile.size(), settings.limits());
        } catch (IOException e) {
            detail += "; its fallback: " + e.getMessage();
        }
        clock.add(Stage.DECODE, start);
        if (substitute.isPresent()) {
            FaceNote note = FaceNote.fallback(name, bytes, crc32, none);
            write(target, substitute.get(), note);
            return new Outcome(false, note, null);
        }
        if (exists) {
            Files.deleteIfExists(target); // damaged, or of a photograph that has been replaced
        }
        return skipped(task, none.reason(), detail);
    }

    /** Without the folders, which differ from machine to machine. */
    private static String message(IOException e, Task task) {
        return String.valueOf(e.getMessage())
                .replace(task.source().toString(), task.photograph().fileName());
    }

    private void write(Path target, RgbImage face, FaceNote note) throws IOException {
        long start = System.nanoTime();
        byte[] png = ImageFiles.encodePng(face, note.text());
        start = clock.add(Stage.ENCODE, start);
        try {
            Files.createDirectories(target.getParent());
            ImageFiles.writeAtomically(png, target);
        } catch (IOException e) {
            throw new IOException("cannot write the aligned face " + target + ": " + e.getMessage(), e);
        }
        clock.add(Stage.WRITE, start);
    }

    private static Outcome skipped(Task task, SkipReason reason, String detail) {
        return new Outcome(false, null, new AlignReport.Skipped(task.source(), reason, detail));
    }

    /**
     * The outcome if the face is there, whole, of the right size, and made from the photograph as it is now with these
     * settings; nothing if it has to be made. A face without a note is somebody else's, and stays.
     */
    private @Nullable Outcome done(Task task, Path target) {
        long start = System.nanoTime();
        try {
            RgbImage face = ImageFiles.read(target);
            if (face.width() != profile.size() || face.height() != profile.size()) {
                return null;
            }
            Optional<String> text = ImageFiles.readNote(target);
            if (text.isEmpty()) {
                return new Outcome(true, null, null);
            }
            FaceNote note = FaceNote.parse(text.get()).orElse(FaceNote.UNKNOWN);
            boolean same = note.photograph().equals(task.photograph().fileName())
                    && isUnchanged(task.source(), target, note)
                    && !(settings.skipMulti() && note.facesFound() > 1);
            return same ? new Outcome(true, note, null) : null;
        } catch (IOException e) {
            return null; // A damaged face is made anew.
        } finally {
            clock.add(Stage.VERIFY, start);
        }
    }

    /** By size and, of a photograph that is younger than its face, by checksum. */
    private boolean isUnchanged(Path source, Path target, FaceNote note) throws IOException {
        return note.bytes() == Files.size(source)
                && (Files.getLastModifiedTime(source).compareTo(Files.getLastModifiedTime(target)) < 0
                        || note.crc32()
                                == ImageFiles.load(source, settings.limits()).crc32());
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
