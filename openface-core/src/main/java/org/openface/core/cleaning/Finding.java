package org.openface.core.cleaning;

import java.util.Comparator;

/**
 * Something that is probably wrong with a data set.
 *
 * @param list where it belongs
 * @param decision what is proposed, or decided
 * @param score how sure it is, from 0 to 1
 * @param identity the person
 * @param image file name of the image, or empty if all of the person's images are meant
 * @param other what it was compared with, {@code identity} or {@code identity/image}; may be empty
 * @param reason for people
 */
public record Finding(
        ReviewList list, Decision decision, double score, String identity, String image, String other, String reason) {
    /** The surest first, in an order of its own for each set of findings. */
    static final Comparator<Finding> SUREST_FIRST = Comparator.comparing(Finding::list)
            .thenComparing(Comparator.comparingDouble(Finding::score).reversed())
            .thenComparing(Finding::identity)
            .thenComparing(Finding::image)
            .thenComparing(Finding::other)
            .thenComparing(Finding::reason);
}
