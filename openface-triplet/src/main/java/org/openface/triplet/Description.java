package org.openface.triplet;

/** Words for a user's strategy that are the same in every run, so that a resumed run can compare them. */
final class Description {
    private Description() {}

    /**
     * What the object says of itself, or its class when it says nothing. Of a lambda only the class around it is known:
     * two lambdas of one class look alike.
     */
    static String of(Object part) {
        String own = part.toString();
        String type = part.getClass().getName();
        if (!own.startsWith(type + "@")) {
            return own;
        }
        int lambda = type.indexOf("$$Lambda");
        return lambda < 0 ? type : "lambda of " + type.substring(0, lambda);
    }
}
