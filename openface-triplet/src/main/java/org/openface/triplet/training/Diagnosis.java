package org.openface.triplet.training;

import com.google.common.base.MoreObjects;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Something that looks wrong in a training. */
public final class Diagnosis {
    private final Condition condition;
    private final int epoch;
    private final int batch;
    private final String seen;
    private final String advice;

    Diagnosis(Condition condition, int epoch, int batch, String seen, String advice) {
        this.condition = condition;
        this.epoch = epoch;
        this.batch = batch;
        this.seen = seen;
        this.advice = advice;
    }

    /** What it is. */
    public Condition condition() {
        return condition;
    }

    /** The epoch it was seen in. */
    public int epoch() {
        return epoch;
    }

    /** The batch after which it was seen; 0 if it was seen at the end of the epoch. */
    public int batch() {
        return batch;
    }

    /** The figures, in words. */
    public String seen() {
        return seen;
    }

    /** What to do, in words. */
    public String advice() {
        return advice;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Diagnosis diagnosis
                && condition == diagnosis.condition
                && epoch == diagnosis.epoch
                && batch == diagnosis.batch
                && seen.equals(diagnosis.seen)
                && advice.equals(diagnosis.advice);
    }

    @Override
    public int hashCode() {
        return Objects.hash(condition, epoch, batch, seen, advice);
    }

    /** All of it, for messages. */
    @Override
    public String toString() {
        return MoreObjects.toStringHelper(this)
                .add("condition", condition)
                .add("epoch", epoch)
                .add("batch", batch)
                .add("seen", seen)
                .add("advice", advice)
                .toString();
    }

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
