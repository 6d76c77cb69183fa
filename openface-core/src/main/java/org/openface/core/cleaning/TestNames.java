package org.openface.core.cleaning;

import com.google.common.base.Splitter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * Names of the people of a test set. Two names count as one if they have the same words in any order, without regard to
 * case, accents, and what stands between words: {@code Pérez, Ana} is {@code ana_perez}.
 */
public final class TestNames {
    private static final Pattern MARKS = Pattern.compile("\\p{M}+");
    private static final Pattern APOSTROPHES = Pattern.compile("['’`´.]");
    private static final Pattern BETWEEN_WORDS = Pattern.compile("[^\\p{L}\\p{N}]+");
    private static final Pattern NUMBER = Pattern.compile("[0-9]+");
    private static final Splitter TABS = Splitter.on('\t').trimResults();

    /** Letters that Unicode does not take apart, as they are written where there is none. */
    private static final Map<String, String> LETTERS =
            Map.of("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "đ", "d", "ð", "d", "ł", "l", "þ", "th", "ı", "i");

    private TestNames() {}

    /**
     * The people of a pairs file in LFW's format ({@code name⇥1⇥2} and {@code name⇥1⇥other⇥2}), or of a file with a name per
     * line, after which LFW's {@code lfw-names.txt} has a number.
     *
     * @throws IOException if the file cannot be read or holds no name
     */
    public static SortedSet<String> read(Path file) throws IOException {
        SortedSet<String> names = new TreeSet<>();
        for (String line : Files.readAllLines(file)) {
            List<String> cells = TABS.splitToList(line);
            for (int i = 0; i < cells.size(); i++) {
                boolean name = i == 0 || (i == 2 && cells.size() == 4);
                if (name
                        && !cells.get(i).isEmpty()
                        && !NUMBER.matcher(cells.get(i)).matches()) {
                    names.add(cells.get(i));
                }
            }
        }
        if (names.isEmpty()) {
            throw new IOException(file + " holds no names; a pairs file as LFW's is needed, or a name per line");
        }
        return names;
    }

    static void find(List<String> identities, Collection<String> names, List<Finding> findings) {
        Map<String, String> known = new HashMap<>();
        for (String name : new TreeSet<>(names)) {
            known.putIfAbsent(key(name), name);
        }
        for (String identity : identities) {
            String name = known.get(key(identity));
            if (name != null) {
                findings.add(new Finding(
                        ReviewList.TEST_IDENTITIES, Decision.REMOVE, 1, identity, "", name, "name of a test identity"));
            }
        }
    }

    /** What names of one person have in common; the name itself if it has no letters. */
    static String key(String name) {
        String bare = MARKS.matcher(Normalizer.normalize(name, Normalizer.Form.NFKD))
                .replaceAll("")
                .toLowerCase(Locale.ROOT);
        for (Map.Entry<String, String> letter : LETTERS.entrySet()) {
            bare = bare.replace(letter.getKey(), letter.getValue());
        }
        String[] words = BETWEEN_WORDS
                .matcher(APOSTROPHES.matcher(bare).replaceAll(""))
                .replaceAll(" ")
                .strip()
                .split(" ", -1);
        Arrays.sort(words);
        String key = String.join(" ", words);
        return key.isEmpty() ? name : key;
    }
}
