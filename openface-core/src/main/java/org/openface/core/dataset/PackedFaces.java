package org.openface.core.dataset;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicReferenceArray;

/** The faces of a pack: its index, and its shards, each mapped into memory when one of its faces is asked for. */
final class PackedFaces implements FaceTable {
    private final FaceColumns index;
    private final BitSet used = new BitSet();
    private final AtomicReferenceArray<ByteBuffer> shards;

    PackedFaces(FaceColumns index) {
        this.index = index;
        for (int row = 0; row < index.rows(); row++) {
            used.set(shard(row));
        }
        shards = new AtomicReferenceArray<>(used.length());
    }

    FaceColumns index() {
        return index;
    }

    /** The numbers of the shards that hold faces; not to be changed. */
    BitSet used() {
        return used;
    }

    int shard(int row) {
        return (int) (index.place(row) >>> 32);
    }

    int offset(int row) {
        return (int) index.place(row);
    }

    /**
     * The image of a row.
     *
     * @throws IOException if the shard cannot be read, or its bytes are others than when it was written
     */
    byte[] bytes(int row) throws IOException {
        byte[] bytes = new byte[index.length(row)];
        try {
            mapped(shard(row)).get(offset(row), bytes);
        } catch (IndexOutOfBoundsException e) {
            throw damaged(row, "is cut short");
        }
        if (PackShard.checksum(bytes) != index.checksum(row)) {
            throw damaged(row, "is damaged: the checksum of this image is another");
        }
        return bytes;
    }

    private IOException damaged(int row, String how) {
        return new IOException(index.face(row).file() + ": " + PackShard.file(index.folder(), shard(row)) + " " + how
                + "; pack the faces again");
    }

    private ByteBuffer mapped(int shard) throws IOException {
        ByteBuffer known = shards.get(shard);
        if (known == null) {
            Path file = PackShard.file(index.folder(), shard);
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
                known = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
            } catch (NoSuchFileException e) {
                throw new IOException(file + ": this part of the pack is missing; pack the faces again", e);
            }
            shards.set(shard, known);
        }
        return known;
    }

    @Override
    public Path root() {
        return index.root();
    }

    @Override
    public int rows() {
        return index.rows();
    }

    @Override
    public Face face(int row) {
        Face face = index.face(row);
        return Face.of(face.identity(), face.file(), () -> bytes(row));
    }

    @Override
    public String fileName(int row) {
        return index.fileName(row);
    }

    @Override
    public int quality(int row) {
        return index.quality(row);
    }

    @Override
    public boolean digest(int row, byte[] target, int offset) {
        return index.digest(row, target, offset);
    }
}
