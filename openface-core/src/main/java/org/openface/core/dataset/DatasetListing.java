package org.openface.core.dataset;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.primitives.ImmutableIntArray;
import com.google.common.primitives.ImmutableLongArray;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.Deflater;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;

/**
 * What a data set consisted of: identity, file name and the first 8 bytes of the digest of every face, in its order. Where
 * two data sets differ in their {@linkplain FaceDataset#fingerprint fingerprints}, two listings say in which faces.
 *
 * <p>It names people, and takes some 15 bytes a face on disk.
 */
public final class DatasetListing {
    private static final String FORMAT = "openface-faces-1";

    private final String fingerprint;
    private final Entries entries;

    /** Faces in rows, sorted by identity and file name. */
    private interface Entries {
        int size();

        String identity(int i);

        String file(int i);

        /** Whether the file was there. */
        boolean readable(int i);

        /** Of identity, name and content; of no meaning if the file was not there. */
        long digest(int i);

        default String name(int i) {
            return identity(i) + "/" + file(i);
        }

        default int compare(int i, Entries others, int j) {
            int order = identity(i).compareTo(others.identity(j));
            return order != 0 ? order : file(i).compareTo(others.file(j));
        }
    }

    private DatasetListing(String fingerprint, Entries entries) {
        this.fingerprint = fingerprint;
        this.entries = entries;
    }

    /**
     * The listing of a data set; reads every file, as {@link FaceDataset#fingerprint} does. A file that has vanished since the
     * data set was indexed is listed as such.
     *
     * @throws IOException if a file that is there cannot be read
     */
    public static DatasetListing of(FaceDataset dataset) throws IOException {
        FaceContents contents = dataset.contents();
        return new DatasetListing(contents.fingerprint(), new Entries() {
            @Override
            public int size() {
                return dataset.size();
            }

            @Override
            public String identity(int i) {
                return dataset.identities().get(dataset.identityOf(i));
            }

            @Override
            public String file(int i) {
                return dataset.fileName(i);
            }

            @Override
            public boolean readable(int i) {
                return !contents.vanished().get(i);
            }

            @Override
            public long digest(int i) {
                return contents.digests()[i];
            }
        });
    }

    /** {@link FaceDataset#fingerprint}. */
    public String fingerprint() {
        return fingerprint;
    }

    /** Whether one of these people is among them. */
    public boolean hasAnyOf(Collection<String> people) {
        String last = "";
        for (int i = 0; i < entries.size(); i++) {
            String identity = entries.identity(i);
            if (!identity.equals(last) && people.contains(identity)) {
                return true;
            }
            last = identity;
        }
        return false;
    }

    /** Writes the listing, compressed; {@link #read} reads it. The stream stays open. */
    public void write(OutputStream out) throws IOException {
        GZIPOutputStream zip = new GZIPOutputStream(out) {
            {
                def.setLevel(Deflater.BEST_SPEED); // a million names are written before the first batch
            }
        };
        DataOutputStream data = new DataOutputStream(new BufferedOutputStream(zip));
        data.writeUTF(FORMAT);
        data.writeUTF(fingerprint);
        data.writeInt(entries.size());
        String identity = "";
        for (int i = 0; i < entries.size(); i++) {
            boolean another = !entries.identity(i).equals(identity);
            data.writeBoolean(another);
            if (another) {
                identity = entries.identity(i);
                data.writeUTF(identity);
            }
            data.writeUTF(entries.file(i));
            data.writeBoolean(entries.readable(i));
            data.writeLong(entries.digest(i));
        }
        data.flush();
        zip.finish();
    }

    /**
     * Reads what {@link #write} has written.
     *
     * @throws IOException if it is damaged, cut short, or of another format
     */
    public static DatasetListing read(InputStream in) throws IOException {
        try {
            DataInputStream data = new DataInputStream(new GZIPInputStream(in, 1 << 16));
            String format = data.readUTF();
            if (!format.equals(FORMAT)) {
                throw new IOException("it has the format " + format + "; this version reads " + FORMAT);
            }
            String fingerprint = data.readUTF();
            int size = data.readInt();
            Compact entries = new Compact();
            for (int i = 0; i < size; i++) {
                if (data.readBoolean()) {
                    entries.identity(data.readUTF());
                }
                entries.add(data.readUTF(), data.readBoolean(), data.readLong());
            }
            if (data.read() >= 0) { // and the checksum is looked at
                throw new IOException("it is damaged");
            }
            return new DatasetListing(fingerprint, entries);
        } catch (EOFException e) {
            throw new IOException("it is cut short", e);
        }
    }

    /** As read from a file: a few bytes more than the names take. */
    private static final class Compact implements Entries {
        private final List<String> identities = new ArrayList<>();
        private final ImmutableIntArray.Builder starts = ImmutableIntArray.builder();
        private final ByteArrayOutputStream names = new ByteArrayOutputStream();
        private final ImmutableIntArray.Builder ends = ImmutableIntArray.builder();
        private final ImmutableLongArray.Builder digests = ImmutableLongArray.builder();
        private final BitSet missing = new BitSet();
        private int size;
        private @Nullable Built built;

        @SuppressWarnings("ArrayRecordComponent") // never compared
        private record Built(int[] starts, byte[] names, ImmutableIntArray ends, ImmutableLongArray digests) {}

        void identity(String name) {
            identities.add(name);
            starts.add(size);
        }

        void add(String file, boolean readable, long digest) throws IOException {
            if (identities.isEmpty()) {
                throw new IOException("it is damaged: a face of nobody");
            }
            byte[] bytes = file.getBytes(StandardCharsets.UTF_8);
            names.write(bytes, 0, bytes.length);
            ends.add(names.size());
            digests.add(digest);
            missing.set(size++, !readable);
        }

        private Built built() {
            Built now = built;
            if (now == null) {
                now = new Built(starts.build().toArray(), names.toByteArray(), ends.build(), digests.build());
                built = now;
            }
            return now;
        }

        @Override
        public int size() {
            return size;
        }

        @Override
        public String identity(int i) {
            return identities.get(FaceTable.run(built().starts(), i));
        }

        @Override
        public String file(int i) {
            int from = i == 0 ? 0 : built().ends().get(i - 1);
            return new String(built().names(), from, built().ends().get(i) - from, StandardCharsets.UTF_8);
        }

        @Override
        public boolean readable(int i) {
            return !missing.get(i);
        }

        @Override
        public long digest(int i) {
            return built().digests().get(i);
        }
    }

    /**
     * How a later data set differs.
     *
     * @param gone faces it lacks, as {@code identity/file}
     * @param added faces it has in addition
     * @param changed faces whose content is another
     */
    public record Changes(List<String> gone, List<String> added, List<String> changed) {
        public Changes {
            gone = List.copyOf(gone);
            added = List.copyOf(added);
            changed = List.copyOf(changed);
        }

        /** Whether there are none. */
        public boolean isEmpty() {
            return gone.isEmpty() && added.isEmpty() && changed.isEmpty();
        }
    }

    /**
     * Compares with a later listing.
     *
     * @param except numbers of faces of this one that may be gone or changed; so may those that had vanished already
     */
    public Changes changes(DatasetListing later, BitSet except) {
        List<String> gone = new ArrayList<>();
        List<String> added = new ArrayList<>();
        List<String> changed = new ArrayList<>();
        Entries now = later.entries;
        int j = 0;
        for (int i = 0; i < entries.size(); i++) {
            boolean free = except.get(i) || !entries.readable(i);
            while (j < now.size() && now.compare(j, entries, i) < 0) {
                added.add(now.name(j++));
            }
            if (j == now.size() || now.compare(j, entries, i) > 0) {
                if (!free) {
                    gone.add(entries.name(i));
                }
                continue;
            }
            if (!free && !now.readable(j)) {
                gone.add(entries.name(i));
            } else if (!free && now.digest(j) != entries.digest(i)) {
                changed.add(entries.name(i));
            }
            j++;
        }
        while (j < now.size()) {
            added.add(now.name(j++));
        }
        return new Changes(gone, added, changed);
    }

    /**
     * A later data set with the faces that it lacks and this listing has: a training goes on with the same numbers of faces
     * and identities, and draws the same. Their files are not there.
     *
     * @throws IllegalArgumentException if the later one has faces that this listing has not
     */
    public FaceDataset complete(FaceDataset later) {
        Map<String, Path> folders = new HashMap<>();
        later.faces()
                .forEach(
                        face -> folders.putIfAbsent(face.identity(), face.file().resolveSibling("")));
        Path any = later.faces().isEmpty()
                ? Path.of("")
                : later.faces().get(0).file().resolveSibling("..");
        List<Face> all = new ArrayList<>();
        int j = 0;
        for (int i = 0; i < entries.size(); i++) {
            String identity = entries.identity(i);
            Face next = j < later.size() ? later.faces().get(j) : null;
            if (next != null
                    && next.identity().equals(identity)
                    && next.fileName().equals(entries.file(i))) {
                all.add(next);
                j++;
            } else {
                Path folder = folders.computeIfAbsent(identity, any::resolve);
                all.add(new Face(identity, folder.resolve(entries.file(i))));
            }
        }
        checkArgument(j == later.size(), "%s has faces that were not there before", later);
        return later.with(all);
    }

    /** For messages: how much, and no names. */
    @Override
    public String toString() {
        return "DatasetListing of " + entries.size() + " faces";
    }
}
