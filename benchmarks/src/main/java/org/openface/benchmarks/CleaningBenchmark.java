package org.openface.benchmarks;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;
import org.openface.core.cleaning.CleaningPlan;
import org.openface.core.cleaning.CleaningReport;
import org.openface.core.cleaning.DatasetCleaner;
import org.openface.core.cleaning.Decision;
import org.openface.core.cleaning.Finding;
import org.openface.core.cleaning.ReviewList;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.eval.Verification;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.nn4.Nn4Model;
import org.openface.triplet.training.Trainer;

/**
 * What cleaning finds of planted mistakes, and what it is worth: faces get {@link DirtyFaces mistakes}, nn4.small2 is trained
 * on them for some steps, its embeddings are what the cleaning goes by, and two more are trained, as long and from the same
 * seed, on what the cleaning proposes and on the faces without any mistake. AUC is on other images of the same people.
 *
 * <pre>
 * java -cp benchmarks/target/benchmarks.jar org.openface.benchmarks.CleaningBenchmark FACES HELD_OUT_IMAGES [STEPS [SEED]]
 * </pre>
 *
 * <p>The folders hold an image folder per person, of images larger than 108×108; steps are rounded to 25.
 */
public final class CleaningBenchmark {
    private static final double SHARE = 0.05;
    private static final int STEPS_PER_EPOCH = 25;
    private static final int CALIBRATION_IMAGES = 384;

    private final Path scratch;
    private final Verification heldOut;
    private final int steps;
    private final long seed;
    private final DirtyFaces dirty;

    private CleaningBenchmark(Path faces, Path heldOut, int steps, long seed, Path scratch) throws IOException {
        this.scratch = scratch;
        this.steps = steps;
        this.seed = seed;
        dirty = DirtyFaces.plant(faces, Files.createDirectory(scratch.resolve("dirty")), SHARE, 1);
        Path cut = scratch.resolve("held-out");
        for (Face face : FaceDataset.index(heldOut).faces()) {
            Path person = Files.createDirectories(cut.resolve(face.identity()));
            ImageFiles.writePng(
                    DirtyFaces.cut(face.read(), 0, 0),
                    person.resolve(MoreFiles.getNameWithoutExtension(face.file()) + ".png"));
        }
        this.heldOut = Verification.pairs(FaceDataset.index(cut), Integer.MAX_VALUE, 5);
    }

    /** See the class comment. */
    public static void main(String[] args) throws Exception {
        if (args.length < 2) {
            System.err.println("usage: CleaningBenchmark FACES HELD_OUT_IMAGES [STEPS [SEED]]");
            System.exit(2);
        }
        int steps = args.length > 2 ? Integer.parseInt(args[2]) : 400;
        long seed = args.length > 3 ? Long.parseLong(args[3]) : 2;
        Path scratch = Files.createTempDirectory("cleaning");
        try {
            new CleaningBenchmark(Path.of(args[0]), Path.of(args[1]), steps, seed, scratch).run();
        } finally {
            MoreFiles.deleteRecursively(scratch, RecursiveDeleteOption.ALLOW_INSECURE);
        }
        System.exit(0);
    }

    private void run() throws IOException {
        FaceDataset faces = FaceDataset.index(dirty.folder);
        say("%s with mistakes, %d steps, seed %d", faces, steps, seed);
        CleaningReport report;
        try (Nn4Model model = trained(faces, "dirty")) {
            long before = System.nanoTime();
            report = DatasetCleaner.of(faces).embedder(model).review();
            say("review: %.1f s, %s", (System.nanoTime() - before) / 1e9, report);
        }
        printDuplicates(report, ReviewList.DUPLICATES, true);
        printDuplicates(report, ReviewList.SHARED_PHOTOGRAPHS, false);
        printLabels(report);
        printPeople(report);
        CleaningPlan plan = report.plan();
        say("%s", plan);
        Path clean = scratch.resolve("clean");
        plan.writeTo(clean);
        say("%s after cleaning, %d of the wrong labels left", FaceDataset.index(clean), wrongLeft(plan));
        trained(FaceDataset.index(clean), "cleaned").close();
        FaceDataset ideal = ideal(faces);
        say("%s without mistakes", ideal);
        trained(ideal, "ideal").close();
    }

    /** A network trained on faces, with statistics of its own. */
    private Nn4Model trained(FaceDataset faces, String name) throws IOException {
        List<Face> shuffled = new ArrayList<>(faces.faces());
        Collections.shuffle(shuffled, new Random(3));
        List<RgbImage> calibration = new ArrayList<>();
        for (Face face : shuffled.subList(0, Math.min(CALIBRATION_IMAGES, shuffled.size()))) {
            calibration.add(face.read().resized(DirtyFaces.SIDE, DirtyFaces.SIDE));
        }
        Nn4Model model =
                Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).seed(seed).build();
        Trainer.builder()
                .model(model)
                .trainingSet(faces)
                .identitiesPerBatch(12)
                .imagesPerIdentity(8)
                .batchesPerEpoch(STEPS_PER_EPOCH)
                .epochs(Math.max(1, steps / STEPS_PER_EPOCH))
                .seed(seed)
                .workDirectory(scratch.resolve("work-" + name))
                .plots(false)
                .reportFaces(false)
                .fit();
        model.estimateBatchStatistics(calibration, DirtyFaces.SIDE);
        say("AUC trained on %s faces: %.4f", name, heldOut.evaluate(model).auc());
        return model;
    }

    /** What a perfect review would leave. */
    private FaceDataset ideal(FaceDataset faces) {
        Set<String> photographs = new HashSet<>();
        List<Face> ideal = new ArrayList<>();
        for (Face face : faces.faces()) {
            String shows = shows(place(face));
            boolean first = photographs.add(dirty.photograph.get(place(face)));
            if (first && !shows.equals(dirty.stranger)) {
                ideal.add(new Face(shows, face.file()));
            }
        }
        return FaceDataset.of(ideal);
    }

    private String shows(String place) {
        String shows = dirty.truth.get(place);
        if (shows == null) {
            throw new IllegalStateException("nothing is known of " + place);
        }
        return shows;
    }

    private static String place(Face face) {
        return face.identity() + "/" + face.fileName();
    }

    private static String place(Finding finding) {
        return finding.identity() + "/" + finding.image();
    }

    /** A folder's people: two where one was planted into another's. */
    private boolean isWrong(String place) {
        String label = place.substring(0, place.indexOf('/'));
        String shows = shows(place);
        return !label.equals(shows)
                && !(label.equals(dirty.alias) && shows.equals(dirty.split))
                && !(label.equals(dirty.united) && shows.equals(dirty.guest));
    }

    private void printDuplicates(CleaningReport report, ReviewList list, boolean samePerson) {
        Set<String> found = new HashSet<>();
        int planted = 0;
        int others = 0;
        for (Finding finding : report.list(list)) {
            found.add(place(finding));
            found.add(finding.other());
            String one = String.valueOf(dirty.photograph.get(place(finding)));
            boolean same = one.equals(dirty.photograph.get(finding.other()));
            planted += same ? 1 : 0;
            if (!same) {
                others++;
                System.out.println(
                        "  not planted: " + place(finding) + " = " + finding.other() + ", " + finding.reason());
            }
        }
        say(
                "%s: %d listed, %d of planted pairs, %d of others; recall exact %s, near %s",
                list.fileName(),
                report.list(list).size(),
                planted,
                others,
                recall(dirty.exactDuplicates, samePerson, found),
                recall(dirty.nearDuplicates, samePerson, found));
    }

    /** Of the copies that are with their photograph, or under another name. */
    private String recall(Set<String> copies, boolean samePerson, Set<String> found) {
        List<String> asked =
                copies.stream().filter(copy -> isWrong(copy) != samePerson).toList();
        return asked.stream().filter(found::contains).count() + " of " + asked.size();
    }

    private void printLabels(CleaningReport report) {
        Set<String> wrong = new HashSet<>(dirty.wrongLabels);
        for (Decision.Action from : List.of(Decision.Action.KEEP, Decision.Action.REMOVE)) {
            List<Finding> listed = report.list(ReviewList.WRONG_LABELS).stream()
                    .filter(f -> from == Decision.Action.KEEP || f.decision().action() == from)
                    .toList();
            long right = listed.stream().filter(f -> isWrong(place(f))).count();
            long guests = listed.stream()
                    .filter(f ->
                            shows(place(f)).equals(dirty.guest) && f.identity().equals(dirty.united))
                    .count();
            Set<String> places = new HashSet<>();
            listed.forEach(f -> places.add(place(f)));
            say(
                    "wrong-labels.tsv, %s: %d, precision %.2f (%.2f without images of the guest); single wrong labels found"
                            + " %d of %d; strangers %d of 2",
                    from == Decision.Action.KEEP ? "listed" : "to be removed",
                    listed.size(),
                    right / (double) Math.max(1, listed.size()),
                    right / (double) Math.max(1, listed.size() - guests),
                    wrong.stream().filter(places::contains).count(),
                    wrong.size(),
                    dirty.strangers.stream().filter(places::contains).count());
        }
        for (int most : new int[] {50, 100, 200}) {
            List<Finding> surest = report.list(ReviewList.WRONG_LABELS);
            surest = surest.subList(0, Math.min(most, surest.size()));
            say(
                    "  of the %d surest %.2f",
                    surest.size(),
                    surest.stream().filter(f -> isWrong(place(f))).count() / (double) Math.max(1, surest.size()));
        }
        List<Finding> outliers = report.list(ReviewList.OUTLIERS);
        say(
                "outliers.tsv: %d, of which %d are wrong labels; strangers %d of 2",
                outliers.size(),
                outliers.stream().filter(f -> isWrong(place(f))).count(),
                outliers.stream()
                        .filter(f -> dirty.strangers.contains(place(f)))
                        .count());
    }

    private void printPeople(CleaningReport report) {
        int rank = 0;
        for (Finding finding : report.list(ReviewList.SAME_PERSON)) {
            rank++;
            boolean planted = Set.of(finding.identity(), finding.other()).equals(Set.of(dirty.split, dirty.alias));
            say(
                    "same-person.tsv, %d: %s = %s, %.2f, %s%s",
                    rank,
                    finding.identity(),
                    finding.other(),
                    finding.score(),
                    finding.decision(),
                    planted ? " (planted)" : "");
        }
        List<Finding> apart = report.list(ReviewList.TWO_PEOPLE);
        for (String folder : apart.stream().map(Finding::identity).distinct().toList()) {
            List<Finding> smaller =
                    apart.stream().filter(f -> f.identity().equals(folder)).toList();
            long guests = smaller.stream()
                    .filter(f -> shows(place(f)).equals(dirty.guest))
                    .count();
            say(
                    "two-people.tsv: %s, %.2f, %s, %d images, %d of them the guest's%s",
                    folder,
                    smaller.get(0).score(),
                    smaller.get(0).decision(),
                    smaller.size(),
                    guests,
                    folder.equals(dirty.united) ? " (planted)" : "");
        }
    }

    private long wrongLeft(CleaningPlan plan) {
        return plan.apply().faces().stream()
                .filter(face -> isWrong(sourcePlace(face)) && face.identity().equals(label(face)))
                .count();
    }

    private static String label(Face face) {
        return String.valueOf(face.file().getName(face.file().getNameCount() - 2));
    }

    private static String sourcePlace(Face face) {
        return label(face) + "/" + face.fileName();
    }

    private static void say(String format, Object... arguments) {
        System.out.println(String.format(Locale.ROOT, format, arguments));
    }
}
