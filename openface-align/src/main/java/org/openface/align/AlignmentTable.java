package org.openface.align;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.openface.core.image.ImageFiles;

/**
 * The file {@value AlignReport#FILE_NAME}. A run writes a row for each photograph it has seen, also for those that others
 * had done before, and keeps the rows of photographs that it has not seen.
 */
final class AlignmentTable {
    private static final String HEADER = "photograph,result,face,faces,left,top,width,height,landmarks,detail";

    /** By photograph, sorted. */
    private final Map<String, String> rows = new TreeMap<>();

    void add(String photograph, String face, FaceNote note) {
        FaceBox box = note.box();
        List<String> place = box == null
                ? List.of("", "", "", "", "")
                : List.of(
                        Integer.toString(note.facesFound()),
                        FaceNote.numbers(List.of(box.left())),
                        FaceNote.numbers(List.of(box.top())),
                        FaceNote.numbers(List.of(box.width())),
                        FaceNote.numbers(List.of(box.height())));
        SkipReason reason = note.fallbackReason();
        String detail = reason == null ? "" : reason + ": " + note.detail();
        put(photograph, reason == null ? "ALIGNED" : "FALLBACK", face, place, note.landmarkNumbers(), detail);
    }

    void addSkipped(String photograph, SkipReason reason, String detail) {
        put(photograph, reason.name(), "", List.of("", "", "", "", ""), "", detail);
    }

    private void put(
            String photograph, String result, String face, List<String> place, String landmarks, String detail) {
        String quoted = quote(photograph);
        rows.put(
                quoted,
                String.join(
                        ",",
                        quoted,
                        result,
                        quote(face),
                        String.join(",", place),
                        landmarks,
                        quote(detail.replaceAll("\\R", " "))));
    }

    private static String quote(String text) {
        String line = text.replaceAll("\\p{Cntrl}", " ");
        return line.contains(",") || line.contains("\"") ? '"' + line.replace("\"", "\"\"") + '"' : line;
    }

    /** Writes the table into a folder, with the rows of the one there whose photographs are not in this one. */
    void writeTo(Path folder) throws IOException {
        Path file = folder.resolve(AlignReport.FILE_NAME);
        Map<String, String> all = earlier(file);
        all.putAll(rows);
        String text = all.values().stream().collect(Collectors.joining("\n", HEADER + "\n", all.isEmpty() ? "" : "\n"));
        byte[] bytes = text.getBytes(UTF_8);
        if (!Files.exists(file) || !Arrays.equals(bytes, Files.readAllBytes(file))) {
            ImageFiles.writeAtomically(bytes, file);
        }
    }

    /** Rows by their first field as it is written. */
    private static Map<String, String> earlier(Path file) throws IOException {
        Map<String, String> rows = new TreeMap<>();
        List<String> lines;
        try {
            lines = Files.readAllLines(file, UTF_8);
        } catch (NoSuchFileException e) {
            return rows;
        } catch (CharacterCodingException e) {
            return rows; // not ours
        }
        if (!lines.isEmpty() && lines.get(0).equals(HEADER)) {
            for (String line : lines.subList(1, lines.size())) {
                String first = firstField(line);
                if (first != null) {
                    rows.put(first, line);
                }
            }
        }
        return rows;
    }

    private static @Nullable String firstField(String line) {
        boolean quoted = false;
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            if (c == '"') {
                quoted = !quoted;
            } else if (c == ',' && !quoted) {
                return line.substring(0, i);
            }
        }
        return null;
    }
}
