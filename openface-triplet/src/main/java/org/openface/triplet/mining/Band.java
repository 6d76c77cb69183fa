package org.openface.triplet.mining;

/**
 * What is known of a filter without asking it: accepted negatives lie in an interval of squared distances whose ends
 * follow from the pair. For the filters of this library the interval says it all ({@code exact}); of another it is a
 * bound, and the filter has the last word.
 *
 * <p>Distances are compared by their bits, as integers: they are not negative, so the order is the same.
 *
 * @param violating less than the distance from which on the constraint is met
 * @param easy at least that distance
 * @param beyondPositive farther than the positive
 * @param notBeyondPositive no farther than the positive
 * @param exact whether everything within is accepted
 */
record Band(boolean violating, boolean easy, boolean beyondPositive, boolean notBeyondPositive, boolean exact) {
    /** Of a filter that must be asked about every distance. */
    static final Band UNKNOWN = new Band(false, false, false, false, false);

    /** Greater than the bits of any distance, infinity included. */
    static final int BEYOND_ALL = Float.floatToRawIntBits(Float.POSITIVE_INFINITY) + 1;

    /** What two filters accept together. */
    Band and(Band other) {
        return new Band(
                violating || other.violating,
                easy || other.easy,
                beyondPositive || other.beyondPositive,
                notBeyondPositive || other.notBeyondPositive,
                exact && other.exact);
    }

    /** Whether the positive's distance is an end of the interval. */
    boolean needsPositive() {
        return beyondPositive || notBeyondPositive;
    }

    /** As {@code mining.cu} has them. */
    int flags() {
        return (violating ? 1 : 0) + (easy ? 2 : 0) + (beyondPositive ? 4 : 0) + (notBeyondPositive ? 8 : 0);
    }

    /** First accepted distance, as bits. */
    int from(int positive, int met) {
        return Math.max(beyondPositive ? positive + 1 : 0, easy ? met : 0);
    }

    /** First distance beyond the accepted ones, as bits. */
    int to(int positive, int met) {
        return Math.min(notBeyondPositive ? positive + 1 : BEYOND_ALL, violating ? met : BEYOND_ALL);
    }

    /**
     * The bits of the least distance {@code an} for which {@code an - ap < margin} is false, in float arithmetic. The
     * rounded difference grows with {@code an}, so that all below violate the constraint and none above.
     */
    static int met(float ap, float margin) {
        float an = ap + margin;
        while (an > 0 && Math.nextDown(an) - ap >= margin) {
            an = Math.nextDown(an);
        }
        while (an - ap < margin) {
            an = Math.nextUp(an);
        }
        return Float.floatToRawIntBits(an);
    }
}
