package org.openface.core.dataset;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openface.core.internal.AtomicFile;

/**
 * Which faces are in which part of a data set, as a file of lines {@code part TAB identity TAB file}, in the order of the data
 * set. Tabs, line ends and backslashes in names are escaped by a backslash.
 */
final class PartListing {
    private static final String HEAD = "part\tidentity\tfile";
    private static final int FIELDS = 3;

    private PartListing() {}

    static void write(Map<String, FaceDataset> parts, Path file) throws IOException {
        AtomicFile.write(file, out -> {
            Writer lines = new BufferedWriter(new OutputStreamWriter(out, StandardCharsets.UTF_8));
            lines.write(HEAD + "\n");
            for (Map.Entry<String, FaceDataset> part : parts.entrySet()) {
                FaceDataset faces = part.getValue();
                for (int i = 0; i < faces.size(); i++) {
                    String identity = faces.identities().get(faces.identityOf(i));
                    lines.write(part.getKey() + "\t" + escape(identity) + "\t" + escape(faces.fileName(i)) + "\n");
                }
            }
            lines.flush();
        });
    }

    /**
     * The parts that a file lists, as numbers of faces in a data set.
     *
     * @throws IOException if it cannot be read, is no such listing, or lists a face that is not there or twice, naming the line
     */
    static Map<String, BitSet> read(Path file, FaceDataset dataset) throws IOException {
        Map<String, BitSet> parts = new LinkedHashMap<>();
        BitSet listed = new BitSet();
        try (BufferedReader lines = Files.newBufferedReader(file)) {
            String line = lines.readLine();
            if (!HEAD.equals(line)) {
                throw new IOException(file + ": no listing of parts: it does not begin with the line " + HEAD);
            }
            int number = 1;
            for (line = lines.readLine(); line != null; line = lines.readLine()) {
                number++;
                List<String> fields = fields(line);
                if (fields.size() != FIELDS) {
                    throw new IOException(
                            file + ", line " + number + ": " + fields.size() + " fields instead of " + FIELDS);
                }
                int face = dataset.numberOf(fields.get(1), fields.get(2)).orElse(-1);
                if (face < 0 || listed.get(face)) {
                    throw new IOException(file + ", line " + number + ": " + fields.get(1) + "/" + fields.get(2)
                            + (face < 0 ? " is not in " + dataset : " is listed twice"));
                }
                listed.set(face);
                parts.computeIfAbsent(fields.get(0), part -> new BitSet()).set(face);
            }
        }
        return parts;
    }

    static String escape(String name) {
        return name.replace("\\", "\\\\")
                .replace("\t", "\\t")
                .replace("\n", "\\n")
                .replace("\r", "\\r");
    }

    private static List<String> fields(String line) {
        List<String> fields = new ArrayList<>();
        StringBuilder field = new StringBuilder();
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            if (c == '\t') {
                fields.add(field.toString());
                field.setLength(0);
            } else if (c == '\\' && i + 1 < line.length()) {
                char escaped = line.charAt(++i);
                field.append(escaped == 't' ? '\t' : escaped == 'n' ? '\n' : escaped == 'r' ? '\r' : escaped);
            } else {
                field.append(c);
            }
        }
        fields.add(field.toString());
        return fields;
    }
}
