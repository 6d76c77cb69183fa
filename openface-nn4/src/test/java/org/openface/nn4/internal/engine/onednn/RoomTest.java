package org.openface.nn4.internal.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.bytedeco.dnnl.engine;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.openface.nn4.Reference;
import org.openface.nn4.internal.engine.onednn.OneDnnProgram.Mode;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Lowering;
import org.openface.nn4.internal.network.Nn4Graph;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.network.Plan;

/** Batches in programs that have room for more images: what lies in the empty room reaches no result. */
@Tag("native")
class RoomTest {
    private static final List<TensorSpec> SPECS = Architecture.NN4_SMALL2.tensors(128);
    private static final Plan PLAN = Lowering.of(new Nn4Graph(Architecture.NN4_SMALL2, 128, true).sameDiff());

    /** Embeddings, gradients and statistics of a batch, in memory that was full of NaN. */
    private static Map<String, float[]> run(Mode mode, int images, int room) {
        Parameters parameters = Reference.parameters(SPECS);
        try (engine cpu = new engine(engine.kind.cpu, 0);
                OneDnnWeights weights = new OneDnnWeights(cpu);
                OneDnnProgram program = new OneDnnProgram(PLAN, room, mode, cpu, weights);
                BytePointer arena = new BytePointer(program.sharedBytes())) {
            Pointer.memset(arena, 0xFF, arena.capacity());
            program.bind(arena, images);
            program.load(parameters);
            Map<String, float[]> all = new HashMap<>();
            all.put("embeddings", program.forward(Reference.pixels(images, 96)));
            if (mode != Mode.INFERENCE) {
                program.backward(Reference.uniform(1001, images * 128))
                        .forEach((name, values) -> all.put(name, values.clone()));
                program.statistics(parameters).forEach((layer, statistics) -> {
                    all.put(layer + " mean", statistics.mean());
                    all.put(layer + " variance", statistics.variance());
                });
            }
            return all;
        }
    }

    private static void assertTheSame(Map<String, float[]> actual, Map<String, float[]> expected) {
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        expected.forEach((name, values) -> {
            double difference = 0;
            double norm = 0;
            for (int i = 0; i < values.length; i++) {
                difference += Math.pow(values[i] - actual.get(name)[i], 2);
                norm += Math.pow(values[i], 2);
            }
            assertThat(Math.sqrt(difference)).as(name).isLessThanOrEqualTo(1e-4 * Math.sqrt(norm));
        });
    }

    @Test
    void aBatchInALargerRoomIsAsInItsOwn() {
        assertTheSame(run(Mode.TRAINING, 5, 8), run(Mode.TRAINING, 5, 5));
    }

    @Test
    void soItIsWithFrozenStatistics() {
        assertTheSame(run(Mode.TRAINING_FROZEN, 3, 4), run(Mode.TRAINING_FROZEN, 3, 3));
    }

    @Test
    void batchesOfSeveralSizesTakeTurnsInOneRoom() {
        Parameters parameters = Reference.parameters(SPECS);
        try (engine cpu = new engine(engine.kind.cpu, 0);
                OneDnnWeights weights = new OneDnnWeights(cpu);
                OneDnnProgram program = new OneDnnProgram(PLAN, 8, Mode.TRAINING, cpu, weights);
                BytePointer arena = new BytePointer(program.sharedBytes())) {
            program.load(parameters);
            for (int images : new int[] {8, 5, 7, 5}) {
                program.bind(arena, images);
                float[] embeddings = program.forward(Reference.pixels(images, 96));
                Map<String, float[]> gradients = program.backward(Reference.uniform(1001, images * 128));
                Map<String, float[]> fresh = run(Mode.TRAINING, images, 8);
                assertThat(embeddings).as("%s images", images).isEqualTo(fresh.get("embeddings"));
                gradients.forEach((name, values) -> assertThat(values).as(name).isEqualTo(fresh.get(name)));
            }
        }
    }

    @Test
    void atMostASixteenthOfARoomIsEmptyAndFewRoomsServeAllSizes() {
        for (int images = 1; images < 5000; images++) {
            int room = OneDnnRunner.room(images);
            assertThat(room).isGreaterThanOrEqualTo(images);
            assertThat(room - images).isLessThan(Math.max(1, images / 16 + 1));
            assertThat(OneDnnRunner.room(room)).isEqualTo(room);
        }
        assertThat(IntStream.rangeClosed(100, 230)
                        .map(OneDnnRunner::room)
                        .distinct()
                        .count())
                .isLessThanOrEqualTo(21);
    }
}
