package org.openface.core.dataset;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Faces in rows, sorted by identity and file name, whatever they are kept in. */
interface FaceTable {
    /** Number of faces. */
    int rows();

    /** Makes the face of a row. */
    Face face(int row);

    /** {@link Face#fileName} of a row, without making the face. */
    String fileName(int row);

    /**
     * The digest of a row if it is known without reading the image: see {@link FaceContents}.
     *
     * @param target receives {@value FaceContents#DIGEST} bytes from {@code offset} on
     * @return whether it is known
     */
    boolean digest(int row, byte[] target, int offset);

    /** The folder that all faces lie in, absolute; {@code null} if there is no such. */
    default @Nullable Path root() {
        return null;
    }

    /** {@link FaceQuality#packed}; 0 if it is not known. */
    default int quality(int row) {
        return 0;
    }

    /** A table of faces that are objects already. */
    static FaceTable of(List<Face> sorted) {
        Face[] faces = sorted.toArray(new Face[0]);
        return new FaceTable() {
            @Override
            public int rows() {
                return faces.length;
            }

            @Override
            public Face face(int row) {
                return faces[row];
            }

            @Override
            public String fileName(int row) {
                return faces[row].fileName();
            }

            @Override
            public boolean digest(int row, byte[] target, int offset) {
                return false;
            }
        };
    }

    /** Of runs that begin at the given rows, the one that a row is in. */
    static int run(int[] starts, int row) {
        int at = Arrays.binarySearch(starts, row);
        return at >= 0 ? at : -at - 2;
    }
}
