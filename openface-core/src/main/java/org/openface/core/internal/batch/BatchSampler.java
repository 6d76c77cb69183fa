package org.openface.core.internal.batch;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.FaceBatch.Role;
import org.openface.core.internal.AddressedRandom;

/**
 * Chooses the faces of each batch: a number of different identities, all equally likely, and of each up to a number of
 * different images (all of them where a person has fewer), as OpenFace's {@code samplePeople} does. Optionally faces of
 * other people are added as negatives only, as FaceNet does (Schroff et al., 2015, section 3.2).
 *
 * <p>A batch is a function of seed, epoch and index alone, so that any batch can be asked for in any order, a resumed
 * run goes on with the batches it would have had, and threads make no difference. Safe for use by several threads.
 */
public final class BatchSampler {
    // What a random number is for; part of its address.
    private static final int IDENTITIES = 1;
    private static final int IMAGES = 2;
    private static final int EXTRA_NEGATIVES = 3;
    private static final int FLIP = 4;
    private static final int AUGMENTATION = 5;
    private static final int TURN = 6;
    private static final int FILLING = 7;

    private final FaceDataset dataset;
    private final int identitiesPerBatch;
    private final int imagesPerIdentity;
    private final int extraNegatives;
    private final boolean horizontalFlip;
    private final int coverageEpoch;
    private final long seed;

    /** Of each identity, the place of its first face among all. */
    private final int[] start;

    /** The order of a turn. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Turn(long number, int[] order) {}

    /** The last one used; made anew, alike, if another thread was quicker. */
    private volatile Turn turn = new Turn(-1, new int[0]);

    private BatchSampler(Builder builder) {
        dataset = builder.dataset;
        identitiesPerBatch = builder.identitiesPerBatch;
        imagesPerIdentity = builder.imagesPerIdentity;
        extraNegatives = builder.extraNegatives;
        horizontalFlip = builder.horizontalFlip;
        coverageEpoch = builder.coverageEpoch;
        seed = builder.seed;
        start = new int[dataset.identities().size()];
        for (int person = 1; person < start.length; person++) {
            start[person] = start[person - 1] + dataset.faces(person - 1).size();
        }
    }

    /** A sampler of the given training set, to be configured. */
    public static Builder builder(FaceDataset dataset) {
        return new Builder(dataset);
    }

    /** Configures a {@link BatchSampler}; the defaults are OpenFace's. */
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
            checkArgument(
                    count >= 2,
                    "identitiesPerBatch is %s but a triplet needs a negative from another person; take at least 2",
                    count);
            identitiesPerBatch = count;
            return this;
        }

        /** Up to how many images a person has in a batch (OpenFace's {@code -imagesPerPerson}); 20 by default. */
        public Builder imagesPerIdentity(int count) {
            checkArgument(
                    count >= 2,
                    "imagesPerIdentity is %s but a triplet needs an anchor and a positive; take at least 2",
                    count);
            imagesPerIdentity = count;
            return this;
        }

        /**
         * How many random faces of people outside the batch to add, with {@link Role#NEGATIVE_ONLY}; fewer where there are
         * not that many. 0 by default, as OpenFace.
         */
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
         * Draws every identity before any is drawn again: in turns of as many batches as that takes, the last one filled up
         * with random others. A turn goes on in the next epoch, so that all people get theirs however short epochs are. By
         * default each batch draws from all, as OpenFace's do, and an epoch leaves out whom chance leaves out.
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
         * The sampler.
         *
         * @throws IllegalArgumentException if the training set has too few identities, or nobody has two images
         */
        public BatchSampler build() {
            int identities = dataset.identities().size();
            checkArgument(
                    identitiesPerBatch <= identities,
                    "identitiesPerBatch is %s but the training set has %s; lower identitiesPerBatch or add identities",
                    identitiesPerBatch,
                    identities == 1 ? "1 identity" : identities + " identities");
            checkArgument(
                    dataset.size() > identities,
                    "none of the %s identities of the training set has two images; a triplet needs an anchor and a positive",
                    identities);
            checkArgument(
                    extraNegatives == 0 || identitiesPerBatch < identities,
                    "extraNegatives is %s but a batch takes all %s identities already; lower identitiesPerBatch",
                    extraNegatives,
                    identities);
            return new BatchSampler(this);
        }
    }

    /** The data set the batches are drawn from. */
    public FaceDataset dataset() {
        return dataset;
    }

    /** The most images a batch can have, given how many images people have. */
    public int maximumBatchSize() {
        int[] perIdentity = IntStream.range(0, dataset.identities().size())
                .map(i -> Math.min(imagesPerIdentity, dataset.faces(i).size()))
                .sorted()
                .toArray();
        long people = Arrays.stream(perIdentity)
                .skip(perIdentity.length - identitiesPerBatch)
                .asLongStream()
                .sum();
        return (int) Math.min(people + extraNegatives, dataset.size());
    }

    /** The faces of one batch. Epochs and batches may be numbered from 0 or 1, as long as it is always the same. */
    public BatchSample sample(int epoch, int batch) {
        int[] people = people(epoch, batch);
        List<BatchSample.Entry> entries = new ArrayList<>();
        for (int person : people) {
            List<Face> faces = dataset.faces(person);
            int count = Math.min(imagesPerIdentity, faces.size());
            for (int image : random(epoch, batch, IMAGES, person).distinct(count, faces.size())) {
                entries.add(new BatchSample.Entry(
                        faces.get(image), person, Role.FULL, flipped(epoch, batch, entries.size())));
            }
        }
        if (extraNegatives > 0) {
            for (int face : outsiders(people, random(epoch, batch, EXTRA_NEGATIVES, 0))) {
                entries.add(new BatchSample.Entry(
                        dataset.faces().get(face),
                        dataset.identityOf(face),
                        Role.NEGATIVE_ONLY,
                        flipped(epoch, batch, entries.size())));
            }
        }
        return new BatchSample(epoch, batch, entries);
    }

    /** Positions of random faces of anyone but the given people. */
    private int[] outsiders(int[] people, AddressedRandom random) {
        int[] sorted = people.clone();
        Arrays.sort(sorted);
        int available = dataset.size();
        for (int person : sorted) {
            available -= dataset.faces(person).size();
        }
        int[] faces = random.distinct(Math.min(extraNegatives, available), available);
        for (int i = 0; i < faces.length; i++) {
            // The number counts faces as if the people's were not there: step over each of them in order.
            for (int person : sorted) {
                if (faces[i] < start[person]) {
                    break;
                }
                faces[i] += dataset.faces(person).size();
            }
        }
        return faces;
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
     * @param batches numbered from 0
     */
    public int identitiesInEpoch(int epoch, int batches) {
        BitSet seen = new BitSet();
        for (int batch = 0; batch < batches; batch++) {
            for (int person : people(epoch, batch)) {
                seen.set(person);
            }
        }
        return seen.cardinality();
    }

    private int[] people(int epoch, int batch) {
        int all = dataset.identities().size();
        if (coverageEpoch == 0) {
            return random(epoch, batch, IDENTITIES, 0).distinct(identitiesPerBatch, all);
        }
        int batchesPerTurn = (all + identitiesPerBatch - 1) / identitiesPerBatch;
        long position = (long) epoch * coverageEpoch + batch;
        int[] order = turn(position / batchesPerTurn);
        int from = (int) (position % batchesPerTurn) * identitiesPerBatch;
        int[] people = Arrays.copyOfRange(order, from, from + identitiesPerBatch);
        if (from + identitiesPerBatch > all) {
            // The last of the turn: those who are still to come, and others.
            int[] others = random(epoch, batch, FILLING, 0).distinct(from + identitiesPerBatch - all, from);
            for (int i = 0; i < others.length; i++) {
                people[all - from + i] = order[others[i]];
            }
        }
        return people;
    }

    private int[] turn(long number) {
        Turn last = turn;
        if (last.number() != number) {
            int all = dataset.identities().size();
            last = new Turn(number, AddressedRandom.at(seed, TURN, number).distinct(all, all));
            turn = last;
        }
        return last.order();
    }

    private AddressedRandom random(int epoch, int batch, int purpose, int index) {
        return AddressedRandom.at(seed, epoch, batch, purpose, index);
    }
}
