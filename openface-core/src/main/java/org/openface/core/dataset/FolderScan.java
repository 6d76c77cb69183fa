package org.openface.core.dataset;

import static java.util.Objects.requireNonNull;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.openface.core.internal.image.PictureKind;

/**
 * Looks into a folder of people's folders, person by person on all processors, and adds what it finds to before. With the
 * columns of an earlier scan a folder that has the same time as then has the same names in it, so that only the sizes and
 * times of its files are looked at; a file whose size and time are the same is taken to have the same content.
 *
 * <p>A time shortly before the scan proves nothing, as the file may be written again within the same tick of the clock: it
 * is noted as {@linkplain FaceColumns#UNKNOWN_TIME unknown}, and the next scan looks again (git's "racy" entries).
 */
final class FolderScan {
    /** The longest tick of a file system's clock (FAT's), in nanoseconds. */
    private static final long TICK = TimeUnit.SECONDS.toNanos(2);

    /** People looked at before their columns are written; bounds the memory. */
    private static final int BLOCK = 512;

    /** Files of this size at most are read in one piece, and what is noted in them is looked at. */
    private static final long SMALL = 1 << 20;

    /** Files of a person that are worth being shared among processors. */
    private static final int MANY = 64;

    private final Path root;
    private final FaceColumns before;
    private final boolean contents;
    private final boolean readAll;
    private final LongConsumer progress;
    private final long began = nanos(Instant.now());
    private final ThreadLocal<byte[]> buffer = ThreadLocal.withInitial(() -> new byte[(int) SMALL + 1]);
    private final Map<String, Integer> known = new HashMap<>();
    private final Map<String, List<Path>> others = new TreeMap<>();
    private long rootTime = FaceColumns.UNKNOWN_TIME;
    private final Counts counts = new Counts();

    /** What came of a scan. */
    static final class Counts {
        long entries;
        long read;
        long gone;
        final List<Path> differing = new ArrayList<>();
        final List<Path> unreadable = new ArrayList<>();
    }

    /**
     * A scan.
     *
     * @param before what was there earlier, with all columns; or {@link FaceColumns#none}
     * @param contents whether files are read for their digests
     * @param readAll whether files are read that seem to be the same
     * @param progress is told how many faces have been looked at
     */
    FolderScan(Path root, FaceColumns before, boolean contents, boolean readAll, LongConsumer progress) {
        this.root = root;
        this.before = before;
        this.contents = contents;
        this.readAll = readAll;
        this.progress = progress;
    }

    /** A file as it is now. */
    private record Item(String stored, String name, Path path, long size, long time) {}

    /** What is known of a file's content. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Content(byte @Nullable [] digest, int quality, boolean read, boolean differs) {}

    /** A person's folder as it is now; or as it was, if {@code items} is null. */
    private record Person(
            String stored,
            int row,
            long time,
            @Nullable List<Item> items,
            List<Content> contents,
            int gone,
            Map<String, List<Path>> others) {}

    /** What was passed over, by kind. */
    Map<String, List<Path>> others() {
        return others;
    }

    Counts counts() {
        return counts;
    }

    /** When the root folder was changed. */
    long rootTime() {
        return rootTime;
    }

    /**
     * Scans.
     *
     * @param writer makes the columns, once something has to be written to them: never if nothing has changed
     * @return the columns; null if nothing has changed
     * @throws IOException if the folder cannot be read, or images lie directly in it
     */
    @Nullable
    FaceColumnsWriter scan(Writers writer) throws IOException {
        BasicFileAttributes attributes = Files.readAttributes(root, BasicFileAttributes.class);
        rootTime = settled(nanos(attributes));
        boolean sameRoot = before.rootTime() == rootTime && rootTime != FaceColumns.UNKNOWN_TIME;
        List<String> people = sameRoot ? List.of() : people();
        int count = sameRoot ? before.people() : people.size();
        if (!sameRoot) {
            for (int i = 0; i < before.people(); i++) {
                known.put(before.storedPerson(i), i);
            }
            Set<String> present = new HashSet<>(people);
            known.forEach((person, row) ->
                    counts.gone += present.contains(person) ? 0 : before.firstFace(row + 1) - before.firstFace(row));
        }
        int same = 0; // so many people of before were taken over as they are, from the first on
        FaceColumnsWriter out = null;
        try {
            for (int from = 0; from < count; from += BLOCK) {
                for (Person person : block(people, from, Math.min(count, from + BLOCK))) {
                    boolean empty = person.items() != null && person.items().isEmpty();
                    if (empty) {
                        // Of a folder without images no name is kept, so that the root must be listed each time.
                        rootTime = FaceColumns.UNKNOWN_TIME;
                    } else if (out == null && (person.items() != null || person.row() != same)) {
                        out = begin(writer, same);
                    } else if (out == null) {
                        same++;
                    }
                    add(person, empty ? null : out);
                }
                progress.accept(counts.entries);
            }
            if (out == null && (before.isNone() || before.rootTime() != rootTime || same != before.people())) {
                out = begin(writer, same);
            }
            return out;
        } catch (IOException | RuntimeException e) {
            if (out != null) {
                out.close();
            }
            throw e;
        }
    }

    private FaceColumnsWriter begin(Writers writer, int same) throws IOException {
        FaceColumnsWriter out = writer.make();
        if (same > 0) {
            out.copy(before, 0, same);
        }
        return out;
    }

    /** Makes columns to write to. */
    @FunctionalInterface
    interface Writers {
        FaceColumnsWriter make() throws IOException;
    }

    private void add(Person person, @Nullable FaceColumnsWriter out) throws IOException {
        person.others().forEach((kind, files) -> others.computeIfAbsent(kind, name -> new ArrayList<>())
                .addAll(files));
        counts.gone += person.gone();
        if (person.items() == null) {
            counts.entries += before.firstFace(person.row() + 1) - before.firstFace(person.row());
            if (out != null) {
                out.copy(before, person.row(), person.row() + 1);
            }
            return;
        }
        if (person.items().isEmpty()) {
            return;
        }
        requireNonNull(out);
        for (int i = 0; i < person.items().size(); i++) {
            Item item = person.items().get(i);
            Content content = person.contents().get(i);
            boolean unreadable = contents && content.digest() == null;
            out.face(
                    item.stored(),
                    item.size(),
                    unreadable ? FaceColumns.UNKNOWN_TIME : item.time(),
                    content.digest(),
                    content.quality());
            counts.entries++;
            counts.read += content.read() ? 1 : 0;
            if (content.differs()) {
                counts.differing.add(item.path());
            }
            if (unreadable) {
                counts.unreadable.add(item.path());
            }
        }
        out.person(person.stored(), person.time());
    }

    private List<Person> block(List<String> people, int from, int to) throws IOException {
        try {
            return IntStream.range(from, to)
                    .parallel()
                    .mapToObj(i -> {
                        try {
                            return people.isEmpty() ? again(i) : person(people.get(i));
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                    })
                    .toList();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private Person again(int row) throws IOException {
        String stored = before.storedPerson(row);
        return look(stored, FileNames.resolve(root, stored), row);
    }

    private Person person(String stored) throws IOException {
        return look(stored, FileNames.resolve(root, stored), known.getOrDefault(stored, -1));
    }

    private Person look(String stored, Path folder, int row) throws IOException {
        // The time first: what comes into the folder while it is listed makes it another.
        long time = settled(nanos(Files.readAttributes(folder, BasicFileAttributes.class)));
        if (row >= 0
                && !readAll
                && time != FaceColumns.UNKNOWN_TIME
                && before.personTime(row) == time
                && same(folder, row)) {
            return new Person(stored, row, time, null, List.of(), 0, Map.of());
        }
        Map<String, List<Path>> passedOver = new TreeMap<>();
        List<Item> items = list(folder, passedOver);
        Map<String, Integer> rows = new HashMap<>();
        if (row >= 0) {
            for (int i = before.firstFace(row); i < before.firstFace(row + 1); i++) {
                rows.put(before.storedName(i), i);
            }
        }
        String identity = FileNames.name(stored);
        List<Content> all = (items.size() < MANY ? items.stream() : items.parallelStream())
                .map(item -> content(item, identity, rows.getOrDefault(item.stored(), -1)))
                .toList();
        long noted = passedOver.isEmpty() ? time : FaceColumns.UNKNOWN_TIME;
        if (row >= 0
                && !readAll
                && before.personTime(row) == noted
                && rows.size() == items.size()
                && asNoted(items, all, rows)) {
            return new Person(stored, row, noted, null, List.of(), 0, passedOver);
        }
        items.forEach(item -> rows.remove(item.stored()));
        // What is passed over is reported by each scan, for which the folder must be listed each time.
        return new Person(stored, row, noted, items, all, rows.size(), passedOver);
    }

    private boolean asNoted(List<Item> items, List<Content> all, Map<String, Integer> rows) {
        return IntStream.range(0, items.size()).allMatch(i -> {
            Integer row = rows.get(items.get(i).stored());
            return row != null
                    && !all.get(i).read()
                    && before.time(row) == items.get(i).time();
        });
    }

    /** Whether all files of a person have the sizes and times they had. */
    private boolean same(Path folder, int person) {
        return IntStream.range(before.firstFace(person), before.firstFace(person + 1))
                .allMatch(row -> {
                    try {
                        BasicFileAttributes now = Files.readAttributes(
                                FileNames.resolve(folder, before.storedName(row)), BasicFileAttributes.class);
                        return now.isRegularFile() && now.size() == before.size(row) && nanos(now) == before.time(row);
                    } catch (IOException e) {
                        return false; // whatever it is, listing the folder tells
                    }
                });
    }

    private Content content(Item item, String identity, int row) {
        if (!contents) {
            return new Content(null, 0, false, false);
        }
        byte[] earlier = new byte[FaceContents.DIGEST];
        boolean isKnown = row >= 0
                && before.size(row) == item.size()
                && before.time(row) == item.time()
                && item.time() != FaceColumns.UNKNOWN_TIME
                && before.digest(row, earlier, 0);
        if (isKnown && !readAll) {
            return new Content(earlier, before.quality(row), false, false);
        }
        try {
            byte[] digest;
            int quality = 0;
            if (item.size() <= SMALL) {
                ByteBuffer bytes = small(item.path());
                digest = FaceContents.digest(identity, item.name(), bytes.duplicate());
                quality = FaceQuality.of(bytes).map(FaceQuality::packed).orElse(0);
            } else {
                digest = FaceContents.digest(identity, item.name(), item.path());
            }
            return new Content(digest, quality, true, isKnown && !Arrays.equals(digest, earlier));
        } catch (IOException e) {
            return new Content(null, 0, true, isKnown);
        }
    }

    /** The content of a file in the thread's own buffer: a new array for each of a million files costs as much as reading. */
    private ByteBuffer small(Path file) throws IOException {
        try (InputStream in = file.getFileSystem() == FileSystems.getDefault()
                ? new FileInputStream(file.toFile())
                : Files.newInputStream(file)) {
            byte[] bytes = buffer.get();
            int length = 0;
            for (int n = in.read(bytes); n >= 0; n = in.read(bytes, length, bytes.length - length)) {
                length += n;
                if (length == bytes.length) {
                    bytes = Arrays.copyOf(bytes, 2 * length); // it has grown since
                }
            }
            return ByteBuffer.wrap(bytes, 0, length);
        }
    }

    /** The names of people's folders, sorted by what they are for people. */
    private List<String> people() throws IOException {
        List<Path> entries = visible(root);
        List<Boolean> folders = entries.parallelStream().map(Files::isDirectory).toList();
        List<String> people = new ArrayList<>();
        for (int i = 0; i < entries.size(); i++) {
            Path entry = entries.get(i);
            if (folders.get(i)) {
                people.add(FileNames.stored(entry));
                continue;
            }
            Optional<PictureKind> kind = PictureKind.of(entry);
            if (isFace(kind)) {
                throw new IOException("the image " + FileNames.name(entry) + " lies directly in " + root
                        + "; put the images of each person into a sub-folder of their own, one sub-folder per person");
            }
            if (kind.isPresent()) {
                others.computeIfAbsent(kind.get().label(), name -> new ArrayList<>())
                        .add(entry);
                rootTime = FaceColumns.UNKNOWN_TIME;
            }
        }
        people.sort(Comparator.comparing(FileNames::name));
        return people;
    }

    private List<Item> list(Path folder, Map<String, List<Path>> passedOver) throws IOException {
        List<Item> items = new ArrayList<>();
        for (Path file : visible(folder)) {
            BasicFileAttributes attributes;
            try {
                attributes = Files.readAttributes(file, BasicFileAttributes.class);
            } catch (IOException e) {
                continue; // it vanished, or is a link to nothing
            }
            Optional<PictureKind> kind = attributes.isRegularFile() ? PictureKind.of(file) : Optional.empty();
            if (isFace(kind)) {
                items.add(new Item(
                        FileNames.stored(file),
                        FileNames.name(file),
                        file,
                        attributes.size(),
                        settled(nanos(attributes))));
            } else if (kind.isPresent() || attributes.isDirectory()) {
                passedOver
                        .computeIfAbsent(
                                kind.map(PictureKind::label).orElse(FaceDataset.PassedOver.FOLDER),
                                name -> new ArrayList<>())
                        .add(file);
            }
        }
        items.sort(Comparator.comparing(Item::name).thenComparing(Item::stored));
        return items;
    }

    static boolean isFace(Optional<PictureKind> kind) {
        return kind.filter(PictureKind::supported).isPresent();
    }

    private long settled(long time) {
        return time > began - TICK ? FaceColumns.UNKNOWN_TIME : time;
    }

    private static long nanos(BasicFileAttributes attributes) {
        return attributes.lastModifiedTime().to(TimeUnit.NANOSECONDS);
    }

    private static long nanos(Instant time) {
        return TimeUnit.SECONDS.toNanos(time.getEpochSecond()) + time.getNano();
    }

    static List<Path> visible(Path directory) throws IOException {
        List<Path> entries = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(directory, entry -> !Files.isHidden(entry))) {
            all.forEach(entries::add);
        } catch (AccessDeniedException e) {
            throw new IOException("no permission to read the folder " + directory, e);
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        return entries;
    }
}
