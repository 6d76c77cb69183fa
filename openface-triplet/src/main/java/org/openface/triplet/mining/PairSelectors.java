package org.openface.triplet.mining;

import static java.util.Objects.requireNonNull;

import org.openface.core.embedding.FaceBatch.Role;
import org.openface.triplet.internal.Description;
import org.openface.triplet.internal.MiningThreads;

enum PairSelectors implements PairSelector {
    ALL_PAIRS("allPairs") {
        @Override
        public void select(MiningBatch in, PairSelector.Sink out) {
            for (int a = 0; a < in.size(); a++) {
                for (int p = in.nextOfIdentity(a); p >= 0; p = in.nextOfIdentity(p)) {
                    out.add(a, p);
                }
            }
        }
    },
    ORDERED_PAIRS("orderedPairs") {
        @Override
        public void select(MiningBatch in, PairSelector.Sink out) {
            for (int a = 0; a < in.size(); a++) {
                for (int p = in.firstOfIdentity(a); p >= 0; p = in.nextOfIdentity(p)) {
                    if (p != a) {
                        out.add(a, p);
                    }
                }
            }
        }
    },
    HARDEST_POSITIVE("hardestPositive") {
        @Override
        public void select(MiningBatch in, PairSelector.Sink out) {
            selectExtreme(in, true, out);
        }
    },
    EASIEST_POSITIVE("easiestPositive") {
        @Override
        public void select(MiningBatch in, PairSelector.Sink out) {
            selectExtreme(in, false, out);
        }
    },
    RANDOM_POSITIVE("randomPositive") {
        @Override
        public void select(MiningBatch in, PairSelector.Sink out) {
            for (int a = 0; a < in.size(); a++) {
                if (in.role(a) == Role.FULL) {
                    int others = -1;
                    for (int p = in.firstOfIdentity(a); p >= 0; p = in.nextOfIdentity(p)) {
                        others++;
                    }
                    if (others > 0) {
                        // No pair of an image with itself exists, so its numbers are free for this choice.
                        out.add(a, other(in, a, in.draws().ofNegatives(a, a).below(others)));
                    }
                }
            }
        }

        private int other(MiningBatch in, int anchor, int rank) {
            int p = in.firstOfIdentity(anchor);
            for (int left = rank; p == anchor || left > 0; p = in.nextOfIdentity(p)) {
                left -= p == anchor ? 0 : 1;
            }
            return p;
        }
    };

    /** Anchors that a thread takes at a time. */
    private static final int ANCHORS = 32;

    /** A distance of two images is one chain of multiply-adds, which takes so many times as long as in a row of distances. */
    private static final int CHAINED = 8;

    private final String name;

    PairSelectors(String name) {
        this.name = name;
    }

    @Override
    public String toString() {
        return name;
    }

    private static void selectExtreme(MiningBatch in, boolean farthest, PairSelector.Sink out) {
        int size = in.size();
        int[] chosen = new int[size];
        int tasks = (size + ANCHORS - 1) / ANCHORS;
        MiningThreads.run(MiningThreads.forWork(work(in)), tasks, () -> task -> {
            for (int a = task * ANCHORS; a < Math.min(size, (task + 1) * ANCHORS); a++) {
                chosen[a] = extremePositive(in, a, farthest);
            }
        });
        for (int a = 0; a < size; a++) {
            if (chosen[a] >= 0) {
                out.add(a, chosen[a]);
            }
        }
    }

    /** The farthest or nearest image of the anchor's identity, of equal ones the first; -1 if there is no other. */
    private static int extremePositive(MiningBatch in, int anchor, boolean farthest) {
        int best = -1;
        float most = 0;
        for (int p = in.firstOfIdentity(anchor); p >= 0; p = in.nextOfIdentity(p)) {
            if (p != anchor) {
                float distance = in.distance(anchor, p);
                if (best < 0 || (farthest ? distance > most : distance < most)) {
                    best = p;
                    most = distance;
                }
            }
        }
        return best;
    }

    /** What the distances of all ordered pairs cost, in multiply-adds of a row. */
    private static double work(MiningBatch in) {
        int[] seen = new int[in.size()];
        double pairs = 0;
        for (int a = 0; a < in.size(); a++) {
            int first = in.firstOfIdentity(a);
            pairs += first < 0 ? 0 : 2.0 * seen[first]++;
        }
        return CHAINED * pairs * in.embeddings().dimension();
    }

    record Named(String name, PairSelector selector) implements PairSelector {
        Named {
            Description.name(name);
            requireNonNull(selector, "selector must not be null");
        }

        @Override
        public void select(MiningBatch in, PairSelector.Sink out) {
            selector.select(in, out);
        }

        @Override
        public String toString() {
            return name;
        }
    }
}
