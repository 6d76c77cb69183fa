package org.openface.triplet;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

/** Strategies made of other strategies. */
final class TripletMiners {
    private TripletMiners() {}

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

    record AtMostPerAnchor(TripletMiner miner, int limit) implements TripletMiner {
        AtMostPerAnchor {
            checkArgument(limit >= 1, "limit (%s) must be positive", limit);
        }

        @Override
        public Triplets mine(MiningBatch in) {
            Triplets all = miner.mine(in);
            int[] left = new int[in.size()];
            for (int t = 0; t < all.size(); t++) {
                left[all.anchor(t)]++;
            }
            Draw[] draws = new Draw[in.size()];
            int[] wanted = new int[in.size()];
            for (int a = 0; a < in.size(); a++) {
                // No image has this number, so no pair has this sequence.
                draws[a] = in.draws().of(a, Integer.MAX_VALUE);
                wanted[a] = limit;
            }
            // Selection sampling (Knuth, volume 2, algorithm S), for each anchor in the order of its triplets.
            Triplets.Builder some = Triplets.builder(in);
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
