package org.openface.benchmarks;

import com.google.common.base.Splitter;
import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.eval.Verification;
import org.openface.core.image.RgbImage;
import org.openface.nn4.Nn4Model;
import org.openface.triplet.training.EpochMetrics;
import org.openface.triplet.training.Trainer;

/**
 * What nn4.small2 learns with each strategy, in two ways: closed, on other images of the people that it is trained on, and open, on
 * people of the same kind kept aside. A draw of 1, 2, 3 … trains on two thirds of the people, drawn by that number, and verifies on the
 * others too; 0 trains on all.
 *
 * <pre>
 * java -cp benchmarks/target/benchmarks.jar org.openface.benchmarks.RecipeComparison \
 *     TRAINING HELD_OUT_IMAGES DRAW,DRAW SEED,SEED STRATEGY,STRATEGY [STEPS [STEPS_PER_LINE]]
 * </pre>
 *
 * <p>Strategies are those of {@link LearningCurves}, and so is all else: 96 images a step, of 12 people × 8, or 8 × 12 where there are
 * fewer than 12.
 */
public final class RecipeComparison {
    private final FaceDataset all;
    private final FaceDataset heldOutImages;
    private final int steps;
    private final int stepsPerLine;
    private final Path scratch;

    private RecipeComparison(FaceDataset all, FaceDataset heldOutImages, int steps, int stepsPerLine, Path scratch) {
        this.all = all;
        this.heldOutImages = heldOutImages;
        this.steps = steps;
        this.stepsPerLine = stepsPerLine;
        this.scratch = scratch;
    }

    /** See the class comment. */
    public static void main(String[] args) throws Exception {
        if (args.length < 5) {
            System.err.println(
                    "usage: RecipeComparison TRAINING HELD_OUT_IMAGES DRAWS SEEDS STRATEGIES [STEPS [STEPS_PER_LINE]];"
                            + " strategies: " + Strategies.names());
            System.exit(2);
        }
        Path scratch = Files.createTempDirectory("recipes");
        try {
            RecipeComparison recipes = new RecipeComparison(
                    LearningCurves.cut(Path.of(args[0]), scratch.resolve("training")),
                    LearningCurves.cut(Path.of(args[1]), scratch.resolve("held-out-images")),
                    args.length > 5 ? Integer.parseInt(args[5]) : 250,
                    args.length > 6 ? Integer.parseInt(args[6]) : LearningCurves.STEPS_PER_LINE,
                    scratch);
            System.out.println(
                    "strategy\tdraw\tseed\tstep\tseconds\tclosedAuc\tclosedTarAtFar1%\topenAuc\topenTarAtFar1%"
                            + "\tlossOverAll\tmeanPositiveDistance\tmeanNegativeDistance");
            for (String strategy : Splitter.on(',').split(args[4])) {
                for (String draw : Splitter.on(',').split(args[2])) {
                    for (String seed : Splitter.on(',').split(args[3])) {
                        recipes.learn(strategy, Integer.parseInt(draw), Long.parseLong(seed));
                    }
                }
            }
        } finally {
            MoreFiles.deleteRecursively(scratch, RecursiveDeleteOption.ALLOW_INSECURE);
        }
        System.exit(0);
    }

    private void learn(String strategy, int draw, long seed) throws IOException {
        List<String> people = new ArrayList<>(all.identities());
        if (draw > 0) {
            Collections.shuffle(people, new Random(1000 + draw));
        }
        int kept = draw > 0 ? people.size() * 2 / 3 : people.size();
        Set<String> others = new HashSet<>(people.subList(kept, people.size()));
        FaceDataset training = all.without(others);
        Verification closed = LearningCurves.allPairs(heldOutImages.without(others));
        Verification open =
                draw == 0 ? null : LearningCurves.allPairs(all.without(new HashSet<>(people.subList(0, kept))));
        List<Face> shuffled = new ArrayList<>(training.faces());
        Collections.shuffle(shuffled, new Random(3));
        List<RgbImage> calibration = new ArrayList<>();
        for (Face face : shuffled.subList(0, Math.min(LearningCurves.CALIBRATION_IMAGES, shuffled.size()))) {
            calibration.add(face.read());
        }
        try (Nn4Model model = Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2)
                        .seed(seed)
                        .precision(Strategies.precision(strategy))
                        .build();
                Nn4Model copy = Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).build()) {
            double[] seconds = {0};
            Trainer.Builder trainer = Trainer.builder()
                    .model(model)
                    .trainingSet(training)
                    .identitiesPerBatch(kept >= 12 ? 12 : 8)
                    .imagesPerIdentity(kept >= 12 ? 8 : 12)
                    .batchesPerEpoch(stepsPerLine)
                    .epochs(steps / stepsPerLine)
                    .seed(seed)
                    .workDirectory(scratch.resolve(strategy + "-" + draw + "-" + seed))
                    .plots(false)
                    .reportFaces(false)
                    .onEpoch(epoch -> {
                        seconds[0] += epoch.seconds();
                        try {
                            ByteArrayOutputStream state = new ByteArrayOutputStream();
                            model.writeState(state);
                            copy.readState(new ByteArrayInputStream(state.toByteArray()));
                            copy.estimateBatchStatistics(calibration, LearningCurves.SIDE);
                            print(strategy + "\t" + draw + "\t" + seed, epoch, seconds[0], copy, closed, open);
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                    });
            Strategies.apply(strategy, trainer).fit();
        }
    }

    private void print(
            String run,
            EpochMetrics epoch,
            double seconds,
            Nn4Model model,
            Verification closed,
            @Nullable Verification open)
            throws IOException {
        Verification.Result own = closed.evaluate(model);
        Verification.Result others = open == null ? null : open.evaluate(model);
        System.out.printf(
                Locale.ROOT,
                "%s\t%d\t%.1f\t%.4f\t%.3f\t%.4f\t%.3f\t%.4f\t%.3f\t%.3f%n",
                run,
                epoch.epoch() * stepsPerLine,
                seconds,
                own.auc(),
                own.tarAtFar(0.01),
                others == null ? Double.NaN : others.auc(),
                others == null ? Double.NaN : others.tarAtFar(0.01),
                epoch.lossOverAll(),
                epoch.meanPositiveDistance(),
                epoch.meanNegativeDistance());
    }
}
