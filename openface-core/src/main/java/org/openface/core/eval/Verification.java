package org.openface.core.eval;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.Embedding;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.embedding.FaceEmbedder.Calibration;
import org.openface.core.image.AlignmentProfile;

/**
 * Pairs of faces, some of one person and some of two, and how well an embedder tells which are which: a pair counts as
 * one person when the squared distance of its embeddings is below a threshold.
 *
 * <p>Accuracy is cross-validated as on Labeled Faces in the Wild: the best threshold of all folds but one is applied to
 * that one. Every threshold that makes a difference is tried (OpenFace's {@code lfw.py} stops at the first drop, and
 * returns 0.5 when a few different people look alike). Each image is embedded once, a few at a time, in this process.
 * Images that are missing or unreadable are counted, and their pairs are left out.
 *
 * <p>Source: Huang, Ramesh, Berg and Learned-Miller, <i>Labeled Faces in the Wild</i>, 2007.
 */
public final class Verification {
    /** How many pairs of each kind {@link #pairs(FaceDataset)} makes at most; LFW has 3,000. */
    public static final int DEFAULT_PAIRS_OF_EACH_KIND = 3000;

    private static final int FOLDS = 10;

    /** Two faces, by their place among the faces. */
    record Pair(int first, int second, boolean same, int fold) {}

    private final List<Face> faces;
    private final List<Pair> pairs;
    private final int missingImages;
    private final int skippedPairs;
    private final Optional<AlignmentProfile> alignmentProfile;

    /** Pairs of which those in {@code skippedPairs} are not among {@code pairs}, for want of images. */
    Verification(
            List<Face> faces,
            List<Pair> pairs,
            int missingImages,
            int skippedPairs,
            Optional<AlignmentProfile> alignmentProfile) {
        this.alignmentProfile = alignmentProfile;
        this.faces = List.copyOf(faces);
        this.pairs = List.copyOf(pairs);
        this.missingImages = missingImages;
        this.skippedPairs = skippedPairs;
    }

    /**
     * The pairs of a file in LFW's format: {@code pairs.txt} with its folds, or the files of one fold such as
     * {@code pairsDevTest.txt}, which are cut into ten.
     *
     * @param pairsFile lines such as {@code Abel_Pacheco 1 4} (one person) and {@code Ben_Kingsley 1 Daryl_Hannah 1}
     *     (two people), after a line with the number of folds, if there are several, and of pairs of each kind per fold
     * @param alignedDirectory holds the faces as {@code Abel_Pacheco/Abel_Pacheco_0001.png} or with another ending
     * @throws IOException if the file cannot be read or is not in this format, naming the line; or if the images of
     *     nearly all pairs are missing, so that no two folds are left
     */
    public static Verification lfw(Path pairsFile, Path alignedDirectory) throws IOException {
        return LfwPairs.read(pairsFile, alignedDirectory, FOLDS);
    }

    /** Pairs of a data set's faces: {@link #pairs(FaceDataset, int, long)} with at most 3,000 of each kind, seed 2. */
    public static Verification pairs(FaceDataset dataset) {
        return pairs(dataset, DEFAULT_PAIRS_OF_EACH_KIND, 2);
    }

    /**
     * Pairs of a data set's faces, of one person and as many of two, none twice. No fold shares a pair with another, and
     * each has as many pairs of one kind as of the other. People are not kept to one fold, as a few held-out people could
     * not fill ten.
     *
     * <p>Who is in a pair is drawn first, and the images then. Everybody with two images or more gives one pair of them in
     * turn, until there are {@code maximumOfEachKind} or no more: nobody gives more than one pair above anybody who has one
     * left. So of n people a person gives at most {@code maximumOfEachKind / n} pairs, rounded up, if all have so many, and
     * more only to make up for those who have less. Two people give pairs of an image of each likewise. Of one person with
     * 1,000 images among 1,000 people with 3, who has 99 % of all pairs of one person, 2 or 3 of 3,000 pairs are taken; when
     * each pair was as likely as any other, it was 2,982 of 3,000. Where the maximum is not reached all pairs are taken, and
     * a person of n images gives n (n − 1) / 2.
     *
     * @param maximumOfEachKind the most pairs of each kind
     * @param seed of the random choices; those of a person hang on it, on the person's name and on nobody else
     * @throws IllegalArgumentException if there are not two pairs of each kind
     */
    public static Verification pairs(FaceDataset dataset, int maximumOfEachKind, long seed) {
        checkArgument(maximumOfEachKind >= 2, "maximumOfEachKind (%s) must be at least 2", maximumOfEachKind);
        PairDraw draw = new PairDraw(dataset, seed);
        List<int[]> same = draw.same(maximumOfEachKind);
        List<int[]> different = draw.different(same.size());
        int each = Math.min(same.size(), different.size());
        checkArgument(
                each >= 2,
                "verification needs at least 2 pairs of one person and 2 of two people, but %s has %s and %s;"
                        + " add images or people",
                dataset,
                same.size(),
                different.size());
        int folds = Math.min(FOLDS, each);
        List<Pair> pairs = new ArrayList<>();
        for (int i = 0; i < each; i++) {
            pairs.add(new Pair(same.get(i)[0], same.get(i)[1], true, i % folds));
            pairs.add(new Pair(different.get(i)[0], different.get(i)[1], false, i % folds));
        }
        return new Verification(dataset.faces(), pairs, 0, 0, dataset.alignmentProfile());
    }

    /** Number of pairs that {@link #evaluate} will judge. */
    public int size() {
        return pairs.size();
    }

    List<Pair> pairs() {
        return pairs;
    }

    /**
     * Embeds the faces and judges all pairs. Images of another size than the embedder's are scaled to it. An embedder that
     * knows no threshold yet is {@linkplain FaceEmbedder#calibrate given} the one found here.
     *
     * @throws IllegalArgumentException if the embedder was trained on faces aligned otherwise than these; a mere difference
     *     in size is none
     * @throws IOException if so many images cannot be read that no two folds with pairs of both kinds are left
     * @throws java.io.InterruptedIOException if the thread is interrupted before all images are read; it stays interrupted
     * @throws IllegalStateException if the embedder returns values that are not finite, naming the image
     */
    public Result evaluate(FaceEmbedder embedder) throws IOException {
        EmbeddedFaces.requireFitting(embedder, alignmentProfile);
        Optional<String> fingerprint = embedder.fingerprint();
        int[] used = pairs.stream()
                .flatMapToInt(pair -> IntStream.of(pair.first(), pair.second()))
                .sorted()
                .distinct()
                .toArray();
        Map<Integer, Embedding> embeddings = EmbeddedFaces.embed(faces, used, embedder);
        Set<String> identities = new HashSet<>();
        embeddings.keySet().forEach(face -> identities.add(faces.get(face).identity()));

        List<Pair> judged = pairs.stream()
                .filter(p -> embeddings.containsKey(p.first()) && embeddings.containsKey(p.second()))
                .toList();
        int unreadable = used.length - embeddings.size();
        Scores scores;
        try {
            scores = Scores.of(
                    judged.stream().mapToDouble(p -> distance(p, embeddings)).toArray(), judged);
        } catch (IllegalArgumentException e) {
            throw new IOException(
                    e.getMessage() + ", as " + unreadable + " of " + used.length + " images cannot be read", e);
        }
        fingerprint.ifPresent(weights ->
                embedder.calibrate(new Calibration(weights, scores.threshold(), scores.thresholdHalfWidth())));
        return new Result(
                scores.meanAccuracy(),
                scores.standardDeviation(),
                scores.standardError(),
                scores.accuracyHalfWidth(),
                scores.threshold(),
                scores.thresholdHalfWidth(),
                scores.auc(),
                scores.eer(),
                scores.roc(),
                judged.size(),
                skippedPairs + pairs.size() - judged.size(),
                embeddings.size(),
                identities.size(),
                missingImages + unreadable);
    }

    private static double distance(Pair pair, Map<Integer, Embedding> embeddings) {
        return requireNonNull(embeddings.get(pair.first()))
                .squaredDistance(requireNonNull(embeddings.get(pair.second())));
    }

    /**
     * What an evaluation found.
     *
     * @param meanAccuracy share of pairs judged rightly, mean over the folds
     * @param standardDeviation of the folds' accuracies, from the sample (n − 1). The ± of OpenFace's {@code lfw.py} is
     *     that of the population (n), for ten folds 0.95 of this
     * @param standardError of {@code meanAccuracy}: {@code standardDeviation} divided by the square root of the number of
     *     folds. The ± of LFW's results
     * @param accuracyHalfWidth half the width of the 95 % confidence interval around {@code meanAccuracy}, by Student's t
     *     over the folds; it takes them as independent, which they are only roughly
     * @param threshold squared distance below which a pair is judged to be one person; the best one for all pairs
     * @param thresholdHalfWidth half the width of the jackknife interval around {@code threshold}: Student's t times the
     *     jackknife's standard error over the folds. It tells how much the threshold hangs on the pairs it was found with;
     *     as a threshold jumps when pairs change, for which the jackknife is not made, it is no 95 % confidence interval
     * @param auc area under the ROC curve: the probability that a pair of one person is closer than a pair of two
     * @param eer equal error rate, where as many pairs of one person are rejected as pairs of two accepted
     * @param roc the curve, from (0, 0) to (1, 1), a point for each distinct distance
     * @param pairs pairs judged
     * @param skippedPairs pairs left out because an image is missing
     * @param images images embedded
     * @param identities people whose images were embedded
     * @param missingImages images that are not there or cannot be read
     */
    public record Result(
            double meanAccuracy,
            double standardDeviation,
            double standardError,
            double accuracyHalfWidth,
            double threshold,
            double thresholdHalfWidth,
            double auc,
            double eer,
            List<RocPoint> roc,
            int pairs,
            int skippedPairs,
            int images,
            int identities,
            int missingImages) {
        public Result {
            roc = List.copyOf(roc);
        }

        /** {@link #thresholdHalfWidth}, by the name that it has in a training's figures and in a model's passport. */
        public double thresholdConfidence() {
            return thresholdHalfWidth;
        }

        /**
         * The share of pairs of one person that is accepted at a threshold that accepts at most the given share of pairs of
         * two. A share below one in the number of such pairs cannot be told from 0.
         *
         * @param falseAcceptRate such as 0.01, in [0, 1]
         */
        public double tarAtFar(double falseAcceptRate) {
            checkArgument(
                    falseAcceptRate >= 0 && falseAcceptRate <= 1,
                    "falseAcceptRate (%s) must be in [0, 1]",
                    falseAcceptRate);
            double best = 0;
            for (RocPoint point : roc) {
                if (point.falseAcceptRate() <= falseAcceptRate) {
                    best = Math.max(best, point.trueAcceptRate());
                }
            }
            return best;
        }
    }

    /**
     * What a threshold gives.
     *
     * @param threshold largest squared distance that is accepted
     * @param falseAcceptRate share of the pairs of two people that is accepted
     * @param trueAcceptRate share of the pairs of one person that is accepted
     */
    public record RocPoint(double threshold, double falseAcceptRate, double trueAcceptRate) {}
}
