package org.openface.core.dataset;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.core.internal.image.EncodedPicture;

/** One image of one person. Two are equal if identity and file are. */
public final class Face {
    private final String identity;
    private final Path file;
    private final @Nullable Content content;

    /** Where an image comes from that is no file of its own, such as one in a pack, in an archive or in a database. */
    @FunctionalInterface
    public interface Content {
        /**
         * The content of an image file (JPEG, PNG, BMP, PGM or PPM), the same each time; called by several threads at once.
         *
         * @throws java.nio.file.NoSuchFileException if it is there no more
         * @throws IOException if it cannot be read
         */
        byte[] bytes() throws IOException;
    }

    /**
     * An image in a file.
     *
     * @param identity name of the person: usually the name of the folder the image lies in
     * @param file the image
     */
    public Face(String identity, Path file) {
        this(identity, file, null);
    }

    /**
     * An image from elsewhere.
     *
     * @param identity name of the person
     * @param name of the image, as if it were a file: shown in messages, and its last part orders the images of a person
     * @param content gives the image
     */
    public static Face of(String identity, Path name, Content content) {
        return new Face(identity, name, content);
    }

    private Face(String identity, Path file, @Nullable Content content) {
        this.identity = identity;
        this.file = file;
        this.content = content;
    }

    /** Name of the person. */
    public String identity() {
        return identity;
    }

    /** The file, or what names the image where it is {@linkplain #content() none}. */
    public Path file() {
        return file;
    }

    /** Name of the file, right also in a Java runtime whose locale cannot decode it. */
    public String fileName() {
        return FileNames.name(file);
    }

    /** Where the image comes from if it is no file of its own. */
    public Optional<Content> content() {
        return Optional.ofNullable(content);
    }

    /**
     * The content of the image file.
     *
     * @throws IOException as {@link #read}, short of decoding
     */
    public byte[] bytes() throws IOException {
        return content == null
                ? EncodedPicture.read(file, ImageFiles.Limits.DEFAULT.maxFileBytes())
                        .bytes()
                : content.bytes();
    }

    /**
     * Reads the image within {@link ImageFiles.Limits#DEFAULT}.
     *
     * @throws org.openface.core.image.UnreadableImageException if it is empty, cut short, damaged, too large or no image;
     *     the message names it
     * @throws IOException if it cannot be read
     */
    public RgbImage read() throws IOException {
        return content == null
                ? ImageFiles.read(file)
                : ImageFiles.decode(content.bytes(), file.toString(), ImageFiles.Limits.DEFAULT);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Face o && identity.equals(o.identity) && file.equals(o.file);
    }

    @Override
    public int hashCode() {
        return 31 * identity.hashCode() + file.hashCode();
    }

    @Override
    public String toString() {
        return "Face[identity=" + identity + ", file=" + file + "]";
    }
}
