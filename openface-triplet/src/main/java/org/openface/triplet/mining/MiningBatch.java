package org.openface.triplet.mining;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkElementIndex;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import org.openface.core.embedding.Distance;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch.Role;
import org.openface.triplet.internal.MiningThreads;

/**
 * What a miner sees: the embeddings of one batch with identities and roles, the margin, and the source of random
 * choices. Optionally with references, further embeddings to choose negatives from.
 *
 * <p>Distances are squared Euclidean distances unless {@link #measuredIn} says otherwise, computed on demand; nothing of size N × N
 * is kept. One order of operations is promised, so that any other device can reproduce every bit: with {@code t = a[k] - b[k]}
 * rounded to float, {@code d = fma(t, t, d)} for k from 0 up; the other distances are made of that. Distances are therefore
 * symmetric, never negative, and exactly 0 between equal embeddings, whatever their length.
 */
public final class MiningBatch {
    /** Images whose distances {@link #rows} computes together. */
    private static final int ROWS = 32;

    private static final Map<Integer, SphereWeights> SPHERES = new ConcurrentHashMap<>();

    private final EmbeddingBatch embeddings;
    private final int[] identities;
    private final List<Role> roles;
    private final EmbeddingBatch references;
    private final float margin;
    private final Draws draws;
    private final MiningDevice device;
    /** How many strategies around the one that mines this batch choose at random among its triplets. */
    private final int samplings;

    private final Distance measure;
    /** What distances are measured between: the embeddings, or for the cosine their directions. */
    private final float[] measured;

    private final float[] measuredReferences;
    private final PairwiseDistances distances;
    /** The images that may be anchors and positives, chained by identity: the first, and the next or -1. */
    private final int[] first;

    private final int[] next;
    /** All images and references of an identity, whatever their role, in a ring. */
    private final int[] ring;

    private MiningBatch(
            EmbeddingBatch embeddings,
            EmbeddingBatch references,
            int[] identities,
            List<Role> roles,
            float margin,
            Draws draws,
            MiningDevice device,
            int samplings,
            Distance measure) {
        this.embeddings = embeddings;
        this.references = references;
        this.identities = identities;
        this.roles = roles;
        this.margin = margin;
        this.draws = draws;
        this.device = device;
        this.samplings = samplings;
        this.measure = measure;
        boolean directions = measure == Distance.COSINE;
        this.measured = directions ? directions(embeddings, "image") : embeddings.values();
        this.measuredReferences = directions ? directions(references, "reference") : references.values();
        this.distances = new PairwiseDistances(embeddings.dimension(), measured, measuredReferences);
        this.first = new int[identities.length];
        this.next = new int[identities.length];
        this.ring = new int[identities.length];
        chainIdentities();
    }

    private MiningBatch(MiningBatch same, MiningDevice device, int samplings) {
        embeddings = same.embeddings;
        references = same.references;
        identities = same.identities;
        roles = same.roles;
        margin = same.margin;
        draws = same.draws;
        this.device = device;
        this.samplings = samplings;
        measure = same.measure;
        measured = same.measured;
        measuredReferences = same.measuredReferences;
        distances = same.distances;
        first = same.first;
        next = same.next;
        ring = same.ring;
    }

    /**
     * A batch to mine.
     *
     * @param embeddings {@code [size][dimension]}, of any length
     * @param identities the identity of each image
     * @param roles the role of each image
     * @param margin that distances to negatives shall exceed distances to positives by
     * @throws IllegalArgumentException if sizes differ, the margin is not a finite number of at least 0, or an embedding
     *     holds NaN or infinity; the message names the image
     */
    public static MiningBatch of(
            EmbeddingBatch embeddings, int[] identities, List<Role> roles, float margin, Draws draws) {
        int size = embeddings.size();
        checkArgument(identities.length == size, "%s identities for %s embeddings", identities.length, size);
        checkArgument(roles.size() == size, "%s roles for %s embeddings", roles.size(), size);
        checkArgument(margin >= 0 && Float.isFinite(margin), "margin (%s) must be finite and not negative", margin);
        int image = embeddings.firstNonFinite();
        checkArgument(image < 0, "the embedding of image %s of the batch holds NaN or infinity", image);
        EmbeddingBatch none = new EmbeddingBatch(embeddings.dimension(), new float[0]);
        return new MiningBatch(
                embeddings,
                none,
                identities.clone(),
                List.copyOf(roles),
                margin,
                draws,
                MiningDevice.CPU,
                0,
                Distance.SQUARED_EUCLIDEAN);
    }

    /**
     * The same batch with more negatives to choose from: embeddings of other batches, such as a memory of the last ones
     * (Wang et al., "Cross-Batch Memory for Embedding Learning", 2020). They take the places from {@link #size} on, are
     * negatives only, and get no gradient. Identities are compared with those of the batch.
     *
     * @param more {@code [count][dimension]}
     * @param theirIdentities the identity of each
     * @throws IllegalArgumentException if sizes or dimensions differ or a reference holds NaN or infinity
     */
    public MiningBatch withReferences(EmbeddingBatch more, int[] theirIdentities) {
        checkArgument(
                more.size() == theirIdentities.length,
                "%s identities for %s references",
                theirIdentities.length,
                more.size());
        checkArgument(
                more.dimension() == embeddings.dimension(),
                "references of dimension %s for embeddings of dimension %s",
                more.dimension(),
                embeddings.dimension());
        int reference = more.firstNonFinite();
        checkArgument(reference < 0, "reference %s holds NaN or infinity", reference);
        int[] both = Arrays.copyOf(identities, size() + more.size());
        System.arraycopy(theirIdentities, 0, both, size(), more.size());
        return new MiningBatch(embeddings, more, both, roles, margin, draws, device, samplings, measure);
    }

    /**
     * The same batch with its distances measured otherwise, and the margin in their unit; {@link Distance#SQUARED_EUCLIDEAN} without
     * this.
     *
     * @throws IllegalArgumentException if cosines are wanted and an embedding has no direction, all its components being 0
     */
    public MiningBatch measuredIn(Distance other) {
        return other == measure
                ? this
                : new MiningBatch(embeddings, references, identities, roles, margin, draws, device, samplings, other);
    }

    /** The same batch with another margin. */
    public MiningBatch withMargin(float other) {
        return new MiningBatch(embeddings, references, identities, roles, other, draws, device, samplings, measure);
    }

    private static float[] directions(EmbeddingBatch embeddings, String what) {
        int dimension = embeddings.dimension();
        float[] directions = embeddings.values().clone();
        for (int i = 0; i < embeddings.size(); i++) {
            double length = length(directions, i * dimension, dimension);
            checkArgument(
                    length > 0, "the embedding of %s %s is 0 and has no direction: no cosine is defined", what, i);
            for (int k = i * dimension; k < (i + 1) * dimension; k++) {
                directions[k] = (float) (directions[k] / length);
            }
        }
        return directions;
    }

    private static double length(float[] values, int from, int dimension) {
        double squares = 0;
        for (int k = from; k < from + dimension; k++) {
            squares += (double) values[k] * values[k];
        }
        return Math.sqrt(squares);
    }

    /** For {@link NegativeSelector#distanceWeighted}. */
    SphereWeights sphereWeights() {
        return SPHERES.computeIfAbsent(embeddings.dimension(), SphereWeights::new);
    }

    /** How distances are measured. */
    public Distance measure() {
        return measure;
    }

    /** Turns the gradient with respect to what is measured of an image into that with respect to its embedding, in place. */
    void throughLength(int image, double[] gradient) {
        if (measure != Distance.COSINE) {
            return;
        }
        int from = begin(image);
        double along = 0;
        for (int k = 0; k < gradient.length; k++) {
            along += gradient[k] * measured[from + k];
        }
        double length = length(embeddings.values(), from, gradient.length);
        for (int k = 0; k < gradient.length; k++) {
            gradient[k] = (gradient[k] - along * measured[from + k]) / length;
        }
    }

    /** The same batch, to be mined elsewhere. */
    MiningBatch on(MiningDevice elsewhere) {
        return new MiningBatch(this, elsewhere, samplings);
    }

    /** The same batch, to be mined by a strategy of whose triplets some are chosen at random. */
    MiningBatch sampled() {
        return new MiningBatch(this, device, samplings + 1);
    }

    int samplings() {
        return samplings;
    }

    MiningDevice device() {
        return device;
    }

    /** Whether distances in another batch are those in this one, because both share their embeddings. */
    boolean sharesEmbeddings(MiningBatch other) {
        return embeddings == other.embeddings && references == other.references && measure == other.measure;
    }

    private void chainIdentities() {
        Map<Integer, Integer> firstOf = new HashMap<>();
        Map<Integer, Integer> lastOf = new HashMap<>();
        Map<Integer, Integer> lastOfAny = new HashMap<>();
        for (int i = 0; i < identities.length; i++) {
            first[i] = -1;
            next[i] = -1;
            Integer alike = lastOfAny.put(identities[i], i);
            ring[i] = alike == null ? i : ring[alike];
            ring[alike == null ? i : alike] = i;
            if (role(i) == Role.FULL) {
                Integer previous = lastOf.put(identities[i], i);
                if (previous != null) {
                    next[previous] = i;
                }
                firstOf.putIfAbsent(identities[i], i);
                first[i] = firstOf.get(identities[i]);
            }
        }
    }

    /** Number of images in the batch, references not among them. */
    public int size() {
        return roles.size();
    }

    /** Number of images and references together: the places that a negative may come from. */
    public int sizeWithReferences() {
        return identities.length;
    }

    /** The embeddings, in the batch's order. */
    public EmbeddingBatch embeddings() {
        return embeddings;
    }

    /** The references, at the places from {@link #size} on; without {@link #withReferences} an empty batch. */
    public EmbeddingBatch references() {
        return references;
    }

    /** The identity of an image or reference. */
    public int identity(int image) {
        return identities[image];
    }

    /** The identities of all images and references. */
    int[] identities() {
        return identities;
    }

    /** The role of an image; references are negatives only. */
    public Role role(int image) {
        return image < size() ? roles.get(image) : Role.NEGATIVE_ONLY;
    }

    /** The margin, in the unit of distances. */
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

    /** All images that may be the positive of an anchor, in the batch's order; none of a negative only. */
    public int[] positives(int anchor) {
        IntStream.Builder positives = IntStream.builder();
        for (int p = firstOfIdentity(anchor); p >= 0; p = nextOfIdentity(p)) {
            if (p != anchor) {
                positives.add(p);
            }
        }
        return positives.build().toArray();
    }

    /** Whether two images of the batch may be an anchor and its positive. */
    boolean isPair(int anchor, int positive) {
        return anchor != positive && first[anchor] >= 0 && first[anchor] == first[positive];
    }

    /** The next image or reference of the same identity in any role, in a ring that comes back to {@code image}. */
    int nextAlike(int image) {
        return ring[image];
    }

    PairwiseDistances distances() {
        return distances;
    }

    /** Distance between the embeddings of two images or references, as this batch measures it. */
    public float distance(int i, int j) {
        checkElementIndex(i, sizeWithReferences());
        checkElementIndex(j, sizeWithReferences());
        int dimension = embeddings.dimension();
        float[] left = valuesOf(i);
        float[] right = valuesOf(j);
        int a = begin(i);
        int b = begin(j);
        float sum = 0;
        for (int k = 0; k < dimension; k++) {
            float t = left[a + k] - right[b + k];
            sum = Math.fma(t, t, sum);
        }
        return measure.ofSquared(sum);
    }

    /** The array that holds what is measured of an image or reference. */
    float[] valuesOf(int image) {
        return image < size() ? measured : measuredReferences;
    }

    /** What is measured of all images. */
    float[] measured() {
        return measured;
    }

    /** Where in {@link #valuesOf} the embedding begins. */
    int begin(int image) {
        return (image < size() ? image : image - size()) * embeddings.dimension();
    }

    /**
     * Distances of one image or reference to all, the same bits as {@link #distance}.
     *
     * @param buffer receives {@link #sizeWithReferences} floats
     */
    public void row(int image, float[] buffer) {
        int total = sizeWithReferences();
        checkElementIndex(image, total);
        checkArgument(buffer.length >= total, "a buffer of %s floats is too small for %s", buffer.length, total);
        float[][] row = distances.rows(1);
        distances.compute(valuesOf(image), new int[] {begin(image)}, 1, row);
        copy(row, 0, buffer);
    }

    /** Distances of image i of those computed together. */
    private void copy(float[][] computed, int i, float[] row) {
        distances.copy(computed, i, row);
        if (measure != Distance.SQUARED_EUCLIDEAN) {
            for (int j = 0; j < sizeWithReferences(); j++) {
                row[j] = measure.ofSquared(row[j]);
            }
        }
    }

    /**
     * Hands over the {@link #row} of every image, references not among them: on several threads, in no order, each once. That is
     * several times as fast as asking for one row after the other.
     *
     * @param out must be fit for several threads; if it fails, so does this
     */
    public void rows(RowSink out) {
        int tasks = (size() + ROWS - 1) / ROWS;
        double operations = (double) size() * sizeWithReferences() * embeddings.dimension();
        MiningThreads.run(MiningThreads.forWork(operations), tasks, () -> {
            float[][] computed = distances.rows(ROWS);
            float[] row = new float[sizeWithReferences()];
            return task -> {
                int[] vectors = IntStream.range(task * ROWS, Math.min(size(), (task + 1) * ROWS))
                        .map(this::begin)
                        .toArray();
                distances.compute(measured, vectors, vectors.length, computed);
                for (int i = 0; i < vectors.length; i++) {
                    copy(computed, i, row);
                    out.row(task * ROWS + i, row);
                }
            };
        });
    }

    /** Receives what {@link #rows} hands over. */
    @FunctionalInterface
    public interface RowSink {
        /**
         * Takes the distances of one image to all images and references.
         *
         * @param distances of {@link #sizeWithReferences} floats; valid during this call only
         */
        void row(int image, float[] distances);
    }
}
