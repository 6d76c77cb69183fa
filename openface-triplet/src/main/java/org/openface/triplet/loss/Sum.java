package org.openface.triplet.loss;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.Optimizer;
import org.openface.triplet.internal.Description;
import org.openface.triplet.mining.Mined;

/** See {@link Objective#plus}. */
record Sum(Objective first, Objective second, double weight) implements Objective {
    Sum {
        requireNonNull(second, "plus(...) was given null, not an objective");
        checkArgument(weight > 0 && Double.isFinite(weight), "weight (%s) must be positive and finite", weight);
    }

    @Override
    public boolean learnsFromMined() {
        return first.learnsFromMined() && second.learnsFromMined();
    }

    @Override
    public Run begin(Scope scope) {
        return new Both(first.begin(scope), second.begin(scope), weight);
    }

    @Override
    public String toString() {
        return Description.of(first) + " + " + weight + " x (" + Description.of(second) + ")";
    }

    private record Both(Run first, Run second, double weight) implements Run {
        @Override
        public Outcome evaluate(Mined mined) {
            Outcome one = first.evaluate(mined);
            Outcome other = second.evaluate(mined);
            float[] gradient = new float[one.gradient().values().length];
            for (int i = 0; i < gradient.length; i++) {
                gradient[i] = (float)
                        (one.gradient().values()[i] + weight * other.gradient().values()[i]);
            }
            return new Outcome(
                    one.value() + weight * other.value(),
                    new EmbeddingBatch(one.gradient().dimension(), gradient));
        }

        @Override
        public void update(Optimizer rule, double scale) {
            first.update(rule, scale);
            second.update(rule, scale * weight);
        }

        @Override
        public void write(DataOutputStream out) throws IOException {
            first.write(out);
            second.write(out);
        }

        @Override
        public void read(DataInputStream in) throws IOException {
            first.read(in);
            second.read(in);
        }
    }
}
