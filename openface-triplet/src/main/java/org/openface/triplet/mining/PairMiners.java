package org.openface.triplet.mining;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.openface.core.embedding.FaceBatch.Role;
import org.openface.triplet.internal.Description;

/** The pair miners that come with the library. */
final class PairMiners {
    private PairMiners() {}

    /** Of each anchor the pairs that lie on the wrong side of two distances, which hang on all of the anchor's. */
    private abstract static class ByAnchor implements PairMiner {
        @Override
        public Pairs mine(MiningBatch in) {
            int[][] others = new int[in.size()][];
            float[][] distances = new float[in.size()][];
            in.rows((anchor, row) -> {
                if (in.role(anchor) != Role.FULL) {
                    others[anchor] = new int[0];
                    return;
                }
                float nearestPositives = nearestPositives(in, anchor, row);
                float farthestNegatives = farthestNegatives(in, anchor, row);
                int[] chosen = new int[row.length];
                int count = 0;
                for (int j = 0; j < row.length; j++) {
                    boolean same = in.identity(j) == in.identity(anchor);
                    if (same ? isPositive(in, anchor, j) && row[j] >= nearestPositives : row[j] <= farthestNegatives) {
                        chosen[count++] = j;
                    }
                }
                others[anchor] = Arrays.copyOf(chosen, count);
                distances[anchor] = new float[count];
                for (int k = 0; k < count; k++) {
                    distances[anchor][k] = row[chosen[k]];
                }
            });
            Pairs.Builder pairs = Pairs.builder(in);
            for (int anchor = 0; anchor < others.length; anchor++) {
                for (int k = 0; k < others[anchor].length; k++) {
                    pairs.append(anchor, others[anchor][k], distances[anchor][k]);
                }
            }
            return pairs.build();
        }

        /** Positives nearer than that are left out. */
        abstract float nearestPositives(MiningBatch in, int anchor, float[] row);

        /** Negatives farther than that are left out. */
        abstract float farthestNegatives(MiningBatch in, int anchor, float[] row);

        @Override
        public boolean drawsNewNumbers() {
            return false;
        }
    }

    /** Whether an image or reference may be the positive of an anchor, being of its identity. */
    private static boolean isPositive(MiningBatch in, int anchor, int other) {
        return other != anchor && (other >= in.size() || in.role(other) == Role.FULL);
    }

    static final class All extends ByAnchor {
        @Override
        float nearestPositives(MiningBatch in, int anchor, float[] row) {
            return 0;
        }

        @Override
        float farthestNegatives(MiningBatch in, int anchor, float[] row) {
            return Float.POSITIVE_INFINITY;
        }

        @Override
        public String toString() {
            return "all pairs";
        }
    }

    static final class MultiSimilarity extends ByAnchor {
        private final float epsilon;

        MultiSimilarity(float epsilon) {
            checkArgument(
                    epsilon >= 0 && Float.isFinite(epsilon), "epsilon (%s) must be finite and not negative", epsilon);
            this.epsilon = epsilon;
        }

        @Override
        float nearestPositives(MiningBatch in, int anchor, float[] row) {
            float nearest = Float.POSITIVE_INFINITY;
            for (int j = 0; j < row.length; j++) {
                if (in.identity(j) != in.identity(anchor)) {
                    nearest = Math.min(nearest, row[j]);
                }
            }
            return nearest - epsilon;
        }

        @Override
        float farthestNegatives(MiningBatch in, int anchor, float[] row) {
            float farthest = Float.NEGATIVE_INFINITY;
            for (int j = 0; j < row.length; j++) {
                if (in.identity(j) == in.identity(anchor) && isPositive(in, anchor, j)) {
                    farthest = Math.max(farthest, row[j]);
                }
            }
            return farthest + epsilon;
        }

        @Override
        public String toString() {
            return "multi-similarity pairs, epsilon " + epsilon;
        }
    }

    record Union(List<PairMiner> miners) implements PairMiner {
        Union {
            miners = List.copyOf(miners);
            checkArgument(!miners.isEmpty(), "a union is of at least one miner");
        }

        @Override
        public Pairs mine(MiningBatch in) {
            Pairs.Builder union = Pairs.builder(in);
            Set<Long> seen = new HashSet<>();
            for (PairMiner miner : miners) {
                Pairs pairs = miner.mine(in);
                for (int k = 0; k < pairs.size(); k++) {
                    if (seen.add((long) pairs.anchor(k) << 32 | pairs.other(k))) {
                        union.append(pairs.anchor(k), pairs.other(k), pairs.distance(k));
                    }
                }
            }
            return union.build();
        }

        @Override
        public boolean drawsNewNumbers() {
            return miners.stream().anyMatch(Miner::drawsNewNumbers);
        }

        @Override
        public String toString() {
            return miners.stream().map(Description::of).collect(Collectors.joining(", ", "union of [", "]"));
        }
    }

    record Named(String name, PairMiner miner) implements PairMiner {
        Named {
            Description.name(name);
            requireNonNull(miner, "miner must not be null");
        }

        @Override
        public Pairs mine(MiningBatch in) {
            return miner.mine(in);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    /** Takes turns between a strategy and another, of triplets or pairs. */
    record UntilEpoch(Miner before, int last, Miner after) implements Miner {
        UntilEpoch {
            requireNonNull(after, "untilEpoch was given null, not a miner");
            checkArgument(last >= 1, "epochs count from 1; a strategy until epoch %s is never used", last);
        }

        @Override
        public Mined mine(MiningBatch in) {
            return (in.draws().epoch() <= last ? before : after).mine(in);
        }

        @Override
        public Miner inEpoch(int epoch) {
            return (epoch <= last ? before : after).inEpoch(epoch);
        }

        @Override
        public boolean drawsNewNumbers() {
            return before.drawsNewNumbers() || after.drawsNewNumbers();
        }

        @Override
        public String toString() {
            return Description.of(before) + " until epoch " + last + ", then " + Description.of(after);
        }
    }
}
