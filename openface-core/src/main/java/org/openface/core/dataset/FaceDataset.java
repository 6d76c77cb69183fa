package org.openface.core.dataset;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.nio.file.Path;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.RandomAccess;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.ImageFiles;
import org.openface.core.internal.PortableName;

/**
 * A sorted, immutable index of faces by identity. Identities have numbers, 0 to {@code identities().size() - 1}, in the
 * order of their names, and faces are sorted by identity, then by file name. Names are ordered by their UTF-16 code
 * units, so the order is the same in every locale.
 */
public final class FaceDataset {
    private static final Comparator<Face> ORDER = Comparator.comparing(Face::identity)
            .thenComparing(Face::fileName)
            .thenComparing(face -> face.file().toString());

    private final List<String> identities;

    private final FaceTable table;

    /** Rows of the table that belong to this data set, ascending; {@code null} for all. */
    private final int @Nullable [] rows;

    /** faces of identity i are numbers start[i] to start[i + 1] - 1 */
    private final int[] start;

    private final @Nullable AlignmentProfile alignmentProfile;

    private final List<PassedOver> passedOver;

    private final List<Face> faces = new Faces();

    /** Kept once no file has vanished, as one may come back. */
    private volatile @Nullable FaceContents contents;

    FaceDataset(
            List<String> identities,
            int[] start,
            FaceTable table,
            int @Nullable [] rows,
            @Nullable AlignmentProfile alignmentProfile,
            List<PassedOver> passedOver) {
        this.identities = identities;
        this.start = start;
        this.table = table;
        this.rows = rows;
        this.alignmentProfile = alignmentProfile;
        this.passedOver = passedOver;
    }

    /** Made when they are asked for: ten million of them would not fit. */
    private final class Faces extends AbstractList<Face> implements RandomAccess {
        @Override
        public Face get(int i) {
            return table.face(row(Objects.checkIndex(i, size())));
        }

        @Override
        public int size() {
            return FaceDataset.this.size();
        }
    }

    private int row(int face) {
        return rows == null ? face : rows[face];
    }

    /**
     * Indexes a folder that holds one sub-folder per person, which holds the images of that person.
     *
     * <p>Files that are {@linkplain ImageFiles#isImage named like images} count, and are not opened. Of files that are named
     * like other pictures, or whose names have no ending, the content decides: what is a JPEG inside counts, be it called
     * {@code .heic}. Pictures of other kinds and folders inside a person's folder are {@linkplain #passedOver() noted};
     * hidden files and folders, other files, and persons without images are passed over. The {@linkplain AlignmentProfile#of
     * alignment profile} in the folder is that of the data set.
     *
     * <p>Names are taken as the file system has them: where it tells {@code Ann} from {@code ann}, or an accent written in
     * one character from one written in two, these are two people, whom {@link #alikeIdentities} reports.
     *
     * @throws IOException if the folder is missing or cannot be read, if images lie in it directly, if no image is found,
     *     or if its alignment profile is damaged
     */
    public static FaceDataset index(Path directory) throws IOException {
        return FolderIndex.read(directory);
    }

    /**
     * What lies in an indexed folder, looks as if it should be in the index, and is not.
     *
     * @param kind what it is, such as {@code HEIC}, or {@value #FOLDER}
     * @param files the files, or the folders inside people's folders
     */
    public record PassedOver(String kind, List<Path> files) {
        /** The kind of folders inside a person's folder. */
        public static final String FOLDER = "folder";

        public PassedOver {
            files = List.copyOf(files);
        }

        /** For people: how many there are, an example, and what to do. */
        public String summary() {
            boolean folders = kind.equals(FOLDER);
            return (files.size() == 1 ? "1 " : files.size() + " ")
                    + (folders
                            ? files.size() == 1 ? "folder" : "folders"
                            : kind + (files.size() == 1 ? " file" : " files"))
                    + " (such as " + files.get(0) + ")"
                    + (folders
                            ? " inside people's folders not looked into: put the images into the person's folder itself"
                            : " not read: convert to JPEG or PNG");
        }
    }

    /**
     * Indexes a folder as {@link #index(Path)} does, with a {@linkplain FaceManifest manifest} that knows its files from
     * earlier: only what is new or changed is read. The manifest is made if it is not there.
     *
     * @param manifest the manifest's file, such as {@link FaceManifest#FILE_NAME} in the work folder
     * @throws IOException as {@link #index(Path)}, or if the manifest cannot be written
     */
    public static FaceDataset index(Path directory, Path manifest) throws IOException {
        return FaceManifest.of(directory).at(manifest).update().dataset();
    }

    /**
     * A data set of the given faces, in any order.
     *
     * @throws IllegalArgumentException if a face occurs twice
     */
    public static FaceDataset of(Collection<Face> faces) {
        return of(faces, null, List.of());
    }

    /** This data set with another list of faces, aligned as its own. */
    FaceDataset with(Collection<Face> otherFaces) {
        return of(otherFaces, alignmentProfile, List.of());
    }

    static FaceDataset of(
            Collection<Face> faces, @Nullable AlignmentProfile alignmentProfile, List<PassedOver> passedOver) {
        List<Face> sorted = new ArrayList<>(faces);
        sorted.sort(ORDER);
        List<String> identities = new ArrayList<>();
        IntStream.Builder start = IntStream.builder();
        for (int i = 0; i < sorted.size(); i++) {
            Face face = sorted.get(i);
            checkArgument(i == 0 || !face.equals(sorted.get(i - 1)), "%s occurs twice", face);
            if (i == 0 || !face.identity().equals(sorted.get(i - 1).identity())) {
                identities.add(face.identity());
                start.add(i);
            }
        }
        start.add(sorted.size());
        return new FaceDataset(
                List.copyOf(identities),
                start.build().toArray(),
                FaceTable.of(sorted),
                null,
                alignmentProfile,
                passedOver);
    }

    /** The faces with the given numbers, in a data set of their own; its identities are those that have one. */
    FaceDataset only(BitSet kept) {
        int[] keptRows = new int[kept.cardinality()];
        List<String> names = new ArrayList<>();
        IntStream.Builder starts = IntStream.builder();
        int count = 0;
        int last = -1;
        for (int i = kept.nextSetBit(0); i >= 0; i = kept.nextSetBit(i + 1)) {
            if (last < 0 || i >= start[last + 1]) {
                last = identityOf(i);
                names.add(identities.get(last));
                starts.add(count);
            }
            keptRows[count++] = row(i);
        }
        starts.add(count);
        return new FaceDataset(
                List.copyOf(names), starts.build().toArray(), table, keptRows, alignmentProfile, List.of());
    }

    /**
     * This data set without some people, such as those of a test set. Names that it does not have make no difference.
     *
     * @throws IllegalArgumentException if nobody is left
     */
    public FaceDataset without(Collection<String> people) {
        Set<String> gone = Set.copyOf(people);
        BitSet kept = new BitSet(size());
        for (int i = 0; i < identities.size(); i++) {
            kept.set(start[i], start[i + 1], !gone.contains(identities.get(i)));
        }
        checkArgument(!kept.isEmpty(), "nobody is left of %s without %s people", this, gone.size());
        return only(kept);
    }

    /**
     * This data set without some images.
     *
     * @param numbers of the faces to leave out, as in {@link #faces()}
     * @throws IllegalArgumentException if a number is too high, or nothing is left
     */
    public FaceDataset withoutFaces(BitSet numbers) {
        checkArgument(numbers.length() <= size(), "no face %s in %s", numbers.length() - 1, this);
        BitSet kept = new BitSet(size());
        kept.set(0, size());
        kept.andNot(numbers);
        checkArgument(!kept.isEmpty(), "nothing is left of %s without %s images", this, numbers.cardinality());
        return only(kept);
    }

    /** Whether the digest of a face is known without reading it; see {@link FaceTable#digest}. */
    boolean knownDigest(int face, byte[] target, int offset) {
        return table.digest(row(face), target, offset);
    }

    /**
     * What an aligner has noted about a face; known in data sets that were indexed with a {@linkplain FaceManifest manifest}, and
     * in what is pruned and split from them.
     *
     * @param face its number in {@link #faces()}
     */
    public Optional<FaceQuality> quality(int face) {
        checkArgument(face >= 0 && face < size(), "no face %s in %s", face, this);
        return FaceQuality.unpacked(table.quality(row(face)));
    }

    /** {@link Face#fileName} of a face, without making the face. */
    String fileName(int face) {
        return table.fileName(row(face));
    }

    /**
     * How the faces were aligned: known of a folder that an aligner has filled, and of what is pruned and split from it.
     */
    public Optional<AlignmentProfile> alignmentProfile() {
        return Optional.ofNullable(alignmentProfile);
    }

    /** The same faces, said to be aligned in a certain way; for faces from elsewhere. */
    public FaceDataset withAlignmentProfile(AlignmentProfile profile) {
        return new FaceDataset(identities, start, table, rows, profile, passedOver);
    }

    /**
     * What {@link #index} found and left out although it may have been meant, by kind, files in the order in which the file
     * system lists them; nothing in data sets made otherwise, such as by pruning.
     */
    public List<PassedOver> passedOver() {
        return passedOver;
    }

    /**
     * Identities whose names are the same on some file systems, such as {@code Ann} and {@code ann}, or one accent in NFC
     * and NFD: probably one person, and one folder where the data set is copied there. Each group is sorted.
     */
    public List<List<String>> alikeIdentities() {
        return identities.stream()
                .collect(Collectors.groupingBy(PortableName::key, TreeMap::new, Collectors.toList()))
                .values()
                .stream()
                .filter(alike -> alike.size() > 1)
                .toList();
    }

    /** Names of the identities, sorted. */
    public List<String> identities() {
        return identities;
    }

    /** All faces, sorted by identity and file name: a view that makes each when it is asked for. */
    public List<Face> faces() {
        return faces;
    }

    /** The faces of one identity. */
    public List<Face> faces(int identity) {
        checkArgument(identity >= 0 && identity < identities.size(), "no identity %s in %s", identity, this);
        return faces.subList(start[identity], start[identity + 1]);
    }

    /** The number of the identity of {@code faces().get(face)}. */
    public int identityOf(int face) {
        checkArgument(face >= 0 && face < size(), "no face %s in %s", face, this);
        return FaceTable.run(start, face);
    }

    /** The number of a face in {@link #faces()}, found by its names; empty if it is not among them. */
    public OptionalInt numberOf(Face face) {
        int identity = Collections.binarySearch(identities, face.identity());
        String name = face.fileName();
        for (int i = identity < 0 ? 0 : start[identity]; identity >= 0 && i < start[identity + 1]; i++) {
            if (fileName(i).equals(name) && faces.get(i).equals(face)) {
                return OptionalInt.of(i);
            }
        }
        return OptionalInt.empty();
    }

    /** The number of the face of a person with a file name; empty if there is none. Of several, the first. */
    public OptionalInt numberOf(String identity, String fileName) {
        int person = Collections.binarySearch(identities, identity);
        return person < 0
                ? OptionalInt.empty()
                : IntStream.range(start[person], start[person + 1])
                        .filter(i -> fileName(i).equals(fileName))
                        .findFirst();
    }

    /**
     * How many faces are in another data set too, by their files. For parts of one indexed folder this takes no longer than counting.
     */
    public int sharedFaces(FaceDataset other) {
        if (table == other.table) {
            BitSet shared = new BitSet(table.rows());
            for (int i = 0; i < size(); i++) {
                shared.set(row(i));
            }
            return (int) IntStream.range(0, other.size())
                    .filter(i -> shared.get(other.row(i)))
                    .count();
        }
        Path root = table.root();
        Path otherRoot = other.table.root();
        if (root != null && otherRoot != null && !root.startsWith(otherRoot) && !otherRoot.startsWith(root)) {
            return 0;
        }
        Set<Path> files = new HashSet<>();
        other.faces().forEach(face -> files.add(place(face)));
        return (int) faces.stream().filter(face -> files.contains(place(face))).count();
    }

    private static Path place(Face face) {
        return face.file().toAbsolutePath().normalize();
    }

    /** Number of faces. */
    public int size() {
        return rows == null ? table.rows() : rows.length;
    }

    /**
     * SHA-256, in hexadecimal, over identity, file name and content of every face: equal for two data sets exactly when a
     * training would see the same. Where the data set lies and when its files were written make no difference, so that
     * a copy on another machine has the same fingerprint and an image replaced by one of the same size does not. A file that
     * has vanished counts as such, since training leaves it out.
     *
     * <p>The first call reads every file, on all processors, unless the data set was indexed with a {@linkplain FaceManifest
     * manifest}, which knows. The result is kept if no file has vanished.
     *
     * @throws IOException if a file is there and cannot be read
     */
    public String fingerprint() throws IOException {
        return contents().fingerprint();
    }

    FaceContents contents() throws IOException {
        FaceContents known = contents;
        if (known == null) {
            known = FaceContents.read(this);
            if (known.vanished().isEmpty()) {
                contents = known;
            }
        }
        return known;
    }

    /** For messages: how much, and no names. */
    @Override
    public String toString() {
        return "FaceDataset of " + identities.size() + " identities, " + size() + " faces";
    }
}
