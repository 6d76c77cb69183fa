package org.openface.triplet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.Augmentation;
import org.openface.core.dataset.DatasetSplitter;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.core.embedding.TrainableEmbedder.StepReport;
import org.openface.core.image.RgbImage;
import org.openface.triplet.mining.NegativeSelector;
import org.openface.triplet.mining.PairSelector;
import org.openface.triplet.mining.TripletFilter;
import org.openface.triplet.mining.TripletMiner;

/** Settings that a run compares with those of the run before, warns of, or refuses. */
class SettingsTest {
    private Runs runs;

    @BeforeEach
    void drawPeople(@TempDir Path temp) throws IOException {
        runs = new Runs(temp);
    }

    private List<String> warnings() {
        return runs.events(TrainingEvent.Warned.class).stream()
                .map(TrainingEvent.Warned::message)
                .toList();
    }

    private static TripletMiner miner(TripletFilter filter) {
        return TripletMiner.of(
                PairSelector.allPairs(), TripletFilter.violating().and(filter), NegativeSelector.random());
    }

    @Test
    void aResumeWarnsOfAStrategyThatSaysNothingOfItself() throws IOException {
        UnaryOperator<Trainer.Builder> settings =
                builder -> builder.miner(miner((ap, an, margin) -> an > 0.01f)).augmentation((face, random) -> face);
        settings.apply(runs.trainer()).epochs(1).fit();
        assertThat(warnings()).isEmpty();
        settings.apply(runs.trainer()).fit();
        assertThat(warnings())
                .containsExactly("nothing tells whether this is the same as in the run that is gone on with: miner"
                        + " (allPairs x (violating and lambda of org.openface.triplet.training.SettingsTest) x random),"
                        + " augmentation (lambda of org.openface.triplet.training.SettingsTest); give it a name, such as"
                        + " TripletFilter.named(\"...\", lambda), and another when it changes");
    }

    @Test
    void whatHasANameIsCompared() throws IOException {
        UnaryOperator<Trainer.Builder> settings = builder -> builder.miner(TripletMiner.named(
                        "mine",
                        TripletMiner.of(
                                PairSelector.named("pairs", PairSelector.allPairs()),
                                TripletFilter.named("an > 0.01", (ap, an, margin) -> an > 0.01f),
                                NegativeSelector.named("any", NegativeSelector.random()))))
                .learningRate(LearningRateSchedule.named("slow", epochs -> 0.5))
                .augmentation(Augmentation.none().then(Augmentation.named("as it is", (face, random) -> face)));
        settings.apply(runs.trainer()).epochs(1).fit();
        settings.apply(runs.trainer()).fit();
        assertThat(warnings()).isEmpty();
        assertThatThrownBy(() -> settings.apply(runs.trainer())
                        .learningRate(LearningRateSchedule.named("fast", epochs -> 2))
                        .fit())
                .hasMessageContaining("learningRate was slow and is now fast");
        assertThat(TripletMiner.of(
                                PairSelector.named("pairs", (in, out) -> {}),
                                TripletFilter.named("an > 0.01", (ap, an, margin) -> true),
                                NegativeSelector.named("first", (candidates, draw, out) -> {}))
                        .toString())
                .isEqualTo("pairs x an > 0.01 x first");
        assertThatThrownBy(() -> TripletFilter.named("two\nlines", TripletFilter.any()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("one line of text");
        assertThatThrownBy(() -> TripletMiner.named(" ", TripletMiner.openFace()))
                .isInstanceOf(IllegalArgumentException.class);
    }

    /** A record says of a lambda in it what is another in each process. */
    private record Twice(Augmentation first, Augmentation second) implements Augmentation {
        @Override
        public RgbImage apply(RgbImage face, RandomGenerator random) {
            return face;
        }
    }

    @Test
    void aLambdaWithinARecordReadsAlikeInEveryRun() throws IOException {
        for (int run = 1; run <= 2; run++) {
            int number = run;
            Object plain = new Object();
            runs.trainer()
                    .epochs(run)
                    .augmentation(new Twice((face, random) -> number > 0 ? face : face.flipped(), new Augmentation() {
                        @Override
                        public RgbImage apply(RgbImage face, RandomGenerator random) {
                            return plain.equals(random) ? face.flipped() : face;
                        }
                    }))
                    .fit();
        }
        assertThat(warnings()).singleElement().asString().contains("augmentation (Twice[first=lambda of org.openface");
    }

    private static LinearEmbedder on(String executor, int chunk) {
        return new LinearEmbedder(1) {
            @Override
            public ExecutionPlan plan(int batchSize, long memoryBudget) {
                return new ExecutionPlan(executor, 1, batchSize, chunk, 0);
            }
        };
    }

    @Test
    void anotherExecutorNeedsPermission() throws IOException {
        runs.trainer(on("fast", 12)).epochs(1).fit();
        assertThatThrownBy(() -> runs.trainer(on("slow", 4)).fit())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("executor was fast and is now slow")
                .hasMessageContaining(
                        "resumeOnAnotherExecutor(true) goes on with it all the same, and the run then does"
                                + " not end with the same bits");
        // It is about the executor, and what it brings along, alone.
        assertThatThrownBy(() -> runs.trainer(on("slow", 4))
                        .resumeOnAnotherExecutor(true)
                        .seed(9)
                        .fit())
                .hasMessageContaining("seed was 2 and is now 9")
                .hasMessageNotContainingAny("executor", "chunkSize");
        assertThatThrownBy(() -> runs.trainer(on("fast", 4))
                        .resumeOnAnotherExecutor(true)
                        .fit())
                .hasMessageContaining("chunkSize was 12 and is now 4");
        assertThat(runs.trainer(on("slow", 4))
                        .resumeOnAnotherExecutor(true)
                        .fit()
                        .history())
                .hasSize(2);
        assertThat(warnings())
                .containsExactly(
                        "the run goes on with the executor slow instead of fast, which rounds otherwise: it does"
                                + " not end with the same bits as without the move");
        // From then on it is the run's.
        assertThat(runs.trainer(on("slow", 4)).epochs(3).fit().history()).hasSize(3);
        assertThat(warnings()).hasSize(1);
    }

    @Test
    void aWarmUpWarmsUpWhateverTheNumberOfTheFirstEpoch() throws IOException {
        Path model = runs.trainer().fit().modelFile();
        for (boolean memory : new boolean[] {false, true}) {
            runs.work = runs.work.resolveSibling("memory " + memory);
            List<Double> rates = new ArrayList<>();
            LinearEmbedder watched = new LinearEmbedder(1) {
                @Override
                StepReport step(float[] pixels, float[] gradient, Optimizer optimizer) {
                    rates.add(optimizer.learningRate());
                    return super.step(pixels, gradient, optimizer);
                }
            };
            runs.trainer(watched)
                    .batchesPerEpoch(2)
                    .startFrom(model)
                    .keepOptimizerMemory(memory)
                    .firstEpoch(3)
                    .epochs(4)
                    .learningRate(LearningRateSchedule.step(1, 0.5).withWarmUp(1))
                    .fit();
            // The steps count from the first epoch of all.
            assertThat(rates).containsExactly(memory ? 0.0025 : 0, memory ? 0.0025 : 0.00125, 0.00125, 0.00125);
        }
    }

    @Test
    void warnsOfFacesThatWereNotAlignedForTheNetwork() throws IOException {
        FaceDataset aligned = runs.dataset;
        runs.dataset = FaceDataset.index(runs.faces);
        runs.trainer().epochs(1).fit();
        assertThat(warnings())
                .singleElement()
                .asString()
                .startsWith("nothing says that the faces of the training set were aligned");
        runs.events.clear();
        runs.work = runs.work.resolveSibling("scaled");
        runs.dataset = aligned.withAlignmentProfile(Runs.PROFILE.withSize(112));
        runs.trainer().epochs(1).fit();
        assertThat(warnings())
                .containsExactly(
                        "the faces of the training set were aligned to 112 pixels and the network takes 4: they"
                                + " are scaled; align them to 4");
    }

    @Test
    void warnsOfAValidationSetThatTheNetworkHasSeen() throws IOException {
        runs.trainer().epochs(1).validationSet(runs.dataset).fit();
        assertThat(warnings())
                .singleElement()
                .asString()
                .startsWith("the validation set shares 30 images and 6 people with the training set");
        runs.events.clear();
        runs.work = runs.work.resolveSibling("by image");
        DatasetSplitter.Split images = DatasetSplitter.builder()
                .byImage()
                .validationFraction(0.4)
                .build()
                .split(runs.dataset);
        FaceDataset all = runs.dataset;
        runs.dataset = images.training();
        runs.trainer()
                .epochs(1)
                .imagesPerIdentity(2)
                .validationSet(images.validation())
                .fit();
        assertThat(warnings())
                .singleElement()
                .asString()
                .startsWith("the validation set shares 0 images and 6 people with the training set");
        runs.events.clear();
        runs.work = runs.work.resolveSibling("by person");
        DatasetSplitter.Split people = DatasetSplitter.builder()
                .validationFraction(0.34)
                .minimumIdentities(2)
                .build()
                .split(all);
        runs.dataset = people.training();
        runs.trainer()
                .epochs(1)
                .identitiesPerBatch(3)
                .validationSet(people.validation())
                .fit();
        assertThat(warnings()).isEmpty();
    }

    @Test
    void warnsOnceOfAFigureThatThereIsNot() throws IOException {
        runs.trainer()
                .validationSet(runs.dataset)
                .evaluateEachEpoch("lfw", model -> Map.of("accuracy", 0.5))
                .keepBest("valdation.auc")
                .epochs(1)
                .fit();
        assertThat(warnings())
                .contains("keepBest(\"valdation.auc\") keeps nothing: there is no evaluation of that name; its figures"
                        + " begin with one of lfw, validation");
        runs.events.clear();
        int[] epoch = {0};
        runs.work = runs.work.resolveSibling("figure");
        runs.trainer()
                .epochs(4)
                .evaluateEachEpoch("lfw", model -> {
                    if (epoch[0]++ == 0) {
                        throw new IOException("gone");
                    }
                    return Map.of("accuracy", 0.5);
                })
                .evaluateEachEpoch("other", model -> Map.of("auc", 0.5))
                .keepBest("lfw.auc")
                .fit();
        assertThat(warnings())
                .containsExactly("keepBest(\"lfw.auc\") keeps nothing: there is no such figure; there are lfw.accuracy,"
                        + " other.auc");
        runs.events.clear();
        runs.work = runs.work.resolveSibling("none");
        runs.trainer().epochs(1).keepBest("validation.auc").fit();
        assertThat(warnings())
                .containsExactly(
                        "keepBest(\"validation.auc\") keeps nothing: there is no evaluation; add a validationSet"
                                + " or evaluateEachEpoch");
        runs.events.clear();
        runs.work = runs.work.resolveSibling("right");
        runs.trainer()
                .evaluateEachEpoch("lfw", model -> Map.of("accuracy", 0.5))
                .keepBest("lfw.accuracy")
                .fit();
        assertThat(warnings()).isEmpty();
    }

    @Test
    @SuppressWarnings("NullAway")
    void nullIsRefusedWhereItIsGiven() {
        Trainer.Builder builder = Trainer.builder();
        assertThatThrownBy(() -> builder.miner(null))
                .hasMessage("miner(...) was given null; leave it out for the default");
        assertThatThrownBy(() -> builder.model(null)).hasMessageContaining("model(...)");
        assertThatThrownBy(() -> builder.trainingSet(null)).hasMessageContaining("trainingSet(...)");
        assertThatThrownBy(() -> builder.validationSet(null)).hasMessageContaining("validationSet(...)");
        assertThatThrownBy(() -> builder.loss(null)).hasMessageContaining("loss(...)");
        assertThatThrownBy(() -> builder.optimizer(null)).hasMessageContaining("optimizer(...)");
        assertThatThrownBy(() -> builder.learningRate(null)).hasMessageContaining("learningRate(...)");
        assertThatThrownBy(() -> builder.augmentation(null)).hasMessageContaining("augmentation(...)");
        assertThatThrownBy(() -> builder.workDirectory(null)).hasMessageContaining("workDirectory(...)");
        assertThatThrownBy(() -> builder.listener(null)).hasMessageContaining("listener(...)");
        assertThatThrownBy(() -> builder.onEpoch(null)).hasMessageContaining("onEpoch(...)");
        assertThatThrownBy(() -> builder.evaluateEachEpoch("lfw", null)).hasMessageContaining("evaluateEachEpoch(...)");
        assertThatThrownBy(() -> builder.treat(Diagnosis.Condition.COLLAPSE, null))
                .hasMessageContaining("treat(...)");
        assertThatThrownBy(() -> Treatment.switchMiner(null)).hasMessageContaining("switchMiner");
        assertThatThrownBy(() -> runs.trainer().miner(in -> null).fit())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(
                        "the miner lambda of org.openface.triplet.training.SettingsTest returned null, not triplets or pairs");
        assertThat(Files.exists(runs.work.resolve("model-0001.nn4"))).isFalse();
    }
}
