package org.openface.core.internal;

import static java.util.stream.Collectors.joining;

import java.text.Normalizer;
import java.util.Locale;
import java.util.regex.Pattern;

/** Which names are different here but may be one and the same elsewhere. */
public final class PortableName {
    /** Unicode's default ignorable code points, which folders of ext4 with case folding and HFS+ pass over. */
    private static final Pattern IGNORABLE =
            Pattern.compile("[\\p{Cf}\\x{34f}\\x{115f}\\x{1160}\\x{17b4}\\x{17b5}\\x{180b}-\\x{180f}\\x{3164}"
                    + "\\x{fe00}-\\x{fe0f}\\x{ffa0}\\x{e0100}-\\x{e01ef}]");

    /** Windows takes them off the end of a name. */
    private static final Pattern TRAILING = Pattern.compile("[. ]+$");

    /** The dotless i, whose capital is I, but which no file system takes for an i. */
    private static final int DOTLESS = '\u0131';

    private PortableName() {}

    /**
     * A key that two names of files or folders share if some common file system takes them for the same: NTFS, exFAT, APFS,
     * HFS+, SMB, or ext4 with case folding. They then differ in case (in all of Unicode, {@code STRASSE} and {@code
     * Straße} included), in how accents are composed (NFC and NFD), in characters that are not seen, or in dots and spaces
     * at the end. For comparing only; no name to be written.
     */
    public static String key(String name) {
        String visible = IGNORABLE
                .matcher(Normalizer.normalize(name, Normalizer.Form.NFD))
                .replaceAll("");
        String folded = TRAILING.matcher(visible)
                .replaceFirst("")
                .codePoints()
                .mapToObj(PortableName::folded)
                .collect(joining());
        return Normalizer.normalize(folded, Normalizer.Form.NFD);
    }

    /** Lower case first: there are capitals, as that of ß, whose lower case has another capital. */
    private static String folded(int letter) {
        String text = Character.toString(letter);
        return letter == DOTLESS ? text : text.toLowerCase(Locale.ROOT).toUpperCase(Locale.ROOT);
    }
}
