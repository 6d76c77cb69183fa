package org.openface.triplet.internal;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import java.util.regex.Pattern;

/** Words for a user's strategy that are the same in every run, so that a resumed run can compare them. */
public final class Description {
    private static final String LAMBDA = "lambda of ";
    private static final Pattern LAMBDA_WITHIN = Pattern.compile("([\\w.$]+?)\\$\\$Lambda[\\w$/.]*@[0-9a-f]+");
    private static final String CLASS = "(?:[a-z_]\\w*\\.)+[A-Z][\\w$]*";
    private static final Pattern OBJECT_WITHIN = Pattern.compile("\\b(" + CLASS + ")@[0-9a-f]+");
    private static final Pattern VAGUE = Pattern.compile(LAMBDA + "|\\b" + CLASS);

    private Description() {}

    /**
     * What the object says of itself, or its class when it says nothing. Of a lambda only the class around it is known:
     * two lambdas of one class look alike.
     */
    public static String of(Object part) {
        String own = part.toString();
        String type = part.getClass().getName();
        if (own.startsWith(type + "@")) {
            int lambda = type.indexOf("$$Lambda");
            return lambda < 0 ? type : LAMBDA + type.substring(0, lambda);
        }
        // What the parts of a record say is as much another in each process.
        own = LAMBDA_WITHIN.matcher(own).replaceAll(LAMBDA + "$1");
        return OBJECT_WITHIN.matcher(own).replaceAll("$1");
    }

    /** Whether words stand for an object that says nothing of itself, so that it may be another one in the next run. */
    public static boolean isVague(String words) {
        return VAGUE.matcher(words).find();
    }

    /**
     * The name of a strategy.
     *
     * @throws IllegalArgumentException if it is blank or of several lines
     */
    public static String name(String name) {
        requireNonNull(name, "a strategy's name must not be null");
        checkArgument(
                !name.isBlank() && name.chars().noneMatch(Character::isISOControl),
                "a strategy's name must be one line of text, got '%s'",
                name);
        return name;
    }
}
