package org.openface.core.dataset;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

/**
 * What a data set consisted of: identity, file name and the first 8 bytes of the digest of every face, in its order. Where
 * two data sets differ in their {@linkplain FaceDataset#fingerprint fingerprints}, two listings say in which faces.
 *
 * <p>It names people, and takes some 15 bytes a face on disk.
 */
public final class DatasetListing {
    private static final String FORMAT = "openface-faces-1";
    private static final Comparator<Entry> ORDER =
            Comparator.comparing(Entry::identity).thenComparing(Entry::file);

    private final String fingerprint;
    private final List<Entry> entries;

    /**
     * One face.
     *
     * @param readable whether the file was there
     * @param digest of its identity, name and content; of no meaning if it was not
     */
    private record Entry(String identity, String file, boolean readable, long digest) {
        @Override
        public String toString() {
            return identity + "/" + file;
        }
    }

    private DatasetListing(String fingerprint, List<Entry> entries) {
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
        List<Entry> entries = new ArrayList<>(dataset.size());
        for (int i = 0; i < dataset.size(); i++) {
            Face face = dataset.faces().get(i);
            entries.add(new Entry(
                    face.identity(), face.fileName(), !contents.vanished().get(i), contents.digests()[i]));
        }
        return new DatasetListing(contents.fingerprint(), entries);
    }

    /** {@link FaceDataset#fingerprint}. */
    public String fingerprint() {
        return fingerprint;
    }

    /** Writes the listing, compressed; {@link #read} reads it. The stream stays open. */
    public void write(OutputStream out) throws IOException {
        GZIPOutputStream zip = new GZIPOutputStream(out);
        DataOutputStream data = new DataOutputStream(new BufferedOutputStream(zip));
        data.writeUTF(FORMAT);
        data.writeUTF(fingerprint);
        data.writeInt(entries.size());
        String identity = "";
        for (Entry entry : entries) {
            boolean another = !entry.identity().equals(identity);
            data.writeBoolean(another);
            if (another) {
                identity = entry.identity();
                data.writeUTF(identity);
            }
            data.writeUTF(entry.file());
            data.writeBoolean(entry.readable());
            data.writeLong(entry.digest());
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
            List<Entry> entries = new ArrayList<>();
            String identity = "";
            for (int i = 0; i < size; i++) {
                identity = data.readBoolean() ? data.readUTF() : identity;
                entries.add(new Entry(identity, data.readUTF(), data.readBoolean(), data.readLong()));
            }
            if (data.read() >= 0) { // and the checksum is looked at
                throw new IOException("it is damaged");
            }
            return new DatasetListing(fingerprint, entries);
        } catch (EOFException e) {
            throw new IOException("it is cut short", e);
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
        int j = 0;
        for (int i = 0; i < entries.size(); i++) {
            Entry entry = entries.get(i);
            boolean free = except.get(i) || !entry.readable();
            while (j < later.entries.size() && ORDER.compare(later.entries.get(j), entry) < 0) {
                added.add(later.entries.get(j++).toString());
            }
            if (j == later.entries.size() || ORDER.compare(later.entries.get(j), entry) > 0) {
                if (!free) {
                    gone.add(entry.toString());
                }
                continue;
            }
            Entry now = later.entries.get(j++);
            if (!free && !now.readable()) {
                gone.add(entry.toString());
            } else if (!free && now.digest() != entry.digest()) {
                changed.add(entry.toString());
            }
        }
        while (j < later.entries.size()) {
            added.add(later.entries.get(j++).toString());
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
        for (Entry entry : entries) {
            Face next = j < later.size() ? later.faces().get(j) : null;
            if (next != null
                    && next.identity().equals(entry.identity())
                    && next.fileName().equals(entry.file())) {
                all.add(next);
                j++;
            } else {
                Path folder = folders.computeIfAbsent(entry.identity(), any::resolve);
                all.add(new Face(entry.identity(), folder.resolve(entry.file())));
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
