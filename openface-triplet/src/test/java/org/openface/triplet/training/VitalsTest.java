package org.openface.triplet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.triplet.mining.MiningStatistics;

class VitalsTest {
    /** More images than components, fewer, as many; more of either than are added in one pass, and not a multiple of it. */
    @ParameterizedTest
    @CsvSource({"300,128", "37,5", "5,37", "100,128", "16,16", "1,3", "3,1"})
    void spreadAndRankAreThoseOfTheGramMatrix(int size, int dimension) {
        Random random = new Random(size);
        float[] values = new float[size * dimension];
        for (int i = 0; i < values.length; i++) {
            // Far from the origin, and of another length along each component.
            values[i] = (float) (3 + random.nextGaussian() / (1 + i % dimension));
        }
        EmbeddingBatch embeddings = new EmbeddingBatch(dimension, values);
        double[] expected = spreadAndRank(embeddings);
        Vitals vitals = Vitals.of(embeddings, MiningStatistics.NONE, true, 1);
        if (size == 1) {
            assertThat(vitals.spread()).isZero();
            assertThat(vitals.rank()).isNaN();
        } else {
            assertThat(vitals.spread()).isCloseTo(expected[0], withinPercentage(1e-7));
            assertThat(vitals.rank()).isCloseTo(expected[1], withinPercentage(1e-7));
        }
    }

    /** Of all products of two embeddings, one after the other. */
    private static double[] spreadAndRank(EmbeddingBatch embeddings) {
        int size = embeddings.size();
        int dimension = embeddings.dimension();
        double[] centred = new double[size * dimension];
        for (int k = 0; k < dimension; k++) {
            double mean = 0;
            for (int i = 0; i < size; i++) {
                mean += embeddings.values()[i * dimension + k];
            }
            mean /= size;
            for (int i = 0; i < size; i++) {
                centred[i * dimension + k] = embeddings.values()[i * dimension + k] - mean;
            }
        }
        double trace = 0;
        double squares = 0;
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < size; j++) {
                double product = 0;
                for (int k = 0; k < dimension; k++) {
                    product += centred[i * dimension + k] * centred[j * dimension + k];
                }
                squares += product * product;
                trace += i == j ? product : 0;
            }
        }
        return new double[] {trace / size, trace * trace / squares};
    }
}
