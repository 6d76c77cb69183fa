package org.openface.examples;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openface.core.cleaning.CleaningPlan;
import org.openface.core.cleaning.CleaningReport;
import org.openface.core.cleaning.DatasetCleaner;
import org.openface.core.cleaning.ReviewList;
import org.openface.core.cleaning.TestNames;
import org.openface.core.dataset.FaceDataset;
import org.openface.nn4.Nn4Model;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Looks a folder of faces through before training: lists first, and what somebody has decided then, in a new folder. */
@Command(
        name = "CleanFaces",
        mixinStandardHelpOptions = true,
        showDefaultValues = true,
        description = {
            "Finds duplicates, wrong labels, people under two names and people of a test set among aligned faces.",
            "With --out it writes lists to look at; change their first column to keep, remove or move to NAME.",
            "With --apply and --into it then lays out what is left in a new folder. The faces themselves stay as they are."
        })
public final class CleanFaces implements Callable<Integer> {
    @Option(names = "--data", required = true, description = "A folder with a folder of aligned faces per person.")
    private Path data = Path.of("");

    @Option(names = "--model", description = "A model file, for wrong labels and people; without one, duplicates only.")
    private @Nullable Path model;

    @Option(names = "--test", description = "Aligned faces of a test set, whose people must not be among the faces.")
    private @Nullable Path test;

    @Option(names = "--test-names", description = "LFW's pairs.txt, or a file with the name of a test person per line.")
    private @Nullable Path testNames;

    @Option(names = "--mirrored", description = "A mirror image is a duplicate too.")
    private boolean mirrored;

    @Option(names = "--out", description = "Where the lists go.")
    private @Nullable Path out;

    @Option(names = "--apply", description = "A folder with lists that --out has written.")
    private @Nullable Path apply;

    @Option(
            names = "--into",
            description = "A new folder for what is left: hard links where possible, copies elsewhere.")
    private @Nullable Path into;

    private final Progress progress;
    private String step = "";
    private long stepBegan;

    CleanFaces(Progress progress) {
        this.progress = progress;
    }

    /** Runs the program; see the README. */
    public static void main(String... arguments) {
        int code = Program.run(new CleanFaces(Progress.onConsole()), arguments);
        if (code != 0) {
            System.exit(code);
        }
    }

    @Override
    public Integer call() throws IOException {
        checkArgument((out == null) != (apply == null), "give either --out or --apply");
        checkArgument((apply == null) == (into == null), "--apply and --into belong together");
        FaceDataset dataset = FaceDataset.index(data);
        progress.say("%d people, %d faces", dataset.identities().size(), dataset.size());
        if (out != null) {
            review(dataset, out);
        } else if (apply != null && into != null) {
            CleaningPlan plan = CleaningPlan.read(apply, dataset);
            plan.writeTo(into);
            progress.say(
                    "%d removed, %d moved, %d left in %s",
                    plan.removedImages(), plan.movedImages(), dataset.size() - plan.removedImages(), into);
        }
        return 0;
    }

    private void review(FaceDataset dataset, Path lists) throws IOException {
        DatasetCleaner cleaner = DatasetCleaner.of(dataset)
                .testIdentities(testNames == null ? List.of() : TestNames.read(testNames))
                .onProgress(this::show);
        if (test != null) {
            cleaner.testSet(FaceDataset.index(test));
        }
        if (mirrored) {
            cleaner.mirroredToo();
        }
        CleaningReport report;
        if (model == null) {
            report = cleaner.review();
        } else {
            try (Nn4Model network = Nn4Model.load(model)) {
                report = cleaner.embedder(network).review();
            }
        }
        report.writeTo(lists);
        for (ReviewList list : ReviewList.values()) {
            progress.say("%6d  %s", report.list(list).size(), lists.resolve(list.fileName()));
        }
    }

    private void show(String doing, int done, int total) {
        if (!doing.equals(step)) {
            step = doing;
            stepBegan = System.nanoTime();
        }
        double left = done == 0 ? 0 : (System.nanoTime() - stepBegan) * ((total - done) / (double) done);
        progress.show(doing, done, total, Duration.ofNanos((long) left));
    }
}
