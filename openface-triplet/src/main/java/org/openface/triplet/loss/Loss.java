package org.openface.triplet.loss;

import org.openface.triplet.mining.Mined;

/** A loss without parameters of its own: a function of what was mined. */
@FunctionalInterface
public interface Loss extends Objective {
    /** Value and gradient with respect to the batch's embeddings. */
    Outcome evaluate(Mined mined);

    @Override
    default Run begin(Scope scope) {
        return this::evaluate;
    }
}
