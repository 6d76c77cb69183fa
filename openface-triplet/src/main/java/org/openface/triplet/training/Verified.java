package org.openface.triplet.training;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.eval.Verification;

/** Figures and curve of a verification. */
record Verified(Evaluation.Verifier verifier) implements Evaluation {
    @Override
    public Map<String, Double> evaluate(FaceEmbedder model) throws IOException {
        return outcome(model).figures();
    }

    @Override
    public Outcome outcome(FaceEmbedder model) throws IOException {
        Verification.Result result = verifier.verify(model);
        Map<String, Double> figures = new LinkedHashMap<>();
        figures.put(ACCURACY, result.meanAccuracy());
        figures.put("standardDeviation", result.standardDeviation());
        figures.put("accuracyConfidence", result.accuracyHalfWidth());
        // What a model's passport holds is a squared distance, however pairs were judged.
        figures.put("threshold", result.squaredThreshold());
        figures.put("thresholdConfidence", result.squaredThresholdHalfWidth());
        figures.put("auc", result.auc());
        figures.put("eer", result.eer());
        figures.put("tarAtFar0.01", result.tarAtFar(0.01));
        figures.put("tarAtFar0.001", result.tarAtFar(0.001));
        figures.put("missingImages", (double) result.missingImages());
        return new Outcome(figures, result.roc());
    }
}
