package org.openface.align.internal.directory;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.openface.align.face.SkipReason;
import org.openface.core.dataset.Face;
import org.openface.core.image.RgbImage;

/**
 * What is to be done for a photograph, and what then has become of it.
 *
 * @param face what to write
 */
record Step(Outcome outcome, Change change, @Nullable RgbImage face) {
    /** What happens to the face's file. */
    enum Change {
        NONE,
        WRITE,
        DELETE,
        TOUCH
    }

    /**
     * What became of a photograph: its face is there, with a note if it is one of ours, or it was skipped.
     *
     * @param before whether the face was there already
     * @param memo by which a photograph that was skipped is passed over the next time, if it is to be
     */
    record Outcome(
            boolean before, @Nullable FaceNote note, Totals.@Nullable Skip skipped, SkipRecord.@Nullable Memo memo) {
        Outcome(boolean before, @Nullable FaceNote note, Totals.@Nullable Skip skipped) {
            this(before, note, skipped, null);
        }

        static Outcome skipped(Face photograph, SkipReason reason, String detail) {
            return new Outcome(false, null, new Totals.Skip(photograph.file(), reason, detail));
        }

        Outcome remembered(SkipRecord.@Nullable Memo by) {
            return new Outcome(before, note, skipped, by);
        }

        static Outcome inTheWay(Face photograph, Path target) {
            return skipped(
                    photograph,
                    SkipReason.IN_THE_WAY,
                    requireNonNull(target.getFileName()) + ", in the place of its face, is a file that was not made by"
                            + " aligning and is no face of the right size; move it away");
        }
    }

    static Step none(Outcome outcome) {
        return new Step(outcome, Change.NONE, null);
    }
}
