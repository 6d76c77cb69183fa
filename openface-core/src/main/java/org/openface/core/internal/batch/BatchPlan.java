package org.openface.core.internal.batch;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkElementIndex;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.FaceBatch.Role;
import org.openface.core.internal.AddressedRandom;
import org.openface.core.sampling.BatchSampler;
import org.openface.core.sampling.BatchSampler.Batches;
import org.openface.core.sampling.Centres;

/**
 * The batches of a training: whom a {@link BatchSampler} chooses, and which of the images are mirrored.
 *
 * <p>A batch is a function of seed, epoch and index alone, and of what the sampler was told at the start of the epoch, so that any
 * batch of it can be asked for in any order, a resumed run goes on with the batches it would have had, and threads make no difference.
 * Safe for use by several threads.
 */
public final class BatchPlan {
    // What a random number is for; part of its address.
    private static final int FLIP = 4;
    private static final int AUGMENTATION = 5;

    private final FaceDataset dataset;
    private final Batches batches;
    private final boolean horizontalFlip;
    private final long seed;

    private BatchPlan(FaceDataset dataset, Batches batches, boolean horizontalFlip, long seed) {
        this.dataset = dataset;
        this.batches = batches;
        this.horizontalFlip = horizontalFlip;
        this.seed = seed;
    }

    /**
     * The batches that a sampler chooses.
     *
     * @param horizontalFlip whether every other image, at random, is mirrored
     * @throws IllegalArgumentException if the sampler cannot draw from these faces
     */
    public static BatchPlan of(
            BatchSampler sampler, FaceDataset dataset, int batchesPerEpoch, boolean horizontalFlip, long seed) {
        Batches batches = sampler.begin(new BatchSampler.Scope(dataset, batchesPerEpoch, seed));
        checkArgument(batches != null, "the sampler %s began null, not batches", sampler);
        return new BatchPlan(dataset, batches, horizontalFlip, seed);
    }

    /** Batches as OpenFace draws them from the given training set, to be configured. */
    public static Builder builder(FaceDataset dataset) {
        return new Builder(dataset);
    }

    /** Configures a {@link BatchPlan}; the defaults are OpenFace's. */
    public static final class Builder {
        private final FaceDataset dataset;
        private int identitiesPerBatch = 15;
        private int imagesPerIdentity = 20;
        private int extraNegatives;
        private boolean horizontalFlip = true;
        private int coverageEpoch;
        private long seed = 2;

        private Builder(FaceDataset dataset) {
            this.dataset = dataset;
        }

        /** How many people a batch has (OpenFace's {@code -peoplePerBatch}); 15 by default. */
        public Builder identitiesPerBatch(int count) {
            identitiesPerBatch = count;
            return this;
        }

        /** Up to how many images a person has in a batch (OpenFace's {@code -imagesPerPerson}); 20 by default. */
        public Builder imagesPerIdentity(int count) {
            imagesPerIdentity = count;
            return this;
        }

        /** See {@link BatchSampler#withExtraNegatives}; 0 by default, as OpenFace. */
        public Builder extraNegatives(int count) {
            checkArgument(count >= 0, "extraNegatives (%s) must not be negative", count);
            extraNegatives = count;
            return this;
        }

        /** Whether every other image, at random, is mirrored; on by default, as in OpenFace. */
        public Builder horizontalFlip(boolean on) {
            horizontalFlip = on;
            return this;
        }

        /**
         * See {@link BatchSampler#covering}.
         *
         * @param batchesPerEpoch batches in an epoch, which tells where in a turn an epoch begins
         */
        public Builder coverIdentities(int batchesPerEpoch) {
            checkArgument(batchesPerEpoch >= 1, "batchesPerEpoch (%s) must be at least 1", batchesPerEpoch);
            coverageEpoch = batchesPerEpoch;
            return this;
        }

        /** Start of all random choices; 2 by default, as OpenFace's {@code -manualSeed}. */
        public Builder seed(long newSeed) {
            seed = newSeed;
            return this;
        }

        /**
         * The batches.
         *
         * @throws IllegalArgumentException if the training set has too few identities, or nobody has two images
         */
        public BatchPlan build() {
            BatchSampler sampler = coverageEpoch > 0
                    ? BatchSampler.covering(identitiesPerBatch, imagesPerIdentity)
                    : BatchSampler.openFace(identitiesPerBatch, imagesPerIdentity);
            int identities = dataset.identities().size();
            checkArgument(
                    extraNegatives == 0 || identitiesPerBatch != identities,
                    "extraNegatives is %s but a batch takes all %s identities already; lower identitiesPerBatch",
                    extraNegatives,
                    identities);
            return of(
                    sampler.withExtraNegatives(extraNegatives),
                    dataset,
                    Math.max(1, coverageEpoch),
                    horizontalFlip,
                    seed);
        }
    }

    /** The data set the batches are drawn from. */
    public FaceDataset dataset() {
        return dataset;
    }

    /** The most images a batch can have. */
    public int maximumBatchSize() {
        return batches.maximumSize();
    }

    /** See {@link Batches#needsCentres}. */
    public boolean needsCentres() {
        return batches.needsCentres();
    }

    /** See {@link Batches#beginEpoch}. */
    public void beginEpoch(int epoch, Centres centres) {
        batches.beginEpoch(epoch, centres);
    }

    /** The faces of one batch. Epochs and batches may be numbered from 0 or 1, as long as it is always the same. */
    public BatchSample sample(int epoch, int batch) {
        int[] faces = batches.faces(epoch, batch);
        List<BatchSample.Entry> entries = new ArrayList<>();
        add(entries, epoch, batch, faces, Role.FULL);
        add(entries, epoch, batch, batches.extraNegatives(epoch, batch, faces), Role.NEGATIVE_ONLY);
        checkArgument(
                entries.size() <= batches.maximumSize(),
                "the sampler chose %s faces for batch %s of epoch %s, and said that there are at most %s",
                entries.size(),
                batch,
                epoch,
                batches.maximumSize());
        return new BatchSample(epoch, batch, entries);
    }

    private void add(List<BatchSample.Entry> entries, int epoch, int batch, int[] faces, Role role) {
        for (int face : faces) {
            checkElementIndex(face, dataset.size(), "the number of a face that the sampler chose");
            entries.add(new BatchSample.Entry(
                    dataset.faces().get(face), dataset.identityOf(face), role, flipped(epoch, batch, entries.size())));
        }
    }

    private boolean flipped(int epoch, int batch, int position) {
        return horizontalFlip && random(epoch, batch, FLIP, position).nextLong() < 0;
    }

    /** Random numbers for changing one image of a batch. */
    AddressedRandom augmentation(int epoch, int batch, int position) {
        return random(epoch, batch, AUGMENTATION, position);
    }

    /**
     * How many identities the batches of an epoch show, as full members; known without reading an image.
     *
     * @param count of batches, numbered from 0
     */
    public int identitiesInEpoch(int epoch, int count) {
        BitSet seen = new BitSet();
        for (int batch = 0; batch < count; batch++) {
            for (int face : batches.faces(epoch, batch)) {
                seen.set(dataset.identityOf(face));
            }
        }
        return seen.cardinality();
    }

    private AddressedRandom random(int epoch, int batch, int purpose, int index) {
        return AddressedRandom.at(seed, epoch, batch, purpose, index);
    }
}
