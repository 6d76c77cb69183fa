package org.openface.core.cleaning;

/**
 * Turns embeddings so that the images of one person spread alike in all directions. What varies among images of one person
 * (light, pose) then counts less than what does not: as in linear discriminant analysis, with a share of the mean variance
 * added, since a network that has learnt little uses few directions.
 */
final class Whitening {
    private static final double SHRINKAGE = 0.3;

    private final int dimension;
    /** Lower triangle of the Cholesky decomposition. */
    private final double[][] lower;

    private Whitening(double[][] lower) {
        this.lower = lower;
        this.dimension = lower.length;
    }

    /** @param scatter sums of products of deviations from each person's mean; overwritten */
    static Whitening of(double[][] scatter, long freedom) {
        int n = scatter.length;
        double trace = 0;
        for (int i = 0; i < n; i++) {
            trace += scatter[i][i];
        }
        double ridge = Math.max(SHRINKAGE * trace / n, 1e-12);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double sum = (scatter[i][j] + (i == j ? ridge : 0)) / Math.max(1, freedom);
                for (int k = 0; k < j; k++) {
                    sum -= scatter[i][k] * scatter[j][k];
                }
                scatter[i][j] = i == j ? Math.sqrt(sum) : sum / scatter[j][j];
            }
        }
        return new Whitening(scatter);
    }

    /** Replaces an embedding by what it is after turning: the solution of lower × y = x. */
    void apply(float[] values, int offset) {
        double[] y = new double[dimension];
        for (int i = 0; i < dimension; i++) {
            double sum = values[offset + i];
            for (int k = 0; k < i; k++) {
                sum -= lower[i][k] * y[k];
            }
            y[i] = sum / lower[i][i];
        }
        for (int i = 0; i < dimension; i++) {
            values[offset + i] = (float) y[i];
        }
    }
}
