package org.openface.core.imports;

import java.nio.file.Path;

/** Readers of the usual forms of face sets. Their files are read only. */
public final class FaceSources {
    private FaceSources() {}

    /**
     * MXNet's RecordIO, as insightface publishes its sets ({@code train.rec}): the identity is the record's label, with leading
     * zeros; the name is the number of the record. The index ({@code .idx}) is not needed. A damaged record is reported, and
     * reading goes on at the next one.
     *
     * <p>Source: dmlc-core's {@code recordio.h}, MXNet's {@code recordio.py}, insightface's {@code face2rec2.py}.
     */
    public static FaceSource recordIo(Path rec) {
        return new RecordIoSource(rec);
    }

    /**
     * The lines of MS-Celeb-1M's aligned faces: identity first, then the rank of the search, two addresses, the face's number, its
     * box, and last the JPEG in base 64, between tabs. Names are {@code rank-number}, as OpenFace's {@code
     * data/ms-celeb-1m/extract.py} makes them.
     */
    public static FaceSource msCeleb(Path tsv) {
        return new MsCelebSource(tsv);
    }

    /**
     * A table of files in CSV (RFC 4180), with a head that has the columns {@code path} and {@code identity}. Relative paths
     * begin at {@code root}; those that lead out of it, absolute ones and links that do are refused.
     */
    public static FaceSource csv(Path table, Path root) {
        return new CsvSource(table, root);
    }

    /**
     * A folder in which people's folders lie deeper. Links are not followed.
     *
     * @param level which folder is the person's, from 1 for those in the folder itself; images that lie higher are reported; what lies
     *     deeper belongs to the person, its folders' names becoming part of its name, with {@code -} between
     */
    public static FaceSource folder(Path folder, int level) {
        return new FolderSource(folder, level);
    }
}
