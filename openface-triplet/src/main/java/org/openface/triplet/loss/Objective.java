package org.openface.triplet.loss;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.Optimizer;
import org.openface.triplet.mining.Mined;

/**
 * What a training minimises. A {@link Loss} is one, and so is what has parameters of its own that are learnt along with the
 * network. An objective is a description and keeps nothing: what changes is in the {@link Run} that a training begins.
 *
 * <p>{@code toString} says all that decides the result, the same in every run: a resumed training compares it.
 */
public interface Objective {
    /** For one training. */
    Run begin(Scope scope);

    /**
     * This one and another with a weight, added: {@code TripletLoss.margin().plus(head, 0.1)}.
     *
     * @throws IllegalArgumentException if the weight is not positive and finite
     */
    default Objective plus(Objective other, double weight) {
        return new Sum(this, other, weight);
    }

    /** Whether a batch of which nothing was mined teaches nothing; not so of what looks at all images of a batch. */
    default boolean learnsFromMined() {
        return true;
    }

    /**
     * What a training is about.
     *
     * @param identities in the training set; those of a batch are numbers below
     * @param dimension floats of an embedding
     * @param seed of the training
     */
    record Scope(int identities, int dimension, long seed) {}

    /**
     * Value and gradient of an objective on one batch.
     *
     * @param value what is minimised
     * @param gradient of it with respect to the batch's embeddings, {@code [image][component]}
     */
    record Outcome(double value, EmbeddingBatch gradient) {}

    /** An objective in one training, with the parameters that are learnt along with the network, if it has any. */
    interface Run {
        /** Value and gradient on one batch; the gradient of its own parameters is kept for {@link #update}. */
        Outcome evaluate(Mined mined);

        /**
         * Changes its own parameters by the gradient of the last {@link #evaluate}, after the network's have been changed.
         *
         * @param rule that the network's were changed by, with the learning rate of this step
         * @param weight of this objective among all that is minimised: the gradient counts so many times
         * @throws IllegalStateException if a parameter is NaN or infinite then
         */
        default void update(Optimizer rule, double weight) {}

        /** Writes its parameters and their optimiser's memory for a checkpoint. */
        default void write(DataOutputStream out) throws IOException {}

        /**
         * Goes on with what {@link #write} wrote.
         *
         * @throws IOException if it is of another objective or damaged
         */
        default void read(DataInputStream in) throws IOException {}
    }
}
