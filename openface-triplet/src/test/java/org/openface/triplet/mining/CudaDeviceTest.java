package org.openface.triplet.mining;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openface.triplet.internal.cuda.CudaDevice;
import org.openface.triplet.internal.cuda.CudaFailure;

/**
 * Mining on a GPU against mining on the CPU, by way of a driver that emulates one: everything but the machine code and the
 * hardware is what it would be.
 */
@Tag("native")
class CudaDeviceTest {
    private static final List<PairSelector> PAIRS =
            List.of(PairSelector.allPairs(), PairSelector.hardestPositive(), MiningPassTest::pairsInNoOrder);

    private static final List<TripletFilter> FILTERS = List.of(
            TripletFilter.violating(),
            TripletFilter.semiHard(),
            TripletFilter.hard(),
            TripletFilter.easy(),
            TripletFilter.any(),
            TripletFilter.hard().and(TripletFilter.easy()));

    private static final List<NegativeSelector> NEGATIVES = List.of(
            NegativeSelector.random(), NegativeSelector.hardest(), NegativeSelector.softest(), NegativeSelector.all());

    @TempDir
    static Path folder;

    private static FakeDriver driver;

    @BeforeAll
    static void compile() throws Exception {
        driver = FakeDriver.compile(folder);
    }

    @BeforeEach
    void reset() {
        driver.reset();
    }

    @AfterEach
    void nothingIsHeldAndNothingWasWrong() {
        assertThat(driver.counts().violations()).as(driver.lastViolation()).isZero();
        assertThat(driver.counts().nothingHeld()).as("%s", driver.counts()).isTrue();
    }

    private static CudaDevice open() {
        return CudaDevice.open(driver.library().toString());
    }

    static List<MiningBatch> batches() {
        List<MiningBatch> batches = new ArrayList<>(MiningPassTest.batches());
        // More than one tile of images and of anchors, and components that are no multiple of those on chip.
        batches.add(Batches.random(11, 12, 16, 37));
        return batches;
    }

    @ParameterizedTest
    @MethodSource("batches")
    void everyStrategyChoosesWhatTheCpuChooses(MiningBatch in) {
        // An emulated GPU takes its time over many tiles.
        List<TripletFilter> filters = in.sizeWithReferences() > 100 ? FILTERS.subList(0, 2) : FILTERS;
        try (CudaDevice device = open()) {
            for (PairSelector selector : PAIRS) {
                ChosenPairs pairs = ChosenPairs.of(selector, in);
                if (pairs.size() == 0) {
                    continue;
                }
                for (TripletFilter filter : filters) {
                    for (NegativeSelector negatives : NEGATIVES) {
                        // So that every buffer ends where its memory does.
                        device.release();
                        compare(device, in, pairs, filter, negatives);
                    }
                }
            }
        }
    }

    private static void compare(
            CudaDevice device, MiningBatch in, ChosenPairs pairs, TripletFilter filter, NegativeSelector negatives) {
        Triplets expected = new MiningPass(in, pairs, filter, negatives).run(1);
        Triplets mined = CudaPass.of(in, pairs, filter, negatives).orElseThrow().run(device);
        assertThat(MiningPassTest.numbers(mined))
                .as("%s x %s", filter, negatives)
                .isEqualTo(MiningPassTest.numbers(expected));
        MiningStatistics a = mined.statistics();
        MiningStatistics b = expected.statistics();
        assertThat(a.pairs()).isEqualTo(b.pairs());
        assertThat(a.pairsWithViolatingNegative()).isEqualTo(b.pairsWithViolatingNegative());
        assertThat(a.pairsWithEligibleNegative()).isEqualTo(b.pairsWithEligibleNegative());
        assertThat(a.hardestNegatives()).isEqualTo(b.hardestNegatives());
        same(a.violatingShare(), b.violatingShare());
        same(a.meanPositiveDistance(), b.meanPositiveDistance());
        close(a.meanNegativeDistance(), b.meanNegativeDistance());
        if (Double.isFinite(b.meanNegativeDistance())) {
            close(a.lossOverAll(), b.lossOverAll());
        }
    }

    private static void same(double mined, double expected) {
        assertThat(Double.valueOf(mined)).isEqualTo(Double.valueOf(expected));
    }

    private static void close(double mined, double expected) {
        if (Double.isFinite(expected)) {
            assertThat(mined).isCloseTo(expected, within(2e-6 * Math.max(1, expected)));
        } else {
            same(mined, expected);
        }
    }

    @Test
    void chunksOfAnySizeGiveTheSame() {
        MiningBatch in = batches().get(batches().size() - 1);
        ChosenPairs pairs = ChosenPairs.of(PairSelector.orderedPairs(), in);
        for (long scratch : new long[] {0, 20_000, 1 << 20}) {
            for (NegativeSelector negatives : NEGATIVES) {
                try (CudaDevice device = open()) {
                    device.limit(scratch, scratch);
                    compare(device, in, pairs, TripletFilter.violating(), negatives);
                }
            }
        }
    }

    @Test
    void buffersServeBatchAfterBatch() {
        try (CudaDevice device = open()) {
            for (MiningBatch in : MiningPassTest.batches().subList(0, 4)) {
                ChosenPairs pairs = ChosenPairs.of(PairSelector.allPairs(), in);
                compare(device, in, pairs, TripletFilter.violating(), NegativeSelector.random());
                compare(device, in, pairs, TripletFilter.hard(), NegativeSelector.all());
                compareGradients(device, in);
            }
            device.release();
            assertThat(driver.counts().allocations() + driver.counts().pinned()).isZero();
            compareGradients(device, Batches.random(2, 4, 9, 7));
        }
    }

    @ParameterizedTest
    @MethodSource("batches")
    void gradientsAreTheSameBits(MiningBatch in) {
        try (CudaDevice device = open()) {
            compareGradients(device, in);
        }
    }

    private static void compareGradients(CudaDevice device, MiningBatch in) {
        for (TripletMiner miner : List.of(
                TripletMiner.faceNet(),
                // Some images in very many triplets.
                TripletMiner.of(PairSelector.orderedPairs(), TripletFilter.any(), NegativeSelector.hardest()),
                CudaDeviceTest::tripletsInNoOrder)) {
            Triplets triplets = miner.mine(in);
            if (triplets.isEmpty()) {
                continue;
            }
            double[] weights = IntStream.range(0, triplets.size())
                    .mapToDouble(t -> t % 7 == 3 ? 0 : 1.0 / (t + 3))
                    .toArray();
            for (boolean meanOverUses : new boolean[] {false, true}) {
                double[] slopes =
                        Arrays.stream(weights).map(weight -> weight / 2).toArray();
                TripletGradient gradient = triplets.gradientOf(slopes, meanOverUses);
                float[] expected = gradient.onCpu();
                float[] formed = device.gradient(
                        in.embeddings().dimension(),
                        in.embeddings().values(),
                        in.references().values(),
                        gradient.members(),
                        weights,
                        meanOverUses);
                assertThat(bits(formed)).isEqualTo(bits(expected));
            }
        }
    }

    private static Triplets tripletsInNoOrder(MiningBatch in) {
        Triplets all = TripletMiner.of(PairSelector.allPairs(), TripletFilter.any(), NegativeSelector.all())
                .mine(in);
        Triplets.Builder some = Triplets.builder(in);
        Random random = new Random(3);
        for (int i = 0; i < Math.min(all.size(), 500); i++) {
            int t = random.nextInt(all.size());
            some.add(all.anchor(t), all.positive(t), all.negative(t));
        }
        return some.build();
    }

    private static int[] bits(float[] values) {
        return IntStream.range(0, values.length)
                .map(i -> Float.floatToRawIntBits(values[i]))
                .toArray();
    }

    @Test
    void theCallersContextComesBack() {
        driver.makeOtherContextCurrent();
        try (CudaDevice device = open()) {
            assertThat(driver.otherContextIsCurrent()).isTrue();
            compareGradients(device, Batches.random(2, 4, 9, 7));
            assertThat(driver.otherContextIsCurrent()).isTrue();
            assertThat(device.description()).isEqualTo("Emulated GPU, compute capability 8.6, driver for CUDA 12.4");
            assertThat(CudaDevice.lastKernelMillis()).isPositive();
        }
        assertThat(driver.otherContextIsCurrent()).isTrue();
    }

    @Test
    void anyThreadMayAsk() throws Exception {
        try (CudaDevice device = open()) {
            List<Throwable> failures = new ArrayList<>();
            List<Thread> threads = new ArrayList<>();
            for (int t = 0; t < 3; t++) {
                MiningBatch in = Batches.random(20 + t, 5, 6, 8);
                Thread thread = new Thread(() -> compareGradients(device, in));
                thread.setUncaughtExceptionHandler((which, failure) -> failures.add(failure));
                threads.add(thread);
                thread.start();
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertThat(failures).isEmpty();
        }
    }

    @Test
    void whatCannotBeUsedIsRefused() {
        assertThatThrownBy(() -> CudaDevice.open("no-such-driver"))
                .isInstanceOf(CudaFailure.class)
                .hasMessageContaining("NVIDIA's driver (no-such-driver) cannot be loaded; install it");

        driver.reset(0, 8, 6, 1 << 30);
        assertThatThrownBy(CudaDeviceTest::open).hasMessage("NVIDIA's driver sees no GPU");

        driver.reset(1, 7, 0, 1 << 30);
        assertThatThrownBy(CudaDeviceTest::open)
                .hasMessageContaining(
                        "compute capability 7.5 (Turing) or later; this is Emulated GPU, compute capability 7.0");

        driver.reset();
        driver.fail("cuModuleLoadDataEx", 0, 218);
        assertThatThrownBy(CudaDeviceTest::open)
                .hasMessageContaining("cannot compile the kernels; a newer one may")
                .hasMessageContaining("CUDA_ERROR_INVALID_PTX (218)");

        driver.reset();
        driver.fail("cuInit", 0, 999);
        assertThatThrownBy(CudaDeviceTest::open).hasMessage("cuInit failed: error 999");
        driver.reset();
    }

    @Test
    void failuresOfTheDriverAreNamedAndLeaveNothingBehind() {
        MiningBatch in = Batches.random(1, 5, 6, 8);
        ChosenPairs pairs = ChosenPairs.of(PairSelector.allPairs(), in);
        CudaPass pass = CudaPass.of(in, pairs, TripletFilter.violating(), NegativeSelector.all())
                .orElseThrow();
        for (String function : List.of(
                "cuMemAlloc_v2",
                "cuMemHostAlloc",
                "cuMemcpyHtoDAsync_v2",
                "cuLaunchKernel",
                "cuMemcpyDtoHAsync_v2",
                "cuStreamSynchronize",
                "cuEventElapsedTime")) {
            try (CudaDevice device = open()) {
                driver.fail(function, function.equals("cuMemAlloc_v2") ? 3 : 0, 700);
                assertThatThrownBy(() -> pass.run(device))
                        .isInstanceOf(CudaFailure.class)
                        .hasMessage(function + " failed: CUDA_ERROR_ILLEGAL_ADDRESS (700): something is wrong");
                driver.reset();
            }
            assertThat(driver.counts().nothingHeld()).as(function).isTrue();
        }
    }

    @Test
    void withTooLittleMemoryForAllSmallerPartsAreCompared() {
        MiningBatch in = Batches.random(1, 9, 20, 37);
        ChosenPairs pairs = ChosenPairs.of(PairSelector.orderedPairs(), in);
        for (NegativeSelector negatives : List.of(NegativeSelector.random(), NegativeSelector.all())) {
            driver.reset();
            try (CudaDevice device = open()) {
                // What was free when the device was opened, others have taken since.
                driver.reset(1, 8, 6, 200_000);
                compare(device, in, pairs, TripletFilter.violating(), negatives);
                // In one part: the bounds, the distances, the choice, the sums.
                assertThat(driver.counts().launches()).isGreaterThan(4 + 1);
                // The gradient too has room when mining has given back its own.
                driver.reset(1, 8, 6, 150_000);
                compareGradients(device, Batches.random(2, 4, 9, 7));
            }
        }
    }

    @Test
    void buffersGrowByMoreThanIsNeeded() {
        try (CudaDevice device = open()) {
            for (int images = 20; images < 60; images++) {
                MiningBatch in = Batches.random(2, 1, images, 7)
                        .withReferences(Batches.random(3, 2, 5, 7).embeddings(), Batches.identities(2, 5));
                ChosenPairs pairs = ChosenPairs.of(PairSelector.hardestPositive(), in);
                compare(device, in, pairs, TripletFilter.violating(), NegativeSelector.random());
            }
            // 21 buffers and two for copies; with half as much again, one that grows six-fold does so in five steps.
            assertThat(driver.counts().allocationsMade()).isLessThanOrEqualTo(23 * 6);
            assertThat(driver.counts().allocations()).isLessThanOrEqualTo(21);
        }
    }

    @Test
    void whatCanBeGivenBackIsGivenBackAfterAFailure() {
        MiningBatch in = Batches.random(1, 5, 6, 8);
        ChosenPairs pairs = ChosenPairs.of(PairSelector.allPairs(), in);
        CudaPass pass = CudaPass.of(in, pairs, TripletFilter.violating(), NegativeSelector.all())
                .orElseThrow();
        for (String function : List.of("cuMemFreeHost", "cuEventDestroy_v2", "cuModuleUnload")) {
            CudaDevice device = open();
            pass.run(device);
            driver.fail(function, 0, 700);
            device.close();
            FakeDriver.Counts left = driver.counts();
            assertThat(left.allocations() + left.contexts() + left.streams())
                    .as(function)
                    .isZero();
            driver.reset();
            driver.forgetHeld();
        }
    }

    @Test
    void tooLittleMemoryIsSaid() {
        driver.reset(1, 9, 0, 40_000);
        MiningBatch in = Batches.random(1, 9, 20, 37);
        ChosenPairs pairs = ChosenPairs.of(PairSelector.allPairs(), in);
        CudaPass pass = CudaPass.of(in, pairs, TripletFilter.violating(), NegativeSelector.random())
                .orElseThrow();
        try (CudaDevice device = open()) {
            assertThatThrownBy(() -> pass.run(device))
                    .hasMessage("cuMemAlloc_v2 failed: CUDA_ERROR_OUT_OF_MEMORY (2): out of memory");
        }
    }

    @Test
    void closedIsClosed() {
        CudaDevice device = open();
        device.close();
        device.close();
        assertThatThrownBy(() -> device.gradient(1, new float[1], new float[0], new int[3], new double[1], false))
                .isInstanceOf(CudaFailure.class)
                .hasMessage("the device is closed");
    }
}
