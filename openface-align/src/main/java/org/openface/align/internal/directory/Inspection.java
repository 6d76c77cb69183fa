package org.openface.align.internal.directory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.openface.align.face.Alignment;
import org.openface.align.face.SkipReason;
import org.openface.align.face.Stage;
import org.openface.core.dataset.Face;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.core.image.UnreadableImageException;
import org.openface.core.internal.image.EncodedPicture;
import org.openface.core.internal.image.PictureException;

/**
 * Looks at a photograph and at what is in its face's place, says what is to be done, and changes nothing.
 *
 * <p>A photograph is taken for unchanged if its size and time are those in its face's note. In doubt (another time; or a
 * time so near to that of the face that the photograph may have been written again within the same tick of a clock) its
 * checksum decides, and what came out is noted, so that it is read only once: another time in the note, and a face that was
 * compared later in its own time.
 */
final class Inspection {
    private final DirectoryJob.Work work;
    private final AlignmentProfile profile;
    private final DirectoryJob.Settings settings;
    private final Fallback fallback;
    private final StageClock clock;
    private final SkipMemory memory;

    Inspection(
            DirectoryJob.Work work,
            AlignmentProfile profile,
            DirectoryJob.Settings settings,
            Fallback fallback,
            StageClock clock,
            SkipRecord record) {
        this.memory = new SkipMemory(record, profile, settings, clock);
        this.work = work;
        this.profile = profile;
        this.settings = settings;
        this.fallback = fallback;
        this.clock = clock;
    }

    /**
     * What came of looking for a face.
     *
     * @param bytes size of the photograph's file, and its checksum; 0 if it was not read
     * @param memo by which nobody has to look again, if there is nothing to find
     */
    record Search(long bytes, long crc32, long modified, Alignment alignment, SkipRecord.@Nullable Memo memo) {}

    /** Forgets what it has looked up. */
    void forget() {
        fallback.forget();
    }

    /** What is to be done. */
    Step look(Face photograph, Path target) throws IOException {
        FaceFolder.There there = FaceFolder.there(target);
        if (there != FaceFolder.There.NOTHING) {
            long start = System.nanoTime();
            Step done = done(photograph, target, there);
            clock.add(Stage.VERIFY, start);
            if (done != null) {
                return done;
            }
            if (there == FaceFolder.There.OTHER) {
                return Step.none(Step.Outcome.inTheWay(photograph, target));
            }
        }
        String name = photograph.fileName();
        Search search = memory.recall(photograph).orElse(null);
        if (search == null) {
            search = search(photograph);
        }
        Alignment alignment = search.alignment();
        long bytes = search.bytes();
        long crc32 = search.crc32();
        long modified = search.modified();
        if (alignment instanceof Alignment.Aligned found) {
            FaceNote note = FaceNote.of(name, bytes, crc32, modified, found);
            return new Step(new Step.Outcome(false, note, null), Step.Change.WRITE, found.face());
        }
        Alignment.NotAligned none = (Alignment.NotAligned) alignment;
        boolean lookedAt = none.reason() == SkipReason.NO_FACE || none.reason() == SkipReason.SEVERAL_FACES;
        if (!lookedAt && there == FaceFolder.There.OURS && isAligned(target)) {
            return Step.none(Step.Outcome.skipped(
                            photograph, none.reason(), none.detail() + "; the face made from it before stays")
                    .remembered(search.memo()));
        }
        String detail = none.detail();
        long start = System.nanoTime();
        Optional<RgbImage> substitute = Optional.empty();
        try {
            substitute = fallback.face(photograph, profile.size(), settings.limits());
        } catch (UnreadableImageException e) {
            detail += "; its fallback: " + e.getMessage();
        }
        clock.add(Stage.DECODE, start);
        if (substitute.isPresent()) {
            FaceNote note = FaceNote.fallback(name, bytes, crc32, modified, none);
            return new Step(new Step.Outcome(false, note, null), Step.Change.WRITE, substitute.get());
        }
        boolean delete = lookedAt && there == FaceFolder.There.OURS;
        return new Step(
                Step.Outcome.skipped(photograph, none.reason(), detail).remembered(search.memo()),
                delete ? Step.Change.DELETE : Step.Change.NONE,
                null);
    }

    /** Reads a photograph and looks for a face. */
    private Search search(Face photograph) throws IOException {
        BasicFileAttributes before = Files.readAttributes(photograph.file(), BasicFileAttributes.class);
        long start = System.nanoTime();
        int taken = 0;
        EncodedPicture encoded = null;
        try {
            encoded = EncodedPicture.read(photograph.file(), settings.limits().maxFileBytes());
            start = clock.add(Stage.DECODE, start);
            taken = settings.memory().take(encoded.pixels() * DirectoryJob.BYTES_PER_PIXEL);
            start = System.nanoTime();
            RgbImage picture =
                    ImageFiles.decode(encoded.bytes(), photograph.file().toString(), settings.limits());
            clock.add(Stage.DECODE, start);
            Alignment alignment = work.align(picture, clock);
            return memory.searched(photograph, encoded, before, alignment);
        } catch (PictureException | UnreadableImageException e) {
            Alignment.NotAligned unreadable = new Alignment.NotAligned(SkipReason.UNREADABLE, message(e, photograph));
            return lacksMemory(e)
                    ? new Search(0, 0, before.lastModifiedTime().toMillis(), unreadable, null)
                    : memory.searched(photograph, encoded, before, unreadable);
        } finally {
            settings.memory().release(taken);
        }
    }

    /** With more memory the photograph may be read the next time. */
    private static boolean lacksMemory(Throwable e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof OutOfMemoryError) {
                return true;
            }
        }
        return false;
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

    /** Without the folders, which differ from machine to machine. */
    static String message(IOException e, Face photograph) {
        String message = e.getMessage() == null ? e.toString() : e.getMessage();
        return message.replace(photograph.file().toString(), photograph.fileName());
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
                return Step.none(new Step.Outcome(true, null, null));
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
        Step same = Step.none(new Step.Outcome(true, note, null));
        if (sameTime
                && !SkipMemory.isNear(
                        modified, Files.getLastModifiedTime(target).toMillis())) {
            return same;
        }
        if (EncodedPicture.read(source, settings.limits().maxFileBytes()).crc32() != note.crc32()) {
            return null;
        }
        if (there != FaceFolder.There.OURS || (sameTime && SkipMemory.isNear(modified, System.currentTimeMillis()))) {
            return same;
        }
        return sameTime
                ? new Step(same.outcome(), Step.Change.TOUCH, null)
                : new Step(new Step.Outcome(true, note.withModified(modified), null), Step.Change.WRITE, face);
    }
}
