package org.openface.align.face;

/** Why a photograph gave no aligned face. */
public enum SkipReason {
    /** No face was found, or none whose landmarks could be. */
    NO_FACE,
    /** More than one face was found and the aligner was told to skip such ({@code skipMulti}). */
    SEVERAL_FACES,
    /** The file is no picture that can be read: damaged, empty, of another type, or too large. */
    UNREADABLE,
    /**
     * Another photograph, which comes first, or a face that is there, has a name that this one's face would have too, here
     * or on another file system: apart from the extension the names are the same, or differ only in case, in how accents are
     * composed, or in what is not seen. That may be the name of the file or of the person's folder.
     */
    NAME_COLLISION,
    /** In the place of its face is a file that no aligner has made, and that is no face of the right size. It stays. */
    IN_THE_WAY,
    /** Aligning it failed, as a detector of your own may, or for want of memory; the detail is the exception. */
    FAILED,
    /**
     * The disk or the network did not give the file, or it has gone; it says nothing about the photograph. A face that was
     * made from it before stays, and the next run tries again.
     */
    IO_ERROR
}
