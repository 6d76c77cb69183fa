package org.openface.core.image;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.StringJoiner;
import org.openface.core.internal.AtomicFile;

/**
 * How faces were aligned. A network knows faces as it was shown them: given faces that were cut out otherwise it answers
 * with numbers that mean little, and nothing in a picture tells. So the profile lies in every folder of aligned faces, in
 * a file {@value #FILE_NAME}, goes from there into the models trained on them, and is compared before faces are embedded.
 *
 * @param detector what finds the faces, such as {@code haar}
 * @param landmarks what finds the points in them, such as {@code dlib-68} with the hash of the model file
 * @param landmarkSet the points that are laid onto the template, such as {@code OUTER_EYES_AND_NOSE}
 * @param template where they are laid, such as {@code openface}
 * @param size side of the aligned faces in pixels
 * @param version version of the library that aligned them; for people, and not compared
 * @param revision of the method: raised when a later version of the library makes another face of the same photograph
 *     with the same settings. 1 for profiles that were written before there were revisions
 */
public record AlignmentProfile(
        String detector,
        String landmarks,
        String landmarkSet,
        String template,
        int size,
        String version,
        int revision) {
    /** Name of the file that holds the profile of a folder of aligned faces. */
    public static final String FILE_NAME = "alignment.properties";

    /** Far more than a profile needs; a larger file is none. */
    private static final long MOST_BYTES = 1 << 16;

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if a text is blank, has several lines or spaces around it, or if size or revision
     *     is not positive
     */
    public AlignmentProfile {
        checkText("detector", detector);
        checkText("landmarks", landmarks);
        checkText("landmark set", landmarkSet);
        checkText("template", template);
        checkArgument(size > 0, "size must be positive, got %s", size);
        checkText("version", version);
        checkArgument(revision > 0, "revision must be positive, got %s", revision);
    }

    /** A profile of revision 1, such as of faces that were aligned elsewhere. */
    public AlignmentProfile(
            String detector, String landmarks, String landmarkSet, String template, int size, String version) {
        this(detector, landmarks, landmarkSet, template, size, version, 1);
    }

    private static void checkText(String name, String text) {
        checkArgument(
                !text.isBlank() && text.strip().equals(text) && text.chars().noneMatch(Character::isISOControl),
                "%s must be one line of text without spaces around it, got '%s'",
                name,
                text);
    }

    /** The same alignment at another size. */
    public AlignmentProfile withSize(int pixels) {
        return new AlignmentProfile(detector, landmarks, landmarkSet, template, pixels, version, revision);
    }

    /** The profile as text, one {@code name=value} a line; {@link #parse} reads it. */
    public String text() {
        return "detector=" + detector + "\nlandmarks=" + landmarks + "\nlandmark-set=" + landmarkSet + "\ntemplate="
                + template + "\nsize=" + size + "\nversion=" + version + "\nrevision=" + revision + "\n";
    }

    /**
     * Reads what {@link #text} has written, also without a revision, which is 1 then. Names it does not know are passed over, so that later versions may add some;
     * so are empty lines and those that begin with {@code #}.
     *
     * @throws IllegalArgumentException if a value is missing, occurs twice or is not allowed
     */
    public static AlignmentProfile parse(String text) {
        Map<String, String> values = new LinkedHashMap<>();
        for (String line : text.split("\\R", -1)) {
            String stripped = line.strip();
            if (stripped.isEmpty() || stripped.startsWith("#")) {
                continue;
            }
            int equals = stripped.indexOf('=');
            checkArgument(equals > 0, "not a line of an alignment profile, name=value: '%s'", stripped);
            String name = stripped.substring(0, equals).strip();
            checkArgument(
                    values.put(name, stripped.substring(equals + 1).strip()) == null,
                    "%s occurs twice in an alignment profile",
                    name);
        }
        return new AlignmentProfile(
                value(values, "detector"),
                value(values, "landmarks"),
                value(values, "landmark-set"),
                value(values, "template"),
                number("size", value(values, "size")),
                value(values, "version"),
                number("revision", values.getOrDefault("revision", "1")));
    }

    private static int number(String name, String value) {
        try {
            return Integer.parseInt(value);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(name + " of an alignment profile is no number: " + value, e);
        }
    }

    private static String value(Map<String, String> values, String name) {
        String value = values.get(name);
        if (value == null) {
            throw new IllegalArgumentException("an alignment profile needs a line " + name + "=...");
        }
        return value;
    }

    /**
     * The profile of a folder of aligned faces; empty if it has none, as faces from elsewhere.
     *
     * @throws IOException if the file cannot be read or is no profile
     */
    public static Optional<AlignmentProfile> of(Path folder) throws IOException {
        Path file = folder.resolve(FILE_NAME);
        try {
            if (Files.size(file) > MOST_BYTES) {
                throw new IOException(file + ": too large for an alignment profile");
            }
            return Optional.of(parse(Files.readString(file, StandardCharsets.UTF_8)));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (IllegalArgumentException | CharacterCodingException e) {
            throw new IOException(
                    file + " is damaged (" + e.getMessage() + "); put it right, or align into a new folder", e);
        }
    }

    /**
     * Marks a folder as one of faces aligned this way, and does nothing if it is already. Of several processes that do so
     * at once with different profiles, one succeeds.
     *
     * @throws IllegalArgumentException if the folder is marked with a profile that is not {@linkplain #differences
     *     compatible}
     * @throws IOException if the folder cannot be read or written to
     */
    public void claim(Path folder) throws IOException {
        if (of(folder).isEmpty()) {
            AtomicFile.writeIfAbsent(text().getBytes(StandardCharsets.UTF_8), folder.resolve(FILE_NAME));
        }
        AlignmentProfile there = of(folder)
                .orElseThrow(() -> new IOException(folder.resolve(FILE_NAME) + " vanished while it was read"));
        String differences = there.differences(this);
        checkArgument(
                differences.isEmpty(),
                "the faces in %s are aligned otherwise: %s; choose another folder, or the settings of %s",
                folder,
                differences,
                FILE_NAME);
    }

    /**
     * What keeps faces of another profile from being used where those of this one are expected, such as {@code size is 112
     * instead of 96}; empty if nothing does, and the two are compatible. All but the version counts.
     */
    public String differences(AlignmentProfile other) {
        StringJoiner all = new StringJoiner(", ");
        compare(all, "detector", detector, other.detector);
        compare(all, "landmarks", landmarks, other.landmarks);
        compare(all, "landmark-set", landmarkSet, other.landmarkSet);
        compare(all, "template", template, other.template);
        compare(all, "size", Integer.toString(size), Integer.toString(other.size));
        if (revision != other.revision) {
            compare(all, "revision", revisionAndVersion(), other.revisionAndVersion());
        }
        return all.toString();
    }

    private String revisionAndVersion() {
        return revision + " (version " + version + ")";
    }

    private static void compare(StringJoiner all, String name, String expected, String found) {
        if (!expected.equals(found)) {
            all.add(name + " is " + found + " instead of " + expected);
        }
    }

    /**
     * Refuses faces of another profile where those of this one are expected, as by a model that was trained on them.
     *
     * @throws IllegalArgumentException if the profiles are not {@linkplain #differences compatible}; the message says how
     *     they differ
     */
    public void requireCompatible(AlignmentProfile other) {
        String differences = differences(other);
        checkArgument(
                differences.isEmpty(),
                "these faces are aligned otherwise than those the model was trained on: %s; use an aligner with the"
                        + " model's settings, or train a model on faces aligned like these",
                differences);
    }
}
