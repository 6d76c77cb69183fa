package org.openface.core.cleaning;

/** The lists of a {@link CleaningReport}. */
public enum ReviewList {
    /** Images that cannot be read. */
    UNREADABLE("unreadable.tsv"),
    /** Images that are in a person's folder before, the same or nearly so; the best of them is not listed. */
    DUPLICATES("duplicates.tsv"),
    /** One photograph under several names, of which all but one are wrong. */
    SHARED_PHOTOGRAPHS("shared-photographs.tsv"),
    /** Images that look like another person of the data set. */
    WRONG_LABELS("wrong-labels.tsv"),
    /** Images that look neither like their person nor like another. */
    OUTLIERS("outliers.tsv"),
    /** People who look like one person. */
    SAME_PERSON("same-person.tsv"),
    /** Of folders that hold two people, the images of the one with fewer. */
    TWO_PEOPLE("two-people.tsv"),
    /** People who are in a test set too, by their names or their looks. */
    TEST_IDENTITIES("test-identities.tsv");

    private final String fileName;

    ReviewList(String fileName) {
        this.fileName = fileName;
    }

    /** The file it is written to. */
    public String fileName() {
        return fileName;
    }
}
