package org.openface.align.internal.directory;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.openface.align.face.Alignment;
import org.openface.align.face.FaceBox;
import org.openface.align.face.Point;
import org.openface.align.face.SkipReason;

/**
 * What an aligned face knows about the photograph it was made from. It lies within the face's file, so that a face and
 * its note appear together, whichever process made them and whenever it was killed.
 *
 * <p>Notes of the first version have neither {@code format} nor {@code modified}, and names in them are not escaped.
 *
 * @param photograph name of the photograph's file
 * @param bytes size of the photograph's file, by which, with the next two, a photograph that has been replaced is told
 * @param crc32 CRC-32 of the photograph's file
 * @param modified when the photograph's file was last modified, in milliseconds since 1970; {@link #NO_TIME} if that is
 *     not known
 * @param facesFound number of faces in the photograph; 0 for a fallback
 * @param box where the face was; none for a fallback
 * @param landmarks of the face; empty for a fallback
 * @param fallbackReason why a fallback was taken; none if the face was aligned
 * @param detail more about that
 */
public record FaceNote(
        String photograph,
        long bytes,
        long crc32,
        long modified,
        int facesFound,
        @Nullable FaceBox box,
        List<Point> landmarks,
        @Nullable SkipReason fallbackReason,
        String detail) {
    public static final long NO_TIME = Long.MIN_VALUE;

    /** Of a face that somebody else has put there, and of one whose note is damaged. */
    static final FaceNote UNKNOWN = new FaceNote("", -1, -1, NO_TIME, 0, null, List.of(), null, "");

    private static final String FORMAT = "2";

    static FaceNote of(String photograph, long bytes, long crc32, long modified, Alignment.Aligned face) {
        return new FaceNote(
                photograph, bytes, crc32, modified, face.facesFound(), face.box(), face.landmarks(), null, "");
    }

    static FaceNote fallback(String photograph, long bytes, long crc32, long modified, Alignment.NotAligned none) {
        return new FaceNote(photograph, bytes, crc32, modified, 0, null, List.of(), none.reason(), none.detail());
    }

    /** The same, of a photograph with another time. */
    FaceNote withModified(long time) {
        return new FaceNote(photograph, bytes, crc32, time, facesFound, box, landmarks, fallbackReason, detail);
    }

    public String text() {
        StringBuilder text = new StringBuilder();
        text.append("format=" + FORMAT + "\nphotograph=")
                .append(Escapes.escape(photograph, ""))
                .append("\nbytes=")
                .append(bytes)
                .append("\ncrc32=")
                .append(crc32);
        if (modified != NO_TIME) {
            text.append("\nmodified=").append(modified);
        }
        if (fallbackReason != null) {
            text.append("\nfallback=").append(fallbackReason);
            text.append("\ndetail=").append(Escapes.escape(detail, ""));
        }
        if (box != null) {
            text.append("\nfaces=").append(facesFound);
            text.append("\nbox=").append(numbers(List.of(box.left(), box.top(), box.width(), box.height())));
            text.append("\nlandmarks=").append(landmarkNumbers());
        }
        return text.append('\n').toString();
    }

    /** {@code x y x y ...} */
    String landmarkNumbers() {
        return landmarks.stream().map(p -> numbers(List.of(p.x(), p.y()))).collect(Collectors.joining(" "));
    }

    static String numbers(List<Double> values) {
        return values.stream().map(v -> String.format(Locale.ROOT, "%.2f", v)).collect(Collectors.joining(" "));
    }

    /** Reads {@link #text}; empty if this is none. */
    public static Optional<FaceNote> parse(String text) {
        Map<String, String> values = new HashMap<>();
        text.lines().forEach(line -> {
            int equals = line.indexOf('=');
            values.put(line.substring(0, Math.max(0, equals)), line.substring(equals + 1));
        });
        try {
            boolean escaped = values.containsKey("format");
            String photograph = text(values, "photograph", escaped);
            long bytes = Long.parseLong(values.getOrDefault("bytes", ""));
            long crc32 = Long.parseLong(values.getOrDefault("crc32", ""));
            long modified = values.containsKey("modified") ? Long.parseLong(values.get("modified")) : NO_TIME;
            String fallback = values.get("fallback");
            if (fallback != null) {
                return Optional.of(new FaceNote(
                        photograph,
                        bytes,
                        crc32,
                        modified,
                        0,
                        null,
                        List.of(),
                        SkipReason.valueOf(fallback),
                        text(values, "detail", escaped)));
            }
            List<Double> box = parseNumbers(values.getOrDefault("box", ""));
            return Optional.of(new FaceNote(
                    photograph,
                    bytes,
                    crc32,
                    modified,
                    Integer.parseInt(values.getOrDefault("faces", "")),
                    new FaceBox(box.get(0), box.get(1), box.get(2), box.get(3)),
                    parsePoints(values.getOrDefault("landmarks", "")),
                    null,
                    ""));
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
            return Optional.empty();
        }
    }

    private static String text(Map<String, String> values, String name, boolean escaped) {
        String text = values.getOrDefault(name, "");
        return escaped ? Escapes.unescape(text) : text;
    }

    /** Reads {@link #landmarkNumbers}. */
    static List<Point> parsePoints(String text) {
        List<Double> coordinates = text.isBlank() ? List.of() : parseNumbers(text);
        List<Point> points = new ArrayList<>();
        for (int i = 0; i + 1 < coordinates.size(); i += 2) {
            points.add(new Point(coordinates.get(i), coordinates.get(i + 1)));
        }
        return points;
    }

    /** Reads {@link #numbers}. */
    static List<Double> parseNumbers(String text) {
        List<Double> numbers = new ArrayList<>();
        for (String word : text.strip().split(" +", -1)) {
            numbers.add(Double.parseDouble(word));
        }
        return numbers;
    }
}
