package org.openface.core.cleaning;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.FaceEmbedder;

/**
 * Looks a data set through for what should not be learnt from, and changes nothing: {@code
 * DatasetCleaner.of(dataset).review()} gives lists, a person decides, and a {@link CleaningPlan} is carried out.
 */
public final class DatasetCleaner {
    private final FaceDataset dataset;
    private boolean mirrored;
    private Collection<String> testNames = Set.of();
    private @Nullable FaceDataset testSet;
    private @Nullable FaceEmbedder embedder;
    private Progress progress = (step, done, total) -> {};

    private DatasetCleaner(FaceDataset dataset) {
        this.dataset = dataset;
    }

    /** What a review is doing. */
    @FunctionalInterface
    public interface Progress {
        /**
         * Called now and then by the thread that reviews.
         *
         * @param step for people, such as {@code reading}
         * @param done how many images of {@code total} are
         */
        void at(String step, int done, int total);
    }

    /** A cleaner of a data set; without an embedder it finds duplicates, unreadable images, and names. */
    public static DatasetCleaner of(FaceDataset dataset) {
        return new DatasetCleaner(dataset);
    }

    /** Counts an image and its mirror image as duplicates too; not done by default, as training mirrors anyway. */
    public DatasetCleaner mirroredToo() {
        mirrored = true;
        return this;
    }

    /** People of a test set, who must not be trained on; see {@link TestNames} for how names are compared. */
    public DatasetCleaner testIdentities(Collection<String> names) {
        testNames = List.copyOf(names);
        return this;
    }

    /**
     * Compares labels with what a network sees: finds wrong labels, outliers, people with two names and folders of two
     * people. Nothing better at hand, a network that was trained on the data set itself will do, before it has learnt the
     * mistakes by heart; the less it has learnt, the less is listed. Thresholds come from the data set: how far people are
     * from each other and their images from themselves decides what a distance means.
     */
    public DatasetCleaner embedder(FaceEmbedder network) {
        embedder = network;
        return this;
    }

    /** Looks for the people of a test set, by their names, and with an {@link #embedder} by their looks. */
    public DatasetCleaner testSet(FaceDataset faces) {
        testSet = faces;
        return this;
    }

    /** Is told how far a review is. */
    public DatasetCleaner onProgress(Progress listener) {
        progress = listener;
        return this;
    }

    /**
     * Reads all images and makes the lists; with an embedder each image is read twice. Memory: about 0.7 kB an image, and with
     * an embedder its embedding.
     *
     * @throws IOException if the thread is interrupted ({@link java.io.InterruptedIOException}); images that cannot be read
     *     are listed
     */
    public CleaningReport review() throws IOException {
        checkArgument(dataset.size() > 0, "there is nothing to review in %s", dataset);
        List<Finding> findings = new ArrayList<>();
        ImageScan scan = ImageScan.of(dataset, watch("reading"));
        scan.unreadable()
                .forEach((i, reason) -> findings.add(finding(
                        ReviewList.UNREADABLE,
                        Decision.REMOVE,
                        1,
                        dataset.faces().get(i),
                        "",
                        reason)));
        Duplicates duplicates = Duplicates.find(dataset, scan, mirrored, watch("looking for duplicates"));
        EmbeddingReview labels = embeddingReview(duplicates);
        if (labels != null) {
            findings.addAll(labels.findings());
        }
        for (Duplicates.Group group : duplicates.groups()) {
            addDuplicates(group, duplicates, scan, labels, findings);
        }
        SortedSet<String> names = new TreeSet<>(testNames);
        if (testSet != null) {
            names.addAll(testSet.identities());
        }
        TestNames.find(dataset.identities(), names, findings);
        return new CleaningReport(dataset, findings);
    }

    private @Nullable EmbeddingReview embeddingReview(Duplicates duplicates) throws IOException {
        FaceEmbedder network = embedder;
        if (network == null) {
            return null;
        }
        List<FaceDataset> datasets = testSet == null ? List.of(dataset) : List.of(dataset, testSet);
        int total = datasets.stream().mapToInt(FaceDataset::size).sum();
        Embeddings embeddings = Embeddings.of(datasets, network, done -> progress.at("embedding", done, total));
        return new EmbeddingReview(dataset, Optional.ofNullable(testSet), embeddings, duplicates, progress);
    }

    /** Of each person all images but the best; then all people but the one whom the photograph fits. */
    private void addDuplicates(
            Duplicates.Group group,
            Duplicates duplicates,
            ImageScan scan,
            @Nullable EmbeddingReview labels,
            List<Finding> findings) {
        SortedMap<String, Integer> best = new TreeMap<>();
        best.put(dataset.faces().get(group.best()).identity(), group.best());
        for (int i : group.others()) {
            String identity = dataset.faces().get(i).identity();
            Integer other = best.putIfAbsent(identity, i);
            if (other != null) {
                findings.add(duplicate(ReviewList.DUPLICATES, i, other, duplicates, scan));
            }
        }
        if (best.size() == 1) {
            return;
        }
        Integer owner = labels == null
                ? null
                : Collections.min(best.values(), Comparator.comparingDouble(i -> certainty(labels.wrong(i))));
        for (Integer i : best.values()) {
            if (!i.equals(owner)) {
                int other = owner != null
                        ? owner
                        : i == group.best() ? group.others().get(0) : group.best();
                findings.add(duplicate(ReviewList.SHARED_PHOTOGRAPHS, i, other, duplicates, scan));
            }
        }
    }

    private static double certainty(double wrong) {
        return Double.isNaN(wrong) ? 0.5 : wrong;
    }

    private Finding duplicate(ReviewList list, int i, int other, Duplicates duplicates, ImageScan scan) {
        String reason = scan.sameBytes(i, other)
                ? "same bytes"
                : scan.samePixels(i, other)
                        ? "same pixels"
                        : String.format(Locale.ROOT, "details agree to %.3f", duplicates.score(i, other));
        double score = duplicates.score(i, other);
        return finding(
                list,
                Decision.REMOVE,
                score,
                dataset.faces().get(i),
                name(dataset.faces().get(other)),
                reason);
    }

    private static Finding finding(
            ReviewList list, Decision decision, double score, Face face, String other, String reason) {
        return new Finding(list, decision, score, face.identity(), face.fileName(), other, reason);
    }

    private static String name(Face face) {
        return face.identity() + "/" + face.fileName();
    }

    private Parallel.Watch watch(String step) {
        return done -> progress.at(step, done, dataset.size());
    }
}
