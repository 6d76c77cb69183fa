package org.openface.nn4.internal.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.core.embedding.TrainableEmbedder.StepReport;
import org.openface.nn4.internal.engine.Executor;
import org.openface.nn4.internal.state.State;

class ChunksTest {
    private static final long FIXED = 100;

    /** Takes so many bytes, and one more for each image. */
    private record Accountant(long mostBytes) implements Executor {
        @Override
        public String name() {
            return "accountant";
        }

        @Override
        public int threads() {
            return 1;
        }

        @Override
        public long bytes(int images) {
            return FIXED + images;
        }

        @Override
        public void load(State state) {
            throw new UnsupportedOperationException();
        }

        @Override
        public State state() {
            throw new UnsupportedOperationException();
        }

        @Override
        public int version() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Weights weights() {
            throw new UnsupportedOperationException();
        }

        @Override
        public float[] embed(float[] pixels, int images) {
            throw new UnsupportedOperationException();
        }

        @Override
        public float[] embed(Weights weights, float[] pixels, int images) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void begin() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Pass forward(float[] pixels, int images) {
            throw new UnsupportedOperationException();
        }

        @Override
        public StepReport finish(Optimizer optimizer) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void addStatistics(float[] pixels, int images, float share) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Optional<String> finishStatistics() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void close() {}
    }

    private static final Executor ALL = new Accountant(Long.MAX_VALUE);

    /** Batches up to the planned size, whatever the room: no chunk below 8 images, or too large, and every image once. */
    @Test
    void noChunkIsBelowTheSmallestOrAboveTheMemory() {
        for (int room = 15; room < 40; room++) {
            for (int planned = 1; planned < 100; planned++) {
                ExecutionPlan plan = Chunks.plan(ALL, planned, FIXED + room);
                assertThat(plan.chunkSize()).isLessThanOrEqualTo(room);
                assertThat(plan.estimatedBytes()).isEqualTo(FIXED + plan.chunkSize());
                for (int images = 1; images <= planned; images++) {
                    int[] start = Chunks.of(images, plan.chunkSize()).start();
                    for (int c = 1; c < start.length; c++) {
                        int size = start[c] - start[c - 1];
                        if (size < Math.min(images, 8) || size > plan.chunkSize()) {
                            fail("a chunk of %s of %s images with room for %s", size, images, room);
                        }
                    }
                    assertThat(start[start.length - 1]).isEqualTo(images);
                }
            }
        }
    }

    @Test
    void chunksAreAsFewAndAsEvenAsTheyCanBe() {
        assertThat(Chunks.plan(ALL, 100, FIXED + 100).chunkSize()).isEqualTo(100);
        assertThat(Chunks.plan(ALL, 100, FIXED + 99).chunkSize()).isEqualTo(50);
        assertThat(Chunks.plan(ALL, 1800, FIXED + 310).chunkSize()).isEqualTo(300);
        assertThat(Chunks.plan(ALL, 1_000_000, FIXED + 1000).chunkSize()).isEqualTo(1000);
        assertThat(Chunks.of(100, 30).start()).containsExactly(0, 25, 50, 75, 100);
        assertThat(Chunks.of(7, 30).order()).containsExactly(0, 1, 2, 3, 4, 5, 6);
        int[] order = Chunks.of(100, 30).order();
        assertThat(order).isNotEqualTo(IntStream.range(0, 100).toArray());
        assertThat(Arrays.stream(order).sorted())
                .containsExactly(IntStream.range(0, 100).boxed().toArray(Integer[]::new));
    }

    /** Nine images with room for eight would be chunks of five and four, whose statistics mean nothing. */
    @Test
    void whatFitsOnlyInTooSmallChunksIsRefused() {
        assertThatThrownBy(() -> Chunks.plan(ALL, 9, FIXED + 8))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("9 images, the fewest that such a batch can be cut into, need 1 MB but the memory budget is"
                        + " 0 MB; raise it");
        assertThat(Chunks.plan(ALL, 8, FIXED + 8).chunkSize()).isEqualTo(8);
        assertThat(Chunks.plan(ALL, 9, FIXED + 9).chunkSize()).isEqualTo(9);
        assertThatThrownBy(() -> Chunks.plan(ALL, 100, FIXED + 14)).hasMessageStartingWith("15 images, ");
    }

    @Test
    void theBudgetIsNoMoreThanTheProcessMayHave() {
        assertThat(Chunks.plan(new Accountant(FIXED + 50), 100, Long.MAX_VALUE).chunkSize())
                .isEqualTo(50);
        assertThatThrownBy(() -> Chunks.plan(new Accountant(FIXED), 100, Long.MAX_VALUE))
                .hasMessageContaining("JavaCPP may allocate no more than 0 MB; raise -Xmx, or set");
    }
}
