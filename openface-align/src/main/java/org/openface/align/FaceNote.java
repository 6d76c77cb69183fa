package org.openface.align;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What an aligned face knows about the photograph it was made from. It lies within the face's file, so that a face and
 * its note appear together, whichever process made them and whenever it was killed.
 *
 * @param photograph name of the photograph's file
 * @param bytes size of the photograph's file, by which a photograph that has been replaced is told
 * @param facesFound number of faces in the photograph; 0 for a fallback
 * @param box where the face was; none for a fallback
 * @param landmarks of the face; empty for a fallback
 * @param fallbackReason why a fallback was taken; none if the face was aligned
 * @param detail more about that
 */
record FaceNote(
        String photograph,
        long bytes,
        int facesFound,
        @Nullable FaceBox box,
        List<Point> landmarks,
        @Nullable SkipReason fallbackReason,
        String detail) {
    /** Of a face that somebody else has put there. */
    static final FaceNote UNKNOWN = new FaceNote("", -1, 0, null, List.of(), null, "");

    static FaceNote of(String photograph, long bytes, Alignment.Aligned face) {
        return new FaceNote(photograph, bytes, face.facesFound(), face.box(), face.landmarks(), null, "");
    }

    static FaceNote fallback(String photograph, long bytes, Alignment.NotAligned none) {
        return new FaceNote(photograph, bytes, 0, null, List.of(), none.reason(), none.detail());
    }

    String text() {
        StringBuilder text = new StringBuilder();
        text.append("photograph=").append(photograph).append("\nbytes=").append(bytes);
        if (fallbackReason != null) {
            text.append("\nfallback=").append(fallbackReason);
            text.append("\ndetail=").append(detail.replaceAll("\\R", " "));
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
    static Optional<FaceNote> parse(String text) {
        Map<String, String> values = new HashMap<>();
        text.lines().forEach(line -> {
            int equals = line.indexOf('=');
            values.put(line.substring(0, Math.max(0, equals)), line.substring(equals + 1));
        });
        try {
            String photograph = values.getOrDefault("photograph", "");
            long bytes = Long.parseLong(values.getOrDefault("bytes", ""));
            String fallback = values.get("fallback");
            if (fallback != null) {
                return Optional.of(new FaceNote(
                        photograph,
                        bytes,
                        0,
                        null,
                        List.of(),
                        SkipReason.valueOf(fallback),
                        values.getOrDefault("detail", "")));
            }
            List<Double> box = parseNumbers(values.getOrDefault("box", ""));
            List<Double> coordinates = parseNumbers(values.getOrDefault("landmarks", ""));
            List<Point> landmarks = new ArrayList<>();
            for (int i = 0; i + 1 < coordinates.size(); i += 2) {
                landmarks.add(new Point(coordinates.get(i), coordinates.get(i + 1)));
            }
            return Optional.of(new FaceNote(
                    photograph,
                    bytes,
                    Integer.parseInt(values.getOrDefault("faces", "")),
                    new FaceBox(box.get(0), box.get(1), box.get(2), box.get(3)),
                    landmarks,
                    null,
                    ""));
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
            return Optional.empty();
        }
    }

    private static List<Double> parseNumbers(String text) {
        List<Double> numbers = new ArrayList<>();
        for (String word : text.strip().split(" +", -1)) {
            numbers.add(Double.parseDouble(word));
        }
        return numbers;
    }
}
