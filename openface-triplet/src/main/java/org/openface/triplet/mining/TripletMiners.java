package org.openface.triplet.mining;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.openface.triplet.internal.Description;

/** Strategies made of other strategies. */
final class TripletMiners {
    private TripletMiners() {}

    /** What a strategy comes to in an epoch, wherever it is mined. */
    static TripletMiner inEpoch(TripletMiner miner, int epoch) {
        if (miner instanceof UntilEpoch two) {
            return inEpoch(epoch <= two.last ? two.before : two.after, epoch);
        } else if (miner instanceof AtMostPerAnchor sample) {
            return new AtMostPerAnchor(inEpoch(sample.miner, epoch), sample.limit);
        } else if (miner instanceof Union all) {
            return new Union(
                    all.miners.stream().map(each -> inEpoch(each, epoch)).toList());
        } else if (miner instanceof OnDevice one) {
            return inEpoch(one.miner, epoch);
        } else if (miner instanceof Named named) {
            return inEpoch(named.miner, epoch);
        }
        return miner;
    }

    /**
     * Refuses a strategy that is not, or not in every epoch, mined by the CUDA kernels.
     *
     * @throws IllegalArgumentException if so, with the part that is not
     */
    static void checkKernels(TripletMiner miner) {
        if (miner instanceof UntilEpoch two) {
            checkKernels(two.before);
            checkKernels(two.after);
        } else if (miner instanceof AtMostPerAnchor sample) {
            checkKernels(sample.miner);
        } else if (miner instanceof Union all) {
            all.miners.forEach(TripletMiners::checkKernels);
        } else if (miner instanceof Named named) {
            checkKernels(named.miner);
        } else if (miner instanceof OnDevice one) {
            checkArgument(
                    one.device == MiningDevice.CUDA,
                    "the strategy %s has been put on %s: name the device once, for the whole. MiningDevice.AUTO leaves it to"
                            + " the CPU",
                    one,
                    one.device);
        } else if (miner instanceof ComposedMiner composed) {
            composed.checkKernel();
        } else {
            CudaPass.check(false, miner);
        }
    }

    /** See {@link TripletMiner#drawsNewNumbers}. */
    static boolean drawNewNumbers(TripletMiner miner) {
        return drawNewNumbers(miner, false);
    }

    private static boolean drawNewNumbers(TripletMiner miner, boolean sampled) {
        if (miner instanceof ComposedMiner composed) {
            return !(composed.pairs() instanceof PairSelectors);
        } else if (miner instanceof UntilEpoch two) {
            return drawNewNumbers(two.before, sampled) || drawNewNumbers(two.after, sampled);
        } else if (miner instanceof Union all) {
            return all.miners.stream().anyMatch(each -> drawNewNumbers(each, sampled));
        } else if (miner instanceof OnDevice one) {
            return drawNewNumbers(one.miner, sampled);
        } else if (miner instanceof AtMostPerAnchor sample) {
            return sampled || drawNewNumbers(sample.miner, true);
        }
        return true;
    }

    /** See {@link TripletMiner#counted}. */
    static Mined counted(Mined mined) {
        if (!mined.statistics().equals(MiningStatistics.NONE)) {
            return mined;
        }
        // On one device whatever it was mined on: means differ in their last digits.
        MiningStatistics all = new ComposedMiner(
                        PairSelectors.ALL_PAIRS, TripletFilters.VIOLATING, NegativeSelectors.HARDEST)
                .mine(mined.batch().on(MiningDevice.CPU))
                .statistics();
        Set<Long> pairs = new HashSet<>();
        if (mined instanceof Triplets triplets) {
            for (int t = 0; t < triplets.size(); t++) {
                pairs.add(unordered(triplets.anchor(t), triplets.positive(t)));
            }
            return triplets.with(all.withEligiblePairs(pairs.size()));
        }
        Pairs chosen = mined.pairs();
        for (int k = 0; k < chosen.size(); k++) {
            if (chosen.isPositive(k)) {
                pairs.add(unordered(chosen.anchor(k), chosen.other(k)));
            }
        }
        return chosen.with(all.withEligiblePairs(pairs.size()));
    }

    private static long unordered(int one, int other) {
        return (long) Math.min(one, other) << 32 | Math.max(one, other);
    }

    record UntilEpoch(TripletMiner before, int last, TripletMiner after) implements TripletMiner {
        UntilEpoch {
            checkArgument(last >= 1, "epochs count from 1; a strategy until epoch %s is never used", last);
        }

        @Override
        public Triplets mine(MiningBatch in) {
            return (in.draws().epoch() <= last ? before : after).mine(in);
        }

        @Override
        public String toString() {
            return Description.of(before) + " until epoch " + last + ", then " + Description.of(after);
        }
    }

    record Union(List<TripletMiner> miners) implements TripletMiner {
        Union {
            miners = List.copyOf(miners);
            checkArgument(!miners.isEmpty(), "a union is of at least one miner");
        }

        @Override
        public Triplets mine(MiningBatch in) {
            Triplets.Builder union = Triplets.builder(in);
            Set<List<Integer>> seen = new HashSet<>();
            MiningStatistics counted = MiningStatistics.NONE;
            for (TripletMiner miner : miners) {
                Triplets some = miner.mine(in);
                for (int t = 0; t < some.size(); t++) {
                    if (seen.add(List.of(some.anchor(t), some.positive(t), some.negative(t)))) {
                        union.append(
                                some.anchor(t),
                                some.positive(t),
                                some.negative(t),
                                some.positiveDistance(t),
                                some.negativeDistance(t));
                    }
                }
                counted = counted.equals(MiningStatistics.NONE) ? some.statistics() : counted;
            }
            return union.statistics(counted).build();
        }

        @Override
        public String toString() {
            return miners.stream().map(Description::of).collect(Collectors.joining(", ", "union of [", "]"));
        }
    }

    record AtMostPerAnchor(TripletMiner miner, int limit) implements TripletMiner {
        AtMostPerAnchor {
            checkArgument(limit >= 1, "limit (%s) must be positive", limit);
        }

        @Override
        public Triplets mine(MiningBatch in) {
            Triplets all = miner.mine(in.sampled());
            int[] left = new int[in.size()];
            for (int t = 0; t < all.size(); t++) {
                left[all.anchor(t)]++;
            }
            Draws.Draw[] draws = new Draws.Draw[in.size()];
            int[] wanted = new int[in.size()];
            for (int a = 0; a < in.size(); a++) {
                // No image has such a number, so no pair has this sequence; nor has another sampling.
                draws[a] = in.draws().ofNegatives(a, Integer.MAX_VALUE - in.samplings());
                wanted[a] = limit;
            }
            // Selection sampling (Knuth, volume 2, algorithm S), for each anchor in the order of its triplets. They
            // stay on
            // the device that they were mined on.
            Triplets.Builder some = Triplets.builder(all.batch());
            for (int t = 0; t < all.size(); t++) {
                int a = all.anchor(t);
                if (draws[a].below(left[a]--) < wanted[a]) {
                    wanted[a]--;
                    some.append(a, all.positive(t), all.negative(t), all.positiveDistance(t), all.negativeDistance(t));
                }
            }
            return some.statistics(all.statistics()).build();
        }

        @Override
        public String toString() {
            return Description.of(miner) + ", at most " + limit + " per anchor";
        }
    }

    record OnDevice(TripletMiner miner, MiningDevice device) implements TripletMiner {
        @Override
        public Triplets mine(MiningBatch in) {
            return miner.mine(in.on(device));
        }

        /** Elsewhere, instead of here. */
        @Override
        public TripletMiner on(MiningDevice elsewhere) {
            return miner.on(elsewhere);
        }

        /** Without the device, which changes no result: a run may go on elsewhere. */
        @Override
        public String toString() {
            return Description.of(miner);
        }
    }

    record Named(String name, TripletMiner miner) implements TripletMiner {
        Named {
            Description.name(name);
            requireNonNull(miner, "miner must not be null");
        }

        @Override
        public Triplets mine(MiningBatch in) {
            return miner.mine(in);
        }

        @Override
        public String toString() {
            return name;
        }
    }
}
