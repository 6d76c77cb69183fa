package org.openface.triplet.training;

/**
 * Something that looks wrong in a training.
 *
 * @param condition what it is
 * @param epoch the epoch it was seen in
 * @param batch the batch after which it was seen; 0 if it was seen at the end of the epoch
 * @param seen the figures, in words
 * @param advice what to do, in words
 */
public record Diagnosis(Condition condition, int epoch, int batch, String seen, String advice) {
    /** What can go wrong. */
    public enum Condition {
        /** All faces get nearly the same embedding, or one of two: the loss stays at the margin. */
        COLLAPSE,
        /** Hardly any batch has a triplet to learn from. */
        STARVATION,
        /** The loss over all triplets grows, or gradients do. */
        DIVERGENCE,
        /** The loss falls while the evaluation gets worse. */
        OVERFITTING
    }
}
