package org.openface.align;

/** Why a photograph gave no aligned face. */
public enum SkipReason {
    /** No face was found, or none whose landmarks could be. */
    NO_FACE,
    /** More than one face was found and the aligner was told to {@linkplain Aligner.Builder#skipMulti skip such}. */
    SEVERAL_FACES,
    /** The file is no picture that can be read: damaged, empty, of another type, or too large. */
    UNREADABLE,
    /** Another photograph of the same person has the same name apart from its extension, and it comes first. */
    NAME_COLLISION
}
