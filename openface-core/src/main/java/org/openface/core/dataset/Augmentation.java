package org.openface.core.dataset;

import java.util.random.RandomGenerator;
import org.openface.core.image.RgbImage;

/**
 * Changes a training image at random, as another photograph of the same face could differ from it.
 *
 * <p>All chance comes from the generator handed in, which belongs to the image's place in the training: an augmentation
 * that keeps to it gives the same batches to a resumed run and to any number of threads.
 */
@FunctionalInterface
public interface Augmentation {
    /** The changed image, of the same size. Called from several threads. */
    RgbImage apply(RgbImage face, RandomGenerator random);

    /** This one, and then another. */
    default Augmentation then(Augmentation next) {
        return new Augmentations.Sequence(this, next);
    }

    /** No change. */
    static Augmentation none() {
        return new Augmentations.None();
    }

    /**
     * Moves, turns and scales by random amounts, each uniform in ± its maximum; what comes in from outside repeats the
     * nearest pixel of the border.
     *
     * @param shift largest shift in each direction, as a share of the side, such as 0.05
     * @param degrees largest rotation, such as 10
     * @param scale largest change of size, such as 0.1
     */
    static Augmentation warp(double shift, double degrees, double scale) {
        return new Augmentations.Warp(shift, degrees, scale);
    }

    /**
     * Makes brighter or darker, more or less contrasty: {@code value ← (value − 0.5) · (1 + c) + 0.5 + b} on values in [0,
     * 1].
     *
     * @param brightness largest |b|, such as 0.2
     * @param contrast largest |c|, such as 0.2
     */
    static Augmentation light(double brightness, double contrast) {
        return new Augmentations.Light(brightness, contrast);
    }

    /**
     * Blurs some images with a 3 × 3 binomial filter, one to three times.
     *
     * @param probability of an image to be blurred
     */
    static Augmentation blur(double probability) {
        return new Augmentations.Blur(probability);
    }

    /**
     * Paints a random rectangle of some images grey (Zhong et al., <i>Random Erasing Data Augmentation</i>, 2020).
     *
     * @param probability of an image to be painted on
     * @param area largest share of the image that is covered, such as 0.2
     */
    static Augmentation erase(double probability, double area) {
        return new Augmentations.Erase(probability, area);
    }

    /**
     * A change of your own under a name, by which a resumed run tells whether it is the same: a lambda says nothing of itself.
     * Give it another name when it changes.
     *
     * @throws IllegalArgumentException if the name is blank or of several lines
     */
    static Augmentation named(String name, Augmentation change) {
        return new Augmentations.Named(name, change);
    }
}
