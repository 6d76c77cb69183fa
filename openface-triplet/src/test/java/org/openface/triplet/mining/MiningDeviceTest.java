package org.openface.triplet.mining;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import com.google.common.io.Resources;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.triplet.internal.cuda.Cuda;
import org.openface.triplet.internal.cuda.CudaDevice;
import org.openface.triplet.loss.TripletLoss;

/** Which device mines, as a user sees it. */
class MiningDeviceTest {
    private static final String ON_CPU = onCpu(TripletMiner.openFace());
    private static final String FACE_NET = onCpu(TripletMiner.faceNet());

    @TempDir
    static Path folder;

    private static String onCpu(TripletMiner miner) {
        return DeviceProbe.hash(MiningDevice.CPU, miner, DeviceProbe.batch());
    }

    /** What {@link DeviceProbe} says. */
    private static List<String> probe(String classPath, String... options) throws Exception {
        return probe(classPath, Map.of(), options);
    }

    private static List<String> probe(String classPath, Map<String, String> environment, String... options)
            throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(options));
        command.addAll(List.of("-cp", classPath, DeviceProbe.class.getName()));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(environment);
        Process process = builder.start();
        List<String> said = new String(process.getInputStream().readAllBytes(), UTF_8)
                .lines()
                .toList();
        assertThat(process.waitFor()).as("%s", said).isZero();
        return said;
    }

    private static String classPath() {
        return System.getProperty("java.class.path");
    }

    private static long logLines(List<String> said) {
        return said.stream()
                .filter(line -> line.contains("mining on the CPU:") || line.contains("from now on"))
                .count();
    }

    @Test
    void strategiesAreDescribedWithoutTheDevice() {
        assertThat(TripletMiner.openFace().on(MiningDevice.CPU)).hasToString("allPairs x violating x random");
        assertThat(MiningDevice.CPU.isAvailable()).isTrue();
        assertThat(MiningDevice.AUTO.isAvailable()).isTrue();
        assertThat(MiningDevice.CPU.description()).startsWith("CPU, ");
    }

    @Test
    void gradientsFollowTheTripletsWhateverTheDevice() {
        MiningBatch in = Batches.random(1, 5, 6, 8);
        Triplets expected = TripletMiner.openFace().mine(in);
        for (MiningDevice device : List.of(MiningDevice.CPU, MiningDevice.AUTO)) {
            Triplets mined = TripletMiner.openFace().on(device).mine(in);
            assertThat(mined.batch()).isNotSameAs(in);
            assertThat(TripletLoss.margin().value(in, mined))
                    .isEqualTo(TripletLoss.margin().value(in, expected))
                    .isPositive();
            assertThat(TripletLoss.margin().gradient(in, mined).values())
                    .isEqualTo(TripletLoss.margin().gradient(in, expected).values())
                    .satisfies(gradient -> assertThat(Arrays.equals(gradient, new float[gradient.length]))
                            .isFalse());
        }
    }

    @Test
    void aGpuIsUsedOnlyWhenAskedFor() {
        MiningBatch in = Batches.random(1, 5, 6, 8);
        assertThat(in.device()).isEqualTo(MiningDevice.CPU);
        assertThat(TripletMiner.openFace().mine(in).batch().device()).isEqualTo(MiningDevice.CPU);
        assertThat(TripletMiner.openFace()
                        .on(MiningDevice.AUTO)
                        .mine(in)
                        .batch()
                        .device())
                .isEqualTo(MiningDevice.AUTO);
    }

    @Test
    void insistingOnTheGpuIsRefusedForWhatItCannotMine() {
        TripletMiner own = in -> Triplets.builder(in).build();
        TripletFilter far = (ap, an, margin) -> an > 0.05f;
        for (TripletMiner miner : List.of(
                own,
                own.atMostPerAnchor(2),
                TripletMiner.openFace().untilEpoch(3, own),
                own.untilEpoch(3, TripletMiner.openFace()),
                TripletMiner.of(
                        PairSelector.allPairs(), TripletFilter.violating().and(far), NegativeSelector.random()),
                TripletMiner.of(PairSelector.allPairs(), TripletFilter.violating(), NegativeSelector.rank(1, 2)),
                TripletMiner.openFace().on(MiningDevice.CPU).atMostPerAnchor(2),
                TripletMiner.openFace().untilEpoch(3, TripletMiner.faceNet().on(MiningDevice.AUTO)))) {
            assertThatThrownBy(() -> miner.on(MiningDevice.CUDA))
                    .as("%s", miner)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("AUTO leaves it to the CPU");
        }
    }

    @Test
    void theDeviceThatIsNamedLastCounts() {
        MiningBatch in = Batches.random(1, 5, 6, 8);
        TripletMiner miner = TripletMiner.openFace().on(MiningDevice.CPU).on(MiningDevice.AUTO);
        assertThat(miner.mine(in).batch().device()).isEqualTo(MiningDevice.AUTO);
    }

    @Test
    void withoutADriverTheCpuMinesAndSaysNothing() throws Exception {
        assumeFalse(Files.exists(Path.of("/dev/nvidiactl")), "there is a GPU here");
        List<String> said = probe(classPath());
        assertThat(said)
                .contains(
                        "plausible: false",
                        "unasked: " + ON_CPU,
                        "AUTO mines: " + ON_CPU,
                        "CPU mines: " + ON_CPU,
                        "CUDA available: false",
                        "CUDA is: NVIDIA's driver (libcuda.so.1) cannot be loaded; install it, or mine on the CPU",
                        "CUDA mines: IllegalStateException: there is no GPU to mine on: NVIDIA's driver (libcuda.so.1)"
                                + " cannot be loaded; install it, or mine on the CPU. MiningDevice.AUTO takes the CPU then,"
                                + " with the same result",
                        "again: " + FACE_NET);
        assertThat(logLines(said)).isZero();
    }

    @Test
    void aDriverThatCannotBeLoadedCostsOneLine() throws Exception {
        List<String> said = probe(classPath(), "-D" + Cuda.LIBRARY + "=/no/such/libcuda.so");
        assertThat(said).contains("plausible: true", "AUTO mines: " + ON_CPU, "CUDA available: false");
        assertThat(logLines(said)).isEqualTo(1);
    }

    @Test
    void withoutJnaTheCpuMines() throws Exception {
        String without = Arrays.stream(classPath().split(File.pathSeparator))
                .filter(part -> !part.contains("jna-"))
                .collect(Collectors.joining(File.pathSeparator));
        assertThat(without).isNotEqualTo(classPath());
        List<String> said = probe(without, "-D" + Cuda.LIBRARY + "=libcuda.so.1");
        assertThat(said)
                .contains(
                        "AUTO mines: " + ON_CPU,
                        "CUDA available: false",
                        "CUDA is: JNA (net.java.dev.jna:jna) is not on the class path");
        assertThat(logLines(said)).isEqualTo(1);
    }

    @Test
    @Tag("native")
    void withADriverTheGpuMinesTheSame() throws Exception {
        Path library = FakeDriver.compile(folder).library();
        List<String> said = probe(classPath(), "-D" + Cuda.LIBRARY + "=" + library);
        assertThat(said)
                .contains(
                        "plausible: true",
                        "unasked: " + ON_CPU,
                        "looked for: false",
                        "AUTO is: Emulated GPU, compute capability 8.6, driver for CUDA 12.4",
                        "CUDA available: true",
                        "AUTO mines: " + ON_CPU,
                        "CPU mines: " + ON_CPU,
                        "CUDA mines: " + ON_CPU,
                        "again: " + FACE_NET,
                        "changing: " + onCpu(DeviceProbe.changing()),
                        // Of CUDA and of "changing", a sample; those of AUTO are not worth the way.
                        "gradients: 2")
                .anyMatch(line -> line.contains("mining large batches on the GPU: Emulated GPU"))
                .anyMatch(line ->
                        line.startsWith("own: IllegalArgumentException: there is no CUDA kernel for the strategy"));
        assertThat(logLines(said)).isZero();
    }

    @Test
    @Tag("native")
    void withoutTheKernelsTheCpuMinesAndSaysWhatIsMissing() throws Exception {
        Path library = FakeDriver.compile(folder).library();
        Path classes = folder.resolve("classes");
        Path kernels =
                Path.of(Resources.getResource(CudaDevice.class, "mining.ptx").toURI());
        Path compiled = kernels.resolve("../../../../../..").normalize();
        try (Stream<Path> files = Files.walk(compiled)) {
            for (Path file : files.filter(file -> !file.equals(kernels)).toList()) {
                Files.copy(file, classes.resolve(compiled.relativize(file).toString()));
            }
        }
        String without = Arrays.stream(classPath().split(File.pathSeparator))
                .map(part -> Path.of(part).equals(compiled) ? classes.toString() : part)
                .collect(Collectors.joining(File.pathSeparator));
        assertThat(without).isNotEqualTo(classPath());
        List<String> said = probe(without, "-D" + Cuda.LIBRARY + "=" + library);
        assertThat(said)
                .contains(
                        "AUTO mines: " + ON_CPU,
                        "CUDA available: false",
                        "CUDA is: the kernels are missing: keep org/openface/triplet/internal/cuda/mining.ptx of openface-triplet when"
                                + " you pack it into a jar of your own",
                        "held: nothing");
        assertThat(logLines(said)).isEqualTo(1);
    }

    @Test
    @Tag("native")
    void aGpuThatFailsIsLeftToItselfUnlessDemanded() throws Exception {
        Path library = FakeDriver.compile(folder).library();
        // The first four waits: for the triplets of AUTO, those of CUDA and their gradient, and triplets of AUTO again.
        List<String> said = probe(
                classPath(),
                Map.of("FAKE_CUDA_FAIL", "cuStreamSynchronize:4:700"),
                "-D" + Cuda.LIBRARY + "=" + library);
        assertThat(said)
                .contains(
                        "AUTO mines: " + ON_CPU,
                        "CUDA mines: " + ON_CPU,
                        "again: " + FACE_NET,
                        "changing: IllegalStateException: there is no GPU to mine on: cuStreamSynchronize failed:"
                                + " CUDA_ERROR_ILLEGAL_ADDRESS (700): something is wrong. MiningDevice.AUTO takes the CPU"
                                + " then, with the same result");
        assertThat(logLines(said)).isEqualTo(1);

        // What it held is given back. (After a wait that fails nothing can be, until the process ends.)
        said = probe(
                classPath(), Map.of("FAKE_CUDA_FAIL", "cuLaunchKernel:4:700"), "-D" + Cuda.LIBRARY + "=" + library);
        assertThat(said).contains("AUTO mines: " + ON_CPU, "again: " + FACE_NET, "held: nothing");
        assertThat(logLines(said)).isEqualTo(1);

        said = probe(
                classPath(),
                Map.of("FAKE_CUDA_FAIL", "cuStreamSynchronize:1:700"),
                "-D" + Cuda.LIBRARY + "=" + library);
        assertThat(said)
                .contains(
                        "AUTO mines: " + ON_CPU,
                        "CUDA mines: CudaFailure: cuStreamSynchronize failed: CUDA_ERROR_ILLEGAL_ADDRESS (700): something"
                                + " is wrong",
                        "again: " + FACE_NET);
        assertThat(logLines(said)).isEqualTo(1);
    }
}
