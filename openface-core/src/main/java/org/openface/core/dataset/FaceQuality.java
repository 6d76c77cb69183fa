package org.openface.core.dataset;

import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.openface.core.internal.image.Png;

/**
 * What an aligner has noted in a face's file about the photograph it was cut from.
 *
 * @param facePixels width of the face in the photograph: one of 40 pixels that was enlarged to 96 shows less than one of 400
 * @param facesInPhotograph how many faces were found there; of several it may be another person's
 */
public record FaceQuality(int facePixels, int facesInPhotograph) {
    private static final Pattern BOX = Pattern.compile("(?m)^box=\\S+ \\S+ ([0-9]{1,6})(?:\\.[0-9]+)? \\S+$");
    private static final Pattern FACES = Pattern.compile("(?m)^faces=([0-9]{1,5})$");
    private static final int LIMIT = 0xffff;

    /** Of a face's file; empty if nothing is noted in it. */
    static Optional<FaceQuality> of(ByteBuffer file) {
        return Png.note(file).flatMap(note -> {
            Matcher box = BOX.matcher(note);
            Matcher faces = FACES.matcher(note);
            return box.find() && faces.find()
                    ? Optional.of(new FaceQuality(Integer.parseInt(box.group(1)), Integer.parseInt(faces.group(1))))
                    : Optional.empty();
        });
    }

    /** As one number that is not 0, as long as there is a face. */
    int packed() {
        return Math.min(facePixels, LIMIT) << 16 | Math.min(facesInPhotograph, LIMIT);
    }

    /** What {@link #packed} gave; empty for 0. */
    static Optional<FaceQuality> unpacked(int packed) {
        return packed == 0 ? Optional.empty() : Optional.of(new FaceQuality(packed >>> 16, packed & LIMIT));
    }
}
