package org.openface.align.internal.directory;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.hash.Hashing;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.openface.align.face.Alignment;
import org.openface.align.face.SkipReason;
import org.openface.align.face.Stage;
import org.openface.core.dataset.Face;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.internal.image.EncodedPicture;
import org.openface.core.internal.image.PictureException;

/**
 * Remembers in which photographs there is no face to be found, so that they are not searched again. They are passed over
 * as long as they have the same size and time, or in doubt the same checksum, and everything is the same that the answer
 * depends on: the alignment profile, whether photographs of several people are skipped, and the limits.
 *
 * <p>Damaged photographs are remembered likewise, as to read a large one in vain takes as long as to read a whole one; but
 * only for the versions of this library and of Java that could not read them, as others may. Whatever says nothing about the
 * photograph is not remembered: an error of the disk, a detector that failed, want of memory.
 */
final class SkipMemory {
    /** Clocks of file systems tick up to every so many milliseconds (FAT). */
    private static final long TICK = 2000;

    private static final int DIGITS = 16;

    private final SkipRecord record;
    private final DirectoryJob.Settings settings;
    private final StageClock clock;
    private final String searching;
    private final String reading;

    SkipMemory(SkipRecord record, AlignmentProfile profile, DirectoryJob.Settings settings, StageClock clock) {
        this.record = record;
        this.settings = settings;
        this.clock = clock;
        searching = hash(String.join(
                "\n",
                profile.detector(),
                profile.landmarks(),
                profile.landmarkSet(),
                profile.template(),
                Integer.toString(profile.size()),
                Integer.toString(profile.revision()),
                Boolean.toString(settings.skipMulti()),
                settings.limits().toString()));
        reading = hash(String.join("\n", searching, profile.version(), System.getProperty("java.version")));
    }

    private static String hash(String text) {
        return Hashing.sha256().hashString(text, UTF_8).toString().substring(0, DIGITS);
    }

    private String key(SkipReason reason) {
        return reason == SkipReason.UNREADABLE ? reading : searching;
    }

    /** What came of looking for a face in a photograph, if it was done before and would come again. */
    Optional<Inspection.Search> recall(Face photograph) throws IOException {
        long start = System.nanoTime();
        String name = FaceFolder.name(photograph);
        SkipRecord.Memo memo = record.find(name).orElse(null);
        if (memo == null || !memo.holds(name, key(memo.reason()))) {
            return Optional.empty();
        }
        BasicFileAttributes now = Files.readAttributes(photograph.file(), BasicFileAttributes.class);
        if (!now.isRegularFile() || now.size() != memo.bytes()) {
            return Optional.empty();
        }
        long modified = now.lastModifiedTime().toMillis();
        if (modified != memo.modified()) {
            if (!hasChecksum(photograph, memo)) {
                return Optional.empty();
            }
            memo = memo(name, memo.reason(), memo.detail(), memo.bytes(), modified, memo.crc32());
        }
        clock.add(Stage.VERIFY, start);
        Alignment none = new Alignment.NotAligned(memo.reason(), memo.detail());
        boolean wasRead = memo.crc32() != SkipRecord.NO_CRC;
        return Optional.of(
                new Inspection.Search(wasRead ? memo.bytes() : 0, wasRead ? memo.crc32() : 0, modified, none, memo));
    }

    private boolean hasChecksum(Face photograph, SkipRecord.Memo memo) throws IOException {
        try {
            return memo.crc32() != SkipRecord.NO_CRC
                    && memo.crc32()
                            == EncodedPicture.read(
                                            photograph.file(), settings.limits().maxFileBytes())
                                    .crc32();
        } catch (PictureException e) {
            return false; // it has become another just now
        }
    }

    /**
     * What came of looking for a face, and what to remember of it.
     *
     * @param encoded what was read; none if the file could not be
     * @param before what the file system said of the file before it was read
     */
    Inspection.Search searched(
            Face photograph, @Nullable EncodedPicture encoded, BasicFileAttributes before, Alignment alignment) {
        long modified = before.lastModifiedTime().toMillis();
        long bytes = encoded == null ? 0 : encoded.bytes().length;
        long crc32 = encoded == null ? 0 : encoded.crc32();
        SkipRecord.Memo memo = null;
        if (alignment instanceof Alignment.NotAligned none && isLasting(none.reason())) {
            memo = memo(
                    FaceFolder.name(photograph),
                    none.reason(),
                    none.detail(),
                    encoded == null ? before.size() : bytes,
                    modified,
                    encoded == null ? SkipRecord.NO_CRC : crc32);
        }
        return new Inspection.Search(bytes, crc32, modified, alignment, memo);
    }

    private SkipRecord.Memo memo(
            String photograph, SkipReason reason, String detail, long bytes, long modified, long crc32) {
        return SkipRecord.Memo.of(photograph, reason, detail, bytes, unlessNew(modified), crc32, key(reason));
    }

    private static boolean isLasting(SkipReason reason) {
        return switch (reason) {
            case NO_FACE, SEVERAL_FACES, UNREADABLE -> true;
            case NAME_COLLISION, IN_THE_WAY, FAILED, IO_ERROR -> false;
        };
    }

    /** The time of a photograph, unless it is so new that it may be written again without getting another one. */
    private static long unlessNew(long modified) {
        return isNear(modified, System.currentTimeMillis()) ? FaceNote.NO_TIME : modified;
    }

    /** Whether two times may be the same tick of a clock. */
    static boolean isNear(long time, long other) {
        return Math.abs(time - other) < TICK;
    }
}
