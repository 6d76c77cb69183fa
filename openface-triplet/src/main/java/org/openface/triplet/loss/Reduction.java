package org.openface.triplet.loss;

/** How several contributions become one. */
public enum Reduction {
    /** Their mean. */
    MEAN,
    /** Their sum. */
    SUM,
    /**
     * The mean of those that are not 0: as the network learns and fewer contribute, these weigh no less. Under an optimiser that
     * divides a gradient by its usual size, such as Adam, that makes less of a difference than it seems.
     */
    MEAN_OF_NONZERO;

    /** What each contribution is multiplied with, given how many there are. */
    double weight(long all, long nonZero) {
        return switch (this) {
            case MEAN -> 1.0 / Math.max(1, all);
            case SUM -> 1;
            case MEAN_OF_NONZERO -> 1.0 / Math.max(1, nonZero);
        };
    }
}
