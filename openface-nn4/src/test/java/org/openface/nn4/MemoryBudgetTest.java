package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.bytedeco.dnnl.engine;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;
import org.openface.core.image.RgbImage;
import org.openface.nn4.internal.engine.onednn.OneDnnProgram;
import org.openface.nn4.internal.engine.onednn.OneDnnProgram.Mode;
import org.openface.nn4.internal.engine.onednn.OneDnnRunner;
import org.openface.nn4.internal.engine.onednn.OneDnnWeights;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Lowering;
import org.openface.nn4.internal.network.Nn4Graph;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.network.Plan;

/** Native memory: what is planned, what is taken, and what happens when there is none. */
@Tag("native")
class MemoryBudgetTest {
    private static final Architecture SMALL2 = Architecture.NN4_SMALL2;

    private static Plan plan() {
        return Lowering.of(new Nn4Graph(SMALL2, 128, true).sameDiff());
    }

    private static List<RgbImage> faces(int count) {
        return Collections.nCopies(count, RgbImage.of(96, 96, new byte[96 * 96 * 3]));
    }

    private static Nn4Model model() {
        return Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2)
                .engine(Nn4Model.Engine.ONEDNN)
                .build();
    }

    /** Steps, and prints what was planned and by how much the resident memory had grown. Arguments: images, budget. */
    public static final class Steps {
        private Steps() {}

        private static long resident() throws IOException {
            try (Stream<String> status = Files.lines(Path.of("/proc/self/status"))) {
                return status.filter(line -> line.startsWith("VmRSS:"))
                        .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
                        .sum();
            }
        }

        private static long step(Nn4Model model, ExecutionPlan plan) throws IOException {
            return step(model, plan, plan.batchSize());
        }

        private static long step(Nn4Model model, ExecutionPlan plan, int images) throws IOException {
            FaceBatch batch = FaceBatch.of(96, Reference.pixels(images, 96), new int[images]);
            try (ForwardPass pass = model.forward(batch, plan)) {
                float[] gradient = new float[images * 128];
                Arrays.fill(gradient, 1f / images);
                pass.update(new EmbeddingBatch(128, gradient), Optimizer.adam(1e-4));
                return resident();
            }
        }

        public static void main(String... arguments) throws IOException {
            try (Nn4Model warmUp = model()) { // so that libraries and compiled Java code are there
                ExecutionPlan plan = warmUp.plan(2, Long.MAX_VALUE);
                for (int i = 0; i < 10; i++) {
                    step(warmUp, plan);
                }
                warmUp.embed(faces(2));
            }
            try (Nn4Model model = model()) {
                long before = resident();
                ExecutionPlan plan = model.plan(Integer.parseInt(arguments[0]), Long.parseLong(arguments[1]));
                long most = step(model, plan);
                most = Math.max(most, step(model, plan));
                for (int i = 1; i <= 24; i++) { // of as many sizes as programs are kept for
                    most = Math.max(most, step(model, plan, Math.max(2, plan.batchSize() - i * plan.batchSize() / 32)));
                }
                model.embed(faces(40)); // batches of 32 and 8
                most = Math.max(most, resident());
                System.out.printf(
                        Locale.ROOT,
                        "images %d chunk %d planned %d measured %d%n",
                        plan.batchSize(),
                        plan.chunkSize(),
                        plan.estimatedBytes(),
                        most - before);
            }
        }
    }

    /** All of Java's heap is there from the start, so that what grows is not Java's. */
    private static List<Long> measure(int images, long budget) throws Exception {
        String output = ForkedJvm.run(
                Steps.class,
                List.of("-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch", "-Dorg.bytedeco.javacpp.maxBytes=4g"),
                Map.of(),
                Integer.toString(images),
                Long.toString(budget));
        MatchResult found = Pattern.compile("images (\\d+) chunk (\\d+) planned (\\d+) measured (\\d+)")
                .matcher(output)
                .results()
                .findFirst()
                .orElseThrow(() -> new AssertionError(output));
        List<Long> numbers = new ArrayList<>();
        for (int i = 1; i <= 4; i++) {
            numbers.add(Long.parseLong(found.group(i)));
        }
        return numbers;
    }

    private static void assertPlanned(List<Long> numbers) {
        double ratio = (double) numbers.get(3) / numbers.get(2);
        assertThat(ratio).as("measured to planned: %s", numbers).isBetween(0.9, 1.1);
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aSmallBatchTakesTheMemoryThatIsPlanned() throws Exception {
        assertPlanned(measure(20, 1L << 30));
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    @Tag("soak")
    void batchesOfAllSizesTakeTheMemoryThatIsPlanned() throws Exception {
        System.out.println("| images | in chunks of at most | planned, MB | measured, MB | measured / planned |");
        System.out.println("|---|---|---|---|---|");
        List<List<Long>> all = new ArrayList<>();
        for (int images : new int[] {30, 100, 300, 900, 1800}) {
            List<Long> numbers = measure(images, 2L << 30);
            System.out.printf(
                    Locale.ROOT,
                    "| %d | %d | %d | %d | %.2f |%n",
                    numbers.get(0),
                    numbers.get(1),
                    numbers.get(2) >> 20,
                    numbers.get(3) >> 20,
                    (double) numbers.get(3) / numbers.get(2));
            all.add(numbers);
        }
        assertThat(all).allSatisfy(MemoryBudgetTest::assertPlanned);
    }

    /** In a JVM to which JavaCPP gives 300 MB. */
    public static final class FewMegabytes {
        private FewMegabytes() {}

        public static void main(String... arguments) throws IOException {
            try (Nn4Model model = model()) {
                ExecutionPlan plan = model.plan(60, Long.MAX_VALUE);
                Steps.step(model, plan);
                model.estimateBatchStatistics(faces(60), 60);
                System.out.println("done in chunks: " + (plan.chunkSize() < 60));
            }
            goesOnAfterAnArenaThatIsTooLarge();
            bindsAgainAfterHalfABinding();
        }

        private static void goesOnAfterAnArenaThatIsTooLarge() {
            Parameters parameters = Reference.parameters(SMALL2.tensors(128));
            float[] pixels = Reference.pixels(1, 96);
            try (OneDnnRunner executor = new OneDnnRunner(plan())) {
                float[] expected = executor.embed(parameters, pixels, 1);
                try {
                    executor.forward(parameters, Reference.pixels(60, 96), 60);
                } catch (OutOfMemoryError e) {
                    System.out.println("60 images do not fit");
                }
                System.out.println("as before: " + Arrays.equals(executor.embed(parameters, pixels, 1), expected));
            }
        }

        private static void bindsAgainAfterHalfABinding() {
            Parameters parameters = Reference.parameters(SMALL2.tensors(128));
            float[] pixels = Reference.pixels(1, 96);
            try (engine cpu = new engine(engine.kind.cpu, 0);
                    OneDnnWeights weights = new OneDnnWeights(cpu);
                    OneDnnProgram program = new OneDnnProgram(plan(), 1, Mode.INFERENCE, cpu, weights)) {
                BytePointer arena = new BytePointer(program.sharedBytes());
                List<BytePointer> all = new ArrayList<>();
                try {
                    all.add(new BytePointer(Pointer.maxBytes() - Pointer.totalBytes() - 1000));
                    for (int i = 0; i < 1_000_000; i++) {
                        all.add(new BytePointer(100)); // what Java's collector finds yet
                    }
                } catch (OutOfMemoryError e) {
                    // room for a few arguments is left
                }
                try {
                    program.bind(arena, 1);
                } catch (OutOfMemoryError e) {
                    System.out.println("half bound");
                }
                all.forEach(BytePointer::close);
                program.bind(arena, 1);
                program.load(parameters);
                System.out.println("bound again: " + (program.forward(pixels).length == 128));
                arena.close();
            }
        }
    }

    @Test
    void whereJavaCppGivesLittleChunksAreSmallAndAnErrorLeavesNothingBehind() throws Exception {
        String output = ForkedJvm.run(
                FewMegabytes.class, List.of("-Xmx600m", "-Dorg.bytedeco.javacpp.maxBytes=300m"), Map.of());
        assertThat(output)
                .contains("done in chunks: true")
                .contains("60 images do not fit")
                .contains("as before: true")
                .contains("half bound")
                .contains("bound again: true");
    }

    @Test
    void theArenaShrinksWhenWhatNeededItIsNoLongerUsed() {
        Parameters parameters = Reference.parameters(SMALL2.tensors(128));
        try (OneDnnRunner executor = new OneDnnRunner(plan())) {
            executor.forward(parameters, Reference.pixels(20, 96), 20).drop();
            long large = executor.arenaBytes();
            float[] face = Reference.pixels(1, 96);
            float[] expected = executor.embed(parameters, face, 1);
            assertThat(executor.arenaBytes()).isEqualTo(large); // the next step may come at once
            for (int i = 0; i < 150; i++) {
                executor.embed(parameters, face, 1);
            }
            assertThat(executor.arenaBytes()).isLessThan(large / 10);
            assertThat(executor.embed(parameters, face, 1)).isEqualTo(expected);
        }
    }

    @Test
    void statisticsAreEstimatedWithinTheBudget() {
        try (Nn4Model model = model()) {
            long budget = model.plan(15, Long.MAX_VALUE).estimatedBytes();
            assertThat(model.plan(40, budget).chunkSize()).isEqualTo(15);
            List<RgbImage> faces = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                byte[] rgb = new byte[96 * 96 * 3];
                new Random(i).nextBytes(rgb);
                faces.add(RgbImage.of(96, 96, rgb));
            }
            long before = Pointer.totalBytes();
            model.estimateBatchStatistics(faces, 40, budget);
            assertThat(Pointer.totalBytes() - before).isLessThan(budget);
            float[] cut = model.parameter("conv3.bn.running_mean");
            model.estimateBatchStatistics(faces, 15, budget);
            assertThat(model.parameter("conv3.bn.running_mean")).isEqualTo(cut);
        }
    }
}
