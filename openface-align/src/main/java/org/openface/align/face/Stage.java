package org.openface.align.face;

/** What an aligner spends its time on. */
public enum Stage {
    /** Looking whether a face is there already, and whole. */
    VERIFY,
    /** From the file to pixels; also that of a fallback picture. */
    DECODE,
    /** Finding faces. */
    DETECT,
    /** Finding the landmarks of the faces, apart from those that the detector has given. */
    LANDMARKS,
    /** From the photograph to the aligned face. */
    WARP,
    /** From the aligned face to PNG. */
    ENCODE,
    /** From PNG to the file. */
    WRITE
}
