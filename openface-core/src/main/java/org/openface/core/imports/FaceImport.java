package org.openface.core.imports;

import static com.google.common.base.Preconditions.checkArgument;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.openface.core.internal.AddressedRandom;
import org.openface.core.internal.AtomicFile;
import org.openface.core.internal.OwnerOnly;
import org.openface.core.internal.PortableName;
import org.openface.core.internal.image.PictureKind;

/**
 * Writes a {@link FaceSource} to a folder with one sub-folder per person, which {@code FaceDataset.index} reads.
 *
 * <p>Images come as they are, with the ending of what they are. A name that could lead out of the folder, that is hidden or that
 * some file system takes for another's, an image that is too large or of a kind that is not read: such entries are refused,
 * reported in {@value #REPORT} in the folder, and the others go on. Nothing in the folder is ever replaced. Memory does not grow
 * with the number of images but for eight bytes for each whose name is more than a number.
 *
 * <p>Doing it again writes nothing and gives the same report; a run that was killed is gone on with by running it again.
 */
public final class FaceImport {
    /** Of what was refused: lines {@code entry TAB reason}. */
    public static final String REPORT = "import-refused.tsv";

    private static final long MOST_BYTES = 64L << 20;
    private static final int NAME_BYTES = 200;
    private static final int BLOCK = 256;
    private static final long BLOCK_BYTES = 64L << 20;
    private static final int SHOWN = 100;
    private static final Pattern HARMLESS = Pattern.compile("[0-9_-]+");

    /** Names of devices on Windows, where they are no files. */
    private static final Pattern DEVICE = Pattern.compile("(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\\..*)?");

    private final FaceSource source;
    private long mostBytes = MOST_BYTES;
    private Consumer<Progress> listener = progress -> {};

    private FaceImport(FaceSource source) {
        this.source = source;
    }

    /** An import of a face set. */
    public static FaceImport from(FaceSource source) {
        return new FaceImport(source);
    }

    /** The most bytes that an image may have; 64 MiB by default. */
    public FaceImport imageBytes(long most) {
        checkArgument(most > 0, "imageBytes (%s) must be positive", most);
        mostBytes = most;
        return this;
    }

    /** Is told now and then how far it has come. */
    public FaceImport onProgress(Consumer<Progress> newListener) {
        listener = newListener;
        return this;
    }

    /**
     * How far it has come.
     *
     * @param entries seen so far
     * @param entriesPerSecond of this run
     * @param secondsLeft at that rate; not-a-number if the size of the set is not known
     */
    public record Progress(long entries, double entriesPerSecond, double secondsLeft) {}

    /**
     * What became of the entries.
     *
     * @param written images written now
     * @param there images that were there already
     * @param refused entries that were refused
     * @param examples of these, with their reasons; all are in {@value FaceImport#REPORT}
     * @param ended why the set could not be read to its end; empty if it was
     */
    public record Report(long written, long there, long refused, List<String> examples, Optional<String> ended) {
        public Report {
            examples = List.copyOf(examples);
        }

        /** For people, on one line. */
        public String summary() {
            return written + " images written, " + there + " there already, " + refused + " refused"
                    + (examples.isEmpty() ? "" : " (such as " + examples.get(0) + ")")
                    + ended.map(why -> "; the set ends early: " + why).orElse("");
        }
    }

    /**
     * Imports the set.
     *
     * @param folder is made if it is not there
     * @throws IOException if the folder cannot be written to
     */
    public Report into(Path folder) throws IOException {
        OwnerOnly.createDirectories(folder);
        Run run = new Run(folder);
        String[] ended = {null};
        AtomicFile.write(folder.resolve(REPORT), out -> {
            run.report = line -> out.write((line + "\n").getBytes(UTF_8));
            run.report.write("entry\treason");
            try {
                source.read(run);
            } catch (WritingException e) {
                throw e;
            } catch (IOException e) {
                ended[0] = String.valueOf(e.getMessage());
                run.unreadable("the set", ended[0]);
            }
            run.flush();
        });
        return new Report(run.written, run.there, run.refused, run.examples, Optional.ofNullable(ended[0]));
    }

    /** Tells a folder that cannot be written to from a set that cannot be read. */
    private static final class WritingException extends IOException {
        private static final long serialVersionUID = 1;

        WritingException(IOException cause) {
            super(cause.getMessage(), cause);
        }
    }

    @FunctionalInterface
    private interface Lines {
        void write(String line) throws IOException;
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Item(String entry, Path place, byte[] image) {}

    private final class Run implements FaceSource.Sink {
        private final Path folder;
        private final long start = System.nanoTime();
        private final List<Item> block = new ArrayList<>();
        private final List<String> examples = new ArrayList<>();
        private final Map<String, String> identities = new HashMap<>();
        private final Set<Long> names = new HashSet<>();
        private Lines report = line -> {};
        private long blockBytes;
        private long entries;
        private long written;
        private long there;
        private long refused;

        Run(Path folder) {
            this.folder = folder;
        }

        @Override
        public void face(String identity, String name, byte[] image) throws IOException {
            String entry = identity + "/" + name;
            entries++;
            String reason = refusal(identity, name, image);
            if (reason != null) {
                refuse(entry, reason);
                return;
            }
            PictureKind kind = PictureKind.of(image).orElseThrow();
            Path place = folder.resolve(identity).resolve(base(name) + ending(kind, image));
            block.add(new Item(entry, place, image));
            blockBytes += image.length;
            if (block.size() == BLOCK || blockBytes > BLOCK_BYTES) {
                flush();
            }
        }

        @Override
        public void unreadable(String entry, String reason) throws IOException {
            entries++;
            refuse(entry, reason);
        }

        private void refuse(String entry, String reason) throws IOException {
            flush(); // so that the report is in the order of the set
            refused++;
            String line = cell(entry) + "\t" + cell(reason);
            report.write(line);
            if (examples.size() < SHOWN) {
                examples.add(line.replace("\t", ": "));
            }
        }

        private static String cell(String text) {
            return text.codePoints()
                    .limit(500)
                    .map(c -> Character.isISOControl(c) ? '?' : c)
                    .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                    .toString();
        }

        private @Nullable String refusal(String identity, String name, byte[] image) {
            String reason = refusal("the identity", identity);
            reason = reason == null ? refusal("the name", base(name)) : reason;
            if (reason != null) {
                return reason;
            }
            if (image.length > mostBytes) {
                return image.length + " bytes; the limit is " + mostBytes;
            }
            Optional<PictureKind> kind = PictureKind.of(image);
            if (kind.isEmpty() || !kind.get().supported()) {
                return kind.map(other -> "a " + other.label() + " file; convert it to JPEG or PNG")
                        .orElse(image.length == 0 ? "empty" : "not an image");
            }
            String key = PortableName.key(identity);
            String known = identities.putIfAbsent(key, identity);
            if (known != null && !known.equals(identity)) {
                return "the identity is taken for " + known
                        + " where upper and lower case or accents are not told apart";
            }
            if (!HARMLESS.matcher(base(name)).matches()
                    && !names.add(AddressedRandom.hash(key + "/" + PortableName.key(base(name))))) {
                return "a name that was there already, or is taken for it where upper and lower case are not told apart";
            }
            return null;
        }

        private static @Nullable String refusal(String what, String name) {
            if (name.isEmpty() || name.startsWith(".")) {
                return what + " is empty or hidden";
            }
            if (name.getBytes(UTF_8).length > NAME_BYTES) {
                return what + " has more than " + NAME_BYTES + " bytes";
            }
            if (name.chars().anyMatch(c -> c < ' ' || c == 0x7f || "/\\:*?\"<>|".indexOf(c) >= 0)) {
                return what + " has characters that no name of a file may have everywhere";
            }
            if (name.endsWith(".") || name.endsWith(" ") || DEVICE.matcher(name).matches()) {
                return what + " is no name of a file on Windows";
            }
            return null;
        }

        /** Without the ending of a picture. */
        private static String base(String name) {
            int dot = name.lastIndexOf('.');
            return dot > 0 && PictureKind.isEnding(name.substring(dot + 1)) ? name.substring(0, dot) : name;
        }

        private static String ending(PictureKind kind, byte[] image) {
            return switch (kind) {
                case JPEG -> ".jpg";
                case PNG -> ".png";
                case BMP -> ".bmp";
                default -> image[1] == '2' || image[1] == '5' ? ".pgm" : ".ppm";
            };
        }

        private void flush() throws IOException {
            if (block.isEmpty()) {
                return;
            }
            List<String> outcomes;
            try {
                outcomes = block.parallelStream().map(this::write).toList();
            } catch (UncheckedIOException e) {
                throw new WritingException(requireNonNull(e.getCause()));
            }
            List<Item> done = List.copyOf(block);
            block.clear();
            blockBytes = 0;
            for (int i = 0; i < outcomes.size(); i++) {
                switch (outcomes.get(i)) {
                    case "written" -> written++;
                    case "there" -> there++;
                    default -> refuse(done.get(i).entry(), outcomes.get(i));
                }
            }
            double seconds = (System.nanoTime() - start) / 1e9;
            double fraction = source.fraction();
            listener.accept(new Progress(entries, entries / seconds, seconds * (1 - fraction) / fraction));
        }

        private String write(Item item) {
            try {
                Path person = item.place().resolveSibling("");
                if (Files.isSymbolicLink(person)) {
                    return "the person's folder is a link";
                }
                OwnerOnly.createDirectories(person);
                if (!Files.exists(item.place(), LinkOption.NOFOLLOW_LINKS)
                        && AtomicFile.writeIfAbsent(item.image(), item.place())) {
                    return "written";
                }
                return Files.isRegularFile(item.place(), LinkOption.NOFOLLOW_LINKS)
                                && Files.size(item.place()) == item.image().length
                                && Arrays.equals(Files.readAllBytes(item.place()), item.image())
                        ? "there"
                        : "something else is at " + item.place().getFileName() + ", which stays";
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
