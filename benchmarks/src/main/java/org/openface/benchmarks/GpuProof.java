package org.openface.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch.Role;
import org.openface.triplet.internal.cuda.CudaDevice;
import org.openface.triplet.loss.Reduction;
import org.openface.triplet.loss.TripletLoss;
import org.openface.triplet.mining.Draws;
import org.openface.triplet.mining.MiningBatch;
import org.openface.triplet.mining.MiningDevice;
import org.openface.triplet.mining.MiningStatistics;
import org.openface.triplet.mining.NegativeSelector;
import org.openface.triplet.mining.PairSelector;
import org.openface.triplet.mining.TripletFilter;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.mining.Triplets;

/**
 * Shows that mining on a GPU gives what it gives on the CPU, triplet by triplet and bit by bit, and how long it takes.
 *
 * <pre>
 * GpuProof parity SIZE...     every strategy the kernels know, on awkward batches and on one of each size
 * GpuProof small              a few of the awkward batches: for a checker, under which everything is slow
 * GpuProof time SIZE...       milliseconds of mining and of the gradient, by our clock and by the GPU's
 * </pre>
 *
 * <p>{@code benchmarks/gpu-proof.sh} packs it with all it needs for a machine with a GPU and without a JDK.
 */
public final class GpuProof {
    private static final List<PairSelector> PAIRS =
            List.of(PairSelector.allPairs(), PairSelector.orderedPairs(), PairSelector.hardestPositive());
    private static final List<TripletFilter> FILTERS = List.of(
            TripletFilter.violating(),
            TripletFilter.semiHard(),
            TripletFilter.hard(),
            TripletFilter.easy(),
            TripletFilter.any());
    private static final List<NegativeSelector> NEGATIVES = List.of(
            NegativeSelector.random(), NegativeSelector.hardest(), NegativeSelector.softest(), NegativeSelector.all());

    private long comparisons;
    private long triplets;
    private final List<String> differences = new ArrayList<>();

    private GpuProof() {}

    /** See the class comment; ends with 1 if anything differs, and with 2 if there is no GPU. */
    public static void main(String[] args) {
        System.out.println("# CUDA: " + MiningDevice.CUDA.description());
        System.out.println("# CPU: " + MiningDevice.CPU.description());
        if (!MiningDevice.CUDA.isAvailable()) {
            System.exit(2);
        }
        int[] sizes = Arrays.stream(args).skip(1).mapToInt(Integer::parseInt).toArray();
        boolean well = true;
        switch (args.length == 0 ? "" : args[0]) {
            case "parity" -> well = new GpuProof().parity(awkward(), sizes);
            case "small" -> well = new GpuProof().parity(awkward().subList(0, 3), new int[0]);
            case "time" -> {
                for (int size : sizes) {
                    time(size);
                }
            }
            default -> throw new IllegalArgumentException("usage: GpuProof parity|small|time [SIZE...]");
        }
        System.exit(well ? 0 : 1);
    }

    /** Sizes that are no multiple of any tile, references, negatives only, ties, and distances beyond float. */
    private static List<MiningBatch> awkward() {
        List<MiningBatch> batches = new ArrayList<>();
        batches.add(random(1, 6, 9, 5, 95, 0.5f));
        batches.add(random(2, 12, 16, 37, 0, 0.5f));
        float[] lattice = new float[80];
        SplittableRandom random = new SplittableRandom(3);
        for (int i = 0; i < lattice.length; i++) {
            lattice[i] = random.nextInt(3);
        }
        batches.add(batch(1, 5, 1, lattice));
        batches.add(batch(0, 5, 3, new float[65 * 3]));
        float[] huge = new float[12];
        for (int i = 0; i < huge.length; i++) {
            huge[i] = i % 3 == 0 ? 3e19f * i : i;
        }
        batches.add(batch(0.2f, 2, 2, huge));
        batches.add(random(4, 12, 17, 129, 70, 0.5f));
        batches.add(random(5, 7, 30, 128, 0, 0.1f));
        batches.add(random(6, 3, 60, 64, 0, 1f));
        return batches;
    }

    private static MiningBatch batch(float margin, int images, int dimension, float[] values) {
        int size = values.length / dimension;
        int[] identities = new int[size];
        for (int i = 0; i < size; i++) {
            identities[i] = i / images;
        }
        return MiningBatch.of(
                new EmbeddingBatch(dimension, values),
                identities,
                Collections.nCopies(size, Role.FULL),
                margin,
                new Draws(1, 1, 1));
    }

    private static MiningBatch random(long seed, int people, int images, int dimension, int references, float spread) {
        SplittableRandom random = new SplittableRandom(seed);
        int size = people * images;
        int[] identities = new int[size + references];
        Role[] roles = new Role[size];
        float[] values = new float[(size + references) * dimension];
        for (int i = 0; i < identities.length; i++) {
            identities[i] = 100 + random.nextInt(people);
            SplittableRandom centre = new SplittableRandom(identities[i]);
            for (int k = 0; k < dimension; k++) {
                values[i * dimension + k] =
                        (float) ((0.6 * centre.nextGaussian() + spread * random.nextGaussian()) / Math.sqrt(dimension));
            }
        }
        for (int i = 0; i < size; i++) {
            roles[i] = random.nextInt(6) == 0 ? Role.NEGATIVE_ONLY : Role.FULL;
        }
        MiningBatch in = MiningBatch.of(
                new EmbeddingBatch(dimension, Arrays.copyOf(values, size * dimension)),
                Arrays.copyOf(identities, size),
                Arrays.asList(roles),
                0.2f,
                new Draws(seed, 2, 3));
        return in.withReferences(
                new EmbeddingBatch(dimension, Arrays.copyOfRange(values, size * dimension, values.length)),
                Arrays.copyOfRange(identities, size, identities.length));
    }

    private boolean parity(List<MiningBatch> awkward, int[] sizes) {
        for (MiningBatch in : awkward) {
            for (PairSelector pairs : PAIRS) {
                for (TripletFilter filter : FILTERS) {
                    for (NegativeSelector negatives : NEGATIVES) {
                        compare(in, TripletMiner.of(pairs, filter, negatives));
                    }
                }
            }
        }
        for (int size : sizes) {
            MiningCase shape = MiningCase.of(size);
            MiningBatch in = shape.batch(shape.embeddings(), shape.identities());
            compare(in, TripletMiner.openFace());
            compare(in, TripletMiner.faceNet());
            compare(in, TripletMiner.batchHard());
            System.out.println("# compared: " + shape);
        }
        differences.forEach(System.out::println);
        System.out.printf(
                Locale.ROOT,
                "gpu-proof parity device=\"%s\" comparisons=%d triplets=%d differences=%d%n",
                MiningDevice.CUDA.description(),
                comparisons,
                triplets,
                differences.size());
        return differences.isEmpty() && triplets > 0;
    }

    private void compare(MiningBatch in, TripletMiner miner) {
        Triplets cpu = miner.on(MiningDevice.CPU).mine(in);
        Triplets gpu = miner.on(MiningDevice.CUDA).mine(in);
        comparisons++;
        triplets += cpu.size();
        String what = miner + " on " + in.size() + " images: ";
        boolean same = cpu.size() == gpu.size();
        for (int t = 0; same && t < cpu.size(); t++) {
            same = cpu.anchor(t) == gpu.anchor(t)
                    && cpu.positive(t) == gpu.positive(t)
                    && cpu.negative(t) == gpu.negative(t)
                    && bits(cpu.positiveDistance(t)) == bits(gpu.positiveDistance(t))
                    && bits(cpu.negativeDistance(t)) == bits(gpu.negativeDistance(t));
            if (!same) {
                differences.add(what + "triplet " + t + " of " + cpu.size() + " differs");
            }
        }
        if (cpu.size() != gpu.size()) {
            differences.add(what + cpu.size() + " triplets on the CPU, " + gpu.size() + " on the GPU");
        }
        compare(what, cpu.statistics(), gpu.statistics());
        if (same) {
            for (TripletLoss loss : List.of(
                    TripletLoss.margin(),
                    TripletLoss.softMargin().overUses(Reduction.MEAN).overTriplets(Reduction.SUM))) {
                float[] a = loss.gradient(in, cpu).values();
                float[] b = loss.gradient(in, gpu).values();
                for (int i = 0; i < a.length; i++) {
                    if (bits(a[i]) != bits(b[i]) && !(Float.isNaN(a[i]) && Float.isNaN(b[i]))) {
                        differences.add(what + loss + ": gradient " + i + " is " + a[i] + " on the CPU, " + b[i]);
                        break;
                    }
                }
            }
        }
    }

    private void compare(String what, MiningStatistics a, MiningStatistics b) {
        boolean same = a.pairs() == b.pairs()
                && a.pairsWithViolatingNegative() == b.pairsWithViolatingNegative()
                && a.pairsWithEligibleNegative() == b.pairsWithEligibleNegative()
                && close(a.violatingShare(), b.violatingShare())
                && close(a.meanPositiveDistance(), b.meanPositiveDistance())
                && close(a.meanNegativeDistance(), b.meanNegativeDistance())
                && (!Double.isFinite(a.meanNegativeDistance()) || close(a.lossOverAll(), b.lossOverAll()))
                && a.hardestNegatives().equals(b.hardestNegatives());
        if (!same) {
            differences.add(what + "statistics " + a + " on the CPU, " + b + " on the GPU");
        }
    }

    /** Means are added up in float within a tile. */
    private static boolean close(double a, double b) {
        return Double.isFinite(a) ? Math.abs(a - b) <= 2e-6 * Math.max(1, a) : Double.compare(a, b) == 0;
    }

    private static int bits(float value) {
        return Float.floatToRawIntBits(value);
    }

    private static void time(int size) {
        MiningCase shape = MiningCase.of(size);
        EmbeddingBatch embeddings = shape.embeddings();
        int[] identities = shape.identities();
        MiningBatch in = shape.batch(embeddings, identities);
        TripletMiner miner = TripletMiner.openFace().on(MiningDevice.CUDA);
        Triplets mined = miner.mine(in);
        List<Double> mining = new ArrayList<>();
        List<Double> miningKernels = new ArrayList<>();
        List<Double> gradient = new ArrayList<>();
        List<Double> gradientKernels = new ArrayList<>();
        int warm = Math.max(2, 20_000 / size);
        int rounds = Math.max(5, 40_000 / size);
        for (int round = 0; round < warm + rounds; round++) {
            double one = Compare.time(() -> miner.mine(in), 1).get(0);
            double oneKernels = CudaDevice.lastKernelMillis();
            double two = Compare.time(() -> TripletLoss.margin().gradient(in, mined), 1)
                    .get(0);
            double twoKernels = CudaDevice.lastKernelMillis();
            if (round >= warm) {
                mining.add(one);
                miningKernels.add(oneKernels);
                gradient.add(two);
                gradientKernels.add(twoKernels);
            }
        }
        double operations = 2.0 * MiningCase.DIMENSION * size * (size - shape.people());
        System.out.printf(
                Locale.ROOT,
                "gpu-proof time case=openface-%d device=\"%s\" mining=%.3f mining-kernels=%.3f gradient=%.3f"
                        + " gradient-kernels=%.3f distance-tflops=%.2f%n",
                size,
                MiningDevice.CUDA.description(),
                Compare.median(mining),
                Compare.median(miningKernels),
                Compare.median(gradient),
                Compare.median(gradientKernels),
                operations / Compare.median(miningKernels) / 1e9);
    }
}
