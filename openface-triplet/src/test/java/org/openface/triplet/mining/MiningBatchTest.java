package org.openface.triplet.mining;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Collections;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch.Role;

class MiningBatchTest {
    @Test
    void distancesAreSquaredAndRowsHaveTheSameBits() {
        MiningBatch in = Batches.random(5, 7, 9, 37);
        float[] row = new float[in.size() + 3];
        for (int i = 0; i < in.size(); i++) {
            in.row(i, row);
            for (int j = 0; j < in.size(); j++) {
                assertThat(row[j]).isEqualTo(in.distance(i, j)).isEqualTo(in.distance(j, i));
                double exact =
                        in.embeddings().get(i).squaredDistance(in.embeddings().get(j));
                assertThat((double) row[j]).isCloseTo(exact, within(1e-6));
            }
            assertThat(row[i]).isZero();
        }
        assertThat(row[in.size()]).isZero();
    }

    /** Of more images than a thread takes at a time, and more than a panel holds. */
    @ParameterizedTest
    @CsvSource({"3,1", "20,32"})
    void allRowsAreHandedOverOnce(int people, int images) {
        MiningBatch batch = Batches.random(5, people, images, 17);
        MiningBatch in = batch.withReferences(batch.embeddings(), new int[batch.size()]);
        float[][] rows = new float[in.size()][];
        AtomicInteger calls = new AtomicInteger();
        in.rows((image, distances) -> {
            calls.incrementAndGet();
            rows[image] = distances.clone();
        });
        assertThat(calls).hasValue(in.size());
        float[] row = new float[in.sizeWithReferences()];
        for (int i = 0; i < in.size(); i++) {
            in.row(i, row);
            assertThat(rows[i]).isEqualTo(row);
        }
    }

    @Test
    void longEmbeddingsLoseNothing() {
        // Two that are close and far from the origin: |a|² + |b|² - 2ab would cancel to 0 or worse here.
        MiningBatch in = Batches.batch(new int[] {0, 1}, 2, 0.2f, 10000, 0, 10000.25f, 0.5f);
        assertThat(in.distance(0, 1)).isEqualTo(0.3125f);
    }

    @Test
    void nonFiniteEmbeddingsAreNamed() {
        assertThatThrownBy(() -> Batches.batch(new int[] {0, 0, 1}, 2, 0.2f, 1, 2, 3, 4, 5, Float.NaN))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("image 2");
        assertThatThrownBy(() ->
                        Batches.batch(new int[] {0, 0, 1}, 2, 0.2f, 1, 2, Float.NEGATIVE_INFINITY, 4, 5, Float.NaN))
                .hasMessageContaining("image 1");
    }

    @Test
    void sizesAndMarginAreChecked() {
        EmbeddingBatch two = new EmbeddingBatch(1, new float[2]);
        assertThatThrownBy(
                        () -> MiningBatch.of(two, new int[3], Collections.nCopies(2, Role.FULL), 0.2f, Batches.DRAWS))
                .hasMessage("3 identities for 2 embeddings");
        assertThatThrownBy(
                        () -> MiningBatch.of(two, new int[2], Collections.nCopies(1, Role.FULL), 0.2f, Batches.DRAWS))
                .hasMessage("1 roles for 2 embeddings");
        assertThatThrownBy(() -> Batches.batch(new int[2], 1, -1, 0, 0)).hasMessageContaining("margin (-1.0)");
    }
}
