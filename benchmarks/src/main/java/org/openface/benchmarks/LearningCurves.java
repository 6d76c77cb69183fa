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
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.eval.Verification;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.nn4.Nn4Model;
import org.openface.triplet.training.EpochMetrics;
import org.openface.triplet.training.Trainer;

/**
 * What nn4.small2 learns on photographs of people with each strategy: AUC on other images of the same people and on people
 * never seen, against steps and seconds, a line per strategy, seed and 25 steps.
 *
 * <pre>
 * java -cp benchmarks/target/benchmarks.jar org.openface.benchmarks.LearningCurves \
 *     TRAINING HELD_OUT_IMAGES HELD_OUT_PEOPLE SEED,SEED STRATEGY,STRATEGY [STEPS]
 * </pre>
 *
 * <p>The folders hold an image folder per person; images other than 96×96 are cut to their middle. Strategies: see {@link
 * Strategies}, or {@code pytorch}: the recipe of {@code openface} in PyTorch. Unless a strategy says otherwise all take 96 images a step, Adam at 1e-3, random
 * mirroring and nothing else. Before an evaluation the statistics of batch normalisation are estimated anew, on a copy of the
 * network, from 384 training images, as running averages make the figures jump.
 */
public final class LearningCurves {
    static final int STEPS_PER_LINE = 25;
    static final int CALIBRATION_IMAGES = 384;
    static final int SIDE = 96;
    private final FaceDataset training;
    private final Verification heldOutImages;
    private final Verification heldOutPeople;
    private final List<RgbImage> calibration = new ArrayList<>();
    private final int steps;
    private final Path scratch;

    private LearningCurves(Path training, Path heldOutImages, Path heldOutPeople, int steps, Path scratch)
            throws IOException {
        this.training = cut(training, scratch.resolve("training"));
        this.heldOutImages = allPairs(cut(heldOutImages, scratch.resolve("held-out-images")));
        this.heldOutPeople = allPairs(cut(heldOutPeople, scratch.resolve("held-out-people")));
        this.steps = steps;
        this.scratch = scratch;
        List<Face> shuffled = new ArrayList<>(this.training.faces());
        Collections.shuffle(shuffled, new Random(3));
        for (Face face : shuffled.subList(0, Math.min(CALIBRATION_IMAGES, shuffled.size()))) {
            calibration.add(ImageFiles.read(face.file()));
        }
    }

    /** See the class comment. */
    public static void main(String[] args) throws Exception {
        if (args.length < 5) {
            System.err.println(
                    "usage: LearningCurves TRAINING HELD_OUT_IMAGES HELD_OUT_PEOPLE SEEDS STRATEGIES [STEPS];"
                            + " strategies: pytorch, " + Strategies.names());
            System.exit(2);
        }
        int steps = args.length > 5 ? Integer.parseInt(args[5]) : 250;
        Path scratch = Files.createTempDirectory("learning-curves");
        try {
            LearningCurves curves =
                    new LearningCurves(Path.of(args[0]), Path.of(args[1]), Path.of(args[2]), steps, scratch);
            System.out.println("strategy\tseed\tstep\tseconds\theldOutImagesAuc\theldOutPeopleAuc\tlossOverAll"
                    + "\tpairsWithViolatingNegative\tmeanPositiveDistance\tmeanNegativeDistance");
            for (String strategy : Splitter.on(',').split(args[4])) {
                for (String seed : Splitter.on(',').split(args[3])) {
                    curves.learn(strategy, Long.parseLong(seed));
                }
            }
        } finally {
            MoreFiles.deleteRecursively(scratch, RecursiveDeleteOption.ALLOW_INSECURE);
        }
        System.exit(0);
    }

    private void learn(String strategy, long seed) throws IOException {
        if (strategy.equals("pytorch")) {
            PyTorchLearning.run(scratch, seed, steps, STEPS_PER_LINE);
            return;
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
                    .identitiesPerBatch(12)
                    .imagesPerIdentity(8)
                    .batchesPerEpoch(STEPS_PER_LINE)
                    .epochs(steps / STEPS_PER_LINE)
                    .seed(seed)
                    .workDirectory(scratch.resolve(strategy + "-" + seed))
                    .plots(false)
                    .reportFaces(false)
                    .onEpoch(epoch -> {
                        seconds[0] += epoch.seconds();
                        print(strategy, seed, epoch, seconds[0], model, copy);
                    });
            Strategies.apply(strategy, trainer).fit();
        }
    }

    private void print(String strategy, long seed, EpochMetrics epoch, double seconds, Nn4Model model, Nn4Model copy) {
        try {
            ByteArrayOutputStream state = new ByteArrayOutputStream();
            model.writeState(state);
            copy.readState(new ByteArrayInputStream(state.toByteArray()));
            copy.estimateBatchStatistics(calibration, SIDE);
            System.out.printf(
                    Locale.ROOT,
                    "%s\t%d\t%d\t%.1f\t%.4f\t%.4f\t%.4f\t%.3f\t%.3f\t%.3f%n",
                    strategy,
                    seed,
                    epoch.epoch() * STEPS_PER_LINE,
                    seconds,
                    heldOutImages.evaluate(copy).auc(),
                    heldOutPeople.evaluate(copy).auc(),
                    epoch.lossOverAll(),
                    epoch.pairsWithViolatingNegative(),
                    epoch.meanPositiveDistance(),
                    epoch.meanNegativeDistance());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** All pairs of one person, and as many of two people. */
    static Verification allPairs(FaceDataset faces) {
        return Verification.pairs(faces, Integer.MAX_VALUE, 5);
    }

    /** Copies of a folder's images, cut to their middle. */
    static FaceDataset cut(Path from, Path to) throws IOException {
        for (Face face : FaceDataset.index(from).faces()) {
            Path person = Files.createDirectories(to.resolve(face.identity()));
            String name = MoreFiles.getNameWithoutExtension(face.file());
            ImageFiles.writePng(middle(ImageFiles.read(face.file())), person.resolve(name + ".png"));
        }
        return FaceDataset.index(to);
    }

    private static RgbImage middle(RgbImage image) {
        if (image.width() < SIDE || image.height() < SIDE) {
            throw new IllegalArgumentException("an image of " + image + " is smaller than " + SIDE + " pixels");
        }
        byte[] pixels = image.toBytes();
        byte[] middle = new byte[SIDE * SIDE * 3];
        int left = (image.width() - SIDE) / 2;
        int top = (image.height() - SIDE) / 2;
        for (int y = 0; y < SIDE; y++) {
            int start = 3 * ((top + y) * image.width() + left);
            System.arraycopy(pixels, start, middle, 3 * SIDE * y, 3 * SIDE);
        }
        return RgbImage.of(SIDE, SIDE, middle);
    }
}
