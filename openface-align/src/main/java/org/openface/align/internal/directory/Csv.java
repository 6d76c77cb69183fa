package org.openface.align.internal.directory;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Lines of comma-separated values that hold any text, never break and never begin a formula.
 *
 * <p>A cell with a comma or a quote in it is written in quotes, which are doubled within, as usual. One that would begin a
 * formula in a spreadsheet ({@code = + - @}), or holds control characters, is written in quotes as {@code '} and the text,
 * with commas, quotes, backslashes and control characters as <code>&#92;u002c</code>. No other cell looks so: one that is
 * in quotes for a comma or a quote has one in it. Tables of earlier versions, which had no such cells, read as what they
 * were.
 */
final class Csv {
    private static final String FORMULA = "=+-@";

    private static final Pattern NUMBER = Pattern.compile("-[0-9]+(\\.[0-9]+)?");

    private Csv() {}

    static String line(List<String> cells) {
        return cells.stream().map(Csv::cell).collect(Collectors.joining(","));
    }

    static String cell(String text) {
        if (isPlain(text)) {
            return text.indexOf(',') < 0 && text.indexOf('"') < 0 ? text : '"' + text.replace("\"", "\"\"") + '"';
        }
        return "\"'" + Escapes.escape(text, ",\"") + '"';
    }

    private static boolean isPlain(String text) {
        boolean formula = !text.isEmpty()
                && FORMULA.indexOf(text.charAt(0)) >= 0
                && !NUMBER.matcher(text).matches();
        return !formula && Escapes.isWritable(text);
    }

    /** The cells of a line. */
    static List<String> cells(String line) {
        List<String> cells = new ArrayList<>();
        int start = 0;
        for (int end = end(line, 0); ; end = end(line, start)) {
            cells.add(text(line.substring(start, end)));
            if (end == line.length()) {
                return cells;
            }
            start = end + 1;
        }
    }

    /** The first cell of a line, as it is written. */
    static String first(String line) {
        return line.substring(0, end(line, 0));
    }

    private static int end(String line, int start) {
        boolean quoted = false;
        for (int i = start; i < line.length(); i++) {
            char c = line.charAt(i);
            if (c == '"') {
                quoted = !quoted;
            } else if (c == ',' && !quoted) {
                return i;
            }
        }
        return line.length();
    }

    private static String text(String cell) {
        if (cell.length() < 2 || !cell.startsWith("\"") || !cell.endsWith("\"")) {
            return cell;
        }
        String inside = cell.substring(1, cell.length() - 1);
        if (inside.startsWith("'") && inside.indexOf(',') < 0 && inside.indexOf('"') < 0) {
            return Escapes.unescape(inside.substring(1));
        }
        return inside.replace("\"\"", "\"");
    }
}
