package org.openface.triplet.mining;

/**
 * Says which negatives a pair may be combined with, the second part of a mining strategy: a judgement on two squared
 * distances. Own identity needs no filter; images of the anchor's identity never are candidates. Several threads call it at once.
 *
 * <p>Put a filter of this library first and your own behind it, {@code violating().and(own)}: yours is then asked about
 * the few negatives that the first accepts, and not about all.
 */
@FunctionalInterface
public interface TripletFilter {
    /**
     * Whether the negative is a candidate.
     *
     * @param ap squared distance of anchor and positive
     * @param an squared distance of anchor and negative
     * @param margin the batch's margin
     */
    boolean accepts(float ap, float an, float margin);

    /** Violates the triplet constraint, {@code an - ap < margin}: every negative with a gradient, OpenFace's choice. */
    static TripletFilter violating() {
        return TripletFilters.VIOLATING;
    }

    /** Violates the constraint although farther than the positive: {@code ap < an < ap + margin}, FaceNet's choice. */
    static TripletFilter semiHard() {
        return TripletFilters.SEMI_HARD;
    }

    /** No farther than the positive, {@code an <= ap}: what violates the constraint and is not semi-hard. */
    static TripletFilter hard() {
        return TripletFilters.HARD;
    }

    /** Satisfies the constraint: what {@link #violating} leaves. No gradient comes of it; for baselines and counts. */
    static TripletFilter easy() {
        return TripletFilters.EASY;
    }

    /** Every image of another identity. */
    static TripletFilter any() {
        return TripletFilters.ANY;
    }

    /** Accepts what both accept. */
    default TripletFilter and(TripletFilter other) {
        return new TripletFilters.And(this, other);
    }

    /** Accepts what at least one of the two accepts. */
    default TripletFilter or(TripletFilter other) {
        return new TripletFilters.Or(this, other);
    }

    /**
     * A filter of your own under a name, by which a resumed run tells whether it is the same: a lambda says nothing of itself.
     * Give it another name when it changes.
     *
     * @throws IllegalArgumentException if the name is blank or of several lines
     */
    static TripletFilter named(String name, TripletFilter filter) {
        return new TripletFilters.Named(name, filter);
    }
}
