package org.openface.triplet.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.base.Splitter;
import com.google.common.io.Resources;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch.Role;
import org.openface.core.embedding.Optimizer;
import org.openface.triplet.loss.Objective.Outcome;
import org.openface.triplet.loss.Objective.Scope;
import org.openface.triplet.mining.Batches;
import org.openface.triplet.mining.Draws;
import org.openface.triplet.mining.MiningBatch;
import org.openface.triplet.mining.Pairs;

/** Heads against PyTorch in float64 ({@code heads.py}), and what they promise beyond it. */
class ClassificationHeadTest {
    private static final int[] IDENTITIES = {0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3};
    private static final int DIMENSION = 6;
    private static final int PEOPLE = 5;
    private static final Optimizer ADAM = Optimizer.adam(1e-2);

    private static final Map<String, ClassificationHead> HEADS = new LinkedHashMap<>();

    static {
        HEADS.put("softmax", ClassificationHead.softmax(8));
        HEADS.put("arcface", ClassificationHead.arcFace(0.5, 16));
        HEADS.put("arcface-wide", ClassificationHead.arcFace(1.5, 4));
        HEADS.put("cosface", ClassificationHead.cosFace(0.35, 16));
        HEADS.put("sub-centres", ClassificationHead.arcFace(0.3, 10).subCentres(3));
    }

    private static final Map<String, List<double[]>> EXPECTED = new LinkedHashMap<>();

    @BeforeAll
    static void read() throws IOException {
        for (String line : Resources.readLines(
                Resources.getResource(ClassificationHeadTest.class, "heads.tsv"), StandardCharsets.UTF_8)) {
            List<String> fields = Splitter.on("\t|\t").splitToList(line);
            EXPECTED.put(
                    fields.get(0),
                    fields.stream()
                            .skip(1)
                            .map(field -> Splitter.on('\t')
                                    .splitToStream(field)
                                    .mapToDouble(Double::parseDouble)
                                    .toArray())
                            .toList());
        }
    }

    static Iterable<String> names() {
        return HEADS.keySet();
    }

    private static float[] pattern(int rows, int a, int b, int c) {
        float[] values = new float[rows * DIMENSION];
        for (int i = 0; i < rows; i++) {
            for (int k = 0; k < DIMENSION; k++) {
                values[i * DIMENSION + k] = ((i * a + k * b + i * k * c) % 2048 - 1024) / 1024f;
            }
        }
        return values;
    }

    private static Pairs nothingMined() {
        return nothing(Batches.batch(IDENTITIES, DIMENSION, 0.2f, pattern(IDENTITIES.length, 7919, 104729, 31)));
    }

    private static Pairs nothing(MiningBatch in) {
        return Pairs.builder(in).build();
    }

    private static HeadRun begin(ClassificationHead head) {
        HeadRun run = (HeadRun) head.begin(new Scope(PEOPLE, DIMENSION, 1));
        Centres centres = run.centres();
        float[] values = pattern(PEOPLE * head.subCentres(), 6151, 20011, 53);
        for (int row = 0; row < PEOPLE; row++) {
            System.arraycopy(values, row * centres.width(), centres.shard(row), centres.begin(row), centres.width());
        }
        return run;
    }

    private static void assertClose(String what, float[] actual, double[] expected) {
        double scale = DoubleStream.of(expected).map(Math::abs).max().orElseThrow();
        assertThat(actual).hasSize(expected.length);
        for (int i = 0; i < actual.length; i++) {
            assertThat((double) actual[i]).as("%s, component %s", what, i).isCloseTo(expected[i], within(2e-5 * scale));
        }
    }

    @ParameterizedTest
    @MethodSource("names")
    void followsPyTorch(String name) {
        HeadRun run = begin(HEADS.get(name));
        List<double[]> expected = EXPECTED.get(name);
        Outcome outcome = run.evaluate(nothingMined());
        assertThat(outcome.value()).isCloseTo(expected.get(0)[0], within(1e-6 * expected.get(0)[0]));
        assertClose("gradient", outcome.gradient().values(), expected.get(1));
        assertThat(run.activeIdentities()).containsExactly(0, 1, 2, 3, 4);
        assertClose("gradient of the centres", run.gradientOfCentres(), expected.get(2));
        for (int step = 0; step < 5; step++) {
            run.evaluate(nothingMined());
            run.update(ADAM, 0.3);
        }
        assertClose("centres after five steps", all(run), expected.get(3));
    }

    private static float[] all(HeadRun run) {
        Centres centres = run.centres();
        float[] all = new float[centres.rows() * centres.width()];
        for (int row = 0; row < centres.rows(); row++) {
            System.arraycopy(centres.shard(row), centres.begin(row), all, row * centres.width(), centres.width());
        }
        return all;
    }

    @Test
    void goesOnBitForBitFromWhatWasWritten() throws IOException {
        ClassificationHead head = HEADS.get("sub-centres");
        HeadRun whole = begin(head);
        step(whole, 3);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        whole.write(new DataOutputStream(bytes));
        step(whole, 4);

        HeadRun resumed = (HeadRun) head.begin(new Scope(PEOPLE, DIMENSION, 1));
        resumed.read(new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())));
        step(resumed, 4);
        assertThat(all(resumed)).isEqualTo(all(whole));

        HeadRun other = (HeadRun) head.begin(new Scope(PEOPLE + 1, DIMENSION, 1));
        assertThatThrownBy(() -> other.read(new DataInputStream(new ByteArrayInputStream(bytes.toByteArray()))))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("5 identities");
    }

    private static void step(HeadRun run, int times) {
        for (int i = 0; i < times; i++) {
            run.evaluate(nothingMined());
            run.update(ADAM, 1);
        }
    }

    private static MiningBatch large(int step, int people, int size, int dimension) {
        Random random = new Random(7);
        float[] values = new float[size * dimension];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        int[] identities = new int[size];
        for (int i = 0; i < size; i++) {
            identities[i] = i / 4 * 37 % people;
        }
        return MiningBatch.of(
                new EmbeddingBatch(dimension, values),
                identities,
                Collections.nCopies(size, Role.FULL),
                0.2f,
                new Draws(3, 1, step));
    }

    /** What a sample gives is what a head over the sampled people alone would, and nobody else's centres change. */
    @Test
    void aSampleIsAHeadOfItsPeople() {
        int people = 1000;
        ClassificationHead head = ClassificationHead.arcFace(0.3, 16).sampled(0.1);
        HeadRun run = (HeadRun) head.begin(new Scope(people, 16, 5));
        float[] before = all(run);
        MiningBatch in = large(0, people, 40, 16);
        Outcome sampled = run.evaluate(nothing(in));
        int[] active = run.activeIdentities();
        assertThat(active).hasSize(100).isSorted();
        for (int i = 0; i < in.size(); i++) {
            assertThat(active).contains(in.identity(i));
        }

        HeadRun few = (HeadRun) ClassificationHead.arcFace(0.3, 16).begin(new Scope(active.length, 16, 5));
        for (int c = 0; c < active.length; c++) {
            System.arraycopy(
                    before,
                    active[c] * 16,
                    few.centres().shard(c),
                    few.centres().begin(c),
                    16);
        }
        int[] renumbered = new int[in.size()];
        for (int i = 0; i < renumbered.length; i++) {
            renumbered[i] = Arrays.binarySearch(active, in.identity(i));
        }
        Outcome alone = few.evaluate(nothing(MiningBatch.of(
                in.embeddings(), renumbered, Collections.nCopies(in.size(), Role.FULL), 0.2f, in.draws())));
        assertThat(sampled.value()).isEqualTo(alone.value());
        assertThat(sampled.gradient().values()).isEqualTo(alone.gradient().values());

        run.update(ADAM, 1);
        float[] after = all(run);
        for (int row = 0; row < people; row++) {
            boolean changed = !Arrays.equals(before, row * 16, row * 16 + 16, after, row * 16, row * 16 + 16);
            assertThat(changed).as("row %s", row).isEqualTo(Arrays.binarySearch(active, row) >= 0);
        }
        run.evaluate(nothing(large(1, people, 40, 16)));
        assertThat(run.activeIdentities()).isNotEqualTo(active);
    }

    @Test
    void manyPeopleTakeTheSameBitsOnAnyNumberOfThreads() {
        // Enough work for several threads, several panels and shards; the same in a process of one processor.
        int people = 9000;
        HeadRun run = (HeadRun) ClassificationHead.cosFace(0.2, 16).begin(new Scope(people, 32, 5));
        MiningBatch in = large(0, people, 64, 32);
        Outcome outcome = run.evaluate(nothing(in));
        // Image by image is one thread's work.
        double sum = 0;
        float[] rows = new float[64 * 32];
        for (int i = 0; i < 64; i++) {
            HeadRun one = (HeadRun) ClassificationHead.cosFace(0.2, 16).begin(new Scope(people, 32, 5));
            MiningBatch single = MiningBatch.of(
                    new EmbeddingBatch(32, Arrays.copyOfRange(in.embeddings().values(), i * 32, i * 32 + 32)),
                    new int[] {in.identity(i)},
                    List.of(Role.FULL),
                    0.2f,
                    in.draws());
            Outcome own = one.evaluate(nothing(single));
            sum += own.value();
            for (int k = 0; k < 32; k++) {
                rows[i * 32 + k] = own.gradient().values()[k] / 64;
            }
        }
        assertThat(outcome.value()).isCloseTo(sum / 64, within(1e-9));
        for (int i = 0; i < rows.length; i++) {
            assertThat(outcome.gradient().values()[i]).isCloseTo(rows[i], within(1e-8f));
        }
    }

    @Test
    void theLearntMarginFollowsPyTorch() throws IOException {
        List<String> fields = Resources.readLines(
                        Resources.getResource(ClassificationHeadTest.class, "losses.tsv"), StandardCharsets.UTF_8)
                .stream()
                .filter(line -> line.startsWith("learnt-margin"))
                .map(line -> Splitter.on('\t').splitToList(line))
                .findFirst()
                .orElseThrow();
        int bar = fields.indexOf("|");
        LearntMarginLoss.Boundaries run =
                (LearntMarginLoss.Boundaries) LearntMarginLoss.create().begin(new Scope(4, DIMENSION, 1));
        float[] betas = {1.2f, 1.3f, 1.25f, 1.15f};
        for (int i = 0; i < betas.length; i++) {
            run.setBoundary(i, betas[i]);
        }
        float[] values = pattern(IDENTITIES.length, 7919, 104729, 31);
        for (int i = 0; i < IDENTITIES.length; i++) {
            values[i * DIMENSION + IDENTITIES[i]] += 1;
        }
        MiningBatch in = Batches.batch(IDENTITIES, DIMENSION, 0.2f, values);
        Pairs.Builder pairs = Pairs.builder(in);
        for (int i = 0; i < in.size(); i++) {
            for (int j = 0; j < in.size(); j++) {
                if (i != j) {
                    pairs.add(i, j);
                }
            }
        }
        Outcome outcome = run.evaluate(pairs.build());
        assertThat(outcome.value()).isCloseTo(Double.parseDouble(fields.get(1)), within(1e-6));
        assertClose(
                "gradient",
                outcome.gradient().values(),
                fields.subList(2, bar).stream().mapToDouble(Double::parseDouble).toArray());
        for (int i = 0; i < betas.length; i++) {
            assertThat(run.gradient()[i]).isCloseTo(Double.parseDouble(fields.get(bar + 1 + i)), within(1e-6));
        }
        run.update(Optimizer.sgd(0.1), 0.5);
        for (int i = 0; i < betas.length; i++) {
            assertThat(run.boundary(i)).isCloseTo((float) (betas[i] - 0.05 * run.gradient()[i]), within(1e-6f));
        }
    }

    @Test
    void refusesWhatCannotBeMeant() {
        assertThatThrownBy(() -> ClassificationHead.arcFace(28.6, 64)).hasMessageContaining("radians");
        assertThatThrownBy(() -> ClassificationHead.cosFace(1, 64)).hasMessageContaining("margin (1.0)");
        assertThatThrownBy(() -> ClassificationHead.softmax(0)).hasMessageContaining("scale (0.0)");
        assertThatThrownBy(() -> ClassificationHead.softmax(8).subCentres(0)).hasMessageContaining("subCentres (0)");
        assertThatThrownBy(() -> ClassificationHead.softmax(8).sampled(0)).hasMessageContaining("sampled (0.0)");
        HeadRun run = (HeadRun) ClassificationHead.softmax(8).begin(new Scope(3, DIMENSION, 1));
        assertThatThrownBy(() -> run.evaluate(nothingMined()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("identity 3; there are 3");
        assertThatThrownBy(() -> run.update(ADAM, 1)).isInstanceOf(IllegalStateException.class);
    }
}
