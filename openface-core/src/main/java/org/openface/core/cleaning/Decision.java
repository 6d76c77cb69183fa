package org.openface.core.cleaning;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * What becomes of an image, or of all images of a person.
 *
 * @param action what is done
 * @param target the person to move to; empty otherwise
 */
public record Decision(Action action, String target) {
    /** Stays where it is. */
    public static final Decision KEEP = new Decision(Action.KEEP, "");

    /** Is not in the new data set. */
    public static final Decision REMOVE = new Decision(Action.REMOVE, "");

    private static final String MOVE_TO = "move to ";

    /** What is done. */
    public enum Action {
        /** Nothing. */
        KEEP,
        /** It is left out. */
        REMOVE,
        /** It gets another name. */
        MOVE
    }

    /**
     * Checks the target.
     *
     * @throws IllegalArgumentException if it cannot be the name of a folder
     */
    public Decision {
        checkArgument(
                action == Action.MOVE ? isName(target) : target.isEmpty(),
                "\"%s\" cannot be a person to move to",
                target);
    }

    /** Gets the name of another person, who need not exist yet. */
    public static Decision moveTo(String person) {
        return new Decision(Action.MOVE, person);
    }

    /**
     * Reads what {@link #toString} writes; case and blanks around it do not count.
     *
     * @throws IllegalArgumentException if it is nothing of that
     */
    public static Decision parse(String text) {
        String trimmed = text.strip();
        if (trimmed.equalsIgnoreCase("keep")) {
            return KEEP;
        }
        if (trimmed.equalsIgnoreCase("remove")) {
            return REMOVE;
        }
        checkArgument(
                trimmed.regionMatches(true, 0, MOVE_TO, 0, MOVE_TO.length()),
                "\"%s\" is no decision; write keep, remove, or move to and a name",
                trimmed);
        return moveTo(trimmed.substring(MOVE_TO.length()).strip());
    }

    /** Whether somebody can be moved to a person of that name. */
    static boolean isName(String name) {
        return !name.isBlank()
                && !name.startsWith(".") // hidden folders are passed over
                && name.chars().noneMatch(c -> c == '/' || c == '\\' || c == 0);
    }

    /** {@code keep}, {@code remove} or {@code move to NAME}. */
    @Override
    public String toString() {
        return switch (action) {
            case KEEP -> "keep";
            case REMOVE -> "remove";
            case MOVE -> MOVE_TO + target;
        };
    }
}
