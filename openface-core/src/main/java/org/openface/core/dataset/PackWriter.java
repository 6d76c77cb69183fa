package org.openface.core.dataset;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.FaceColumns.Column;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.core.image.UnreadableImageException;
import org.openface.core.internal.AtomicFile;
import org.openface.core.internal.OwnerOnly;

/**
 * Makes a pack hold a data set, see {@link FacePack#writeTo}. New images go into new shards, each of which appears whole; the
 * index is replaced at the end; and shards that it no longer names are deleted after that. So the pack is the old one or
 * the new one at any time, and what a killed run has finished is found by looking into the shards that no index names.
 */
final class PackWriter {
    private static final String LOCK = ".lock";

    /** Images that are read at once. */
    private static final int BLOCK = 256;

    private final FaceDataset dataset;
    private final Path folder;
    private final FacePack.Encoding encoding;
    private final long shardBytes;
    private final LongConsumer progress;

    private long added;
    private long kept;
    private final List<String> unreadable = new ArrayList<>();
    private PackShard.@Nullable Writer shard;
    private int shardNumber;

    PackWriter(FaceDataset dataset, Path folder, FacePack.Encoding encoding, long shardBytes, LongConsumer progress) {
        this.dataset = dataset;
        this.folder = folder;
        this.encoding = encoding;
        this.shardBytes = shardBytes;
        this.progress = progress;
    }

    FacePack.Result write() throws IOException {
        OwnerOnly.createDirectories(folder);
        try (FileChannel lockFile =
                        FileChannel.open(folder.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock lock = lock(lockFile)) {
            if (!lock.isValid()) {
                throw new IOException("the lock of " + folder + " is lost");
            }
            return writeLocked();
        }
    }

    private FileLock lock(FileChannel file) throws IOException {
        FileLock lock;
        try {
            lock = file.tryLock();
        } catch (OverlappingFileLockException e) {
            lock = null;
        }
        if (lock == null) {
            throw new IOException("another run is writing to the pack " + folder + "; wait until it has ended");
        }
        return lock;
    }

    private FacePack.Result writeLocked() throws IOException {
        refuseOthers();
        AtomicFile.deleteLeftovers(folder);
        if (dataset.alignmentProfile().isPresent()) {
            dataset.alignmentProfile().get().claim(folder);
        }
        PackedFaces before =
                new PackedFaces(FacePack.isPack(folder) ? FacePack.index(folder) : FaceColumns.none(folder));
        // Which faces are there already: first all, to know the shards that hold others as well and are written anew.
        int[] rows = new int[dataset.size()];
        BitSet stays = new BitSet();
        match(before, rows, stays);
        BitSet broken = new BitSet();
        before.used().stream()
                .filter(number -> !Files.isRegularFile(PackShard.file(folder, number)))
                .forEach(broken::set);
        for (int row = stays.nextClearBit(0); row < before.rows(); row = stays.nextClearBit(row + 1)) {
            broken.set(before.shard(row));
        }
        Map<Key, Found> orphans = orphans(before);
        int removed = before.rows() - stays.cardinality();
        if (removed == 0 && before.rows() > 0 && stays.cardinality() == dataset.size() && broken.isEmpty()) {
            deleteShards(before.used());
            return new FacePack.Result(FacePack.open(folder), 0, before.rows(), 0, List.of());
        }
        BitSet used = new BitSet();
        try (FaceColumnsWriter index = new FaceColumnsWriter(folder, Column.OF_PACK)) {
            for (int from = 0; from < rows.length; from += BLOCK) {
                int to = Math.min(rows.length, from + BLOCK);
                append(from, to, rows, before, broken, orphans, index, used);
                progress.accept(to);
            }
            endPerson(index, rows.length);
            if (shard != null) {
                shard.finish();
            }
            if (index.faces() == 0) {
                throw new IOException(
                        "none of the " + rows.length + " images can be packed; the first: " + unreadable.get(0));
            }
            ManifestFile.write(index, FaceColumns.UNKNOWN_TIME, folder.resolve(FacePack.INDEX));
        } finally {
            if (shard != null) {
                shard.close();
            }
        }
        deleteShards(used);
        return new FacePack.Result(FacePack.open(folder), added, kept, removed, unreadable);
    }

    /** Which rows of the pack the faces have, -1 for none; both are sorted. */
    private void match(PackedFaces before, int[] rows, BitSet stays) throws IOException {
        Arrays.fill(rows, -1);
        FaceColumns index = before.index();
        int row = 0;
        byte[] there = new byte[FaceContents.DIGEST];
        byte[] wanted = new byte[FaceContents.DIGEST];
        for (int i = 0; i < rows.length && row < index.rows(); i++) {
            String identity = dataset.identities().get(dataset.identityOf(i));
            String name = dataset.fileName(i);
            int order = compare(index, row, identity, name);
            while (order < 0 && ++row < index.rows()) {
                order = compare(index, row, identity, name);
            }
            if (order == 0 && row < index.rows()) {
                index.digest(row, there, 0);
                if (digest(i, wanted) && Arrays.equals(there, wanted)) {
                    rows[i] = row;
                    stays.set(row);
                }
                row++;
            }
        }
    }

    private static int compare(FaceColumns index, int row, String identity, String name) {
        int order = index.identities().get(FaceTable.run(index.starts(), row)).compareTo(identity);
        return order != 0 ? order : index.fileName(row).compareTo(name);
    }

    /** Whether the digest can be told, by reading the image if need be. */
    private boolean digest(int i, byte[] target) {
        if (dataset.knownDigest(i, target, 0)) {
            return true;
        }
        try {
            Face face = dataset.faces().get(i);
            byte[] digest = FaceContents.digest(face.identity(), face.fileName(), face.bytes());
            System.arraycopy(digest, 0, target, 0, target.length);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /** A digest. */
    private static final class Key {
        private final byte[] digest;

        Key(byte[] digest) {
            this.digest = digest;
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof Key o && Arrays.equals(digest, o.digest);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(digest);
        }
    }

    /** An image in a shard that a killed run has finished. */
    private record Found(int shard, PackShard.Entry entry) {}

    private Map<Key, Found> orphans(PackedFaces before) throws IOException {
        BitSet known = before.used();
        Map<Key, Found> found = new HashMap<>();
        for (int number : shardNumbers()) {
            shardNumber = Math.max(shardNumber, number + 1);
            if (!known.get(number)) {
                try {
                    for (PackShard.Entry entry : PackShard.entries(PackShard.file(folder, number))) {
                        found.put(new Key(entry.digest()), new Found(number, entry));
                    }
                } catch (IOException e) {
                    // Of no use: it is written again, and deleted in the end.
                }
            }
        }
        return found;
    }

    private List<Integer> shardNumbers() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(PackShard::number)
                    .filter(OptionalInt::isPresent)
                    .map(OptionalInt::getAsInt)
                    .sorted()
                    .toList();
        }
    }

    /** An image to be written, or why it cannot be. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Image(byte[] digest, int quality, byte[] bytes, @Nullable String problem) {}

    private void append(
            int from,
            int to,
            int[] rows,
            PackedFaces before,
            BitSet broken,
            Map<Key, Found> orphans,
            FaceColumnsWriter index,
            BitSet used)
            throws IOException {
        List<@Nullable Image> images = IntStream.range(from, to)
                .parallel()
                .mapToObj(i ->
                        rows[i] >= 0 && !broken.get(before.shard(rows[i])) ? null : image(i, rows[i], before, orphans))
                .collect(ArrayList::new, ArrayList::add, ArrayList::addAll);
        if (Thread.currentThread().isInterrupted()) {
            throw new InterruptedIOException(
                    "interrupted while faces were packed, after " + from + " of " + rows.length);
        }
        for (int i = from; i < to; i++) {
            endPerson(index, i);
            Image image = images.get(i - from);
            String stored = FileNames.stored(dataset.faces().get(i).file());
            if (image == null) {
                byte[] digest = new byte[FaceContents.DIGEST];
                before.digest(rows[i], digest, 0);
                index.face(stored, 0, 0, digest, before.quality(rows[i]));
                index.place(
                        before.index().place(rows[i]),
                        before.index().length(rows[i]),
                        before.index().checksum(rows[i]));
                used.set(before.shard(rows[i]));
                kept++;
                continue;
            }
            if (image.problem() != null) {
                unreadable.add(image.problem());
                continue;
            }
            Found found = orphans.get(new Key(image.digest()));
            PackShard.Entry entry;
            int number;
            if (found != null) {
                entry = found.entry();
                number = found.shard();
                kept++;
            } else {
                PackShard.Writer writer = room(image.bytes().length);
                entry = writer.add(image.digest(), image.quality(), image.bytes());
                number = shardNumber - 1;
                kept += rows[i] >= 0 ? 1 : 0;
                added += rows[i] >= 0 ? 0 : 1;
            }
            index.face(stored, 0, 0, image.digest(), entry.quality());
            index.place((long) number << 32 | entry.offset(), entry.length(), entry.checksum());
            used.set(number);
        }
    }

    private void endPerson(FaceColumnsWriter index, int next) throws IOException {
        if (next > 0 && (next == dataset.size() || dataset.identityOf(next) != dataset.identityOf(next - 1))) {
            index.person(dataset.identities().get(dataset.identityOf(next - 1)), FaceColumns.UNKNOWN_TIME);
        }
    }

    private PackShard.Writer room(int bytes) throws IOException {
        PackShard.Writer writer = shard;
        if (writer != null && writer.length() + bytes > shardBytes) {
            writer.finish();
            writer = null;
        }
        if (writer == null) {
            writer = new PackShard.Writer(folder, shardNumber++);
            shard = writer;
        }
        return writer;
    }

    private Image image(int i, int row, PackedFaces before, Map<Key, Found> orphans) {
        Face face = dataset.faces().get(i);
        try {
            byte[] digest = new byte[FaceContents.DIGEST];
            if (dataset.knownDigest(i, digest, 0) && orphans.containsKey(new Key(digest))) {
                return new Image(digest, 0, new byte[0], null);
            }
            if (row >= 0 && dataset.knownDigest(i, digest, 0)) {
                try {
                    return new Image(digest, before.quality(row), before.bytes(row), null);
                } catch (IOException e) {
                    // a shard is missing or damaged: from the source again
                }
            }
            byte[] file = face.bytes();
            byte[] now = FaceContents.digest(face.identity(), face.fileName(), file);
            int quality = dataset.quality(i)
                    .or(() -> FaceQuality.of(ByteBuffer.wrap(file)))
                    .map(FaceQuality::packed)
                    .orElse(0);
            boolean packed = dataset.knownDigest(i, digest, 0) && face.content().isPresent();
            return new Image(
                    packed ? digest : now,
                    quality,
                    encoding == FacePack.Encoding.PIXELS ? pixels(face, file) : file,
                    null);
        } catch (IOException e) {
            return new Image(new byte[0], 0, new byte[0], e.getMessage() + " (" + face.file() + ")");
        }
    }

    /** The pixels as a binary PPM; the file itself if it cannot be decoded, so that whoever reads it is told the same. */
    private static byte[] pixels(Face face, byte[] file) {
        RgbImage image;
        try {
            image = ImageFiles.decode(file, face.file().toString(), ImageFiles.Limits.DEFAULT);
        } catch (UnreadableImageException e) {
            return file;
        }
        byte[] head = ("P6\n" + image.width() + " " + image.height() + "\n255\n").getBytes(StandardCharsets.US_ASCII);
        byte[] rgb = image.toBytes();
        byte[] all = Arrays.copyOf(head, head.length + rgb.length);
        System.arraycopy(rgb, 0, all, head.length, rgb.length);
        return all;
    }

    private void deleteShards(BitSet used) throws IOException {
        for (int number : shardNumbers()) {
            if (!used.get(number)) {
                Files.deleteIfExists(PackShard.file(folder, number));
            }
        }
    }

    private void refuseOthers() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                String name = String.valueOf(file.getFileName());
                if (!name.startsWith(".")
                        && !name.equals(FacePack.INDEX)
                        && !name.equals(AlignmentProfile.FILE_NAME)
                        && PackShard.number(file).isEmpty()) {
                    throw new IOException(folder + " is no pack: " + name + " is in it; take another folder");
                }
            }
        }
    }
}
