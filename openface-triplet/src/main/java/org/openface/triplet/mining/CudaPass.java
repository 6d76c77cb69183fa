package org.openface.triplet.mining;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.openface.core.embedding.Distance;
import org.openface.triplet.internal.Description;
import org.openface.triplet.internal.cuda.CudaDevice;
import org.openface.triplet.internal.cuda.MiningOutcome;
import org.openface.triplet.internal.cuda.MiningTask;
import org.openface.triplet.internal.cuda.MiningTask.Choice;

/** What {@link MiningPass} does, on the GPU. */
final class CudaPass {
    private final MiningBatch in;
    private final ChosenPairs pairs;
    private final Band band;
    private final Choice choice;

    private CudaPass(MiningBatch in, ChosenPairs pairs, Band band, Choice choice) {
        this.in = in;
        this.pairs = pairs;
        this.band = band;
        this.choice = choice;
    }

    /** Whether the kernels know the parts of a strategy. */
    static boolean covers(TripletFilter filter, NegativeSelector negatives) {
        return TripletFilters.bandOf(filter).exact()
                && negatives instanceof NegativeSelectors known
                && known != NegativeSelectors.DISTANCE_WEIGHTED
                && known != NegativeSelectors.HARDEST_OF_EACH_IDENTITY;
    }

    /**
     * Refuses a strategy without a kernel.
     *
     * @throws IllegalArgumentException if it has none
     */
    static void check(boolean hasKernel, Object strategy) {
        checkArgument(
                hasKernel,
                "there is no CUDA kernel for the strategy %s; there are for what TripletMiner.of makes of the filters and"
                        + " the negative selectors of this library, rank and or apart. MiningDevice.AUTO leaves it to"
                        + " the CPU",
                Description.of(strategy));
    }

    /** Empty if the kernels do not cover the strategy. */
    static Optional<CudaPass> of(MiningBatch in, ChosenPairs pairs, TripletFilter filter, NegativeSelector negatives) {
        Band band = TripletFilters.bandOf(filter);
        // The kernels measure squared distances.
        if (in.measure() != Distance.SQUARED_EUCLIDEAN
                || !band.exact()
                || !(negatives instanceof NegativeSelectors known)) {
            return Optional.empty();
        }
        @Nullable
        Choice choice =
                switch (known) {
                    case RANDOM -> Choice.RANDOM;
                    case HARDEST -> Choice.HARDEST;
                    case SOFTEST -> Choice.SOFTEST;
                    case ALL -> Choice.ALL;
                    case DISTANCE_WEIGHTED, HARDEST_OF_EACH_IDENTITY -> null;
                };
        if (choice == null) {
            return Optional.empty();
        }
        return Optional.of(new CudaPass(in, pairs, band, choice));
    }

    Triplets run(CudaDevice device) {
        MiningOutcome outcome = device.mine(new MiningTask(
                in.embeddings().dimension(),
                in.embeddings().values(),
                in.references().values(),
                in.identities(),
                pairs.anchors(),
                pairs.starts(),
                pairs.positives(),
                in.margin(),
                band.flags(),
                choice,
                in.draws().key()));
        Triplets.Builder triplets = Triplets.builder(in);
        outcome.forEach((run, pair, negative, ap, an) ->
                triplets.append(pairs.anchor(run), pairs.positive(pair), negative, ap, an));
        return triplets.statistics(statistics(outcome)).build();
    }

    private MiningStatistics statistics(MiningOutcome outcome) {
        MiningTally tally = new MiningTally(in, pairs);
        for (int run = 0; run < pairs.runs(); run++) {
            int first = pairs.start(run);
            int end = pairs.start(run + 1);
            for (int pair = first; pair < end; pair++) {
                tally.positiveDistances[run] += outcome.positiveDistance(pair);
            }
            tally.eligiblePairs[run] = outcome.eligiblePairs(run);
            tally.violatingPairs[run] = outcome.violatingPairs(run);
            tally.violating[run] = outcome.violating(run);
            tally.all[run] = (end - first) * outcome.negatives(run);
            tally.hinges[run] = outcome.hinges(run);
            tally.negativeDistances[run] = (end - first) * outcome.negativeDistances(run);
            tally.nearest[run] = outcome.nearest(run);
            tally.nearestDistances[run] = outcome.nearestDistance(run);
        }
        return tally.statistics();
    }
}
