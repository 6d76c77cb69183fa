package org.openface.triplet.mining;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Optional;
import org.openface.core.embedding.Distance;
import org.openface.triplet.internal.Description;
import org.openface.triplet.internal.MiningThreads;

/** A strategy of three parts. The pairs are chosen first, then {@link MiningPass} does the rest. */
record ComposedMiner(PairSelector pairs, TripletFilter filter, NegativeSelector negatives) implements TripletMiner {
    /** Multiply-adds of distances that a CPU gets done in a millisecond, all other work of mining included; roughly. */
    private static final double OPERATIONS_PER_MILLISECOND = 2e7;

    @Override
    public Triplets mine(MiningBatch in) {
        ChosenPairs chosen = ChosenPairs.of(pairs, in);
        double operations = (double) chosen.runs()
                * in.sizeWithReferences()
                * in.embeddings().dimension();
        return mineOnGpu(in, chosen, operations).orElseGet(() -> mine(in, chosen, MiningThreads.forWork(operations)));
    }

    /**
     * Refuses a strategy that the CUDA kernels do not cover.
     *
     * @throws IllegalArgumentException if so
     */
    void checkKernel() {
        CudaPass.check(CudaPass.covers(filter, negatives), this);
    }

    private Optional<Triplets> mineOnGpu(MiningBatch in, ChosenPairs chosen, double operations) {
        if (in.device() == MiningDevice.CUDA) {
            checkKernel();
            checkArgument(
                    in.measure() == Distance.SQUARED_EUCLIDEAN,
                    "the CUDA kernels measure squared Euclidean distances, and this batch's are to be %s;"
                            + " MiningDevice.AUTO leaves it to the CPU",
                    in.measure());
        }
        Optional<CudaPass> pass = CudaPass.of(in, chosen, filter, negatives);
        // There is nothing to launch a kernel for where there is no pair.
        return pass.isPresent() && chosen.size() > 0
                ? in.device().attempt(operations / OPERATIONS_PER_MILLISECOND, pass.get()::run)
                : Optional.empty();
    }

    Triplets mine(MiningBatch in, ChosenPairs chosen, int threads) {
        return new MiningPass(in, chosen, filter, negatives).run(threads);
    }

    @Override
    public String toString() {
        return Description.of(pairs) + " x " + Description.of(filter) + " x " + Description.of(negatives);
    }
}
