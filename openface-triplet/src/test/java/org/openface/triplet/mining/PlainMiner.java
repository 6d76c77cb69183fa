package org.openface.triplet.mining;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/** The oracle of mining: a strategy of three parts executed plainly, one pass over the negatives for each pair. */
record PlainMiner(PairSelector pairs, TripletFilter filter, NegativeSelector negatives) implements TripletMiner {
    @Override
    public Triplets mine(MiningBatch in) {
        Pass pass = new Pass(in);
        pairs.select(in, pass);
        return pass.triplets();
    }

    /**
     * A sample of at most so many triplets of each anchor: of those left, each next one is taken with the probability of the
     * places left among them.
     *
     * @param around how many samples are drawn of what this one leaves
     */
    static Triplets sample(Triplets all, int limit, Draws draws, int around) {
        Triplets.Builder some = Triplets.builder(all.batch());
        int[] taken = new int[all.batch().size()];
        List<Draws.Draw> numbers = new ArrayList<>();
        for (int a = 0; a < all.batch().size(); a++) {
            Draws.Draw draw = new Draws.Draw(draws.key());
            draw.moveTo(a, Integer.MAX_VALUE - around);
            numbers.add(draw);
        }
        for (int t = 0; t < all.size(); t++) {
            int anchor = all.anchor(t);
            int left = 0;
            for (int later = t; later < all.size(); later++) {
                left += all.anchor(later) == anchor ? 1 : 0;
            }
            if (numbers.get(anchor).below(left) < limit - taken[anchor]) {
                taken[anchor]++;
                some.add(anchor, all.positive(t), all.negative(t));
            }
        }
        return some.build();
    }

    private final class Pass implements PairSelector.Sink, NegativeSelector.Sink {
        private final MiningBatch in;
        private final float margin;
        private final Triplets.Builder triplets;
        private final Candidates candidates;
        private final Draws.Draw draw;

        /** The current anchor, its distances to all images, and those of other identities: {@code others} of them. */
        private int anchor = -1;

        private final float[] distances;
        private final int[] otherIndices;
        private final float[] otherDistances;
        private int others;
        private double othersDistance;

        private long pairCount;
        private long pairsWithViolating;
        private long pairsWithEligible;
        private long tripletCount;
        private long violating;
        private double hinges;
        private double positiveDistance;
        private double negativeDistance;
        private final TreeMap<Integer, MiningStatistics.HardestNegative> hardest = new TreeMap<>();

        Pass(MiningBatch in) {
            this.in = in;
            margin = in.margin();
            triplets = Triplets.builder(in);
            candidates = new Candidates(in);
            draw = new Draws.Draw(in.draws().key());
            distances = new float[in.sizeWithReferences()];
            otherIndices = new int[in.sizeWithReferences()];
            otherDistances = new float[in.sizeWithReferences()];
        }

        @Override
        public void add(int newAnchor, int positive) {
            Triplets.Builder.checkPair(in, newAnchor, positive);
            if (newAnchor != anchor) {
                moveTo(newAnchor);
            }
            float ap = distances[positive];
            count(ap);
            candidates.moveTo(anchor, positive, ap);
            for (int i = 0; i < others; i++) {
                if (filter.accepts(ap, otherDistances[i], margin)) {
                    candidates.add(otherIndices[i], otherDistances[i]);
                }
            }
            if (candidates.size() > 0) {
                pairsWithEligible++;
                draw.moveTo(anchor, positive);
                negatives.select(candidates, draw, this);
            }
        }

        private void moveTo(int newAnchor) {
            anchor = newAnchor;
            in.row(anchor, distances);
            others = 0;
            othersDistance = 0;
            int identity = in.identity(anchor);
            for (int i = 0; i < in.sizeWithReferences(); i++) {
                if (in.identity(i) != identity) {
                    otherIndices[others] = i;
                    otherDistances[others] = distances[i];
                    othersDistance += distances[i];
                    others++;
                }
            }
            noteHardest();
        }

        private void noteHardest() {
            int identity = in.identity(anchor);
            for (int i = 0; i < others; i++) {
                MiningStatistics.HardestNegative before = hardest.get(identity);
                if (before == null || otherDistances[i] < before.squaredDistance()) {
                    hardest.put(
                            identity,
                            new MiningStatistics.HardestNegative(identity, anchor, otherIndices[i], otherDistances[i]));
                }
            }
        }

        private void count(float ap) {
            int violators = 0;
            double hinge = 0;
            for (int i = 0; i < others; i++) {
                float an = otherDistances[i];
                if (an - ap < margin) {
                    violators++;
                    hinge += (double) ap - an + margin;
                }
            }
            pairCount++;
            pairsWithViolating += violators > 0 ? 1 : 0;
            tripletCount += others;
            violating += violators;
            hinges += hinge;
            positiveDistance += ap;
            negativeDistance += othersDistance;
        }

        @Override
        public void add(int candidate) {
            triplets.add(anchor, candidates.positive(), candidates.index(candidate));
        }

        Triplets triplets() {
            return triplets.statistics(MiningStatistics.builder()
                            .pairs(pairCount)
                            .pairsWithViolatingNegative(pairsWithViolating)
                            .pairsWithEligibleNegative(pairsWithEligible)
                            .violatingShare((double) violating / tripletCount)
                            .lossOverAll(hinges / tripletCount)
                            .meanPositiveDistance(positiveDistance / pairCount)
                            .meanNegativeDistance(negativeDistance / tripletCount)
                            .hardestNegatives(List.copyOf(hardest.values()))
                            .build())
                    .build();
        }
    }
}
