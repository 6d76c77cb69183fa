package org.openface.triplet.mining;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import java.util.LinkedHashMap;
import java.util.Map;
import org.openface.triplet.internal.Description;

enum NegativeSelectors implements NegativeSelector {
    RANDOM("random") {
        @Override
        public void select(Candidates candidates, Draws.Draw draw, NegativeSelector.Sink out) {
            out.add(draw.below(candidates.size()));
        }
    },
    HARDEST("hardest") {
        @Override
        public void select(Candidates candidates, Draws.Draw draw, NegativeSelector.Sink out) {
            int hardest = 0;
            for (int k = 1; k < candidates.size(); k++) {
                if (candidates.distance(k) < candidates.distance(hardest)) {
                    hardest = k;
                }
            }
            out.add(hardest);
        }
    },
    SOFTEST("softest") {
        @Override
        public void select(Candidates candidates, Draws.Draw draw, NegativeSelector.Sink out) {
            int softest = 0;
            for (int k = 1; k < candidates.size(); k++) {
                if (candidates.distance(k) > candidates.distance(softest)) {
                    softest = k;
                }
            }
            out.add(softest);
        }
    },
    ALL("all") {
        @Override
        public void select(Candidates candidates, Draws.Draw draw, NegativeSelector.Sink out) {
            for (int k = 0; k < candidates.size(); k++) {
                out.add(k);
            }
        }
    },
    DISTANCE_WEIGHTED("distanceWeighted") {
        @Override
        public void select(Candidates candidates, Draws.Draw draw, NegativeSelector.Sink out) {
            MiningBatch in = candidates.batch();
            double[] sums = new double[candidates.size()];
            double sum = 0;
            for (int k = 0; k < sums.length; k++) {
                sum += in.sphereWeights().of(in.measure(), candidates.distance(k));
                sums[k] = sum;
            }
            int drawn = SphereWeights.draw(sums, sums.length, draw);
            if (drawn >= 0) {
                out.add(drawn);
            }
        }
    },
    HARDEST_OF_EACH_IDENTITY("hardestOfEachIdentity") {
        @Override
        public void select(Candidates candidates, Draws.Draw draw, NegativeSelector.Sink out) {
            Map<Integer, Integer> hardest = new LinkedHashMap<>();
            for (int k = 0; k < candidates.size(); k++) {
                Integer before = hardest.putIfAbsent(candidates.identity(k), k);
                if (before != null && candidates.distance(k) < candidates.distance(before)) {
                    hardest.put(candidates.identity(k), k);
                }
            }
            hardest.values().forEach(out::add);
        }
    };

    private final String name;

    NegativeSelectors(String name) {
        this.name = name;
    }

    @Override
    public String toString() {
        return name;
    }

    record Rank(int from, int to) implements NegativeSelector {
        Rank {
            checkArgument(1 <= from && from <= to, "ranks must satisfy 1 <= from <= to, got %s and %s", from, to);
        }

        @Override
        public void select(Candidates candidates, Draws.Draw draw, NegativeSelector.Sink out) {
            int eligible = Math.min(to, candidates.size()) - from + 1;
            if (eligible > 0) {
                out.add(candidates.ofRank(from - 1 + draw.below(eligible)));
            }
        }

        @Override
        public String toString() {
            return "rank(" + from + ", " + to + ")";
        }
    }

    record Named(String name, NegativeSelector selector) implements NegativeSelector {
        Named {
            Description.name(name);
            requireNonNull(selector, "selector must not be null");
        }

        @Override
        public void select(Candidates candidates, Draws.Draw draw, NegativeSelector.Sink out) {
            selector.select(candidates, draw, out);
        }

        @Override
        public String toString() {
            return name;
        }
    }
}
