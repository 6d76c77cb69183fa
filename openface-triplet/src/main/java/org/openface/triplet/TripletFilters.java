package org.openface.triplet;

enum TripletFilters implements TripletFilter {
    VIOLATING("violating") {
        @Override
        public boolean accepts(float ap, float an, float margin) {
            return an - ap < margin;
        }
    },
    SEMI_HARD("semiHard") {
        @Override
        public boolean accepts(float ap, float an, float margin) {
            // The same rounding as above, so that semi-hard and hard split the violating ones exactly.
            return an > ap && an - ap < margin;
        }
    },
    HARD("hard") {
        @Override
        public boolean accepts(float ap, float an, float margin) {
            return an <= ap;
        }
    },
    ANY("any") {
        @Override
        public boolean accepts(float ap, float an, float margin) {
            return true;
        }
    };

    private final String name;

    TripletFilters(String name) {
        this.name = name;
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
}
