package org.openface.core.cleaning;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;

/**
 * Looks a data set through for what should not be learnt from, and changes nothing: {@code
 * DatasetCleaner.of(dataset).review()} gives lists, a person decides, and a {@link CleaningPlan} is carried out.
 */
public final class DatasetCleaner {
    private final FaceDataset dataset;
    private boolean mirrored;
    private Collection<String> testNames = Set.of();
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

    /** Is told how far a review is. */
    public DatasetCleaner onProgress(Progress listener) {
        progress = listener;
        return this;
    }

    /**
     * Reads all images and makes the lists.
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
        for (Duplicates.Group group : duplicates.groups()) {
            addDuplicates(group, duplicates, scan, findings);
        }
        TestNames.find(dataset.identities(), testNames, findings);
        return new CleaningReport(dataset, findings);
    }

    private void addDuplicates(Duplicates.Group group, Duplicates duplicates, ImageScan scan, List<Finding> findings) {
        Face best = dataset.faces().get(group.best());
        for (int i : group.others()) {
            Face face = dataset.faces().get(i);
            boolean samePerson = face.identity().equals(best.identity());
            findings.add(finding(
                    samePerson ? ReviewList.DUPLICATES : ReviewList.SHARED_PHOTOGRAPHS,
                    Decision.REMOVE,
                    duplicates.score(i),
                    face,
                    name(best),
                    scan.sameBytes(i, group.best())
                            ? "same bytes"
                            : scan.samePixels(i, group.best())
                                    ? "same pixels"
                                    : String.format(Locale.ROOT, "details agree to %.3f", duplicates.score(i))));
        }
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
