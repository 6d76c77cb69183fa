package org.openface.triplet;

/** How several contributions become one. */
public enum Reduction {
    /** Their mean. */
    MEAN,
    /** Their sum. */
    SUM
}
