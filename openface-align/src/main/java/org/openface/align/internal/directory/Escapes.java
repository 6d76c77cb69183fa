package org.openface.align.internal.directory;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Text on one line, with what a line cannot hold as <code>&#92;u000a</code>, and back. */
final class Escapes {
    private static final Pattern ESCAPE = Pattern.compile("\\\\u([0-9a-f]{4})");

    private Escapes() {}

    /** The text with its backslashes, everything that cannot be written, and the characters of {@code more} escaped. */
    static String escape(String text, String more) {
        StringBuilder escaped = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '\\' || more.indexOf(c) >= 0 || isUnwritable(text, i)) {
                escaped.append(String.format("\\u%04x", (int) c));
            } else {
                escaped.append(c);
            }
        }
        return escaped.toString();
    }

    static String unescape(String text) {
        return ESCAPE.matcher(text)
                .replaceAll(escape ->
                        Matcher.quoteReplacement(Character.toString((char) Integer.parseInt(escape.group(1), 16))));
    }

    static boolean isWritable(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (isUnwritable(text, i)) {
                return false;
            }
        }
        return true;
    }

    /** Control characters, what ends a line, and halves of characters, which UTF-8 has not. */
    private static boolean isUnwritable(String text, int at) {
        char c = text.charAt(at);
        if (Character.isHighSurrogate(c)) {
            return at + 1 == text.length() || !Character.isLowSurrogate(text.charAt(at + 1));
        }
        if (Character.isLowSurrogate(c)) {
            return at == 0 || !Character.isHighSurrogate(text.charAt(at - 1));
        }
        return Character.isISOControl(c) || c == '\u2028' || c == '\u2029';
    }
}
