package org.openface.core.embedding;

/** What mining may use an image of a batch for. */
public enum Role {
    /** Anchor, positive and negative. */
    FULL,
    /** Negative only: one of the random extra faces that FaceNet adds to each mini-batch. */
    NEGATIVE_ONLY
}
