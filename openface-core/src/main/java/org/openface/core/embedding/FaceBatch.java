package org.openface.core.embedding;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Arrays;
import java.util.List;

/**
 * The images of one training step with the identity of each.
 *
 * <p>Pixels are RGB in [0, 1], laid out {@code [image][row][column][channel]} (NHWC), all images square and of one size.
 * Identities are numbers, equal for images of one person; roles say what mining may use an image for.
 */
public final class FaceBatch {
    private final int imageSize;
    private final float[] pixels;
    private final int[] identities;
    private final List<Role> roles;

    /**
     * A batch over the given arrays, which are not copied: the caller hands them over and changes them no more.
     *
     * @param imageSize side of each image in pixels
     * @param pixels {@code identities.length * imageSize * imageSize * 3} floats
     * @param identities the identity of each image
     * @param roles the role of each image
     * @throws IllegalArgumentException if the batch is empty or the sizes do not fit
     */
    public FaceBatch(int imageSize, float[] pixels, int[] identities, List<Role> roles) {
        checkArgument(imageSize > 0, "imageSize (%s) must be positive", imageSize);
        checkArgument(identities.length > 0, "a batch needs at least one image");
        long expected = (long) identities.length * imageSize * imageSize * 3;
        checkArgument(
                pixels.length == expected,
                "%s images of %s x %s need %s floats, got %s",
                identities.length,
                imageSize,
                imageSize,
                expected,
                pixels.length);
        checkArgument(roles.size() == identities.length, "%s roles for %s images", roles.size(), identities.length);
        this.imageSize = imageSize;
        this.pixels = pixels;
        this.identities = identities;
        this.roles = List.copyOf(roles);
    }

    /** A batch whose images all have the role {@link Role#FULL}. */
    public static FaceBatch of(int imageSize, float[] pixels, int[] identities) {
        Role[] full = new Role[identities.length];
        Arrays.fill(full, Role.FULL);
        return new FaceBatch(imageSize, pixels, identities, List.of(full));
    }

    /** Number of images. */
    public int size() {
        return identities.length;
    }

    /** Side of each image in pixels. */
    public int imageSize() {
        return imageSize;
    }

    /** The pixels, {@code [size][imageSize][imageSize][3]}; shared, not to be changed. */
    public float[] pixels() {
        return pixels;
    }

    /** The identity of each image; a copy. */
    public int[] identities() {
        return identities.clone();
    }

    /** The role of each image. */
    public List<Role> roles() {
        return roles;
    }

    /** What mining may use an image of a batch for. */
    public enum Role {
        /** Anchor, positive and negative. */
        FULL,
        /** Negative only: one of the random extra faces that FaceNet adds to each mini-batch. */
        NEGATIVE_ONLY
    }
}
