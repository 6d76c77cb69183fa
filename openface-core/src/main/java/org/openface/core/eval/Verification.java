package org.openface.core.eval;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.Distance;
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
    private final Distance measure;

    /**
     * Pairs of which those in {@code skippedPairs} are not among {@code pairs}, for want of images.
     *
     * @param faces not to be changed any more; a million of a data set are not copied
     */
    Verification(
            List<Face> faces,
            List<Pair> pairs,
            int missingImages,
            int skippedPairs,
            Optional<AlignmentProfile> alignmentProfile) {
        this(faces, pairs, missingImages, skippedPairs, alignmentProfile, Distance.SQUARED_EUCLIDEAN);
    }

    private Verification(
            List<Face> faces,
            List<Pair> pairs,
            int missingImages,
            int skippedPairs,
            Optional<AlignmentProfile> alignmentProfile,
            Distance measure) {
        this.alignmentProfile = alignmentProfile;
        this.measure = measure;
        this.faces = faces;
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

    /**
     * The pairs of a verification set of insightface's, such as {@code lfw.bin}: in ten folds in their order, as there. The images
     * stay in the file, which must not change meanwhile; their faces are aligned by insightface's template.
     *
     * @throws IOException if the file cannot be read, is larger than 2 GB, or is no such set; whatever else it contains is not
     *     executed
     */
    public static Verification insightFace(Path file) throws IOException {
        return BinPairs.read(file, FOLDS);
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

    /**
     * The same pairs judged by another distance; {@link Distance#SQUARED_EUCLIDEAN} without this. Between embeddings of unit length all
     * order pairs alike, and only thresholds have other units.
     */
    public Verification measuredIn(Distance other) {
        return new Verification(faces, pairs, missingImages, skippedPairs, alignmentProfile, other);
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
        embedder.requireFitting(alignmentProfile);
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
        fingerprint.ifPresent(weights -> embedder.calibrate(calibration(weights, scores)));
        return new Result(
                scores,
                measure,
                judged.size(),
                skippedPairs + pairs.size() - judged.size(),
                embeddings.size(),
                identities.size(),
                missingImages + unreadable);
    }

    private double distance(Pair pair, Map<Integer, Embedding> embeddings) {
        return requireNonNull(embeddings.get(pair.first()))
                .distance(requireNonNull(embeddings.get(pair.second())), measure);
    }

    private Calibration calibration(String weights, Scores scores) {
        return new Calibration(weights, squared(measure, scores), squaredHalfWidth(measure, scores));
    }

    private static double squared(Distance measure, Scores scores) {
        return measure.toSquared(scores.threshold());
    }

    private static double squaredHalfWidth(Distance measure, Scores scores) {
        double half = scores.thresholdHalfWidth();
        return measure == Distance.EUCLIDEAN ? 2 * scores.threshold() * half : measure.toSquared(half);
    }

    /** What an evaluation found. */
    public static final class Result {
        private final Scores scores;
        private final Distance measure;
        private final int pairs;
        private final int skippedPairs;
        private final int images;
        private final int identities;
        private final int missingImages;

        Result(
                Scores scores,
                Distance measure,
                int pairs,
                int skippedPairs,
                int images,
                int identities,
                int missingImages) {
            this.scores = scores;
            this.measure = measure;
            this.pairs = pairs;
            this.skippedPairs = skippedPairs;
            this.images = images;
            this.identities = identities;
            this.missingImages = missingImages;
        }

        /** Share of pairs judged rightly, mean over the folds. */
        public double meanAccuracy() {
            return scores.meanAccuracy();
        }

        /**
         * Standard deviation of the folds' accuracies, from the sample (n − 1). The ± of OpenFace's {@code lfw.py} is that of
         * the population (n), for ten folds 0.95 of this.
         */
        public double standardDeviation() {
            return scores.standardDeviation();
        }

        /**
         * Standard error of {@link #meanAccuracy}: {@link #standardDeviation} divided by the square root of the number of
         * folds. The ± of LFW's results.
         */
        public double standardError() {
            return scores.standardError();
        }

        /**
         * Half the width of the 95 % confidence interval around {@link #meanAccuracy}, by Student's t over the folds; it takes
         * them as independent, which they are only roughly.
         */
        public double accuracyHalfWidth() {
            return scores.accuracyHalfWidth();
        }

        /**
         * Distance below which a pair is judged to be one person, squared unless {@link Verification#measuredIn} says otherwise; the best
         * one for all pairs.
         */
        public double threshold() {
            return scores.threshold();
        }

        /** {@link #threshold} as a squared distance, for {@link Distance#COSINE} that of embeddings of unit length. */
        public double squaredThreshold() {
            return squared(measure, scores);
        }

        /** {@link #thresholdHalfWidth} as a squared distance. */
        public double squaredThresholdHalfWidth() {
            return squaredHalfWidth(measure, scores);
        }

        /**
         * Half the width of the jackknife interval around {@link #threshold}: Student's t times the jackknife's standard error
         * over the folds. It tells how much the threshold hangs on the pairs it was found with; as a threshold jumps when
         * pairs change, for which the jackknife is not made, it is no 95 % confidence interval.
         */
        public double thresholdHalfWidth() {
            return scores.thresholdHalfWidth();
        }

        /** Area under the ROC curve: the probability that a pair of one person is closer than a pair of two. */
        public double auc() {
            return scores.auc();
        }

        /** Equal error rate, where as many pairs of one person are rejected as pairs of two accepted. */
        public double eer() {
            return scores.eer();
        }

        /** The ROC curve, from (0, 0) to (1, 1), a point for each distinct distance. */
        public List<RocPoint> roc() {
            return scores.roc();
        }

        /** Pairs judged. */
        public int pairs() {
            return pairs;
        }

        /** Pairs left out because an image is missing. */
        public int skippedPairs() {
            return skippedPairs;
        }

        /** Images embedded. */
        public int images() {
            return images;
        }

        /** People whose images were embedded. */
        public int identities() {
            return identities;
        }

        /** Images that are not there or cannot be read. */
        public int missingImages() {
            return missingImages;
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
            for (RocPoint point : roc()) {
                if (point.falseAcceptRate() <= falseAcceptRate) {
                    best = Math.max(best, point.trueAcceptRate());
                }
            }
            return best;
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Result o
                    && scores.equals(o.scores)
                    && measure == o.measure
                    && pairs == o.pairs
                    && skippedPairs == o.skippedPairs
                    && images == o.images
                    && identities == o.identities
                    && missingImages == o.missingImages;
        }

        @Override
        public int hashCode() {
            return Objects.hash(scores, measure, pairs, skippedPairs, images, identities, missingImages);
        }

        /** For messages: the figures without the curve. */
        @Override
        public String toString() {
            return String.format(
                    Locale.ROOT,
                    "accuracy %.4f ± %.4f, threshold %.4f ± %.4f, AUC %.4f, EER %.4f on %d pairs of %d images",
                    meanAccuracy(),
                    accuracyHalfWidth(),
                    threshold(),
                    thresholdHalfWidth(),
                    auc(),
                    eer(),
                    pairs,
                    images);
        }
    }

    /** What a threshold gives: a point of the ROC curve. */
    public static final class RocPoint {
        private final double threshold;
        private final double falseAcceptRate;
        private final double trueAcceptRate;

        RocPoint(double threshold, double falseAcceptRate, double trueAcceptRate) {
            this.threshold = threshold;
            this.falseAcceptRate = falseAcceptRate;
            this.trueAcceptRate = trueAcceptRate;
        }

        /** Largest squared distance that is accepted. */
        public double threshold() {
            return threshold;
        }

        /** Share of the pairs of two people that is accepted. */
        public double falseAcceptRate() {
            return falseAcceptRate;
        }

        /** Share of the pairs of one person that is accepted. */
        public double trueAcceptRate() {
            return trueAcceptRate;
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof RocPoint o
                    && Double.compare(threshold, o.threshold) == 0
                    && Double.compare(falseAcceptRate, o.falseAcceptRate) == 0
                    && Double.compare(trueAcceptRate, o.trueAcceptRate) == 0;
        }

        @Override
        public int hashCode() {
            return Objects.hash(threshold, falseAcceptRate, trueAcceptRate);
        }

        @Override
        public String toString() {
            return threshold + ": " + falseAcceptRate + ", " + trueAcceptRate;
        }
    }
}
