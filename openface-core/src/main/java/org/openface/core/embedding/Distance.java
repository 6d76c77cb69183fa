package org.openface.core.embedding;

/**
 * How far two embeddings are apart. Between embeddings of unit length, such as nn4's, all three order pairs alike: the cosine
 * distance is half the squared one. What differs is what a margin means, and how hard a loss pulls: a squared distance pulls less
 * the nearer two embeddings are, and a plain one always alike.
 */
public enum Distance {
    /** {@code |x - y|²}: FaceNet's and OpenFace's, 0 to 4 at unit length. */
    SQUARED_EUCLIDEAN {
        @Override
        public float ofSquared(float squared) {
            return squared;
        }

        @Override
        public double toSquared(double distance) {
            return distance;
        }

        @Override
        public double perDifference(double distance) {
            return 2;
        }
    },
    /** {@code |x - y|}, 0 to 2 at unit length. */
    EUCLIDEAN {
        @Override
        public float ofSquared(float squared) {
            return (float) Math.sqrt(squared);
        }

        @Override
        public double toSquared(double distance) {
            return distance * distance;
        }

        @Override
        public double perDifference(double distance) {
            // Between equal embeddings there is no direction to move in.
            return distance > 0 ? 1 / distance : 0;
        }
    },
    /** {@code 1 - cos(x, y)}, 0 to 2 whatever the lengths. */
    COSINE {
        @Override
        public float ofSquared(float squared) {
            return 0.5f * squared;
        }

        @Override
        public double toSquared(double distance) {
            return 2 * distance;
        }

        @Override
        public double perDifference(double distance) {
            return 1;
        }
    };

    /** This distance of two embeddings, given the squared one; for {@link #COSINE} that of embeddings of unit length. */
    public abstract float ofSquared(float squared);

    /** The squared distance of two embeddings, given this one; for {@link #COSINE} that at unit length. */
    public abstract double toSquared(double distance);

    /** The derivative of this distance by x, per {@code x - y}; for {@link #COSINE} that at unit length. */
    public abstract double perDifference(double distance);
}
