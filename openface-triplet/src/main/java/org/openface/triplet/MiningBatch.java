package org.openface.triplet;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkElementIndex;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.Role;

/**
 * What a miner sees: the embeddings of one batch with identities and roles, the margin, and the source of random
 * choices.
 *
 * <p>Distances are squared Euclidean distances, computed on demand; nothing of size N × N is kept. One order of
 * operations is promised, so that any other device can reproduce every bit: with {@code t = a[k] - b[k]} rounded to
 * float, {@code d = fma(t, t, d)} for k from 0 up. Distances are therefore symmetric, never negative, and exactly 0
 * between equal embeddings, whatever their length.
 */
public final class MiningBatch {
    private final EmbeddingBatch embeddings;
    private final int[] identities;
    private final List<Role> roles;
    private final float margin;
    private final Draws draws;
    /** {@code [dimension][size]}, so that a row of distances is computed many columns at a time. */
    private final float[] transposed;
    /** The images that may be anchors and positives, chained by identity: the first, and the next or -1. */
    private final int[] first;

    private final int[] next;

    private MiningBatch(EmbeddingBatch embeddings, int[] identities, List<Role> roles, float margin, Draws draws) {
        this.embeddings = embeddings;
        this.identities = identities;
        this.roles = roles;
        this.margin = margin;
        this.draws = draws;
        this.transposed = transpose(embeddings);
        this.first = new int[identities.length];
        this.next = new int[identities.length];
        chainIdentities();
    }

    /**
     * A batch to mine.
     *
     * @param embeddings {@code [size][dimension]}, of any length
     * @param identities the identity of each image
     * @param roles the role of each image
     * @param margin that squared distances to negatives shall exceed squared distances to positives by
     * @throws IllegalArgumentException if sizes differ, the margin is not a finite number of at least 0, or an embedding
     *     holds NaN or infinity; the message names the image
     */
    public static MiningBatch of(
            EmbeddingBatch embeddings, int[] identities, List<Role> roles, float margin, Draws draws) {
        int size = embeddings.size();
        checkArgument(identities.length == size, "%s identities for %s embeddings", identities.length, size);
        checkArgument(roles.size() == size, "%s roles for %s embeddings", roles.size(), size);
        checkArgument(margin >= 0 && Float.isFinite(margin), "margin (%s) must be finite and not negative", margin);
        int image = firstNonFinite(embeddings);
        checkArgument(image < 0, "the embedding of image %s of the batch holds NaN or infinity", image);
        return new MiningBatch(embeddings, identities.clone(), List.copyOf(roles), margin, draws);
    }

    /** The first embedding that holds NaN or infinity, or -1. */
    static int firstNonFinite(EmbeddingBatch embeddings) {
        float[] values = embeddings.values();
        for (int i = 0; i < values.length; i++) {
            if (!Float.isFinite(values[i])) {
                return i / embeddings.dimension();
            }
        }
        return -1;
    }

    private static float[] transpose(EmbeddingBatch embeddings) {
        int size = embeddings.size();
        int dimension = embeddings.dimension();
        float[] values = embeddings.values();
        float[] out = new float[values.length];
        for (int i = 0; i < size; i++) {
            for (int k = 0; k < dimension; k++) {
                out[k * size + i] = values[i * dimension + k];
            }
        }
        return out;
    }

    private void chainIdentities() {
        Map<Integer, Integer> firstOf = new HashMap<>();
        Map<Integer, Integer> lastOf = new HashMap<>();
        for (int i = 0; i < identities.length; i++) {
            first[i] = -1;
            next[i] = -1;
            if (roles.get(i) == Role.FULL) {
                Integer previous = lastOf.put(identities[i], i);
                if (previous != null) {
                    next[previous] = i;
                }
                firstOf.putIfAbsent(identities[i], i);
                first[i] = firstOf.get(identities[i]);
            }
        }
    }

    /** Number of images. */
    public int size() {
        return identities.length;
    }

    /** The embeddings, in the batch's order. */
    public EmbeddingBatch embeddings() {
        return embeddings;
    }

    /** The identity of an image. */
    public int identity(int image) {
        return identities[image];
    }

    /** The role of an image. */
    public Role role(int image) {
        return roles.get(image);
    }

    /** The margin between squared distances. */
    public float margin() {
        return margin;
    }

    /** The source of random choices, which also says which epoch and step this is. */
    public Draws draws() {
        return draws;
    }

    /**
     * The first image that may be an anchor or a positive and is of the same identity as {@code image} (perhaps itself);
     * -1 if {@code image} is a negative only. Together with {@link #nextOfIdentity} this walks through an identity
     * without a look at the rest of the batch.
     */
    public int firstOfIdentity(int image) {
        return first[image];
    }

    /** The next image after {@code image} that may be its positive, or -1 if there is none. */
    public int nextOfIdentity(int image) {
        return next[image];
    }

    /** Squared distance between two images' embeddings. */
    public float distance(int i, int j) {
        checkElementIndex(i, size());
        checkElementIndex(j, size());
        int dimension = embeddings.dimension();
        float[] values = embeddings.values();
        int a = i * dimension;
        int b = j * dimension;
        float sum = 0;
        for (int k = 0; k < dimension; k++) {
            float t = values[a + k] - values[b + k];
            sum = Math.fma(t, t, sum);
        }
        return sum;
    }

    /**
     * Squared distances of one image to all, the same bits as {@link #distance}.
     *
     * @param buffer receives {@link #size} floats
     */
    public void row(int image, float[] buffer) {
        int size = size();
        checkElementIndex(image, size);
        checkArgument(buffer.length >= size, "a buffer of %s floats is too small for %s", buffer.length, size);
        int dimension = embeddings.dimension();
        float[] values = embeddings.values();
        Arrays.fill(buffer, 0, size, 0);
        for (int k = 0; k < dimension; k++) {
            addSquares(values[image * dimension + k], transposed, k * size, size, buffer);
        }
    }

    private static void addSquares(float a, float[] column, int offset, int size, float[] sums) {
        for (int j = 0; j < size; j++) {
            float t = a - column[offset + j];
            sums[j] = Math.fma(t, t, sums[j]);
        }
    }
}
