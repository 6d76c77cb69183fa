package org.openface.core.cleaning;

import com.google.common.base.Splitter;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.openface.core.internal.AtomicFile;

/** A list as a file of tab-separated values, with tabs and line ends of names written as {@code \t} and {@code \n}. */
final class ReviewFile {
    private static final String HEADER = "decision\tscore\tidentity\timage\tother\treason";
    private static final Splitter CELLS = Splitter.on('\t');

    private ReviewFile() {}

    /** Called with each row and its place, for messages. */
    @FunctionalInterface
    interface Row {
        void read(String place, Decision decision, String identity, String image) throws IOException;
    }

    static void write(List<Finding> findings, Path file) throws IOException {
        AtomicFile.write(file, out -> {
            out.write((HEADER + "\n").getBytes(StandardCharsets.UTF_8));
            for (Finding finding : findings) {
                String row = String.join(
                        "\t",
                        cell(finding.decision().toString()),
                        String.format(Locale.ROOT, "%.4f", finding.score()),
                        cell(finding.identity()),
                        cell(finding.image()),
                        cell(finding.other()),
                        cell(finding.reason()));
                out.write((row + "\n").getBytes(StandardCharsets.UTF_8));
            }
        });
    }

    /** Reads rows as they are written here, or as a spreadsheet writes them: with quotes and other line ends. */
    static void read(Path file, Row reader) throws IOException {
        try (BufferedReader lines = Files.newBufferedReader(file)) {
            int number = 0;
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                number++;
                if (number == 1 || line.isBlank()) {
                    if (number == 1 && !line.startsWith("decision\t") && !line.startsWith("\ufeffdecision\t")) {
                        throw new IOException(
                                file + ": line 1 must be the names of the columns: " + HEADER.replace('\t', ' '));
                    }
                    continue;
                }
                String place = file + ": line " + number;
                List<String> cells = CELLS.splitToList(line);
                if (cells.size() < 4) {
                    throw new IOException(place + " has " + cells.size()
                            + " columns; it takes at least decision, score, identity and image, with tabs between");
                }
                Decision decision;
                try {
                    decision = Decision.parse(text(cells.get(0)));
                } catch (IllegalArgumentException e) {
                    throw new IOException(place + ": " + e.getMessage(), e);
                }
                reader.read(place, decision, text(cells.get(2)), text(cells.get(3)));
            }
        } catch (CharacterCodingException e) {
            throw new IOException(file + " is not written in UTF-8; save it so", e);
        }
    }

    private static String cell(String text) {
        String escaped = text.replace("\\", "\\\\")
                .replace("\t", "\\t")
                .replace("\n", "\\n")
                .replace("\r", "\\r");
        return escaped.startsWith("\"") ? "\\" + escaped : escaped;
    }

    private static String text(String cell) {
        String bare = cell.length() > 1 && cell.startsWith("\"") && cell.endsWith("\"")
                ? cell.substring(1, cell.length() - 1).replace("\"\"", "\"")
                : cell;
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < bare.length(); i++) {
            char c = bare.charAt(i);
            if (c == '\\' && i + 1 < bare.length()) {
                char next = bare.charAt(++i);
                c = switch (next) {
                    case 't' -> '\t';
                    case 'n' -> '\n';
                    case 'r' -> '\r';
                    default -> next;
                };
            }
            text.append(c);
        }
        return text.toString();
    }
}
