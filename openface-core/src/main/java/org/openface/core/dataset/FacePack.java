package org.openface.core.dataset;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import org.openface.core.image.AlignmentProfile;

/**
 * The faces of a data set in a few large files instead of many small ones, which are mapped into memory: an epoch reads them
 * at the speed of the disk, and a disk that fails is noticed by the checksum of each image.
 *
 * <p>A pack is a folder with an index and shards of up to a gigabyte. By default it holds decoded pixels, which takes half as
 * much room again as PNG and spares the decoding; see {@link Encoding}. A data set from a pack has the same fingerprint as the
 * one that was packed, and a training with it gives the same bits, so that it may go on from the one with the other.
 *
 * <pre>{@code
 * FacePack.of(FaceDataset.index(aligned, manifest)).writeTo(pack);
 * FaceDataset faces = FacePack.open(pack);
 * }</pre>
 */
public final class FacePack {
    /** Of the index in the pack's folder. */
    static final String INDEX = "faces.index";

    private static final long SHARD_BYTES = 1L << 30;

    private final FaceDataset dataset;
    private Encoding encoding = Encoding.PIXELS;
    private long shardBytes = SHARD_BYTES;
    private LongConsumer progress = done -> {};

    private FacePack(FaceDataset dataset) {
        this.dataset = dataset;
    }

    /** How images lie in a pack. */
    public enum Encoding {
        /** As a binary PPM: three bytes a pixel, 27 kB for a face of 96 × 96. What cannot be decoded stays as it is. */
        PIXELS,
        /** The files as they are. */
        FILES
    }

    /** What happens to a data set, to be configured. */
    public static FacePack of(FaceDataset dataset) {
        return new FacePack(dataset);
    }

    /** {@link Encoding#PIXELS} by default. Images that are in the pack already stay as they are. */
    public FacePack encoding(Encoding newEncoding) {
        encoding = newEncoding;
        return this;
    }

    /** The most that a shard takes; a gigabyte by default. What a killed run has done of a shard is done again. */
    public FacePack shardBytes(long bytes) {
        checkArgument(bytes > 0 && bytes <= SHARD_BYTES, "shardBytes (%s) must be 1 to %s", bytes, SHARD_BYTES);
        shardBytes = bytes;
        return this;
    }

    /** Is told now and then how many images have been seen to. */
    public FacePack onProgress(LongConsumer listener) {
        progress = listener;
        return this;
    }

    /**
     * What became of the faces.
     *
     * @param dataset the pack as a data set
     * @param added images written
     * @param kept images that were in the pack already
     * @param removed images that were in it and are not in the data set, and whose bytes are gone
     * @param unreadable images left out, each with the reason
     */
    public record Result(FaceDataset dataset, long added, long kept, long removed, List<String> unreadable) {
        public Result {
            unreadable = List.copyOf(unreadable);
        }

        /** For people, on one line. */
        public String summary() {
            return dataset.size() + " images: " + added + " added, " + kept + " there already, " + removed
                    + " removed, " + unreadable.size() + " unreadable";
        }
    }

    /**
     * Makes a pack of the data set in a folder, or makes a pack that is there hold exactly the data set: new and changed faces are
     * added, others removed with their bytes (shards that held them are written anew). Doing it again changes nothing. A run
     * that was killed is gone on with by running it again.
     *
     * @param folder is made if it is not there
     * @throws IllegalArgumentException if a pack of faces of another alignment profile is there
     * @throws IOException if the folder holds something else than a pack, if another run is writing to it, if it cannot be
     *     written to, or if no image can be read
     */
    public Result writeTo(Path folder) throws IOException {
        return new PackWriter(dataset, folder, encoding, shardBytes, progress).write();
    }

    /** Whether a folder holds a pack. */
    public static boolean isPack(Path folder) {
        return Files.isRegularFile(folder.resolve(INDEX));
    }

    /**
     * The faces of a pack. Their {@linkplain Face#file() names} are as if they lay in sub-folders of the pack, where they do not.
     *
     * @throws IOException if there is none, if its index is damaged, or a shard is missing
     */
    public static FaceDataset open(Path folder) throws IOException {
        FaceColumns index = index(folder);
        PackedFaces faces = new PackedFaces(index);
        for (int shard = faces.used().nextSetBit(0);
                shard >= 0;
                shard = faces.used().nextSetBit(shard + 1)) {
            if (!Files.isRegularFile(PackShard.file(folder, shard))) {
                throw new IOException(
                        PackShard.file(folder, shard) + ": this part of the pack is missing; pack the faces again");
            }
        }
        return new FaceDataset(
                index.identities(),
                index.starts(),
                faces,
                null,
                AlignmentProfile.of(folder).orElse(null),
                List.of());
    }

    static FaceColumns index(Path folder) throws IOException {
        try {
            return ManifestFile.read(folder.resolve(INDEX), folder);
        } catch (NoSuchFileException e) {
            throw new IOException(folder + ": no pack of faces (there is no " + INDEX + ")", e);
        } catch (ManifestFile.UnusableException e) {
            throw new IOException(folder.resolve(INDEX) + ": " + e.getMessage() + "; pack the faces again", e);
        }
    }

    /**
     * Reads every image of a pack.
     *
     * @return what is wrong with which; empty if all is well
     * @throws IOException as {@link #open}
     */
    public static List<String> verify(Path folder) throws IOException {
        PackedFaces faces = new PackedFaces(index(folder));
        List<String> wrong = new ArrayList<>();
        for (int row = 0; row < faces.rows(); row++) {
            try {
                faces.bytes(row);
            } catch (IOException e) {
                wrong.add(String.valueOf(e.getMessage()));
            }
        }
        return wrong;
    }
}
