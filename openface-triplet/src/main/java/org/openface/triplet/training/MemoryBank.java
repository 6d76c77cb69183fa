package org.openface.triplet.training;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import org.openface.core.embedding.EmbeddingBatch;

/**
 * The last embeddings of a training with their identities, the oldest first: a cross-batch memory (Wang et al.,
 * "Cross-Batch Memory for Embedding Learning", CVPR 2020). Of a capacity of 0 it stays empty.
 */
final class MemoryBank {
    private final int capacity;
    private EmbeddingBatch embeddings;
    private int[] identities = {};

    MemoryBank(int capacity, int dimension) {
        this.capacity = capacity;
        embeddings = new EmbeddingBatch(dimension, new float[0]);
    }

    int size() {
        return identities.length;
    }

    EmbeddingBatch embeddings() {
        return embeddings;
    }

    /** Shared, not to be changed. */
    int[] identities() {
        return identities;
    }

    /** Takes in a batch, and drops the oldest beyond the capacity. */
    void add(EmbeddingBatch batch, int[] theirIdentities) {
        if (capacity == 0) {
            return;
        }
        int taken = Math.min(capacity, batch.size());
        int kept = Math.min(size(), capacity - taken);
        int dimension = embeddings.dimension();
        float[] values = new float[(kept + taken) * dimension];
        System.arraycopy(embeddings.values(), (size() - kept) * dimension, values, 0, kept * dimension);
        System.arraycopy(
                batch.values(), (batch.size() - taken) * dimension, values, kept * dimension, taken * dimension);
        int[] both = new int[kept + taken];
        System.arraycopy(identities, size() - kept, both, 0, kept);
        System.arraycopy(theirIdentities, batch.size() - taken, both, kept, taken);
        embeddings = new EmbeddingBatch(dimension, values);
        identities = both;
    }

    void write(DataOutputStream out) throws IOException {
        out.writeInt(size());
        out.writeInt(embeddings.dimension());
        for (int identity : identities) {
            out.writeInt(identity);
        }
        for (float value : embeddings.values()) {
            out.writeFloat(value);
        }
    }

    /** Takes over what {@link #write} wrote. */
    void read(DataInputStream in) throws IOException {
        int size = in.readInt();
        int dimension = in.readInt();
        if (size < 0 || size > capacity || dimension != embeddings.dimension()) {
            throw new IOException("a memory of " + size + " embeddings of dimension " + dimension
                    + " in place of up to " + capacity + " of dimension " + embeddings.dimension());
        }
        int[] readIdentities = new int[size];
        for (int i = 0; i < size; i++) {
            readIdentities[i] = in.readInt();
        }
        float[] values = new float[size * dimension];
        for (int i = 0; i < values.length; i++) {
            values[i] = in.readFloat();
        }
        identities = readIdentities;
        embeddings = new EmbeddingBatch(dimension, values);
    }
}
