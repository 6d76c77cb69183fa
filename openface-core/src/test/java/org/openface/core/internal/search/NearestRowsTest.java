package org.openface.core.internal.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.openface.core.embedding.Embedding;

class NearestRowsTest {
    /** Clustered, with exact ties among them, and with some of them shrunk and moved. */
    private static float[] values(int rows, int dimension, long seed) {
        Random random = new Random(seed);
        float[] values = new float[rows * dimension];
        for (int row = 0; row < rows; row++) {
            boolean copy = row > 3 && random.nextInt(4) == 0;
            int from = copy ? random.nextInt(row) : 0;
            double length = random.nextInt(5) == 0 ? 1e-3 : 1;
            for (int k = 0; k < dimension; k++) {
                values[row * dimension + k] = copy
                        ? values[from * dimension + k]
                        : (float) (length * (0.3 * random.nextGaussian() + (row % 3 == k % 3 ? 1 : 0)));
            }
        }
        return values;
    }

    private static Embedding embedding(float[] values, int row, int dimension) {
        return Embedding.of(Arrays.copyOfRange(values, row * dimension, (row + 1) * dimension));
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, 1, 1",
        "3, 0, 4, 2",
        "0, 5, 4, 2",
        "17, 300, 9, 5",
        "40, 257, 128, 1",
        "5, 9000, 7, 20",
        "33, 512, 16, 600"
    })
    void isWhatADoubleLoopFinds(int queries, int gallery, int dimension, int k) {
        float[] q = values(queries, dimension, 1);
        float[] g = values(gallery, dimension, 2);
        NearestRows nearest = NearestRows.search(
                EmbeddingRows.of(q, dimension),
                EmbeddingRows.of(g, dimension),
                k,
                (query, row) -> (query + row) % 7 == 0);
        for (int query = 0; query < queries; query++) {
            int asked = query;
            Embedding one = embedding(q, query, dimension);
            List<Integer> order = IntStream.range(0, gallery)
                    .filter(row -> (asked + row) % 7 != 0)
                    .boxed()
                    .sorted(Comparator.comparingDouble(
                                    (Integer row) -> one.squaredDistance(embedding(g, row, dimension)))
                            .thenComparing(row -> row))
                    .limit(k)
                    .toList();
            for (int i = 0; i < k; i++) {
                assertThat(nearest.row(query, i)).isEqualTo(i < order.size() ? order.get(i) : -1);
                assertThat(nearest.distance(query, i))
                        .isEqualTo(
                                i < order.size()
                                        ? one.squaredDistance(embedding(g, order.get(i), dimension))
                                        : Double.POSITIVE_INFINITY);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"17, 300, 9", "40, 257, 128", "5, 9000, 7"})
    void countsWhatADoubleLoopCounts(int queries, int gallery, int dimension) {
        float[] q = values(queries, dimension, 3);
        float[] g = values(gallery, dimension, 4);
        double[] limits = new double[queries];
        for (int query = 0; query < queries; query++) {
            // exactly the distance of some row, where rounding decides
            limits[query] = query == 0
                    ? -1
                    : embedding(q, query, dimension).squaredDistance(embedding(g, query % gallery, dimension));
        }
        int[] counts = NearestRows.countWithin(
                EmbeddingRows.of(q, dimension), EmbeddingRows.of(g, dimension), limits, (query, row) -> row % 3 == 0);
        for (int query = 0; query < queries; query++) {
            int asked = query;
            assertThat(counts[query])
                    .isEqualTo(IntStream.range(0, gallery)
                            .filter(row -> row % 3 != 0
                                    && embedding(q, asked, dimension).squaredDistance(embedding(g, row, dimension))
                                            <= limits[asked])
                            .count());
        }
    }

    @Test
    void findsOthersAmongThemselves() {
        float[] values = {0, 1, 5, 5.5f};
        NearestRows nearest = NearestRows.among(EmbeddingRows.of(values, 1), 1);
        assertThat(IntStream.range(0, 4).map(i -> nearest.row(i, 0))).containsExactly(1, 0, 3, 2);
        assertThat(nearest.distance(3, 0)).isEqualTo(0.25);
    }

    @Test
    void rowsMayLieInSeveralParts() {
        float[] values = values(10, 3, 5);
        FloatBuffer[] parts = {
            FloatBuffer.wrap(values, 0, 12).slice(),
            FloatBuffer.wrap(values, 12, 12).slice(),
            FloatBuffer.wrap(values, 24, 6).slice()
        };
        EmbeddingRows rows = EmbeddingRows.of(parts, 4, 10, 3);
        float[] copied = new float[30];
        for (int row = 0; row < 10; row++) {
            rows.copy(row, copied, 3 * row);
        }
        assertThat(copied).isEqualTo(values);
        assertThatIllegalArgumentException().isThrownBy(() -> EmbeddingRows.of(parts, 4, 11, 3));
        assertThatIllegalArgumentException().isThrownBy(() -> EmbeddingRows.of(values, 7));
    }
}
