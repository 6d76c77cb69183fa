package org.openface.triplet.loss;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * A classifier over the identities of the training set on top of the embedding: every identity has a centre, and an image's
 * embedding shall point to its own identity's and away from all others. Where a triplet loss compares the images of a batch, this
 * compares every image with all people. Its centres are learnt along with the network, kept in checkpoints, and no part of the model
 * that is saved.
 *
 * <p>With the cosines of an embedding and the centres, both brought to unit length, the loss is the mean over a batch's images, extra
 * negatives included, of the cross-entropy of {@code softmax(scale · cosine)}, where the own identity's cosine is made smaller by a
 * margin: {@link #arcFace} adds one to the angle, {@link #cosFace} takes one from the cosine. It needs no miner, and goes alone or,
 * with a weight, beside a loss that does: {@code TripletLoss.margin().plus(ClassificationHead.arcFace(0.3, 24), 0.1)}.
 */
public final class ClassificationHead implements Objective {
    /** Angles nearer than that to 0 and 180 degrees count as if they were so: the gradient of an angle has no bounds there. */
    private static final double LEAST_SINE = 1e-3;

    private final double angle;
    private final double cosine;
    private final double scale;
    private final int subCentres;
    private final double share;
    private final double rateFactor;

    private ClassificationHead(
            double angle, double cosine, double scale, int subCentres, double share, double rateFactor) {
        this.angle = angle;
        this.cosine = cosine;
        this.scale = scale;
        this.subCentres = subCentres;
        this.share = share;
        this.rateFactor = rateFactor;
    }

    /**
     * An additive angular margin (Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019).
     *
     * @param angularMargin in radians, in [0, π/2); 0.5 in the paper
     * @param scale what cosines are multiplied with, positive; 64 in the paper, less where there are few identities
     * @throws IllegalArgumentException if they are not so
     */
    public static ClassificationHead arcFace(double angularMargin, double scale) {
        checkArgument(
                angularMargin >= 0 && angularMargin < Math.PI / 2,
                "angularMargin (%s) must be in [0, pi/2): it is in radians",
                angularMargin);
        return new ClassificationHead(angularMargin, 0, checkScale(scale), 1, 1, 1);
    }

    /**
     * An additive margin on the cosine (Wang et al., "CosFace: Large Margin Cosine Loss for Deep Face Recognition", CVPR 2018).
     *
     * @param margin in [0, 1); 0.35 in the paper
     * @param scale as for {@link #arcFace}
     * @throws IllegalArgumentException if they are not so
     */
    public static ClassificationHead cosFace(double margin, double scale) {
        checkArgument(margin >= 0 && margin < 1, "margin (%s) must be in [0, 1): it is taken from a cosine", margin);
        return new ClassificationHead(0, margin, checkScale(scale), 1, 1, 1);
    }

    /** Without a margin: a softmax over scaled cosines. */
    public static ClassificationHead softmax(double scale) {
        return new ClassificationHead(0, 0, checkScale(scale), 1, 1, 1);
    }

    private static double checkScale(double scale) {
        checkArgument(scale > 0 && Double.isFinite(scale), "scale (%s) must be positive and finite", scale);
        return scale;
    }

    /**
     * The same with several centres for each identity, of which the nearest counts: wrongly labelled images gather around another
     * one than the identity's own (Deng et al., "Sub-center ArcFace", ECCV 2020).
     *
     * @throws IllegalArgumentException if {@code count} is not 1 to 100
     */
    public ClassificationHead subCentres(int count) {
        checkArgument(count >= 1 && count <= 100, "subCentres (%s) must be from 1 to 100", count);
        return new ClassificationHead(angle, cosine, scale, count, share, rateFactor);
    }

    /**
     * The same with only a part of the identities in each batch's softmax: those of its images and others at random (An et al.,
     * "Partial FC: Training 10 Million Identities on a Single Machine", 2021). The others' centres stay as they are.
     *
     * @param ofIdentities share of all identities, in (0, 1]; 0.1 in the paper
     * @throws IllegalArgumentException if it is not so
     */
    public ClassificationHead sampled(double ofIdentities) {
        checkArgument(ofIdentities > 0 && ofIdentities <= 1, "sampled (%s) must be in (0, 1]", ofIdentities);
        return new ClassificationHead(angle, cosine, scale, subCentres, ofIdentities, rateFactor);
    }

    /**
     * The same with the centres learning faster or more slowly than the network; by default at its learning rate.
     *
     * @throws IllegalArgumentException if the factor is not positive and finite
     */
    public ClassificationHead learningRateFactor(double factor) {
        checkArgument(factor > 0 && Double.isFinite(factor), "factor (%s) must be positive and finite", factor);
        return new ClassificationHead(angle, cosine, scale, subCentres, share, factor);
    }

    /** {@inheritDoc} It looks at all images of a batch. */
    @Override
    public boolean learnsFromMined() {
        return false;
    }

    @Override
    public Run begin(Scope scope) {
        return new HeadRun(this, scope);
    }

    int subCentres() {
        return subCentres;
    }

    double share() {
        return share;
    }

    double rateFactor() {
        return rateFactor;
    }

    double scale() {
        return scale;
    }

    /** What the cosine with the own centre is turned into. */
    double withMargin(double c) {
        if (angle == 0) {
            return c - cosine;
        }
        // Beyond 180 degrees the cosine would rise again; from there on it falls along a line, as the authors do it.
        return c > -Math.cos(angle)
                ? c * Math.cos(angle) - Math.sqrt(Math.max(0, 1 - c * c)) * Math.sin(angle)
                : c - Math.sin(angle) * angle;
    }

    /** The derivative of {@link #withMargin}. */
    double slopeWithMargin(double c) {
        return angle == 0 || c <= -Math.cos(angle)
                ? 1
                : Math.cos(angle) + c * Math.sin(angle) / Math.max(LEAST_SINE, Math.sqrt(Math.max(0, 1 - c * c)));
    }

    @Override
    public String toString() {
        return (angle > 0 ? "ArcFace " + angle : cosine > 0 ? "CosFace " + cosine : "softmax") + " scale " + scale
                + (subCentres > 1 ? ", " + subCentres + " sub-centres" : "")
                + (share < 1 ? ", " + share + " of identities" : "")
                + (rateFactor == 1 ? "" : ", learning rate x " + rateFactor);
    }
}
