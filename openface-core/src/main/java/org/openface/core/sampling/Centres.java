package org.openface.core.sampling;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Arrays;
import org.openface.core.embedding.EmbeddingBatch;

/**
 * Where the identities of a training set lie at the start of an epoch: running means of the embeddings seen in training. An identity
 * that no batch has shown yet has none.
 */
public final class Centres {
    private final EmbeddingBatch means;
    private final boolean[] known;

    /**
     * Centres by identity.
     *
     * @param means {@code [identities][dimension]}; shared, not to be changed any more
     * @param known for each identity whether it has one
     * @throws IllegalArgumentException if there are not as many of either
     */
    public Centres(EmbeddingBatch means, boolean[] known) {
        checkArgument(
                means.size() == known.length,
                "%s centres, and %s that say whether they are known",
                means.size(),
                known.length);
        this.means = means;
        this.known = known.clone();
    }

    /** Before anything was seen of so many identities. */
    public static Centres none(int identities, int dimension) {
        return new Centres(new EmbeddingBatch(dimension, new float[identities * dimension]), new boolean[identities]);
    }

    /** Number of identities. */
    public int identities() {
        return known.length;
    }

    /** Whether an identity has been seen. */
    public boolean isKnown(int identity) {
        return known[identity];
    }

    /** The means, {@code [identity][component]}; zeros of an identity that is not known. */
    public EmbeddingBatch means() {
        return means;
    }

    /**
     * The known identities nearest to a known one, the nearest first; of equal ones the one with the lower number. Looks at every
     * identity once.
     *
     * @param except identities that are left out, beside this one
     * @return at most {@code count}
     */
    int[] nearest(int identity, int count, boolean[] except) {
        int dimension = means.dimension();
        float[] values = means.values();
        float[] distances = new float[count];
        int[] nearest = new int[count];
        int found = 0;
        for (int other = 0; other < known.length; other++) {
            if (!known[other] || other == identity || except[other]) {
                continue;
            }
            float distance = 0;
            for (int k = 0; k < dimension; k++) {
                float t = values[identity * dimension + k] - values[other * dimension + k];
                distance = Math.fma(t, t, distance);
            }
            if (found < count || distance < distances[found - 1]) {
                int at = found < count ? found++ : found - 1;
                for (; at > 0 && distances[at - 1] > distance; at--) {
                    distances[at] = distances[at - 1];
                    nearest[at] = nearest[at - 1];
                }
                distances[at] = distance;
                nearest[at] = other;
            }
        }
        return Arrays.copyOf(nearest, found);
    }
}
