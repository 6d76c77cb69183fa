package org.openface.triplet;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.eval.Verification;

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

    /** Verification on pairs of faces: accuracy and its spread, threshold, AUC, EER, TAR at FAR 1 %, missing images. */
    static Evaluation of(Verification verification) {
        return model -> {
            Verification.Result result = verification.evaluate(model);
            Map<String, Double> figures = new LinkedHashMap<>();
            figures.put(ACCURACY, result.meanAccuracy());
            figures.put("standardDeviation", result.standardDeviation());
            figures.put("threshold", result.threshold());
            figures.put("auc", result.auc());
            figures.put("eer", result.eer());
            figures.put("tarAtFar0.01", result.tarAtFar(0.01));
            figures.put("missingImages", (double) result.missingImages());
            return figures;
        };
    }
}
