package org.openface.triplet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.google.common.hash.Hashing;
import com.google.common.primitives.Floats;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.text.MessageFormat;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.Embedding;
import org.openface.core.embedding.FaceBatch.Role;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.StepReport;
import org.openface.core.embedding.TrainableEmbedder.TrainingRecord;
import org.openface.core.eval.Verification;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.triplet.mining.MiningBatch;
import org.openface.triplet.mining.MiningStatistics;
import org.openface.triplet.mining.NegativeSelector;
import org.openface.triplet.mining.PairSelector;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.mining.Triplets;

class TrainerTest {
    private static final int PEOPLE = 6;
    private static final int IMAGES = 5;

    /** Held, or the setting could be lost with the logger. */
    private static final Logger LOGGER = Logger.getLogger(Trainer.class.getPackageName());

    private Path temp;
    private Path faces;
    private Path work;
    private FaceDataset dataset;
    private final List<TrainingEvent> events = new ArrayList<>();

    @BeforeAll
    static void silence() {
        LOGGER.setLevel(Level.OFF);
    }

    @BeforeEach
    void drawPeople(@TempDir Path folderOfTheTest) throws IOException {
        temp = folderOfTheTest;
        faces = temp.resolve("faces");
        work = temp.resolve("work");
        for (int person = 0; person < PEOPLE; person++) {
            Path folder = Files.createDirectories(faces.resolve("person " + person));
            for (int image = 0; image < IMAGES; image++) {
                ImageFiles.writePng(picture(person, image), folder.resolve("image-" + image + ".png"));
            }
        }
        Runs.PROFILE.claim(faces);
        dataset = FaceDataset.index(faces);
    }

    /** A pattern per person under noise and light of each image's own. */
    private static RgbImage picture(int person, int image) {
        Random own = new Random(person);
        Random noise = new Random(100L * person + image);
        int light = noise.nextInt(120);
        byte[] rgb = new byte[LinearEmbedder.SIZE * LinearEmbedder.SIZE * 3];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) (light + own.nextInt(60) + noise.nextInt(60));
        }
        return RgbImage.of(LinearEmbedder.SIZE, LinearEmbedder.SIZE, rgb);
    }

    private Trainer.Builder trainer(LinearEmbedder model) {
        return Trainer.builder()
                .model(model)
                .trainingSet(dataset)
                .identitiesPerBatch(4)
                .imagesPerIdentity(3)
                .batchesPerEpoch(5)
                .epochs(2)
                .optimizer(Optimizer.adam(0.01))
                .workDirectory(work)
                .plots(false)
                .listener(events::add);
    }

    private <E extends TrainingEvent> List<E> events(Class<E> type) {
        return events.stream().filter(type::isInstance).map(type::cast).toList();
    }

    @Test
    void tenFrozenLosses() throws IOException {
        trainer(new LinearEmbedder(1)).fit();
        assertThat(events(TrainingEvent.StepCompleted.class).stream()
                        .map(step -> String.format(Locale.ROOT, "%.7f", step.loss())))
                .containsExactly(
                        "0.2557112",
                        "0.1351447",
                        "0.2086843",
                        "0.2422809",
                        "0.1951925",
                        "0.1756257",
                        "0.1808576",
                        "0.1886558",
                        "0.2102853",
                        "0.1948314");
    }

    @Test
    void theLossOverAllTripletsFalls() throws IOException {
        TrainingResult result = trainer(new LinearEmbedder(1)).epochs(20).fit();
        assertThat(result.last().lossOverAll())
                .isLessThan(0.5 * result.history().get(0).lossOverAll());
        assertThat(result.last().violatingShare())
                .isLessThan(0.5 * result.history().get(0).violatingShare());
    }

    @Test
    void eventsComeInOrder() throws IOException {
        trainer(new LinearEmbedder(1))
                .batchesPerEpoch(2)
                .evaluateEachEpoch("lfw", model -> Map.of("accuracy", 0.5))
                .evaluateEachEpoch("broken", model -> {
                    throw new IllegalStateException("no pairs");
                })
                .fit();
        assertThat(events.stream().map(event -> event.getClass().getSimpleName()))
                .containsExactly(
                        "Started",
                        "StepCompleted",
                        "StepCompleted",
                        "CheckpointWritten",
                        "EvaluationCompleted",
                        "EvaluationFailed",
                        "EpochCompleted",
                        "StepCompleted",
                        "StepCompleted",
                        "CheckpointWritten",
                        "EvaluationCompleted",
                        "EvaluationFailed",
                        "EpochCompleted",
                        "Finished");
        TrainingEvent.StepCompleted last =
                events(TrainingEvent.StepCompleted.class).get(3);
        assertThat(List.of(last.epoch(), last.batch(), last.batches(), last.images()))
                .containsExactly(2, 2, 2, 12);
        assertThat(last.remaining()).isZero();
        assertThat(events(TrainingEvent.EvaluationFailed.class).get(0).cause()).hasMessage("no pairs");
    }

    @Test
    void filesOfAWorkDirectory() throws IOException {
        List<EpochMetrics> seen = new ArrayList<>();
        TrainingResult result = trainer(new LinearEmbedder(1))
                .epochs(3)
                .plots(true)
                .evaluateEachEpoch("lfw", model -> Map.of("accuracy", 0.75))
                .onEpoch(seen::add)
                .fit();
        assertThat(seen).isEqualTo(result.history()).hasSize(3);
        try (Stream<Path> files = Files.list(work)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder(
                            ".lock",
                            "model-0002.nn4",
                            "memory-0002.bin",
                            "checkpoint-0002.properties",
                            "model-0003.nn4",
                            "memory-0003.bin",
                            "checkpoint-0003.properties",
                            "training-set.bin",
                            "train.log",
                            "test.log",
                            "metrics.csv",
                            "metrics.jsonl",
                            "configuration.tsv",
                            "diagnoses.tsv",
                            "label-noise.tsv",
                            "identity-pairs.tsv",
                            "hardest-pairs.tsv",
                            "report.html",
                            "loss.png",
                            "mining.png",
                            "accuracy.png");
        }
        // As Torch's optim.Logger: names and values are each closed by a tab, numbers are %11.4e.
        assertThat(Files.readAllLines(work.resolve("train.log")))
                .hasSize(4)
                .startsWith("avg triplet loss (train set)\t")
                .allMatch(line -> line.matches("avg triplet loss \\(train set\\)\t| \\d\\.\\d{4}e-\\d\\d\t"));
        assertThat(Files.readString(work.resolve("test.log")))
                .isEqualTo("lfwAcc\t\n 7.5000e-01\t\n 7.5000e-01\t\n 7.5000e-01\t\n");
        List<String> csv = Files.readAllLines(work.resolve("metrics.csv"));
        assertThat(csv).hasSize(4);
        assertThat(csv.get(0))
                .startsWith("epoch,batches,emptyBatches,images,triplets,meanLoss,lossOverAll,")
                .endsWith(",evaluation.lfw.accuracy");
        assertThat(csv.get(3)).startsWith("3,5,0,").endsWith(",0.75");
        for (String plot : List.of("loss.png", "mining.png", "accuracy.png")) {
            assertThat(ImageIO.read(work.resolve(plot).toFile()).getWidth()).isEqualTo(900);
        }
        // What is in the model file is the network's state and nothing else.
        LinearEmbedder read = new LinearEmbedder(99);
        try (var in = Files.newInputStream(result.modelFile())) {
            read.readState(in);
            assertThat(in.read()).isEqualTo(-1);
        }
        assertThat(read.weightsHash()).isEqualTo(result.weightsHash());
        for (String file : List.of("checkpoint-0003.properties", "memory-0003.bin")) {
            assertThat(new String(Files.readAllBytes(work.resolve(file)), StandardCharsets.ISO_8859_1))
                    .doesNotContain("person", temp.toString());
        }
    }

    @Test
    void verifiesTheValidationSetAndOtherPairs() throws IOException {
        TrainingResult result = trainer(new LinearEmbedder(1))
                .validationSet(dataset)
                .evaluateEachEpoch(Verification.pairs(dataset, 20, 1))
                .fit();
        LinearEmbedder trained = new LinearEmbedder(9);
        try (var in = Files.newInputStream(result.modelFile())) {
            trained.readState(in);
        }
        Verification.Result expected = Verification.pairs(dataset).evaluate(trained);
        assertThat(result.last().evaluation())
                .containsEntry("validation.accuracy", expected.meanAccuracy())
                .containsEntry("validation.auc", expected.auc())
                .containsKeys("verification.accuracy", "verification.eer", "verification.tarAtFar0.01");
        // Figures survive the way through the checkpoint.
        assertThat(trainer(trained)
                        .validationSet(dataset)
                        .evaluateEachEpoch(Verification.pairs(dataset, 20, 1))
                        .fit())
                .isEqualTo(result);
    }

    @Test
    void whatAnInterruptedWriteLeftIsRemovedAndPlaysNoPart() throws IOException {
        TrainingResult whole = trainer(new LinearEmbedder(1)).epochs(2).fit();
        work = temp.resolve("other");
        trainer(new LinearEmbedder(1)).epochs(1).fit();
        Path half = Files.writeString(work.resolve(".writing-model-0002.nn4-17"), "half");
        // The model file of the next epoch was complete, its trainer's file not begun.
        Files.writeString(work.resolve("model-0002.nn4"), "of an epoch that will be trained again");
        assertThat(trainer(new LinearEmbedder(1)).epochs(2).fit().weightsHash()).isEqualTo(whole.weightsHash());
        assertThat(half).doesNotExist();
        assertThat(events(TrainingEvent.CheckpointSkipped.class)).isEmpty();
    }

    @Test
    void filesAreTheOwnersOnly() throws IOException {
        assumeThat(temp.getFileSystem().supportedFileAttributeViews()).contains("posix");
        TrainingResult result = trainer(new LinearEmbedder(1))
                .epochs(1)
                .batchesPerEpoch(1)
                .plots(true)
                .evaluateEachEpoch(Verification.pairs(dataset, 20, 1))
                .fit();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(work)))
                .isEqualTo("rwx------");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(result.modelFile())))
                .isEqualTo("rw-------");
        try (Stream<Path> files = Files.list(work)) {
            assertThat(files).hasSizeGreaterThan(15).allSatisfy(file -> assertThat(
                            PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                    .as("%s", file)
                    .isEqualTo("rw-------"));
        }
    }

    @Test
    void fourEpochsAreTwoAndTwoMoreBitForBit() throws IOException {
        Path whole = temp.resolve("whole");
        TrainingResult uninterrupted = trainer(new LinearEmbedder(1))
                .workDirectory(whole)
                .epochs(4)
                .extraNegatives(3)
                .fit();

        trainer(new LinearEmbedder(1)).epochs(2).extraNegatives(3).fit();
        events.clear();
        // Weights and the optimiser's state come from the checkpoint: what the network held before plays no part.
        TrainingResult resumed =
                trainer(new LinearEmbedder(77)).epochs(4).extraNegatives(3).fit();

        assertThat(resumed.weightsHash()).isEqualTo(uninterrupted.weightsHash());
        assertThat(resumed.modelFile()).hasSameBinaryContentAs(uninterrupted.modelFile());
        assertThat(work.resolve("train.log")).hasSameBinaryContentAs(whole.resolve("train.log"));
        assertThat(resumed.history()).hasSize(4);
        TrainingEvent.Started started = events(TrainingEvent.Started.class).get(0);
        assertThat(started.firstEpoch()).isEqualTo(3);
        assertThat(started.resumedFrom()).contains(work.resolve("model-0002.nn4"));
        assertThat(events(TrainingEvent.StepCompleted.class)).hasSize(10);
    }

    @Test
    void theOptimisersStateLastsAcrossEpochs() throws IOException {
        TrainingResult oneEpoch =
                trainer(new LinearEmbedder(1)).epochs(1).batchesPerEpoch(1).fit();
        LinearEmbedder other = new LinearEmbedder(1);
        trainer(other)
                .epochs(1)
                .batchesPerEpoch(1)
                .workDirectory(temp.resolve("a"))
                .fit();
        TrainingResult twoEpochs = trainer(other)
                .epochs(2)
                .batchesPerEpoch(1)
                .workDirectory(temp.resolve("a"))
                .fit();
        assertThat(twoEpochs.weightsHash()).isNotEqualTo(oneEpoch.weightsHash());
        // Adam's step count, the first number of the fake's state, counts both epochs.
        try (var in = Files.newInputStream(twoEpochs.modelFile())) {
            assertThat(in.readNBytes(4)).containsExactly(0, 0, 0, 2);
        }
    }

    /** Remembers what the trainer says about it. */
    private static final class Described extends LinearEmbedder {
        private final List<TrainingRecord> records = new ArrayList<>();

        Described() {
            super(1);
        }

        @Override
        public void describe(TrainingRecord record) {
            records.add(record);
        }

        TrainingRecord last() {
            return records.get(records.size() - 1);
        }
    }

    @Test
    void tellsTheNetworkWhatItsFileShallSay() throws IOException {
        AlignmentProfile profile =
                new AlignmentProfile("haar", "eyes", "EYE_CENTRES", "openface", LinearEmbedder.SIZE, "0.1.0");
        dataset = dataset.withAlignmentProfile(profile);
        Described model = new Described();
        TrainingResult result = trainer(model)
                .evaluateEachEpoch("pairs", Evaluation.of(Verification.pairs(dataset)))
                .fit();
        TrainingRecord record = model.last();
        assertThat(record.alignment()).contains(profile);
        assertThat(record.counts())
                .containsEntry("identities", (long) PEOPLE)
                .containsEntry("images", (long) PEOPLE * IMAGES)
                .containsEntry("epochs", 2L);
        assertThat(record.hashes()).containsEntry("trainingSet", dataset.fingerprint());
        assertThat(record.threshold()).hasValue(result.last().evaluation().get("pairs.threshold"));
        assertThat(record.thresholdHalfWidth())
                .hasValue(result.last().evaluation().get("pairs.thresholdConfidence"));
        // A threshold belongs to the weights it was found with: none from the first batch of an epoch to its
        // evaluation.
        assertThat(model.records.get(0).threshold()).isEmpty();
        assertThat(model.records.get(1).threshold()).isEmpty();
        assertThat(model.records.stream().filter(r -> r.threshold().isPresent()))
                .hasSize(2);

        Described again = new Described();
        trainer(again)
                .evaluateEachEpoch("pairs", Evaluation.of(Verification.pairs(dataset)))
                .fit();
        assertThat(again.last()).isEqualTo(record);
    }

    @Test
    void aRunThatGoesOnWithOtherThreadsSaysThatItWillNotBeBitForBitTheSame() throws IOException {
        trainer(new LinearEmbedder(1)).epochs(1).fit();
        List<String> messages = new ArrayList<>();
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord record) {
                messages.add(MessageFormat.format(record.getMessage(), record.getParameters()));
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        LOGGER.addHandler(handler);
        LOGGER.setUseParentHandlers(false);
        LOGGER.setLevel(Level.WARNING);
        try {
            trainer(new LinearEmbedder(1)).epochs(2).fit();
            assertThat(messages).isEmpty();
            LinearEmbedder elsewhere = new LinearEmbedder(1);
            elsewhere.threads = 7;
            trainer(elsewhere).epochs(3).fit();
            assertThat(messages)
                    .containsExactly(
                            "the checkpoint was made with 1 threads, this run has 7: it goes on, but not bit for"
                                    + " bit as before");
        } finally {
            LOGGER.setLevel(Level.OFF);
            LOGGER.setUseParentHandlers(true);
            LOGGER.removeHandler(handler);
        }
    }

    @Test
    void aFinishedWorkDirectoryReturnsItsResultAtOnce() throws IOException {
        TrainingResult first = trainer(new LinearEmbedder(1)).fit();
        events.clear();
        LinearEmbedder model = new LinearEmbedder(5);
        TrainingResult again = trainer(model).fit();
        assertThat(again).isEqualTo(first);
        assertThat(model.weightsHash()).isEqualTo(first.weightsHash());
        assertThat(events).hasSize(2).last().isInstanceOf(TrainingEvent.Finished.class);
    }

    @Test
    void aRunInterruptedBeforeItsEvaluationMakesUpForIt() throws IOException {
        assertThatThrownBy(() -> trainer(new LinearEmbedder(1))
                        .evaluateEachEpoch("lfw", model -> Map.of("accuracy", 0.5))
                        .listener(event -> {
                            if (event instanceof TrainingEvent.CheckpointWritten) {
                                throw new OutOfMemoryError("killed here");
                            }
                        })
                        .fit())
                .isInstanceOf(OutOfMemoryError.class);
        events.clear();
        TrainingResult result = trainer(new LinearEmbedder(1))
                .epochs(1)
                .evaluateEachEpoch("lfw", model -> Map.of("accuracy", 0.6))
                .fit();
        assertThat(result.last().evaluation()).isEqualTo(Map.of("lfw.accuracy", 0.6));
        assertThat(events(TrainingEvent.StepCompleted.class)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "model cut",
                "model flipped",
                "model gone",
                "memory cut",
                "memory flipped",
                "memory gone",
                "trainer cut",
                "trainer flipped"
            })
    void aDamagedCheckpointIsSkipped(String damage) throws IOException {
        TrainingResult whole = trainer(new LinearEmbedder(1)).epochs(3).fit();
        damage(damage, 3);
        events.clear();

        TrainingResult again = trainer(new LinearEmbedder(1)).epochs(3).fit();

        assertThat(again.weightsHash()).isEqualTo(whole.weightsHash());
        assertThat(events(TrainingEvent.CheckpointSkipped.class)).hasSize(1);
        assertThat(events(TrainingEvent.CheckpointSkipped.class).get(0).file())
                .isEqualTo(work.resolve("checkpoint-0003.properties"));
        assertThat(events(TrainingEvent.CheckpointSkipped.class).get(0).reason())
                .containsAnyOf("checksum does not fit", "bytes instead of", "is missing");
        assertThat(events(TrainingEvent.Started.class).get(0).firstEpoch()).isEqualTo(3);
    }

    @Test
    void ifAllCheckpointsAreDamagedNothingIsTrainedOver() throws IOException {
        trainer(new LinearEmbedder(1)).fit();
        damage("model cut", 1);
        damage("trainer flipped", 2);
        assertThatThrownBy(() -> trainer(new LinearEmbedder(1)).epochs(3).fit())
                .isInstanceOf(IOException.class)
                .hasMessageContaining("no usable checkpoint")
                .hasMessageContaining("checkpoint-0002.properties: it is damaged")
                .hasMessageContaining("model-0001.nn4 has ");
    }

    private void damage(String how, int epoch) throws IOException {
        Path file = work.resolve(String.format(
                Locale.ROOT,
                how.startsWith("model")
                        ? "model-%04d.nn4"
                        : how.startsWith("memory") ? "memory-%04d.bin" : "checkpoint-%04d.properties",
                epoch));
        byte[] bytes = Files.readAllBytes(file);
        if (how.endsWith("cut")) {
            Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
        } else if (how.endsWith("flipped")) {
            bytes[bytes.length / 3] ^= 4;
            Files.write(file, bytes);
        } else {
            Files.delete(file);
        }
    }

    @Test
    void otherSettingsThatDecideTheResultAreRefused() throws IOException {
        trainer(new LinearEmbedder(1)).fit();
        byte[] before = Files.readAllBytes(work.resolve("model-0002.nn4"));
        assertThatThrownBy(() -> trainer(new LinearEmbedder(1))
                        .epochs(4)
                        .margin(0.3f)
                        .miner(TripletMiner.faceNet())
                        .fit())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("margin was 0.2 and is now 0.3")
                .hasMessageContaining(
                        "miner was allPairs x violating x random and is now orderedPairs x semiHard x random");
        assertThatThrownBy(() -> trainer(new LinearEmbedder(1)).seed(3).fit()).hasMessageContaining("seed was 2");

        ImageFiles.writePng(picture(7, 7), dataset.faces().get(0).file());
        dataset = FaceDataset.index(faces);
        assertThatThrownBy(() -> trainer(new LinearEmbedder(1)).fit())
                .hasMessageContaining(
                        "1 of the faces are of another content in the training set: person 0/image-0.png");
        assertThat(Files.readAllBytes(work.resolve("model-0002.nn4"))).isEqualTo(before);
    }

    /** Interrupts by a listener's exception after so many batches, and goes on with another network. */
    private TrainingResult interrupted(int stopAfter, UnaryOperator<Trainer.Builder> settings) throws IOException {
        int[] steps = {0};
        Trainer.Builder first = settings.apply(trainer(new LinearEmbedder(1)));
        assertThatThrownBy(() -> first.listener(event -> {
                            if ((event instanceof TrainingEvent.StepCompleted
                                            || event instanceof TrainingEvent.EmptyBatch)
                                    && ++steps[0] == stopAfter) {
                                throw new IllegalStateException("power cut");
                            }
                        })
                        .fit())
                .hasMessage("power cut");
        return settings.apply(trainer(new LinearEmbedder(77))).fit();
    }

    @Test
    void aMemoryBankGoesOnBitForBit() throws IOException {
        Path whole = temp.resolve("whole");
        UnaryOperator<Trainer.Builder> settings =
                builder -> builder.epochs(3).extraNegatives(2).memoryBank(40, 3).checkpointEveryBatches(2);
        TrainingResult uninterrupted = settings.apply(trainer(new LinearEmbedder(1)))
                .workDirectory(whole)
                .fit();
        for (int stopAfter : new int[] {3, 4, 8, 13}) {
            work = temp.resolve("stopped after " + stopAfter);
            TrainingResult resumed = interrupted(stopAfter, settings);
            assertThat(resumed.modelFile()).hasSameBinaryContentAs(uninterrupted.modelFile());
            for (String file : List.of(
                    "memory-0003.bin", "label-noise.tsv", "identity-pairs.tsv", "hardest-pairs.tsv", "train.log")) {
                assertThat(work.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
            }
        }
        // The memory does play a part, and only after the third batch.
        List<Double> with = losses();
        work = temp.resolve("without");
        events.clear();
        trainer(new LinearEmbedder(1)).epochs(3).extraNegatives(2).fit();
        List<Double> without = losses();
        assertThat(with.subList(0, 3)).isEqualTo(without.subList(0, 3));
        assertThat(with.get(3)).isNotEqualTo(without.get(3));

        work = whole;
        assertThatThrownBy(() -> trainer(new LinearEmbedder(1))
                        .epochs(3)
                        .extraNegatives(2)
                        .memoryBank(41, 3)
                        .fit())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(
                        "memoryBank was 40 embeddings after 3 batches and is now 41 embeddings after 3 batches");
    }

    @Test
    void theMinerSeesTheLastEmbeddingsAndTheirIdentities() throws IOException {
        List<MiningBatch> seen = new ArrayList<>();
        trainer(new LinearEmbedder(1))
                .epochs(1)
                .extraNegatives(2)
                .memoryBank(30, 1)
                .miner(in -> {
                    seen.add(in);
                    return TripletMiner.openFace().mine(in);
                })
                .fit();
        assertThat(seen).hasSize(5);
        List<Float> values = new ArrayList<>();
        List<Integer> identities = new ArrayList<>();
        for (int batch = 0; batch < 5; batch++) {
            MiningBatch in = seen.get(batch);
            int kept = Math.min(30, identities.size());
            assertThat(in.sizeWithReferences()).isEqualTo(in.size() + (batch == 0 ? 0 : kept));
            if (batch > 0) {
                int dimension = in.embeddings().dimension();
                assertThat(Floats.asList(in.references().values()))
                        .isEqualTo(values.subList(values.size() - kept * dimension, values.size()));
                for (int i = 0; i < kept; i++) {
                    assertThat(in.identity(in.size() + i)).isEqualTo(identities.get(identities.size() - kept + i));
                    assertThat(in.role(in.size() + i)).isEqualTo(Role.NEGATIVE_ONLY);
                }
            }
            values.addAll(Floats.asList(in.embeddings().values()));
            for (int i = 0; i < in.size(); i++) {
                identities.add(in.identity(i));
            }
        }
        assertThatThrownBy(() -> Trainer.builder().memoryBank(0)).hasMessageContaining("memoryBank (0)");
        assertThatThrownBy(
                        () -> trainer(new LinearEmbedder(1)).memoryBank(1 << 29).build())
                .hasMessageContaining("more than 2 GiB");
    }

    @Test
    void everyIdentityIsShownBeforeAnyIsShownAgainWhenAskedFor() throws IOException {
        // Turns of two batches of 4 of the 6 people: any 5 batches in a row hold a whole one.
        UnaryOperator<Trainer.Builder> settings =
                builder -> builder.epochs(4).coverIdentities(true).checkpointEveryBatches(1);
        TrainingResult whole = settings.apply(trainer(new LinearEmbedder(1)))
                .workDirectory(temp.resolve("whole"))
                .fit();
        assertThat(whole.history()).allMatch(epoch -> epoch.identities() == PEOPLE);
        assertThat(interrupted(8, settings).weightsHash()).isEqualTo(whole.weightsHash());
        assertThatThrownBy(() -> trainer(new LinearEmbedder(1)).epochs(4).fit())
                .hasMessageContaining("coverIdentities was true and is now false");
    }

    @Test
    void aCheckpointOfTheFormatBeforeIsGoneOnWith() throws IOException {
        TrainingResult whole = trainer(new LinearEmbedder(1)).epochs(3).fit();
        damage("trainer cut", 3); // leaves the second epoch's
        Path file = work.resolve("checkpoint-0002.properties");
        String old = Files.readAllLines(file).stream()
                .filter(line -> !line.startsWith("sha256=")
                        && !line.startsWith("memory.")
                        && !line.startsWith("configuration.memoryBank")
                        && !line.startsWith("configuration.coverIdentities"))
                .map(line -> line.equals("format=openface-checkpoint-3") ? "format=openface-checkpoint-2" : line)
                .collect(Collectors.joining("\n", "", "\n"));
        Files.writeString(file, old + "sha256=" + Hashing.sha256().hashString(old, StandardCharsets.UTF_8) + "\n");
        Files.delete(work.resolve("memory-0002.bin"));
        events.clear();
        assertThat(trainer(new LinearEmbedder(1)).epochs(3).fit().weightsHash()).isEqualTo(whole.weightsHash());
        assertThat(events(TrainingEvent.StepCompleted.class)).hasSize(5);
        // What is new since was off then.
        Files.delete(work.resolve("checkpoint-0003.properties"));
        Files.writeString(file, old + "sha256=" + Hashing.sha256().hashString(old, StandardCharsets.UTF_8) + "\n");
        assertThatThrownBy(() ->
                        trainer(new LinearEmbedder(1)).epochs(3).memoryBank(9).fit())
                .hasMessageContaining("memoryBank was none and is now 9 embeddings after 0 batches");
    }

    @Test
    void aCheckpointOfOtherRandomNumbersIsRefused() throws IOException {
        TripletMiner own = in -> TripletMiner.openFace().mine(in);
        trainer(new LinearEmbedder(1)).epochs(1).miner(own).fit();
        Path file = work.resolve("checkpoint-0001.properties");
        String old = Files.readAllLines(file).stream()
                .filter(line -> !line.startsWith("sha256=") && !line.startsWith("configuration.draws="))
                .collect(Collectors.joining("\n", "", "\n"));
        Files.writeString(file, old + "sha256=" + Hashing.sha256().hashString(old, StandardCharsets.UTF_8) + "\n");
        assertThatThrownBy(() -> trainer(new LinearEmbedder(1)).miner(own).fit())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("is now version 2, in which each purpose has numbers of its own");
        // Strategies of this library draw what they drew before, and their checkpoints do not say.
        work = temp.resolve("library");
        trainer(new LinearEmbedder(1))
                .epochs(1)
                .miner(TripletMiner.openFace().atMostPerAnchor(2))
                .fit();
        assertThat(work.resolve("checkpoint-0001.properties")).content().doesNotContain("configuration.draws");
    }

    private List<Double> losses() {
        return events(TrainingEvent.StepCompleted.class).stream()
                .map(TrainingEvent.StepCompleted::loss)
                .toList();
    }

    @Test
    void whateverAnEvaluationThrowsTrainingGoesOn() throws IOException {
        TrainingResult undisturbed = trainer(new LinearEmbedder(1))
                .workDirectory(temp.resolve("undisturbed"))
                .fit();
        TrainingResult result = trainer(new LinearEmbedder(1))
                .evaluateEachEpoch("memory", model -> {
                    throw new OutOfMemoryError("pairs");
                })
                .evaluateEachEpoch("class", model -> {
                    throw new NoClassDefFoundError("codec");
                })
                .evaluateEachEpoch("files", model -> {
                    throw new IOException("gone");
                })
                .evaluateEachEpoch("name", model -> Map.of("not a name", 1.0))
                .evaluateEachEpoch("good", model -> Map.of("accuracy", 0.5))
                .fit();
        assertThat(events(TrainingEvent.EvaluationFailed.class))
                .extracting(TrainingEvent.EvaluationFailed::name)
                .containsExactly("memory", "class", "files", "name", "memory", "class", "files", "name");
        assertThat(result.weightsHash()).isEqualTo(undisturbed.weightsHash());
        assertThat(result.last().evaluation()).isEqualTo(Map.of("good.accuracy", 0.5));
        // The first that has an accuracy.
        assertThat(Files.readString(work.resolve("test.log"))).isEqualTo("lfwAcc\t\n 5.0000e-01\t\n 5.0000e-01\t\n");
        work = temp.resolve("failing");
        trainer(new LinearEmbedder(1))
                .evaluateEachEpoch("lfw", model -> {
                    throw new IOException("gone");
                })
                .fit();
        assertThat(Files.readString(work.resolve("test.log"))).isEqualTo("lfwAcc\t\n        nan\t\n        nan\t\n");
    }

    @Test
    void batchesWithoutTripletsCountAndChangeNothing() throws IOException {
        LinearEmbedder model = new LinearEmbedder(1);
        String before = model.weightsHash();
        TrainingResult result = trainer(model)
                .miner(TripletMiner.of(PairSelector.allPairs(), (ap, an, margin) -> false, NegativeSelector.random()))
                .fit();
        assertThat(result.weightsHash()).isEqualTo(before);
        assertThat(events(TrainingEvent.EmptyBatch.class)).hasSize(10);
        assertThat(events(TrainingEvent.EmptyBatch.class).get(0).statistics().pairs())
                .isEqualTo(12);
        assertThat(result.last().emptyBatches()).isEqualTo(5);
        assertThat(result.last().meanLoss()).isNaN();
        assertThat(result.last().lossOverAll()).isPositive();
        assertThat(Files.readAllLines(work.resolve("train.log"))).last().isEqualTo("        nan\t");
        // A later run reads the NaN back.
        assertThat(trainer(model)
                        .miner(TripletMiner.of(
                                PairSelector.allPairs(), (ap, an, margin) -> false, NegativeSelector.random()))
                        .fit())
                .isEqualTo(result);
    }

    @Test
    void whatAMinerDoesNotCountTheTrainerCounts() throws IOException {
        TripletMiner miner = TripletMiner.openFace();
        trainer(new LinearEmbedder(1)).miner(miner).fit();
        List<MiningStatistics> expected = events(TrainingEvent.StepCompleted.class).stream()
                .map(TrainingEvent.StepCompleted::statistics)
                .toList();
        EpochMetrics counted = EpochMetrics.parse(metricsOf("work"));

        events.clear();
        trainer(new LinearEmbedder(1))
                .miner(in -> {
                    Triplets mined = miner.mine(in);
                    Triplets.Builder own = Triplets.builder(in);
                    for (int t = 0; t < mined.size(); t++) {
                        own.add(mined.anchor(t), mined.positive(t), mined.negative(t));
                    }
                    return own.build();
                })
                .workDirectory(temp.resolve("own"))
                .fit();
        assertThat(events(TrainingEvent.StepCompleted.class).stream().map(TrainingEvent.StepCompleted::statistics))
                .containsExactlyElementsOf(expected);
        EpochMetrics own = EpochMetrics.parse(metricsOf("own"));
        assertThat(own.lossOverAll()).isEqualTo(counted.lossOverAll()).isPositive();
        assertThat(own.violatingShare()).isEqualTo(counted.violatingShare()).isPositive();

        events.clear();
        trainer(new LinearEmbedder(1))
                .miner(in -> Triplets.builder(in).build())
                .workDirectory(temp.resolve("none"))
                .fit();
        assertThat(events(TrainingEvent.EmptyBatch.class)).hasSize(10).allSatisfy(empty -> {
            assertThat(empty.statistics().pairs()).isEqualTo(12);
            assertThat(empty.statistics().pairsWithEligibleNegative()).isZero();
            assertThat(empty.statistics().lossOverAll()).isPositive();
        });
    }

    private String metricsOf(String folder) throws IOException {
        String prefix = "history.2=";
        return Files.readAllLines(temp.resolve(folder).resolve("checkpoint-0002.properties")).stream()
                .filter(line -> line.startsWith(prefix))
                .map(line -> line.substring(prefix.length()))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void nanStopsTheRunAndSaysWhere() throws IOException {
        LinearEmbedder diverging = new LinearEmbedder(1) {
            private int calls;

            @Override
            StepReport step(float[] pixels, float[] gradient, Optimizer optimizer) {
                return ++calls == 8
                        ? new StepReport(Double.NaN, Optional.of("conv1.weights"))
                        : super.step(pixels, gradient, optimizer);
            }
        };
        assertThatThrownBy(() -> trainer(diverging).fit())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("training stopped in epoch 2, batch 3: the gradient or new value of conv1.weights is NaN or"
                        + " infinite; last good checkpoint: " + work.resolve("model-0001.nn4")
                        + "; a lower learning rate may help");

        work = temp.resolve("other");
        LinearEmbedder broken = new LinearEmbedder(1);
        broken.weights[0] = Float.NaN;
        assertThatThrownBy(() -> trainer(broken).fit())
                .hasMessageContaining("epoch 1, batch 1: the embedding of image 0 of the batch is NaN")
                .hasMessageContaining("last good checkpoint: none yet");

        // Finite embeddings, yet squared distances beyond the range of float.
        LinearEmbedder huge = new LinearEmbedder(1);
        for (int i = 0; i < huge.weights.length; i++) {
            huge.weights[i] *= 1e30f;
        }
        assertThatThrownBy(() ->
                        trainer(huge).miner(TripletMiner.randomNegatives()).fit())
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the loss (");
    }

    @Test
    void anImageThatVanishesOrIsDamagedIsLeftOut() throws IOException {
        Trainer trainer = trainer(new LinearEmbedder(1))
                .identitiesPerBatch(PEOPLE)
                .imagesPerIdentity(IMAGES)
                .build();
        dataset.fingerprint();
        Files.delete(dataset.faces().get(3).file());
        Files.write(dataset.faces().get(7).file(), "no picture".getBytes(StandardCharsets.UTF_8));
        trainer.fit();
        List<TrainingEvent.ImageSkipped> skipped = events(TrainingEvent.ImageSkipped.class);
        assertThat(skipped).hasSize(20);
        assertThat(skipped.stream().map(TrainingEvent.ImageSkipped::face).distinct())
                .containsExactlyInAnyOrder(
                        dataset.faces().get(3), dataset.faces().get(7));
        assertThat(events(TrainingEvent.StepCompleted.class)).allMatch(step -> step.images() == PEOPLE * IMAGES - 2);
    }

    @Test
    void aBatchThatLosesMoreThanHalfStopsTheRun() throws IOException {
        Trainer trainer = trainer(new LinearEmbedder(1)).build();
        dataset.fingerprint();
        for (var face : dataset.faces()) {
            Files.delete(face.file());
        }
        assertThatThrownBy(trainer::fit)
                .isInstanceOf(IOException.class)
                .hasMessageContaining("more than half of the images of a batch cannot be read");
    }

    @Test
    void whatIsMissingOrImpossibleIsRefusedEarly() {
        assertThatThrownBy(() -> Trainer.builder().build()).hasMessageContaining("model(...)");
        assertThatThrownBy(() ->
                        trainer(new LinearEmbedder(1)).identitiesPerBatch(15).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "identitiesPerBatch is 15 but the training set has 6 identities; lower identitiesPerBatch or"
                                + " add identities");
        assertThatThrownBy(() -> Trainer.builder().imagesPerIdentity(1)).hasMessageContaining("imagesPerIdentity (1)");
        assertThatThrownBy(() -> Trainer.builder().epochs(0)).hasMessageContaining("epochs (0)");
        assertThatThrownBy(() -> Trainer.builder().margin(Float.NaN)).hasMessageContaining("margin (NaN)");
        assertThatThrownBy(() -> Trainer.builder().evaluateEachEpoch("a b", model -> Map.of()))
                .hasMessageContaining("'a b'");
    }

    @Test
    void aWorkDirectoryThatCannotBeWrittenIsRefusedBeforeTraining() throws IOException {
        Path file = Files.writeString(temp.resolve("a file"), "");
        assertThatThrownBy(() -> trainer(new LinearEmbedder(1))
                        .workDirectory(file.resolve("work"))
                        .fit())
                .isInstanceOf(IOException.class)
                .hasMessageContaining("cannot write to the work directory");
        assertThat(events).isEmpty();

        Path closed = Files.createDirectory(temp.resolve("closed"));
        assumeThat(closed.toFile().setWritable(false) && !Files.isWritable(closed))
                .as("permissions bind this user")
                .isTrue();
        assertThatThrownBy(() ->
                        trainer(new LinearEmbedder(1)).workDirectory(closed).fit())
                .isInstanceOf(IOException.class)
                .hasMessageContaining("cannot write to the work directory");
        assertThat(events).isEmpty();
    }

    @Test
    void aListenersExceptionStopsTheRun() {
        assertThatThrownBy(() -> trainer(new LinearEmbedder(1))
                        .listener(event -> {
                            if (event instanceof TrainingEvent.EpochCompleted) {
                                throw new IllegalStateException("enough");
                            }
                        })
                        .fit())
                .hasMessage("enough");
        assertThat(events(TrainingEvent.CheckpointWritten.class)).hasSize(1);
    }

    @Test
    void aRunInterruptedWithinAnEpochGoesOnFromThere() throws IOException {
        TrainingResult whole = trainer(new LinearEmbedder(1))
                .workDirectory(temp.resolve("whole"))
                .epochs(3)
                .fit();
        for (int stopAfter : new int[] {3, 4, 7, 13}) {
            work = temp.resolve("stopped after " + stopAfter);
            events.clear();
            assertThatThrownBy(() -> trainer(new LinearEmbedder(1))
                            .epochs(3)
                            .checkpointEveryBatches(2)
                            .listener(new Consumer<TrainingEvent>() {
                                private int steps;

                                @Override
                                public void accept(TrainingEvent event) {
                                    if (event instanceof TrainingEvent.StepCompleted && ++steps == stopAfter) {
                                        throw new IllegalStateException("power cut");
                                    }
                                }
                            })
                            .fit())
                    .hasMessage("power cut");
            events.clear();
            TrainingResult resumed = trainer(new LinearEmbedder(5))
                    .epochs(3)
                    .checkpointEveryBatches(2)
                    .fit();
            assertThat(resumed.weightsHash()).isEqualTo(whole.weightsHash());
            assertThat(resumed.modelFile()).hasSameBinaryContentAs(whole.modelFile());
            assertThat(work.resolve("train.log")).hasSameBinaryContentAs(temp.resolve("whole/train.log"));
            assertThat(events(TrainingEvent.StepCompleted.class)).hasSizeLessThanOrEqualTo(15 - stopAfter + 2);
        }
    }

    @Test
    void whatIsKept() throws IOException {
        double[] accuracies = {0.5, 0.9, 0.6, 0.9, 0.7, 0.7, 0.7, 0.7};
        int[] epoch = {0};
        trainer(new LinearEmbedder(1))
                .epochs(8)
                .keepCheckpoints(1)
                .keepEvery(3)
                .keepBest("lfw.accuracy")
                .checkpointEveryBatches(1)
                .evaluateEachEpoch("lfw", model -> Map.of("accuracy", accuracies[epoch[0]++]))
                .fit();
        for (String kind : List.of("model-%s.nn4", "memory-%s.bin", "checkpoint-%s.properties")) {
            try (Stream<Path> files = Files.list(work)) {
                assertThat(files.map(file -> file.getFileName().toString())
                                .filter(name -> name.startsWith(kind.substring(0, 6))))
                        .containsExactlyInAnyOrderElementsOf(Stream.of("0002", "0003", "0006", "0008")
                                .map(kind::formatted)
                                .toList());
            }
        }
    }

    @Test
    void startsFromAModelAndCountsOn() throws IOException {
        TrainingResult first = trainer(new LinearEmbedder(1)).fit();
        work = temp.resolve("second");
        events.clear();
        TrainingResult second = trainer(new LinearEmbedder(9))
                .startFrom(first.modelFile())
                .keepOptimizerMemory(true)
                .firstEpoch(3)
                .epochs(4)
                .fit();
        assertThat(second.history()).extracting(EpochMetrics::epoch).containsExactly(3, 4);
        assertThat(second.epochs()).isEqualTo(4);
        // With the optimiser's memory and the next epochs' batches it is the same training.
        work = temp.resolve("at once");
        assertThat(trainer(new LinearEmbedder(1)).epochs(4).fit().weightsHash()).isEqualTo(second.weightsHash());
        // Without it, or with another seed, it is not.
        work = temp.resolve("third");
        TrainingResult third = trainer(new LinearEmbedder(9))
                .startFrom(first.modelFile())
                .firstEpoch(3)
                .epochs(4)
                .fit();
        assertThat(third.weightsHash()).isNotEqualTo(second.weightsHash());
        // It is resumed like any other, though not from another start.
        events.clear();
        assertThat(trainer(new LinearEmbedder(9))
                        .startFrom(first.modelFile())
                        .firstEpoch(3)
                        .epochs(5)
                        .fit()
                        .history())
                .hasSize(3);
        assertThat(events(TrainingEvent.StepCompleted.class)).hasSize(5);
        assertThatThrownBy(() ->
                        trainer(new LinearEmbedder(9)).firstEpoch(3).epochs(5).fit())
                .hasMessageContaining("startFrom was ");
    }

    @Test
    void theLearningRateFollowsItsSchedule() throws IOException {
        List<Double> rates = new ArrayList<>();
        LinearEmbedder watched = new LinearEmbedder(1) {
            @Override
            StepReport step(float[] pixels, float[] gradient, Optimizer optimizer) {
                rates.add(optimizer.learningRate());
                return super.step(pixels, gradient, optimizer);
            }
        };
        TrainingResult result = trainer(watched)
                .batchesPerEpoch(2)
                .epochs(3)
                .learningRate(LearningRateSchedule.step(1, 0.5).withWarmUp(1))
                .fit();
        assertThat(rates).containsExactly(0.0, 0.005, 0.005, 0.005, 0.0025, 0.0025);
        assertThat(result.last().learningRate()).isEqualTo(0.0025);
        assertThat(result.last().identities()).isBetween(4, PEOPLE);
    }

    @Test
    void averagedWeightsAreTheOnesEvaluated() throws IOException {
        LinearEmbedder average = new LinearEmbedder(3);
        LinearEmbedder model = new LinearEmbedder(1) {
            @Override
            public FaceEmbedder averaged() {
                return average;
            }
        };
        List<Embedding> evaluated = new ArrayList<>();
        trainer(model)
                .epochs(1)
                .evaluateEachEpoch("lfw", embedder -> {
                    evaluated.add(embedder.embed(picture(1, 1)));
                    return Map.of();
                })
                .fit();
        assertThat(evaluated).containsExactly(average.embed(picture(1, 1)));
    }

    @Test
    void theReportNamesPeopleOnlyIfItMay() throws IOException {
        trainer(new LinearEmbedder(1)).plots(true).reportFaces(false).fit();
        for (String file : List.of("label-noise.tsv", "identity-pairs.tsv", "hardest-pairs.tsv")) {
            assertThat(work.resolve(file)).doesNotExist();
        }
        assertThat(Files.readString(work.resolve("report.html"))).doesNotContain("person 0", "data:image");

        work = temp.resolve("named");
        trainer(new LinearEmbedder(1)).plots(true).fit();
        byte[] pairs = Files.readAllBytes(work.resolve("hardest-pairs.tsv"));
        assertThat(Files.readString(work.resolve("report.html"))).contains("person 0", "data:image");
        // A finished run that is started again has seen nothing and keeps what is there.
        trainer(new LinearEmbedder(1)).plots(true).fit();
        assertThat(work.resolve("hardest-pairs.tsv")).hasBinaryContent(pairs);
        // One that may no longer name people takes back what it has named.
        trainer(new LinearEmbedder(1)).plots(true).reportFaces(false).fit();
        assertThat(work.resolve("hardest-pairs.tsv")).doesNotExist();
        assertThat(Files.readString(work.resolve("report.html"))).doesNotContain("person 0", "data:image");
    }

    @Test
    void figuresForOtherProgramsAreJsonLines() throws IOException {
        trainer(new LinearEmbedder(1))
                .miner(TripletMiner.of(PairSelector.allPairs(), (ap, an, margin) -> false, NegativeSelector.random()))
                .evaluateEachEpoch("lfw", model -> Map.of("accuracy", 0.75))
                .fit();
        assertThat(Files.readAllLines(work.resolve("metrics.jsonl")))
                .hasSize(2)
                .allMatch(line -> line.startsWith("{\"epoch\":") && line.endsWith("\"evaluation.lfw.accuracy\":0.75}"))
                .allMatch(line -> line.contains("\"meanLoss\":null,") && !line.contains("NaN"));
    }
}
