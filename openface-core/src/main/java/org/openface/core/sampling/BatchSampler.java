package org.openface.core.sampling;

import java.util.function.ToDoubleFunction;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.FaceBatch.Role;

/**
 * Chooses the faces of each batch of a training. A sampler is a description; what it chooses of some faces is in the {@link Batches} that
 * it begins. Mirroring and other changes of images are no matter of it.
 *
 * <p>{@code toString} says all that decides its choices, the same in every run: a resumed training compares it.
 */
@FunctionalInterface
public interface BatchSampler {
    /**
     * For one training.
     *
     * @throws IllegalArgumentException if batches cannot be drawn from these faces, as there are too few people
     */
    Batches begin(Scope scope);

    /**
     * A number of different identities, all equally likely, and of each up to a number of different images (all of them where a person
     * has fewer), as OpenFace's {@code samplePeople} does.
     *
     * @param identities at least 2
     * @param images at least 2
     */
    static BatchSampler openFace(int identities, int images) {
        return new BatchSamplers.Drawn(identities, images);
    }

    /**
     * Every identity before any comes again: in turns of as many batches as that takes, the last one filled up with random others. A turn
     * goes on in the next epoch, so that all people get theirs however short epochs are. Images as for {@link #openFace}.
     */
    static BatchSampler covering(int identities, int images) {
        return new BatchSamplers.Covering(identities, images, false);
    }

    /**
     * As {@link #covering}, and of each identity every image before any comes again: people are shown equally often, and so are the images
     * of a person. The last batch that a person's images take is filled up with random others of them.
     */
    static BatchSampler balanced(int identities, int images) {
        return new BatchSamplers.Covering(identities, images, true);
    }

    /**
     * As {@link #openFace}, with some identities likelier than others.
     *
     * @param name by which a resumed run tells whether the weights are the same
     * @param weight of an identity, by its name: finite and not negative; of 0 it is never drawn
     */
    static BatchSampler weighted(String name, ToDoubleFunction<String> weight, int identities, int images) {
        return new BatchSamplers.Weighted(name, weight, identities, images);
    }

    /**
     * Look-alikes: groups of people whose centres are near one another, where the hard negatives are; the first of each group is drawn at
     * random, the others are its nearest that are not in the batch yet. Centres are running means of embeddings seen in training as they
     * were at the start of the epoch, so that the first epoch draws at random (after Harwood et al., "Smart Mining for Deep Metric
     * Learning", ICCV 2017). Images as for {@link #openFace}.
     *
     * @param group people of a group, from 2 to {@code identities}; the larger, the harder
     */
    static BatchSampler lookAlikes(int identities, int images, int group) {
        return new BatchSamplers.LookAlikes(identities, images, group);
    }

    /**
     * The same with random faces of people outside the batch, added as {@link Role#NEGATIVE_ONLY} (Schroff et al., 2015, section 3.2);
     * fewer where there are not that many.
     *
     * @param count not negative
     */
    default BatchSampler withExtraNegatives(int count) {
        return count == 0 ? this : new BatchSamplers.WithExtraNegatives(this, count);
    }

    /**
     * A sampler of your own under a name, by which a resumed run tells whether it is the same. Give it another name when it changes.
     *
     * @throws IllegalArgumentException if the name is blank or of several lines
     */
    static BatchSampler named(String name, BatchSampler sampler) {
        return new BatchSamplers.Named(name, sampler);
    }

    /**
     * What a training draws its batches from.
     *
     * @param faces the training set
     * @param batchesPerEpoch batches in an epoch
     * @param seed of all random choices
     */
    record Scope(FaceDataset faces, int batchesPerEpoch, long seed) {}

    /**
     * The batches of one training: functions of epoch and batch, of what {@link #beginEpoch} said, and of nothing else, so that a resumed
     * run goes on with the batches that it would have had. Called by several threads at once, ahead of the training within an epoch.
     */
    interface Batches {
        /** The most images that a batch can have, extra negatives included. */
        int maximumSize();

        /**
         * The images of a batch that may be anchors and positives, by their numbers in the training set, each once; those of one person
         * are neighbours.
         *
         * @param epoch from 1
         * @param batch in the epoch, from 0
         */
        int[] faces(int epoch, int batch);

        /**
         * Images that are added as negatives only; none by default.
         *
         * @param faces of the batch
         */
        default int[] extraNegatives(int epoch, int batch, int[] faces) {
            return new int[0];
        }

        /** Whether it wants {@link #beginEpoch} to say where identities lie, which a training then keeps track of. */
        default boolean needsCentres() {
            return false;
        }

        /** Says where identities lie at the start of an epoch, before its first batch is asked for, also in a resumed run. */
        default void beginEpoch(int epoch, Centres centres) {}
    }
}
