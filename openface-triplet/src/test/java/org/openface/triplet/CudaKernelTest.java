package org.openface.triplet;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The CUDA kernels' logic, run on the processor from the same source, against mining in Java. */
class CudaKernelTest {
    private static final Path SOURCE = Path.of("src/main/cuda/mining.cu");

    @TempDir
    Path folder;

    @Test
    void theCompiledKernelsAreThoseOfTheSource() throws Exception {
        byte[] hash = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(SOURCE));
        List<String> compiled = Files.readAllLines(Path.of("src/main/cuda/mining.ptx"), UTF_8);
        assertThat(compiled.get(0))
                .as("run src/main/cuda/compile.sh after a change of mining.cu")
                .isEqualTo("// source sha256 " + HexFormat.of().formatHex(hash));
        assertThat(compiled).contains(".version 6.5", ".target sm_75");
    }

    @Test
    @Tag("native")
    void theKernelsChooseTheSameNegatives() throws Exception {
        Path emulator = compile();
        // More than one tile of images, components that are no multiple of those on chip, references, and ties.
        MiningBatch references = Batches.random(3, 6, 9, 5)
                .withReferences(
                        Batches.random(4, 20, 10, 5).embeddings(),
                        new Random(5).ints(200, 95, 125).toArray());
        float[] equal = new float[70 * 3];
        Arrays.fill(equal, 0.7f);
        MiningBatch alike = Batches.batch(Batches.identities(14, 5), 3, 0.2f, equal);
        for (MiningBatch in : List.of(Batches.random(1, 9, 20, 37), references, alike)) {
            for (Map.Entry<Integer, TripletFilter> band : bands().entrySet()) {
                checkChoices(emulator, in, band.getKey(), band.getValue());
            }
        }
    }

    private static Map<Integer, TripletFilter> bands() {
        Map<Integer, TripletFilter> bands = new LinkedHashMap<>();
        bands.put(1, TripletFilter.violating());
        bands.put(1 + 4, TripletFilter.semiHard());
        bands.put(8, TripletFilter.hard());
        bands.put(2, TripletFilter.easy());
        bands.put(0, TripletFilter.any());
        return bands;
    }

    private void checkChoices(Path emulator, MiningBatch in, int band, TripletFilter filter) throws Exception {
        ComposedMiner miner = new ComposedMiner(PairSelector.orderedPairs(), filter, NegativeSelector.random());
        ComposedMiner.Pairs pairs = ComposedMiner.Pairs.of(miner.pairs(), in);
        int count = pairs.size();
        int[] anchors = new int[count];
        for (int run = 0; run < pairs.runs(); run++) {
            Arrays.fill(anchors, pairs.start(run), pairs.start(run + 1), pairs.anchor(run));
        }
        Path input = folder.resolve("input");
        Path output = folder.resolve("output");
        write(input, in, band, pairs, anchors);
        Process process = new ProcessBuilder(emulator.toString(), input.toString(), output.toString())
                .inheritIO()
                .start();
        assertThat(process.waitFor()).isZero();
        ByteBuffer result = ByteBuffer.wrap(Files.readAllBytes(output)).order(ByteOrder.nativeOrder());

        Triplets expected = miner.mine(in);
        int triplet = 0;
        for (int pair = 0; pair < count; pair++) {
            int negative = result.getInt(4 * pair);
            assertThat(result.getInt(4 * (count + pair)) > 0).isEqualTo(negative >= 0);
            if (negative >= 0) {
                assertThat(Batches.triplet(anchors[pair], pairs.positive(pair), negative))
                        .isEqualTo(Batches.triplet(
                                expected.anchor(triplet), expected.positive(triplet), expected.negative(triplet)));
                triplet++;
            }
        }
        assertThat(triplet).isEqualTo(expected.size());
        if (filter == TripletFilter.violating()) {
            assertThat(triplet).isPositive();
        }
    }

    private static void write(Path input, MiningBatch in, int band, ComposedMiner.Pairs pairs, int[] anchors)
            throws IOException {
        int total = in.sizeWithReferences();
        int dimension = in.embeddings().dimension();
        ByteBuffer words = ByteBuffer.allocate(4 * (7 + total * (dimension + 1) + 2 * anchors.length))
                .order(ByteOrder.nativeOrder());
        words.putInt(total).putInt(dimension).putInt(anchors.length).putInt(band);
        words.putFloat(in.margin());
        long key = in.draws().key();
        words.putInt((int) key).putInt((int) (key >>> 32));
        for (int i = 0; i < total; i++) {
            for (int k = 0; k < dimension; k++) {
                words.putFloat(in.valuesOf(i)[in.begin(i) + k]);
            }
        }
        for (int i = 0; i < total; i++) {
            words.putInt(in.identity(i));
        }
        Arrays.stream(anchors).forEach(words::putInt);
        for (int pair = 0; pair < anchors.length; pair++) {
            words.putInt(pairs.positive(pair));
        }
        Files.write(input, words.array());
    }

    private Path compile() throws Exception {
        Path emulator = folder.resolve("emulate");
        Process compiler;
        try {
            compiler = new ProcessBuilder(
                            "g++",
                            "-std=c++17",
                            "-O1",
                            "-ffp-contract=off",
                            "-DKERNELS=\"" + SOURCE.toAbsolutePath() + "\"",
                            "-o",
                            emulator.toString(),
                            "src/test/cuda/emulate.cpp")
                    .inheritIO()
                    .start();
        } catch (IOException e) {
            assumeTrue(false, "no g++ here");
            throw e;
        }
        assertThat(compiler.waitFor()).isZero();
        return emulator;
    }
}
