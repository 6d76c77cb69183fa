package org.openface.core.dataset;

import static com.google.common.base.Preconditions.checkState;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The faces of a folder, each property in a column of its own, little-endian, on the heap or in a file that is mapped into
 * memory: some 25 bytes an image on the heap, a few where they are mapped, since names are made when they are asked for.
 * A column holds up to 2 GB, enough for 60 million faces.
 *
 * <p>People are folders, those without images among them; they are sorted by name, and the faces of each by name.
 */
final class FaceColumns implements FaceTable {
    /** Stands for a time at which nothing can be said to be unchanged; see {@link FolderScan}. */
    static final long UNKNOWN_TIME = Long.MIN_VALUE;

    /** What is known of each, and the bytes that it takes; 0 for texts, which lie one behind the other. */
    enum Column {
        /** Names of people, as {@link FileNames#stored}. */
        PEOPLE(0),
        /** Where each person's name ends. */
        PEOPLE_ENDS(Integer.BYTES),
        /** The number of the face behind the last one of each person. */
        FACES_ENDS(Integer.BYTES),
        /** When the person's folder was changed, in nanoseconds since 1970. */
        PEOPLE_TIMES(Long.BYTES),
        /** Names of files, as {@link FileNames#stored}. */
        NAMES(0),
        /** Where each file's name ends. */
        NAME_ENDS(Integer.BYTES),
        /** Sizes of the files in bytes. */
        SIZES(Long.BYTES),
        /** When the files were changed, in nanoseconds since 1970. */
        TIMES(Long.BYTES),
        /** See {@link FaceContents}; zero where they are not known. */
        DIGESTS(FaceContents.DIGEST),
        /** See {@link FaceQuality#packed}. */
        QUALITIES(Integer.BYTES),
        /** In a pack: the number of the shard, times 2^32, plus the place of the first byte. */
        PLACES(Long.BYTES),
        /** In a pack: bytes of the image. */
        LENGTHS(Integer.BYTES),
        /** In a pack: CRC-32C of these. */
        CHECKSUMS(Integer.BYTES);

        /** What a table has that is only looked at. */
        static final Set<Column> OF_INDEX = Set.of(PEOPLE, PEOPLE_ENDS, FACES_ENDS, NAMES, NAME_ENDS);

        /** What is known of a folder. */
        static final Set<Column> OF_FOLDER = Set.of(
                PEOPLE, PEOPLE_ENDS, FACES_ENDS, PEOPLE_TIMES, NAMES, NAME_ENDS, SIZES, TIMES, DIGESTS, QUALITIES);

        /** What is known of a pack. */
        static final Set<Column> OF_PACK = Set.of(
                PEOPLE, PEOPLE_ENDS, FACES_ENDS, NAMES, NAME_ENDS, DIGESTS, QUALITIES, PLACES, LENGTHS, CHECKSUMS);

        private static final Set<Column> OF_PEOPLE = Set.of(PEOPLE, PEOPLE_ENDS, FACES_ENDS, PEOPLE_TIMES);

        final int bytes;

        Column(int bytes) {
            this.bytes = bytes;
        }

        boolean ofPeople() {
            return OF_PEOPLE.contains(this);
        }
    }

    private final Path root;
    private final long rootTime;
    private final Map<Column, ByteBuffer> columns;
    private final int people;
    private final int faces;

    /** Of those people who have images: names, numbers among all, and where their faces begin. */
    private final List<String> identities;

    private final int[] numbers;
    private final int[] starts;

    /**
     * Columns of the given lengths.
     *
     * @throws IllegalStateException if they contradict each other
     */
    FaceColumns(Path root, long rootTime, int people, int faces, Map<Column, ByteBuffer> columns) {
        this.root = root;
        this.rootTime = rootTime;
        this.people = people;
        this.faces = faces;
        this.columns = new EnumMap<>(Column.class);
        this.columns.putAll(columns);
        List<String> names = new ArrayList<>();
        int[] present = new int[people];
        int[] begins = new int[people + 1];
        for (int i = 0; i < people; i++) {
            int first = firstFace(i);
            int end = firstFace(i + 1);
            checkState(first <= end && end <= faces, "person %s has the faces from %s to %s", i, first, end);
            if (end > first) {
                present[names.size()] = i;
                begins[names.size()] = first;
                names.add(FileNames.name(storedPerson(i)));
            }
        }
        checkState(firstFace(people) == faces, "people have %s of %s faces", firstFace(people), faces);
        identities = List.copyOf(names);
        numbers = Arrays.copyOf(present, names.size());
        starts = Arrays.copyOf(begins, names.size() + 1);
        starts[names.size()] = faces;
    }

    /** Of a folder that nothing is known of. */
    static FaceColumns none(Path root) {
        return new FaceColumns(root, UNKNOWN_TIME, 0, 0, Map.of());
    }

    boolean isNone() {
        return columns.isEmpty();
    }

    private ByteBuffer column(Column column) {
        ByteBuffer values = columns.get(column);
        checkState(values != null, "there is no column %s", column);
        return values;
    }

    /** Where the first i texts end, or the faces of the first i people. */
    int end(Column ends, int i) {
        return i == 0 ? 0 : column(ends).getInt((i - 1) * Integer.BYTES);
    }

    private String text(Column texts, Column ends, int i) {
        int from = end(ends, i);
        byte[] bytes = new byte[end(ends, i + 1) - from];
        column(texts).get(from, bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    /** The folder, as it was named. */
    Path folder() {
        return root;
    }

    @Override
    public Path root() {
        return root.toAbsolutePath().normalize();
    }

    long rootTime() {
        return rootTime;
    }

    int people() {
        return people;
    }

    List<String> identities() {
        return identities;
    }

    /** Where the faces of each identity begin, and where the last one's end; not to be changed. */
    int[] starts() {
        return starts;
    }

    /** The number of a person's first face; {@code people()} may be asked too. */
    int firstFace(int person) {
        return end(Column.FACES_ENDS, person);
    }

    String storedPerson(int person) {
        return text(Column.PEOPLE, Column.PEOPLE_ENDS, person);
    }

    Path folder(int person) {
        return FileNames.resolve(root, storedPerson(person));
    }

    long personTime(int person) {
        return column(Column.PEOPLE_TIMES).getLong(person * Long.BYTES);
    }

    String storedName(int row) {
        return text(Column.NAMES, Column.NAME_ENDS, row);
    }

    long size(int row) {
        return column(Column.SIZES).getLong(row * Long.BYTES);
    }

    long time(int row) {
        return column(Column.TIMES).getLong(row * Long.BYTES);
    }

    @Override
    public int quality(int row) {
        ByteBuffer qualities = columns.get(Column.QUALITIES);
        return qualities == null ? 0 : qualities.getInt(row * Integer.BYTES);
    }

    long place(int row) {
        return column(Column.PLACES).getLong(row * Long.BYTES);
    }

    int length(int row) {
        return column(Column.LENGTHS).getInt(row * Integer.BYTES);
    }

    int checksum(int row) {
        return column(Column.CHECKSUMS).getInt(row * Integer.BYTES);
    }

    @Override
    public int rows() {
        return faces;
    }

    @Override
    public Face face(int row) {
        int identity = FaceTable.run(starts, row);
        return new Face(identities.get(identity), FileNames.resolve(folder(numbers[identity]), storedName(row)));
    }

    @Override
    public String fileName(int row) {
        return FileNames.name(storedName(row));
    }

    @Override
    public boolean digest(int row, byte[] target, int offset) {
        ByteBuffer digests = columns.get(Column.DIGESTS);
        if (digests == null) {
            return false;
        }
        digests.get(row * FaceContents.DIGEST, target, offset, FaceContents.DIGEST);
        for (int i = 0; i < FaceContents.DIGEST; i++) {
            if (target[offset + i] != 0) {
                return true;
            }
        }
        return false;
    }

    /** The bytes of the entries from one to another, in a column. */
    ByteBuffer range(Column column, int from, int to) {
        if (from == to) {
            return ByteBuffer.allocate(0);
        }
        int first;
        int last;
        switch (column) {
            case PEOPLE -> {
                first = end(Column.PEOPLE_ENDS, from);
                last = end(Column.PEOPLE_ENDS, to);
            }
            case NAMES -> {
                first = end(Column.NAME_ENDS, from);
                last = end(Column.NAME_ENDS, to);
            }
            default -> {
                first = from * column.bytes;
                last = to * column.bytes;
            }
        }
        return column(column).slice(first, last - first);
    }
}
