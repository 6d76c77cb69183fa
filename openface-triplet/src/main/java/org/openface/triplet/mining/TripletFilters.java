package org.openface.triplet.mining;

import static java.util.Objects.requireNonNull;

import org.openface.triplet.internal.Description;

enum TripletFilters implements TripletFilter {
    VIOLATING("violating", new Band(true, false, false, false, true)) {
        @Override
        public boolean accepts(float ap, float an, float margin) {
            return an - ap < margin;
        }
    },
    SEMI_HARD("semiHard", new Band(true, false, true, false, true)) {
        @Override
        public boolean accepts(float ap, float an, float margin) {
            // The same rounding as above, so that semi-hard and hard split the violating ones exactly.
            return an > ap && an - ap < margin;
        }
    },
    HARD("hard", new Band(false, false, false, true, true)) {
        @Override
        public boolean accepts(float ap, float an, float margin) {
            return an <= ap;
        }
    },
    EASY("easy", new Band(false, true, false, false, true)) {
        @Override
        public boolean accepts(float ap, float an, float margin) {
            return !(an - ap < margin);
        }
    },
    ANY("any", new Band(false, false, false, false, true)) {
        @Override
        public boolean accepts(float ap, float an, float margin) {
            return true;
        }
    };

    private final String name;
    private final Band band;

    TripletFilters(String name, Band band) {
        this.name = name;
        this.band = band;
    }

    /** What is known of a filter without asking it. */
    static Band bandOf(TripletFilter filter) {
        if (filter instanceof TripletFilters known) {
            return known.band;
        } else if (filter instanceof And both) {
            return bandOf(both.left).and(bandOf(both.right));
        }
        return Band.UNKNOWN;
    }

    @Override
    public String toString() {
        return name;
    }

    record And(TripletFilter left, TripletFilter right) implements TripletFilter {
        @Override
        public boolean accepts(float ap, float an, float margin) {
            return left.accepts(ap, an, margin) && right.accepts(ap, an, margin);
        }

        @Override
        public String toString() {
            return "(" + Description.of(left) + " and " + Description.of(right) + ")";
        }
    }

    record Or(TripletFilter left, TripletFilter right) implements TripletFilter {
        @Override
        public boolean accepts(float ap, float an, float margin) {
            return left.accepts(ap, an, margin) || right.accepts(ap, an, margin);
        }

        @Override
        public String toString() {
            return "(" + Description.of(left) + " or " + Description.of(right) + ")";
        }
    }

    record Named(String name, TripletFilter filter) implements TripletFilter {
        Named {
            Description.name(name);
            requireNonNull(filter, "filter must not be null");
        }

        @Override
        public boolean accepts(float ap, float an, float margin) {
            return filter.accepts(ap, an, margin);
        }

        @Override
        public String toString() {
            return name;
        }
    }
}
