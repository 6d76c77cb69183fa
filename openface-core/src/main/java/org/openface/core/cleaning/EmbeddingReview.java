package org.openface.core.cleaning;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.openface.core.dataset.FaceDataset;

/**
 * What embeddings tell about labels. First people: names of one person count as one, and folders of two as two; then
 * images are compared with those. An image that is in a folder several times counts once.
 */
final class EmbeddingReview {
    /** Probability from which a label is listed as wrong, and from which removal is proposed. */
    private static final double LISTED = 0.6;

    private static final double WRONG = 0.75;

    private final FaceSpace space;
    private final List<Finding> findings = new ArrayList<>();
    private final LabelReview labels;

    /** @param test people who must not be in the data set, whose images are numbered on in the embeddings; may be absent */
    EmbeddingReview(
            FaceDataset dataset,
            Optional<FaceDataset> test,
            Embeddings embeddings,
            Duplicates duplicates,
            DatasetCleaner.Progress progress)
            throws IOException {
        int people = dataset.identities().size();
        int images = dataset.size();
        int[] groups = new int[images + test.map(FaceDataset::size).orElse(0)];
        for (int i = 0; i < groups.length; i++) {
            int image = i;
            groups[i] = !embeddings.has(i)
                    ? FaceSpace.NONE
                    : i < images
                            ? dataset.identityOf(i)
                            : people + test.orElseThrow().identityOf(image - images);
        }
        for (Duplicates.Group group : duplicates.groups()) {
            countOnce(group, groups);
        }
        List<String> testNames = test.map(FaceDataset::identities).orElse(List.of());
        space = FaceSpace.of(embeddings, groups, people + testNames.size(), done -> {});
        PeopleReview review = new PeopleReview(dataset, space);
        Parallel.Watch watch = done -> progress.at("comparing people", done, people);
        if (!testNames.isEmpty()) {
            findings.addAll(review.testPeople(testNames, done -> {}));
        }
        int[] united = IntStream.range(0, people).toArray();
        findings.addAll(review.samePerson(united, watch));
        List<String> names = new ArrayList<>(dataset.identities());
        Arrays.fill(groups, images, groups.length, FaceSpace.NONE);
        findings.addAll(review.twoPeople(groups, names, done -> {}));
        for (int i = 0; i < images; i++) {
            groups[i] = unite(groups[i], united);
        }
        space.regroup(groups, names.size());
        labels = new LabelReview(dataset, space, done -> progress.at("comparing images", done, images));
        findings.addAll(labels.wrongLabels(LISTED, WRONG, names::get));
        findings.addAll(labels.outliers(LISTED));
    }

    /** Of an image that is in a folder several times, all but one count no more. */
    private static void countOnce(Duplicates.Group group, int[] groups) {
        Set<Integer> met = new HashSet<>();
        met.add(groups[group.best()]);
        for (int i : group.others()) {
            if (!met.add(groups[i])) {
                groups[i] = FaceSpace.NONE;
            }
        }
    }

    /** The name that a name becomes, which may become a third. Images move to people with more of them: never in a circle. */
    private static int unite(int group, int[] united) {
        int at = group;
        while (at != FaceSpace.NONE && at < united.length && united[at] != at) {
            at = united[at];
        }
        return at;
    }

    List<Finding> findings() {
        return findings;
    }

    /** How little an image fits its person compared with others of the same photograph; NaN if unknown. */
    double wrong(int image) {
        return space.group(image) == FaceSpace.NONE ? Double.NaN : labels.wrong(image);
    }
}
