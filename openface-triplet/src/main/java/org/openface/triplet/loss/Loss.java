package org.openface.triplet.loss;

import static java.util.Objects.requireNonNull;

import org.openface.triplet.internal.Description;
import org.openface.triplet.mining.Mined;
import org.openface.triplet.mining.Pairs;
import org.openface.triplet.mining.Triplets;

/**
 * A loss without parameters of its own: a function of what was mined. One of your own needs no more than its slopes, how it changes
 * with each distance; {@link Triplets#gradient} and {@link Pairs#gradient} make of them the gradient with respect to embeddings:
 *
 * <pre>{@code
 * Loss squaredHinge = Loss.named("squared hinge", mined -> {
 *     Triplets triplets = mined.triplets();
 *     double[] slopes = new double[triplets.size()];
 *     double sum = 0;
 *     for (int t = 0; t < slopes.length; t++) {
 *         double hinge = Math.max(0, triplets.positiveDistance(t) - triplets.negativeDistance(t) + 0.2);
 *         sum += hinge * hinge / slopes.length;
 *         slopes[t] = 2 * hinge / slopes.length;
 *     }
 *     return new Objective.Outcome(sum, triplets.gradient(slopes, false));
 * });
 * }</pre>
 */
@FunctionalInterface
public interface Loss extends Objective {
    /** Value and gradient with respect to the batch's embeddings. */
    Outcome evaluate(Mined mined);

    @Override
    default Run begin(Scope scope) {
        return this::evaluate;
    }

    /**
     * A loss of your own under a name, by which a resumed run tells whether it is the same: a lambda says nothing of itself. Give it
     * another name when it changes.
     *
     * @throws IllegalArgumentException if the name is blank or of several lines
     */
    static Loss named(String name, Loss loss) {
        Description.name(name);
        requireNonNull(loss, "loss must not be null");
        return new Loss() {
            @Override
            public Outcome evaluate(Mined mined) {
                return loss.evaluate(mined);
            }

            @Override
            public String toString() {
                return name;
            }
        };
    }
}
