package org.openface.core.drawn;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.core.internal.AddressedRandom;
import org.openface.core.internal.AtomicFile;
import org.openface.core.internal.OwnerOnly;

/**
 * Made-up faces, for trying things out and for tests when there are no photographs: drawings, not photographs and not
 * of anybody.
 *
 * <p>People differ in shape and colouring (head, eyes, brows, nose, mouth, skin, hair, glasses, beard, freckles);
 * images of one person differ in light, pose, expression, clothes, background and noise. OpenCV's stock cascades find
 * the face and both eyes in nearly all of them. A network that tells these apart has learned something, but nothing
 * about real people.
 *
 * <p>A picture depends only on the seed, the identity, the image and the size.
 */
public final class DrawnFaces {
    /** Side of the pictures that {@link #draw(int, int)} and {@link #writeTo} make, in pixels. */
    public static final int DEFAULT_SIZE = 200;

    private static final String NOTE = "about-these-drawings.txt";

    private final long seed;
    private final Difficulty difficulty;

    /**
     * How hard the drawings are to tell apart.
     *
     * @param variety scale of the differences between people
     * @param disturbance scale of the differences between the images of one person
     */
    record Difficulty(double variety, double disturbance) {
        static final Difficulty DEFAULT = new Difficulty(1, 1);
    }

    private DrawnFaces(long seed, Difficulty difficulty) {
        this.seed = seed;
        this.difficulty = difficulty;
    }

    /** The people that belong to a seed. */
    public static DrawnFaces of(long seed) {
        return of(seed, Difficulty.DEFAULT);
    }

    static DrawnFaces of(long seed, Difficulty difficulty) {
        return new DrawnFaces(seed, difficulty);
    }

    /** One picture of {@value #DEFAULT_SIZE} × {@value #DEFAULT_SIZE} pixels. */
    public RgbImage draw(int identity, int image) {
        return draw(identity, image, DEFAULT_SIZE);
    }

    /**
     * One square picture; the face takes about half of its width.
     *
     * @param identity number of the person, from 0 on
     * @param image number of the image among those of this person, from 0 on
     * @param size side in pixels, at least 32
     */
    public RgbImage draw(int identity, int image, int size) {
        checkArgument(identity >= 0, "identity (%s) must not be negative", identity);
        checkArgument(image >= 0, "image (%s) must not be negative", image);
        checkArgument(size >= 32 && size <= 4096, "size (%s) must be 32 to 4096", size);
        DrawnPerson person = new DrawnPerson(AddressedRandom.at(seed, identity), difficulty.variety());
        return new FacePainter(person, AddressedRandom.at(seed, identity, image), difficulty.disturbance(), size)
                .paint();
    }

    /**
     * Writes pictures as {@code directory/drawn-NNN/NNN.png}, one folder per person, and a note that says what they are.
     * Pictures that are there already are left alone, so that an interrupted call can be repeated.
     *
     * @throws IOException if the folder holds drawings of another seed, or writing fails
     */
    public void writeTo(Path directory, int identities, int imagesPerIdentity) throws IOException {
        checkArgument(identities > 0, "identities (%s) must be positive", identities);
        checkArgument(imagesPerIdentity > 0, "imagesPerIdentity (%s) must be positive", imagesPerIdentity);
        OwnerOnly.createDirectories(directory);
        writeNote(directory.resolve(NOTE));
        for (int identity = 0; identity < identities; identity++) {
            Path folder = directory.resolve(String.format(Locale.ROOT, "drawn-%03d", identity));
            OwnerOnly.createDirectories(folder);
            for (int image = 0; image < imagesPerIdentity; image++) {
                Path file = folder.resolve(String.format(Locale.ROOT, "%03d.png", image));
                if (!Files.exists(file)) {
                    ImageFiles.writePng(draw(identity, image), file);
                }
            }
        }
    }

    private void writeNote(Path file) throws IOException {
        // Names the class as it was called first, so that folders of earlier versions are known as what they are.
        String note = String.format(
                Locale.ROOT,
                "These faces are drawings made by org.openface.core.dataset.DrawnFaces with seed %d.%n"
                        + "They are not photographs, and they show nobody.%n",
                seed);
        if (!Files.exists(file)) {
            AtomicFile.write(note.getBytes(StandardCharsets.UTF_8), file);
        } else if (!Files.readString(file, StandardCharsets.UTF_8).equals(note)) {
            throw new IOException(file.getParent() + " holds drawings of another seed than " + seed
                    + "; choose another folder or that seed (" + file + " names it)");
        }
    }
}
