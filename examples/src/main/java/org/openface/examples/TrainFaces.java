package org.openface.examples;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.io.Reader;
import java.io.Writer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openface.align.AlignReport;
import org.openface.align.Aligner;
import org.openface.core.dataset.DatasetPruner;
import org.openface.core.dataset.DatasetSplitter;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.dataset.FaceManifest;
import org.openface.core.dataset.FacePack;
import org.openface.core.drawn.DrawnFaces;
import org.openface.core.eval.Verification;
import org.openface.nn4.Nn4Model;
import org.openface.triplet.training.EpochMetrics;
import org.openface.triplet.training.Evaluation;
import org.openface.triplet.training.Recipe;
import org.openface.triplet.training.Trainer;
import org.openface.triplet.training.TrainingEvent;
import org.openface.triplet.training.TrainingResult;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;

/**
 * From a folder of photographs to a trained and verified network: aligns the faces, leaves out people with few images,
 * holds some people out, trains nn4.small2 on the others and verifies it on those it has never seen. Without a folder it
 * draws faces.
 *
 * <p>Repeating the command goes on where it was interrupted, and a finished one prints its result again.
 */
@Command(
        name = "TrainFaces",
        mixinStandardHelpOptions = true,
        showDefaultValues = true,
        description = "Trains a face-embedding network on a folder of photographs, one sub-folder per person.")
public final class TrainFaces implements Callable<Integer> {
    private static final Nn4Model.Variant VARIANT = Nn4Model.Variant.NN4_SMALL2;
    /** What nn4.small2 takes. */
    private static final int IMAGE_SIZE = 96;

    private static final int LEAST_HELD_OUT = 3;
    private static final String HELD_OUT = "held-out";
    private static final String RECIPE = "recipe";
    /** Name, in the work folder, of what the model was found to do. */
    private static final String RESULT = "result.properties";

    private static final String HELD_OUT_IMAGES = "held-out-images";

    private static final Duration TIME_BETWEEN_CHECKPOINTS = Duration.ofMinutes(10);

    @Option(names = "--data", description = "Photographs, DIR/<person>/<image>; drawn faces without this option.")
    private @Nullable Path data;

    @Option(names = "--aligned", description = "The photographs of --data are aligned already.")
    private boolean aligned;

    @Option(
            names = "--work",
            description = "Folder for aligned faces, checkpoints, logs, plots and the model"
                    + " (default: work/drawn-faces, or work/<name of --data>).")
    private @Nullable Path work;

    @Option(
            names = "--epochs",
            description = "Epochs in all, those of earlier runs included (default: 12; drawn faces: 6).")
    private @Nullable Integer epochs;

    @Option(names = "--batches-per-epoch", description = "Batches in an epoch (default: 25; drawn faces: 10).")
    private @Nullable Integer batchesPerEpoch;

    @Option(
            names = "--checkpoint-batches",
            description = "Batches between the checkpoints within an epoch (default: one after each epoch, and within"
                    + " epochs one every ten minutes).")
    private @Nullable Integer checkpointBatches;

    @Option(names = "--identities-per-batch", description = "People in a batch (default: fitted to the data).")
    private @Nullable Integer identitiesPerBatch;

    @Option(
            names = "--images-per-identity",
            description = "Up to how many images of each (default: fitted to the data).")
    private @Nullable Integer imagesPerIdentity;

    @Option(names = "--min-images", description = "People with fewer images are left out.")
    private int minImages = 3;

    @Option(
            names = "--held-out",
            converter = Share.class,
            description = "Share of the people to verify on, at least 3 people.")
    private double heldOut = 0.25;

    @Option(
            names = "--held-out-images",
            converter = Share.class,
            description =
                    "Share of the training people's images to verify on as well, such as 30%%; it takes two of a person.")
    private double heldOutImages;

    @Option(
            names = "--precision",
            description = "float32, or bfloat16: a third faster on processors that multiply it (avx512_bf16, AMX).")
    private Nn4Model.Precision precision = Nn4Model.Precision.FLOAT32;

    /** See {@link Recipe}. */
    enum Way {
        RECOMMENDED(Recipe.recommended()),
        OPENFACE(Recipe.openFace());

        private final Recipe recipe;

        Way(Recipe recipe) {
            this.recipe = recipe;
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    @Option(
            names = "--recipe",
            description =
                    "How to learn: openface, which is the original's, or recommended, whose learning rate ends with the last"
                            + " epoch (default: openface, or what the work folder was begun with).")
    private @Nullable Way way;

    @Option(names = "--seed", description = "Start of all random choices.")
    private long seed = 2;

    @Option(names = "--drawn-people", description = "How many people to draw without --data.")
    private int drawnPeople = 40;

    @Option(names = "--drawn-images", description = "How many images of each to draw.")
    private int drawnImages = 10;

    private final Progress progress;
    private Duration remaining = Duration.ZERO;

    /** Reads {@code 0.25}, {@code 25%} or {@code 25}. */
    static final class Share implements ITypeConverter<Double> {
        @Override
        public Double convert(String text) {
            boolean percent = text.strip().endsWith("%");
            double number = Double.parseDouble(text.replace("%", "").strip());
            double share = percent || number >= 2 ? number / 100 : number;
            checkArgument(share >= 0 && share < 1, "%s is no share below 1, such as 0.25 or 25 percent", text);
            return share;
        }
    }

    TrainFaces(Progress progress) {
        this.progress = progress;
    }

    /** Runs the program; see the README. */
    public static void main(String... arguments) {
        int code = Program.run(new TrainFaces(Progress.onConsole()), arguments);
        if (code != 0) {
            System.exit(code);
        }
    }

    @Override
    public Integer call() throws IOException {
        checkArgument(data != null || !aligned, "--aligned is about the folder of --data, which is missing");
        Path folder = work != null ? work : defaultWork(data);
        createForOwner(folder);
        progress.say("work folder: %s", folder.toAbsolutePath());
        try (FileChannel channel =
                        FileChannel.open(folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock lock = channel.tryLock()) {
            checkArgument(lock != null, "another run is at work in %s; wait for it, or choose another --work", folder);
            run(folder);
        }
        return 0;
    }

    private void run(Path folder) throws IOException {
        FaceDataset faces = alignedFaces(folder);
        DatasetPruner.Result pruned = DatasetPruner.minimumImages(minImages).prune(faces);
        progress.say(
                "faces: %d of %d people; %d people with fewer than %d images are left out",
                pruned.kept().size(),
                pruned.kept().identities().size(),
                pruned.leftOut().size(),
                minImages);
        int people = pruned.kept().identities().size();
        checkArgument(
                people >= LEAST_HELD_OUT + 2,
                "%s people have at least %s images; it takes %s: %s to verify on and 2 to learn from",
                people,
                minImages,
                LEAST_HELD_OUT + 2,
                LEAST_HELD_OUT);
        DatasetSplitter.Split split = DatasetSplitter.builder()
                .validationFraction(heldOut)
                .minimumIdentities(LEAST_HELD_OUT)
                .seed(seed)
                .build()
                .split(pruned.kept());
        train(folder, split);
    }

    private static Path defaultWork(@Nullable Path data) {
        Path name = data == null
                ? Path.of("drawn-faces")
                : data.toAbsolutePath().normalize().getFileName();
        return Path.of("work").resolve(name == null ? Path.of("faces") : name);
    }

    /** Faces and names are personal: nobody else may look into a folder of ours. */
    static void createForOwner(Path folder) throws IOException {
        FileAttribute<?>[] ownerOnly =
                folder.getFileSystem().supportedFileAttributeViews().contains("posix")
                        ? new FileAttribute<?>[] {
                            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
                        }
                        : new FileAttribute<?>[0];
        if (!Files.isDirectory(folder)) {
            Files.createDirectories(folder, ownerOnly);
        }
    }

    private FaceDataset alignedFaces(Path folder) throws IOException {
        if (data != null && aligned) {
            return FacePack.isPack(data) ? FacePack.open(data) : indexed(data, folder);
        }
        Path photographs = data;
        if (photographs == null) {
            photographs = folder.resolve("drawn");
            createForOwner(photographs);
            progress.say(
                    "drawing %d made-up people, %d pictures of each (give photographs with --data DIR)",
                    drawnPeople, drawnImages);
            DrawnFaces.of(seed).writeTo(photographs, drawnPeople, drawnImages);
        }
        Path faces = folder.resolve("aligned");
        createForOwner(faces);
        claim(folder.resolve("aligned-from.txt"), photographs.toRealPath().toString());
        progress.say("aligning the faces of %s", photographs);
        try (Aligner aligner = Aligner.builder()
                .size(IMAGE_SIZE)
                .onProgress(done -> AlignDirectory.show(progress, done))
                .build()) {
            AlignReport report = aligner.alignDirectory(photographs, faces);
            progress.say("%s", report.summary());
            if (!report.skipped().isEmpty()) {
                progress.say("which ones and why: %s", faces.resolve(AlignReport.FILE_NAME));
            }
            checkArgument(
                    report.aligned() + report.alreadyDone() > 0,
                    "no face was found in the %s photographs of %s",
                    report.total(),
                    photographs);
        }
        return indexed(faces, folder);
    }

    /** With a manifest in the work folder, so that the next start need not read every file. */
    private static FaceDataset indexed(Path faces, Path folder) throws IOException {
        Path manifest = folder.resolve(FaceManifest.FILE_NAME).toAbsolutePath().normalize();
        return manifest.startsWith(faces.toAbsolutePath().normalize())
                ? FaceDataset.index(faces)
                : FaceDataset.index(faces, manifest);
    }

    /** Sees to it that the aligned faces in a work folder all come from one place. */
    private static void claim(Path note, String photographs) throws IOException {
        if (!Files.exists(note)) {
            writeAtomically(note, out -> out.write(photographs));
        }
        String earlier = Files.readString(note);
        checkArgument(
                earlier.equals(photographs),
                "%s holds faces aligned from %s; choose another --work for %s",
                note.getParent(),
                earlier,
                photographs);
    }

    private void train(Path folder, DatasetSplitter.Split people) throws IOException {
        Map<String, Verification> verifications = new LinkedHashMap<>();
        verifications.put(HELD_OUT, Verification.pairs(people.validation()));
        FaceDataset training = people.training();
        if (heldOutImages > 0) {
            DatasetSplitter.Split images = DatasetSplitter.builder()
                    .byImage()
                    .validationFraction(heldOutImages)
                    .seed(seed)
                    .build()
                    .split(training);
            training = images.training();
            verifications.put(HELD_OUT_IMAGES, Verification.pairs(images.validation()));
        }
        BatchShape shape = BatchShape.fitting(training, identitiesPerBatch, imagesPerIdentity);
        int lastEpoch = epochs != null ? epochs : data == null ? 6 : 12;
        int batches = batchesPerEpoch != null ? batchesPerEpoch : data == null ? 10 : 25;
        progress.say(
                "learning from %d people, %d images; held out: %d people, %d images",
                training.identities().size(),
                training.size(),
                people.validation().identities().size(),
                people.validation().size());
        progress.say(
                "%d epochs of %d batches of %d people x up to %d images (--epochs, --batches-per-epoch,"
                        + " --identities-per-batch, --images-per-identity)",
                lastEpoch, batches, shape.identities(), shape.images());

        try (Nn4Model model = Nn4Model.builder(VARIANT)
                        .seed(seed)
                        .precision(precision)
                        .build();
                Judge judge = new Judge(VARIANT, training, seed)) {
            Properties start = start(folder, people, model, judge, verifications);
            Trainer.Builder trainer = Trainer.builder()
                    .recipe(Way.valueOf(start.getProperty(RECIPE, Way.OPENFACE.name())).recipe)
                    .model(model)
                    .trainingSet(training)
                    .identitiesPerBatch(shape.identities())
                    .imagesPerIdentity(shape.images())
                    .batchesPerEpoch(batches)
                    .epochs(lastEpoch)
                    .seed(seed)
                    .workDirectory(folder)
                    .checkpointEvery(TIME_BETWEEN_CHECKPOINTS)
                    .listener(event -> tell(event, lastEpoch));
            if (checkpointBatches != null) {
                trainer.checkpointEveryBatches(checkpointBatches);
            }
            verifications.forEach((name, verification) -> trainer.evaluateEachEpoch(
                    name, Evaluation.verified(ignored -> evaluate(name, verification, model, judge))));
            TrainingResult result = trainer.fit();
            finish(folder, result, model, judge, verifications, start);
        }
    }

    /** What is known before training: what raw pixels reach, and the network with the weights it starts from. */
    private Properties start(
            Path folder,
            DatasetSplitter.Split people,
            Nn4Model model,
            Judge judge,
            Map<String, Verification> verifications)
            throws IOException {
        Path file = folder.resolve("start.properties");
        Properties start = new Properties();
        start.setProperty("seed", Long.toString(seed));
        start.setProperty("verifications", verifications.keySet().toString());
        start.setProperty("held-out.sha256", people.validation().fingerprint());
        if (Files.exists(file)) {
            Properties earlier = read(file);
            Way before = Way.valueOf(earlier.getProperty(RECIPE, Way.OPENFACE.name()));
            checkArgument(
                    way == null || way == before,
                    "%s belongs to a run with --recipe %s; go on with that, or choose another --work for %s",
                    folder,
                    before,
                    way);
            checkArgument(
                    start.stringPropertyNames().stream()
                            .allMatch(name -> start.getProperty(name).equals(earlier.getProperty(name))),
                    "%s belongs to a run with another seed or other held-out faces; choose another --work",
                    folder);
            return earlier;
        }
        start.setProperty(RECIPE, (way == null ? Way.OPENFACE : way).name());
        judge.look(model);
        for (Map.Entry<String, Verification> each : verifications.entrySet()) {
            String name = each.getKey();
            Verification.Result pixels = each.getValue().evaluate(new RawPixels(IMAGE_SIZE));
            Verification.Result untrained = judge.verify(each.getValue());
            start.setProperty(name + ".pixels.auc", Double.toString(pixels.auc()));
            start.setProperty(name + ".untrained.auc", Double.toString(untrained.auc()));
            progress.say(
                    "%s faces before training, %d pairs: raw pixels AUC %.4f accuracy %.4f,"
                            + " untrained network AUC %.4f accuracy %.4f",
                    name,
                    untrained.pairs(),
                    pixels.auc(),
                    pixels.meanAccuracy(),
                    untrained.auc(),
                    untrained.meanAccuracy());
        }
        write(file, start);
        return start;
    }

    private static Verification.Result evaluate(String name, Verification verification, Nn4Model model, Judge judge)
            throws IOException {
        if (name.equals(HELD_OUT)) {
            judge.look(model); // once per epoch: this is the first verification
        }
        return judge.verify(verification);
    }

    /** What goes wrong the library logs, which is on stderr. */
    private void tell(TrainingEvent event, int lastEpoch) {
        if (event instanceof TrainingEvent.Started started) {
            started.resumedFrom().ifPresent(file -> progress.say("going on from %s", file.getFileName()));
            progress.say(
                    "training with %s on %d threads, about %d MB for a step",
                    started.plan().executor(),
                    started.plan().threads(),
                    started.plan().estimatedBytes() >> 20);
        } else if (event instanceof TrainingEvent.StepCompleted step) {
            remaining = step.remaining();
            showBatch(step.epoch(), lastEpoch, step.batch(), step.batches());
        } else if (event instanceof TrainingEvent.EmptyBatch empty) {
            remaining = empty.remaining();
            showBatch(empty.epoch(), lastEpoch, empty.batch(), empty.batches());
        } else if (event instanceof TrainingEvent.EpochCompleted completed) {
            sayEpoch(completed.metrics(), lastEpoch);
        }
    }

    private void showBatch(int epoch, int lastEpoch, int batch, int batches) {
        progress.show("training", (epoch - 1L) * batches + batch, (long) lastEpoch * batches, remaining);
    }

    private void sayEpoch(EpochMetrics epoch, int lastEpoch) {
        progress.say(
                "epoch %d of %d: loss %.4f, %.0f %% of pairs have a violating negative, squared distances %.2f same"
                        + " %.2f different, held-out AUC %.4f accuracy %.4f, %.0f images/s, %s left",
                epoch.epoch(),
                lastEpoch,
                epoch.meanLoss(),
                100 * epoch.pairsWithViolatingNegative(),
                epoch.meanPositiveDistance(),
                epoch.meanNegativeDistance(),
                epoch.evaluation().getOrDefault(HELD_OUT + ".auc", Double.NaN),
                epoch.evaluation().getOrDefault(HELD_OUT + "." + Evaluation.ACCURACY, Double.NaN),
                epoch.imagesPerSecond(),
                Progress.words(remaining));
    }

    /** Saves the network and says what it can do; a finished run says it again. */
    private void finish(
            Path folder,
            TrainingResult training,
            Nn4Model model,
            Judge judge,
            Map<String, Verification> verifications,
            Properties start)
            throws IOException {
        Path file = folder.resolve(RESULT);
        Path modelFile = folder.resolve(ComparePhotos.MODEL);
        Properties finished = Files.exists(file) && Files.exists(modelFile) ? read(file) : new Properties();
        if (!training.weightsHash().equals(finished.getProperty("weights"))) {
            judge.look(model);
            finished.setProperty("weights", training.weightsHash());
            for (Map.Entry<String, Verification> each : verifications.entrySet()) {
                Verification.Result result = judge.verify(each.getValue());
                if (each.getKey().equals(HELD_OUT)) {
                    judge.calibrate(result);
                }
                finished.setProperty(each.getKey(), line(each.getKey(), result, start));
            }
            judge.save(modelFile);
            write(file, finished);
        }
        progress.say("the model, its logs (train.log, test.log, metrics.csv) and report.html are in %s", folder);
        if (data == null) {
            progress.say("it has learnt drawings; give photographs with --data DIR to learn faces");
        }
        for (String name : verifications.keySet()) {
            if (!name.equals(HELD_OUT)) {
                progress.say("%s", finished.getProperty(name));
            }
        }
        progress.say("weights: sha256 %s", training.weightsHash());
        progress.say("%s", finished.getProperty(HELD_OUT));
    }

    private static String line(String name, Verification.Result result, Properties start) {
        return String.format(
                Locale.ROOT,
                "%s: images %d identities %d AUC %.4f untrained %.4f accuracy %.4f EER %.4f",
                name,
                result.images(),
                result.identities(),
                result.auc(),
                Double.parseDouble(start.getProperty(name + ".untrained.auc")),
                result.meanAccuracy(),
                result.eer());
    }

    static Properties read(Path file) throws IOException {
        Properties properties = new Properties();
        try (Reader in = Files.newBufferedReader(file)) {
            properties.load(in);
        }
        return properties;
    }

    private static void write(Path file, Properties properties) throws IOException {
        writeAtomically(file, out -> properties.store(out, null));
    }

    private interface Content {
        void writeTo(Writer out) throws IOException;
    }

    private static void writeAtomically(Path file, Content content) throws IOException {
        Path temporary = Files.createTempFile(
                file.toAbsolutePath().getParent(), file.getFileName().toString(), ".tmp");
        try {
            try (Writer out = Files.newBufferedWriter(temporary)) {
                content.writeTo(out);
            }
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }
}
