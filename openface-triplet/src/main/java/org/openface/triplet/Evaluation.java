package org.openface.triplet;

import java.io.IOException;
import java.util.Map;
import org.openface.core.embedding.FaceEmbedder;

/**
 * A judgement on a network, made after each epoch of a training. It may embed faces; it must not change the network.
 */
@FunctionalInterface
public interface Evaluation {
    /** The name of the figure that goes into {@code test.log} and the accuracy plot. */
    String ACCURACY = "accuracy";

    /**
     * Evaluates the network.
     *
     * @return figures by name, such as {@link #ACCURACY} and {@code auc}; names consist of letters, digits and {@code
     *     _ . @ -}
     * @throws IOException if faces cannot be read; training reports it and goes on, as after any exception
     */
    Map<String, Double> evaluate(FaceEmbedder model) throws IOException;
}
