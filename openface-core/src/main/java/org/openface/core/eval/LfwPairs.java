package org.openface.core.eval;

import static com.google.common.io.Files.getNameWithoutExtension;

import com.google.common.base.Splitter;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.Face;
import org.openface.core.eval.Verification.Pair;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.ImageFiles;

/** Reads a pairs file in LFW's format and finds its images. */
final class LfwPairs {
    private static final Splitter TABS = Splitter.on('\t').trimResults().omitEmptyStrings();
    private static final Splitter BLANKS =
            Splitter.onPattern("\\s+").trimResults().omitEmptyStrings();

    private final Path file;
    private final Path directory;
    private final Map<String, Map<String, Path>> filesOfIdentity = new HashMap<>();
    private final Map<Path, Integer> places = new HashMap<>();
    private final List<Face> faces = new ArrayList<>();
    private final List<Pair> pairs = new ArrayList<>();
    private final Set<String> missing = new HashSet<>();
    private int skipped;

    private LfwPairs(Path file, Path directory) {
        this.file = file;
        this.directory = directory;
    }

    static Verification read(Path file, Path directory, int foldsOfOne) throws IOException {
        if (!Files.isDirectory(directory)) {
            throw new IOException(directory + " is no folder of aligned faces");
        }
        LfwPairs reader = new LfwPairs(file, directory);
        reader.read(foldsOfOne);
        if (reader.pairs.stream().mapToInt(Pair::fold).distinct().count() < 2) {
            throw new IOException(String.format(
                    Locale.ROOT,
                    "%d of the %d pairs of %s have both images in %s, too few for two folds; missing are %d images,"
                            + " such as %s",
                    reader.pairs.size(),
                    reader.pairs.size() + reader.skipped,
                    file,
                    directory,
                    reader.missing.size(),
                    reader.missing.stream().sorted().findFirst().orElse("none")));
        }
        return new Verification(
                reader.faces, reader.pairs, reader.missing.size(), reader.skipped, AlignmentProfile.of(directory));
    }

    private void read(int foldsOfOne) throws IOException {
        List<String> lines = lines();
        List<String> header = lines.isEmpty() ? List.of() : fields(lines.get(0));
        if (header.isEmpty() || header.size() > 2) {
            throw new IOException(
                    file + ": line 1 should hold the number of pairs of each kind, or of folds and of pairs");
        }
        boolean oneFold = header.size() == 1;
        int folds = oneFold ? 1 : number(header.get(0), 1);
        int each = number(header.get(header.size() - 1), 1);
        int at = 1;
        for (int fold = 0; fold < folds; fold++) {
            for (int i = 0; i < 2 * each; i++, at++) {
                if (at == lines.size()) {
                    throw new IOException(String.format(
                            Locale.ROOT,
                            "%s ends after %d pairs; line 1 announces %d",
                            file,
                            at - 1,
                            2L * each * folds));
                }
                boolean same = i < each;
                pair(
                        fields(lines.get(at)),
                        at + 1,
                        same,
                        oneFold ? (int) ((long) (i % each) * foldsOfOne / each) : fold);
            }
        }
        for (; at < lines.size(); at++) {
            if (!lines.get(at).isBlank()) {
                throw new IOException(file + ": line " + (at + 1) + " is more than line 1 announces");
            }
        }
    }

    private List<String> lines() throws IOException {
        String expected = "; a pairs file in the format of LFW's pairs.txt is needed";
        if (Files.isDirectory(file)) {
            throw new IOException(file + " is a folder" + expected);
        }
        try {
            return Files.readAllLines(file, StandardCharsets.UTF_8);
        } catch (NoSuchFileException e) {
            throw new IOException(file + ": no such file" + expected, e);
        } catch (AccessDeniedException e) {
            throw new IOException(file + ": no permission to read it", e);
        } catch (CharacterCodingException e) {
            throw new IOException(file + " is no text in UTF-8" + expected, e);
        }
    }

    private static List<String> fields(String line) {
        return (line.contains("\t") ? TABS : BLANKS).splitToList(line);
    }

    private void pair(List<String> fields, int line, boolean same, int fold) throws IOException {
        if (fields.size() != (same ? 3 : 4)) {
            throw new IOException(String.format(
                    Locale.ROOT,
                    "%s: line %d should be \"%s\", but has %d fields",
                    file,
                    line,
                    same ? "name number number" : "name number name number",
                    fields.size()));
        }
        int first = place(fields.get(0), number(fields.get(1), line));
        int second = place(same ? fields.get(0) : fields.get(2), number(fields.get(fields.size() - 1), line));
        if (first < 0 || second < 0) {
            skipped++;
        } else {
            pairs.add(new Pair(first, second, same, fold));
        }
    }

    private int number(String text, int line) throws IOException {
        try {
            int number = Integer.parseInt(text);
            if (number > 0) {
                return number;
            }
        } catch (NumberFormatException e) {
            // refused below
        }
        throw new IOException(file + ": line " + line + " has \"" + text + "\" where a positive number should be");
    }

    /** The place of an image among the faces, or -1 if it is missing. */
    private int place(String identity, int number) throws IOException {
        String name = String.format(Locale.ROOT, "%s_%04d", identity, number);
        Map<String, Path> files = filesOfIdentity.get(identity);
        if (files == null) {
            files = files(directory.resolve(identity));
            filesOfIdentity.put(identity, files);
        }
        @Nullable Path found = files.get(name);
        if (found == null) {
            missing.add(identity + "/" + name);
            return -1;
        }
        return places.computeIfAbsent(found, f -> {
            faces.add(new Face(identity, f));
            return faces.size() - 1;
        });
    }

    /** The images of a folder by their names without ending; none if it does not exist. */
    private static Map<String, Path> files(Path folder) throws IOException {
        Map<String, Path> files = new HashMap<>();
        if (Files.isDirectory(folder)) {
            try (Stream<Path> all = Files.list(folder)) {
                all.filter(ImageFiles::isImage)
                        .sorted()
                        .forEach(f -> files.putIfAbsent(getNameWithoutExtension(f.toString()), f));
            }
        }
        return files;
    }
}
