package org.openface.core.imports;

import java.io.IOException;

/**
 * A face set to be imported: a reader, of which one more is ten lines.
 *
 * <pre>{@code
 * FaceSource ours = sink -> {
 *     for (Row row : database.faces()) {
 *         sink.face(row.person(), row.number() + "", row.jpeg());
 *     }
 * };
 * FaceImport.from(ours).into(folder);
 * }</pre>
 *
 * <p>It is not trusted: names, sizes and contents are checked by {@link FaceImport}.
 */
@FunctionalInterface
public interface FaceSource {
    /**
     * Hands over all faces, always in the same order and with the same names.
     *
     * @throws IOException if the set as a whole cannot be read; what was handed over until then is imported
     */
    void read(Sink sink) throws IOException;

    /** How much of the set was read so far, from 0 to 1; not-a-number if that is not known. */
    default double fraction() {
        return Double.NaN;
    }

    /** Takes what a source has. */
    interface Sink {
        /**
         * A face.
         *
         * @param identity name of the person
         * @param name of the image, with or without an ending; different for each image of the person
         * @param image content of an image file
         * @throws IOException if it cannot be written
         */
        void face(String identity, String name, byte[] image) throws IOException;

        /**
         * An entry that cannot be read; it is reported, and the others go on.
         *
         * @param entry what tells it, such as a file and a line
         * @param reason why
         */
        void unreadable(String entry, String reason) throws IOException;
    }
}
