package org.openface.triplet.training;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.image.AlignmentProfile;

/** Says what is allowed and yet hardly meant, each once. */
final class Cautions {
    private final Consumer<String> warned;
    private boolean bestSettled;

    Cautions(Consumer<String> warned) {
        this.warned = warned;
    }

    void ofFaces(FaceDataset training, @Nullable FaceDataset validation, int imageSize) {
        Optional<AlignmentProfile> profile = training.alignmentProfile();
        if (profile.isEmpty()) {
            warned.accept("nothing says that the faces of the training set were aligned (there is no "
                    + AlignmentProfile.FILE_NAME + "): photographs must be aligned first, as by the Aligner; for faces"
                    + " that another program has aligned, say how with FaceDataset.withAlignmentProfile");
        } else if (profile.get().size() != imageSize) {
            warned.accept("the faces of the training set were aligned to "
                    + profile.get().size() + " pixels and the network takes " + imageSize
                    + ": they are scaled; align them to " + imageSize);
        }
        if (validation != null) {
            overlap(training, validation);
        }
    }

    private void overlap(FaceDataset training, FaceDataset validation) {
        int images = training.sharedFaces(validation);
        Set<String> people = new HashSet<>(training.identities());
        people.retainAll(validation.identities());
        if (images > 0 || !people.isEmpty()) {
            warned.accept("the validation set shares " + images + " images and " + people.size()
                    + " people with the training set: its figures do not tell how well the network does with people it has"
                    + " not seen; split by people, as DatasetSplitter does");
        }
    }

    void ofResumed(Map<String, String> configuration) {
        String incomparable = Configurations.incomparable(configuration);
        if (!incomparable.isEmpty()) {
            warned.accept("nothing tells whether this is the same as in the run that is gone on with: " + incomparable
                    + "; give it a name, such as TripletFilter.named(\"...\", lambda), and another when it changes");
        }
    }

    void ofExecutor(Map<String, String> before, Map<String, String> now) {
        warned.accept("the run goes on with the executor " + now.get(Configurations.EXECUTOR) + " instead of "
                + before.get(Configurations.EXECUTOR)
                + ", which rounds otherwise: it does not end with the same bits as without the move");
    }

    /** @param best the figure that {@code keepBest} was told; {@code null} if none */
    void ofBest(@Nullable String best, Set<String> evaluations) {
        bestSettled = best == null;
        if (best != null && !evaluations.contains(evaluation(best))) {
            bestSettled = true;
            warned.accept("keepBest(\"" + best + "\") keeps nothing: "
                    + (evaluations.isEmpty()
                            ? "there is no evaluation; add a validationSet or evaluateEachEpoch"
                            : "there is no evaluation of that name; its figures begin with one of "
                                    + String.join(", ", new TreeSet<>(evaluations))));
        }
    }

    /** Looks for the figure among those of an epoch, unless its evaluation has failed. */
    void ofBest(@Nullable String best, Map<String, Double> figures) {
        if (bestSettled || best == null) {
            return;
        }
        List<String> ofEvaluation = figures.keySet().stream()
                .filter(figure -> evaluation(figure).equals(evaluation(best)))
                .toList();
        if (ofEvaluation.isEmpty()) {
            return;
        }
        bestSettled = true;
        if (!ofEvaluation.contains(best)) {
            warned.accept("keepBest(\"" + best + "\") keeps nothing: there is no such figure; there are "
                    + figures.keySet().stream().sorted().collect(Collectors.joining(", ")));
        }
    }

    /** Names of evaluations have no dots. */
    private static String evaluation(String figure) {
        int dot = figure.indexOf('.');
        return dot < 0 ? figure : figure.substring(0, dot);
    }
}
