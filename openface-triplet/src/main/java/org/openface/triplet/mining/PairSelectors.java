package org.openface.triplet.mining;

import static java.util.Objects.requireNonNull;

import org.openface.core.embedding.FaceBatch.Role;
import org.openface.triplet.internal.Description;

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
            for (int a = 0; a < in.size(); a++) {
                int hardest = -1;
                float farthest = -1;
                for (int p = in.firstOfIdentity(a); p >= 0; p = in.nextOfIdentity(p)) {
                    float distance = p == a ? -1 : in.distance(a, p);
                    if (distance > farthest) {
                        hardest = p;
                        farthest = distance;
                    }
                }
                if (hardest >= 0) {
                    out.add(a, hardest);
                }
            }
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

    private final String name;

    PairSelectors(String name) {
        this.name = name;
    }

    @Override
    public String toString() {
        return name;
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
