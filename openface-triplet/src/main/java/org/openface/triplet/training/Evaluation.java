package org.openface.triplet.training;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.eval.Retrieval;
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
     * @throws IOException if faces cannot be read; training reports it and goes on, as after anything thrown
     */
    Map<String, Double> evaluate(FaceEmbedder model) throws IOException;

    /**
     * As {@link #evaluate}, with the curve that the figures come from, which the report shows.
     *
     * @throws IOException as {@code evaluate}
     */
    default Outcome outcome(FaceEmbedder model) throws IOException {
        return new Outcome(evaluate(model), List.of());
    }

    /**
     * What an evaluation found.
     *
     * @param figures as {@link #evaluate} returns them
     * @param roc the ROC curve, empty if there is none
     */
    record Outcome(Map<String, Double> figures, List<Verification.RocPoint> roc) {
        public Outcome {
            roc = List.copyOf(roc);
        }
    }

    /**
     * Verification on pairs of faces: accuracy with the half width of its 95 % confidence interval, threshold with that of
     * its own, AUC, EER, TAR at FAR 1 % and 0.1 %, missing images.
     */
    static Evaluation of(Verification verification) {
        return verified(verification::evaluate);
    }

    /** Verification as in {@link #of}, made in a way of one's own, such as after a preparation of the network. */
    static Evaluation verified(Verifier verifier) {
        return new Verified(verifier);
    }

    /** Retrieval among labelled faces: recall at 1, 5 and 10. */
    static Evaluation of(Retrieval retrieval) {
        return model -> {
            Retrieval.Result result = retrieval.evaluate(model);
            Map<String, Double> figures = new LinkedHashMap<>();
            for (int k : new int[] {1, 5, 10}) {
                figures.put("recall@" + k, result.recall(k));
            }
            figures.put("missingImages", (double) result.missingImages());
            return figures;
        };
    }

    /** Judges pairs. */
    @FunctionalInterface
    interface Verifier {
        /**
         * Judges the pairs with a network.
         *
         * @throws IOException if faces cannot be read
         */
        Verification.Result verify(FaceEmbedder model) throws IOException;
    }
}
