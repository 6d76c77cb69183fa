package org.openface.core.imports;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/** See {@link FaceSources#msCeleb}. */
final class MsCelebSource implements FaceSource {
    private static final int MOST_BYTES = 1 << 27;
    private static final int FIELDS = 7;
    private static final int RANK = 1;
    private static final int NUMBER = 4;

    private final Path file;
    private long position;
    private long size;

    MsCelebSource(Path file) {
        this.file = file;
    }

    @Override
    public double fraction() {
        return size == 0 ? Double.NaN : Math.min(1, (double) position / size);
    }

    @Override
    public void read(Sink sink) throws IOException {
        size = Files.size(file);
        position = 0;
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 20)) {
            long number = 0;
            for (byte[] line = line(in); line != null; line = line(in)) {
                number++;
                String entry = file.getFileName() + ", line " + number;
                if (line.length > MOST_BYTES) {
                    sink.unreadable(entry, "a line of more than " + MOST_BYTES + " bytes");
                    continue;
                }
                String[] fields = new String(line, StandardCharsets.UTF_8).split("\\t", -1);
                if (fields.length != FIELDS) {
                    sink.unreadable(entry, fields.length + " fields between tabs instead of " + FIELDS);
                    continue;
                }
                byte[] image;
                try {
                    image = Base64.getMimeDecoder().decode(fields[FIELDS - 1]);
                } catch (IllegalArgumentException e) {
                    sink.unreadable(entry, "its last field is not in base 64: " + e.getMessage());
                    continue;
                }
                sink.face(fields[0], fields[RANK] + "-" + fields[NUMBER], image);
            }
        }
    }

    /** The next line without its end; null at the end of the file. Of one that is too long, one byte too many. */
    private byte @Nullable [] line(InputStream in) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        int c = in.read();
        if (c < 0) {
            return null;
        }
        for (; c >= 0 && c != '\n'; c = in.read()) {
            position++;
            if (line.size() <= MOST_BYTES) {
                line.write(c);
            }
        }
        position++;
        byte[] bytes = line.toByteArray();
        int end = bytes.length > 0 && bytes[bytes.length - 1] == '\r' ? bytes.length - 1 : bytes.length;
        return end == bytes.length ? bytes : Arrays.copyOf(bytes, end);
    }
}
