package org.openface.triplet.loss;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.BitSet;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.Optimizer;
import org.openface.triplet.internal.MiningThreads;
import org.openface.triplet.mining.Draws;
import org.openface.triplet.mining.Mined;
import org.openface.triplet.mining.MiningBatch;

/**
 * A {@link ClassificationHead} in a training. The cosines of a batch with all centres are a product of two matrices, and so are the
 * two gradients; each is done a panel of centres at a time, which stays in the cache while image after image meets it. Sums are formed
 * in the order of images and of centres whatever the threads, so that the bits depend on no number of them.
 */
final class HeadRun implements Objective.Run {
    /** Centres of a panel. */
    private static final int PANEL = 256;

    private static final double INITIAL_DEVIATION = 0.01;

    private final ClassificationHead head;
    private final int identities;
    private final int dimension;
    private final int subCentres;
    private final Centres centres;

    /** The identities of the last batch's softmax, ascending, and the gradient of their centres. */
    private int[] active = {};

    private float[] gradient = {};

    HeadRun(ClassificationHead head, Objective.Scope scope) {
        this.head = head;
        identities = scope.identities();
        dimension = scope.dimension();
        subCentres = head.subCentres();
        centres = new Centres(identities, subCentres * dimension);
        centres.randomise(scope.seed(), INITIAL_DEVIATION);
    }

    Centres centres() {
        return centres;
    }

    /** Identity of the last batch's softmax that its rows of {@link #gradientOfCentres} are of. */
    int[] activeIdentities() {
        return active;
    }

    float[] gradientOfCentres() {
        return gradient;
    }

    @Override
    public Objective.Outcome evaluate(Mined mined) {
        MiningBatch in = mined.batch();
        int size = in.size();
        for (int i = 0; i < size; i++) {
            checkArgument(
                    in.identity(i) >= 0 && in.identity(i) < identities,
                    "image %s of the batch is of identity %s; there are %s",
                    i,
                    in.identity(i),
                    identities);
        }
        active = choose(in);
        int classes = active.length;
        // Per class its own row of sub-centres; as directions, and their lengths.
        float[] directions = new float[classes * subCentres * dimension];
        double[] lengths = new double[classes * subCentres];
        for (int c = 0; c < classes; c++) {
            System.arraycopy(
                    centres.shard(active[c]),
                    centres.begin(active[c]),
                    directions,
                    c * subCentres * dimension,
                    subCentres * dimension);
        }
        normalise(directions, lengths);
        float[] images = in.embeddings().values().clone();
        double[] imageLengths = new double[size];
        normalise(images, imageLengths);

        float[][] cosines = new float[size][classes];
        byte[][] nearest = new byte[subCentres > 1 ? size : 0][classes];
        multiply(images, directions, cosines, nearest);
        double[] losses = new double[size];
        MiningThreads.run(
                MiningThreads.forWork(20.0 * size * classes),
                size,
                () -> i -> losses[i] = slopes(cosines[i], Arrays.binarySearch(active, in.identity(i)), size));
        double sum = 0;
        for (double loss : losses) {
            sum += loss;
        }
        gradient = ofCentres(images, cosines, nearest, directions, lengths);
        return new Objective.Outcome(
                sum / Math.max(1, size),
                new EmbeddingBatch(dimension, ofImages(images, imageLengths, cosines, nearest, directions)));
    }

    /** All identities; or those of the batch and as many at random as the share asks for. */
    private int[] choose(MiningBatch in) {
        BitSet chosen = new BitSet(identities);
        for (int i = 0; i < in.size(); i++) {
            chosen.set(in.identity(i));
        }
        int wanted = (int) Math.ceil(head.share() * identities) - chosen.cardinality();
        int left = identities - chosen.cardinality();
        if (wanted >= left) {
            chosen.set(0, identities);
        } else {
            Draws.Draw draw = in.draws().of("identities of a softmax", 0, 0);
            // Selection sampling (Knuth, volume 2, algorithm S).
            for (int person = chosen.nextClearBit(0); wanted > 0; person = chosen.nextClearBit(person + 1)) {
                if (draw.below(left--) < wanted) {
                    chosen.set(person);
                    wanted--;
                }
            }
        }
        return chosen.stream().toArray();
    }

    private void normalise(float[] rows, double[] lengths) {
        for (int r = 0; r < lengths.length; r++) {
            double squares = 0;
            for (int k = r * dimension; k < (r + 1) * dimension; k++) {
                squares += (double) rows[k] * rows[k];
            }
            lengths[r] = Math.sqrt(squares);
            float factor = lengths[r] > 0 ? (float) (1 / lengths[r]) : 0;
            for (int k = r * dimension; k < (r + 1) * dimension; k++) {
                rows[k] *= factor;
            }
        }
    }

    /** Cosines of all images with all classes, and which of a class's centres was the nearest. */
    private void multiply(float[] images, float[] directions, float[][] cosines, byte[][] nearest) {
        int classes = cosines.length == 0 ? 0 : cosines[0].length;
        int classesPerPanel = Math.max(1, PANEL / subCentres);
        int panels = (classes + classesPerPanel - 1) / classesPerPanel;
        double work = (double) images.length * classes * subCentres;
        MiningThreads.run(MiningThreads.forWork(work), panels, () -> {
            float[][] columns = new float[dimension][classesPerPanel * subCentres];
            float[] products = new float[classesPerPanel * subCentres];
            return panel -> {
                int first = panel * classesPerPanel;
                int count = Math.min(classesPerPanel, classes - first);
                for (int r = 0; r < count * subCentres; r++) {
                    int from = (first * subCentres + r) * dimension;
                    for (int k = 0; k < dimension; k++) {
                        columns[k][r] = directions[from + k];
                    }
                }
                for (int i = 0; i < cosines.length; i++) {
                    Arrays.fill(products, 0);
                    for (int k = 0; k < dimension; k++) {
                        addProducts(images[i * dimension + k], columns[k], products);
                    }
                    for (int c = 0; c < count; c++) {
                        int best = c * subCentres;
                        for (int r = best + 1; r < (c + 1) * subCentres; r++) {
                            best = products[r] > products[best] ? r : best;
                        }
                        cosines[i][first + c] = products[best];
                        if (subCentres > 1) {
                            nearest[i][first + c] = (byte) (best - c * subCentres);
                        }
                    }
                }
            };
        });
    }

    private static void addProducts(float factor, float[] column, float[] products) {
        for (int j = 0; j < products.length; j++) {
            products[j] = Math.fma(factor, column[j], products[j]);
        }
    }

    /** Turns an image's cosines into the derivatives of the batch's loss by them; returns the image's loss. */
    private double slopes(float[] cosines, int own, int size) {
        double scale = head.scale();
        double target = scale * head.withMargin(cosines[own]);
        double most = target;
        for (int c = 0; c < cosines.length; c++) {
            most = c == own ? most : Math.max(most, scale * cosines[c]);
        }
        double sum = 0;
        for (int c = 0; c < cosines.length; c++) {
            sum += Math.exp((c == own ? target : scale * cosines[c]) - most);
        }
        double slope = head.slopeWithMargin(cosines[own]);
        for (int c = 0; c < cosines.length; c++) {
            double share = Math.exp((c == own ? target : scale * cosines[c]) - most) / sum;
            cosines[c] = (float) (scale / size * (c == own ? (share - 1) * slope : share));
        }
        return most + Math.log(sum) - target;
    }

    private float[] ofImages(float[] images, double[] lengths, float[][] slopes, byte[][] nearest, float[] directions) {
        int size = lengths.length;
        float[] result = new float[images.length];
        double work = (double) directions.length * size;
        int threads = MiningThreads.forWork(work);
        int each = Math.max(1, (size + threads - 1) / threads);
        MiningThreads.run(threads, (size + each - 1) / each, () -> task -> {
            int from = task * each;
            int to = Math.min(size, from + each);
            int classes = active.length;
            for (int panel = 0; panel < classes; panel += PANEL) {
                for (int i = from; i < to; i++) {
                    for (int c = panel; c < Math.min(classes, panel + PANEL); c++) {
                        int row = c * subCentres + (subCentres > 1 ? nearest[i][c] : 0);
                        add(slopes[i][c], directions, row * dimension, result, i * dimension);
                    }
                }
            }
            for (int i = from; i < to; i++) {
                throughLength(images, i, lengths[i], result, i);
            }
        });
        return result;
    }

    private float[] ofCentres(
            float[] images, float[][] slopes, byte[][] nearest, float[] directions, double[] lengths) {
        int size = slopes.length;
        float[] result = new float[directions.length];
        double work = (double) directions.length * size;
        int panels = (active.length + PANEL - 1) / PANEL;
        MiningThreads.run(MiningThreads.forWork(work), panels, () -> panel -> {
            for (int c = panel * PANEL; c < Math.min(active.length, (panel + 1) * PANEL); c++) {
                for (int i = 0; i < size; i++) {
                    int row = c * subCentres + (subCentres > 1 ? nearest[i][c] : 0);
                    add(slopes[i][c], images, i * dimension, result, row * dimension);
                }
                for (int row = c * subCentres; row < (c + 1) * subCentres; row++) {
                    throughLength(directions, row, lengths[row], result, row);
                }
            }
        });
        return result;
    }

    private void add(float factor, float[] from, int fromAt, float[] to, int toAt) {
        for (int k = 0; k < dimension; k++) {
            to[toAt + k] += factor * from[fromAt + k];
        }
    }

    /** From the gradient by a direction to that by what it is the direction of: {@code (g - (g·u)u) / length}. */
    private void throughLength(float[] directions, int row, double length, float[] gradients, int at) {
        double along = 0;
        for (int k = 0; k < dimension; k++) {
            along += (double) directions[row * dimension + k] * gradients[at * dimension + k];
        }
        for (int k = 0; k < dimension; k++) {
            gradients[at * dimension + k] = length > 0
                    ? (float) ((gradients[at * dimension + k] - along * directions[row * dimension + k]) / length)
                    : 0;
        }
    }

    @Override
    public void update(Optimizer rule, double weight) {
        checkState(active.length > 0, "update comes after evaluate");
        centres.update(rule.withLearningRate(rule.learningRate() * head.rateFactor()), active, gradient, weight);
        active = new int[0];
        gradient = new float[0];
    }

    @Override
    public void write(DataOutputStream out) throws IOException {
        centres.write(out);
    }

    @Override
    public void read(DataInputStream in) throws IOException {
        centres.read(in);
    }
}
