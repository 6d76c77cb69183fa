package org.openface.triplet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.Distance;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.Optimizer;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.triplet.mining.MiningStatistics;
import org.openface.triplet.mining.Patterns;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.mining.Triplets;
import org.openface.triplet.training.Diagnosis.Condition;

class ConvergenceDoctorTest {
    private static final double MARGIN = 0.2;

    private final List<Diagnosis> found = new ArrayList<>();

    private void examine(ConvergenceDoctor doctor, int batches, Vitals vitals) {
        for (int i = 0; i < batches; i++) {
            found.addAll(doctor.examine(1, i + 1, vitals));
        }
    }

    private static Vitals vitals(boolean chosen, double loss, double positive, double negative, double gradient) {
        return new Vitals(chosen, loss, positive, negative, gradient, negative / 2, 5);
    }

    @Test
    void aHealthyTrainingIsLeftAlone() {
        ConvergenceDoctor doctor = new ConvergenceDoctor(MARGIN, Distance.SQUARED_EUCLIDEAN);
        for (int i = 0; i < 200; i++) {
            found.addAll(doctor.examine(1, i, vitals(true, 0.16 - i * 0.0005, 0.3, 0.4 + i * 0.003, 1 + i % 3)));
        }
        assertThat(found).isEmpty();
    }

    /** The same faces, nearly all alike, whatever their distances are measured in; and the same faces apart. */
    @ParameterizedTest
    @EnumSource
    void aCollapseIsOneInEveryUnit(Distance measure) {
        double margin = measure.ofSquared((float) MARGIN);
        double alike = measure.ofSquared(0.002f);
        ConvergenceDoctor doctor = new ConvergenceDoctor(margin, measure);
        examine(doctor, 20, vitals(true, 0.95 * margin, alike, alike, 1));
        assertThat(found).extracting(Diagnosis::condition).containsExactly(Condition.COLLAPSE);
        found.clear();
        doctor = new ConvergenceDoctor(margin, measure);
        examine(doctor, 20, vitals(true, 0.95 * margin, measure.ofSquared(0.1f), measure.ofSquared(0.1f), 1));
        assertThat(found).isEmpty();
    }

    @Test
    void eachConditionHasItsName() {
        examine(new ConvergenceDoctor(MARGIN, Distance.SQUARED_EUCLIDEAN), 20, vitals(true, 0.199, 0.001, 0.002, 1));
        examine(
                new ConvergenceDoctor(MARGIN, Distance.SQUARED_EUCLIDEAN),
                20,
                vitals(false, 0.001, 0.1, 1.5, Double.NaN));
        ConvergenceDoctor diverging = new ConvergenceDoctor(MARGIN, Distance.SQUARED_EUCLIDEAN);
        examine(diverging, 20, vitals(true, 0.2, 0.5, 0.6, 1));
        examine(diverging, 20, vitals(true, 0.7, 5, 4.8, 3));
        ConvergenceDoctor exploding = new ConvergenceDoctor(MARGIN, Distance.SQUARED_EUCLIDEAN);
        examine(exploding, 20, vitals(true, 0.15, 0.5, 0.6, 1));
        examine(exploding, 20, vitals(true, 0.15, 0.5, 0.6, 1e4));
        assertThat(found)
                .extracting(Diagnosis::condition)
                .containsExactly(Condition.COLLAPSE, Condition.STARVATION, Condition.DIVERGENCE, Condition.DIVERGENCE);
        assertThat(found.get(1).seen()).startsWith("0 of the last 20 batches had triplets");
        assertThat(found.get(1).advice()).startsWith("the network has learnt these faces");
    }

    @Test
    void aDiagnosisIsRepeatedAfterSomePatienceAlsoAcrossACheckpoint() {
        ConvergenceDoctor doctor = new ConvergenceDoctor(MARGIN, Distance.SQUARED_EUCLIDEAN);
        Vitals collapsed = vitals(true, 0.199, 0.001, 0.002, 1);
        examine(doctor, 45, collapsed);
        assertThat(found).hasSize(1);
        ConvergenceDoctor restored = new ConvergenceDoctor(MARGIN, Distance.SQUARED_EUCLIDEAN);
        restored.restore(doctor.state());
        assertThat(restored.state()).isEqualTo(doctor.state());
        examine(restored, 24, collapsed);
        assertThat(found).hasSize(1);
        examine(restored, 1, collapsed);
        assertThat(found).hasSize(2);
    }

    @Test
    void gradientsThatWereZeroOrTinyAtFirstAreNoMeasure() {
        // Every triplet satisfied at first; then faces that are harder, and one network that begins with all faces
        // alike.
        ConvergenceDoctor satisfied = new ConvergenceDoctor(MARGIN, Distance.SQUARED_EUCLIDEAN);
        examine(satisfied, 20, vitals(true, 0.1, 0.3, 0.5, 0));
        examine(satisfied, 100, vitals(true, 0.1, 0.3, 0.5, 1));
        ConvergenceDoctor restored = new ConvergenceDoctor(MARGIN, Distance.SQUARED_EUCLIDEAN);
        restored.restore(satisfied.state());
        examine(restored, 100, vitals(true, 0.1, 0.3, 0.5, 1));
        ConvergenceDoctor alike = new ConvergenceDoctor(MARGIN, Distance.SQUARED_EUCLIDEAN);
        for (int i = 0; i < 100; i++) {
            double spread = Math.min(1, Math.pow(1.2, i) * 1e-6);
            found.addAll(alike.examine(1, i + 1, vitals(true, 0.2 - 0.1 * spread, spread / 2, spread, spread)));
        }
        assertThat(found).isEmpty();
        // It still knows an explosion.
        examine(restored, 20, vitals(true, 0.1, 0.3, 0.5, 1e4));
        assertThat(found).extracting(Diagnosis::condition).containsExactly(Condition.DIVERGENCE);
    }

    @Test
    void withoutAMarginTheLossSaysNothing() {
        // A loss without margin that comes and goes, faces all in one direction, a loss of 0 of people far apart.
        ConvergenceDoctor doctor = new ConvergenceDoctor(0, Distance.SQUARED_EUCLIDEAN);
        examine(doctor, 20, new Vitals(true, 0.001, 0.3, 1, 1, 0.5, 1));
        examine(doctor, 100, new Vitals(true, 0.1, 0.3, 1, 1, 0.5, 1));
        examine(doctor, 100, new Vitals(true, 0, 0.3, 1.5, 1, 0.5, 1));
        assertThat(found).isEmpty();
        examine(doctor, 40, new Vitals(true, 1e-5, 1e-4, 1e-4, 1, 1e-4, 5));
        assertThat(found).extracting(Diagnosis::condition).containsExactly(Condition.COLLAPSE);
        found.clear();
        examine(
                new ConvergenceDoctor(0, Distance.SQUARED_EUCLIDEAN),
                20,
                new Vitals(false, 0.001, 0.1, 1, Double.NaN, 0.5, 5));
        assertThat(found.get(0).condition()).isEqualTo(Condition.STARVATION);
        assertThat(found.get(0).advice()).startsWith("the network has learnt these faces");
    }

    /** Says of every batch that its loss is so high, and chooses a triplet or none. */
    private static TripletMiner claiming(double loss, boolean choosing) {
        return in -> {
            Triplets.Builder triplets = Triplets.builder(in);
            if (choosing) {
                int other = 0;
                while (in.identity(other) == in.identity(0)) {
                    other++;
                }
                triplets.add(0, in.nextOfIdentity(0), other);
            }
            return triplets.statistics(MiningStatistics.builder()
                            .pairs(9)
                            .pairsWithViolatingNegative(9)
                            .pairsWithEligibleNegative(9)
                            .violatingShare(1)
                            .lossOverAll(loss)
                            .meanPositiveDistance(1)
                            .meanNegativeDistance(1)
                            .build())
                    .build();
        };
    }

    /** Images that have nothing in common, so that no direction outweighs the others. */
    private static FaceDataset noise(Path folder, int people, int images) throws IOException {
        Random random = new Random(1);
        for (int i = 0; i < people * images; i++) {
            byte[] rgb = new byte[LinearEmbedder.SIZE * LinearEmbedder.SIZE * 3];
            random.nextBytes(rgb);
            ImageFiles.writePng(
                    RgbImage.of(LinearEmbedder.SIZE, LinearEmbedder.SIZE, rgb),
                    Files.createDirectories(folder.resolve("person " + i / images))
                            .resolve(i + ".png"));
        }
        return FaceDataset.index(folder);
    }

    /** Six images a batch, hardly learnt from. */
    private static Trainer.Builder small(Path temp, FaceDataset faces, List<TrainingEvent> events) {
        return Trainer.builder()
                .model(new UnitEmbedder(1))
                .trainingSet(faces)
                .identitiesPerBatch(3)
                .imagesPerIdentity(2)
                .optimizer(Optimizer.adam(1e-9))
                .batchesPerEpoch(30)
                .epochs(2)
                .plots(false)
                .reportFaces(false)
                .workDirectory(temp.resolve("work"))
                .listener(events::add);
    }

    private static List<Condition> conditions(List<TrainingEvent> events) {
        return events.stream()
                .filter(TrainingEvent.Diagnosed.class::isInstance)
                .map(event -> ((TrainingEvent.Diagnosed) event).diagnosis().condition())
                .toList();
    }

    @Test
    void anotherMinersLossIsNotMeasuredByTheFirstOnes(@TempDir Path temp) throws IOException {
        FaceDataset faces = noise(temp.resolve("faces"), 5, 3);
        List<TrainingEvent> events = new ArrayList<>();
        small(temp, faces, events)
                .miner(claiming(0.01, true).untilEpoch(1, claiming(1, true)))
                .fit();
        assertThat(conditions(events)).isEmpty();

        events.clear();
        small(temp, faces, events)
                .miner(claiming(0.01, false))
                .treat(Condition.STARVATION, Treatment.switchMiner(claiming(1, true)))
                .workDirectory(temp.resolve("switched"))
                .fit();
        assertThat(conditions(events)).containsExactly(Condition.STARVATION);

        events.clear();
        small(temp, faces, events)
                .miner(in -> claiming(in.draws().epoch() == 1 ? 0.01 : 1, true).mine(in))
                .workDirectory(temp.resolve("one"))
                .fit();
        assertThat(conditions(events)).as("one miner, whose loss rises").containsExactly(Condition.DIVERGENCE);
    }

    @Test
    void aCheckpointHoldsTheFirstAndTheLastDiagnosesOnly(@TempDir Path temp) throws IOException {
        List<TrainingEvent> events = new ArrayList<>();
        small(temp, Patterns.write(temp.resolve("faces"), 3, 2), events)
                .miner(claiming(0.01, false))
                .batchesPerEpoch(1500)
                .epochs(1)
                .fit();
        assertThat(conditions(events)).as("events tell of all").hasSize(30);
        List<String> kept = Files.readAllLines(temp.resolve("work/checkpoint-0001.properties")).stream()
                .filter(line -> line.startsWith("state.diagnosis."))
                .toList();
        assertThat(kept).hasSizeBetween(2, 20);
    }

    @Test
    void spreadAndRankOfKnownClouds() {
        // ±1 along two of three axes: each embedding is 1 from the mean, the covariance has two equal eigenvalues.
        float[] square = {1, 0, 0, -1, 0, 0, 0, 1, 0, 0, -1, 0};
        Vitals two = Vitals.of(new EmbeddingBatch(3, square), MiningStatistics.NONE, true, 1);
        assertThat(two.spread()).isEqualTo(1);
        assertThat(two.rank()).isEqualTo(2);
        Vitals one = Vitals.of(new EmbeddingBatch(2, new float[] {1, 1, 3, 3, 5, 5}), MiningStatistics.NONE, true, 1);
        assertThat(one.rank()).isEqualTo(1);
        assertThat(one.spread()).isCloseTo(16 / 3.0, within(1e-12));
    }

    private static EpochMetrics epoch(int number, double loss, double auc) {
        EpochTally tally = new EpochTally();
        MiningStatistics statistics = MiningStatistics.builder()
                .pairs(1)
                .violatingShare(0)
                .lossOverAll(loss)
                .meanPositiveDistance(0)
                .meanNegativeDistance(0)
                .build();
        tally.empty(1, statistics, vitals(false, loss, 0, 0, Double.NaN));
        return tally.metrics(number, 1).withEvaluation(Map.of("v.auc", auc));
    }

    @Test
    void overfittingIsALossThatFallsWhileTheEvaluationGetsWorse() {
        List<EpochMetrics> history = new ArrayList<>();
        double[] aucs = {0.8, 0.9, 0.89, 0.88, 0.87, 0.86};
        for (int i = 0; i < aucs.length; i++) {
            history.add(epoch(i + 1, 0.1 - 0.015 * i, aucs[i]));
            assertThat(ConvergenceDoctor.overfitting(history, "v.auc").isPresent())
                    .as("epoch %s", i + 1)
                    .isEqualTo(i == 5);
        }
        assertThat(ConvergenceDoctor.overfitting(history, "v.auc").orElseThrow().advice())
                .contains("epoch 2");
    }

    /** Far too high a learning rate, and one person's images under everybody's names. */
    @Test
    void aRunMadeToCollapseIsCalledWithinFiftyBatches(@TempDir Path temp) throws IOException {
        Path faces = temp.resolve("faces");
        FaceDataset wellLabelled = Patterns.write(faces, 6, 6);
        List<TrainingEvent.Diagnosed> called = new ArrayList<>();
        List<TrainingEvent.Treated> treated = new ArrayList<>();
        Trainer.Builder trainer = Trainer.builder()
                .model(new UnitEmbedder(1))
                .trainingSet(wellLabelled)
                .identitiesPerBatch(4)
                .imagesPerIdentity(4)
                .batchesPerEpoch(50)
                .epochs(1)
                .plots(false)
                .listener(event -> {
                    if (event instanceof TrainingEvent.Diagnosed diagnosed) {
                        called.add(diagnosed);
                    } else if (event instanceof TrainingEvent.Treated done) {
                        treated.add(done);
                    }
                });
        trainer.optimizer(Optimizer.adam(1e-3))
                .workDirectory(temp.resolve("sane"))
                .fit();
        assertThat(called).isEmpty();

        Treatment lower = Treatment.lowerLearningRate(0.1);
        TrainingResult result = trainer.model(new UnitEmbedder(1))
                .trainingSet(FaceDataset.index(faces))
                .miner(TripletMiner.batchHard())
                .optimizer(Optimizer.adam(100))
                .treat(Condition.COLLAPSE, lower)
                .workDirectory(temp.resolve("wild"))
                .fit();
        assertThat(called).isNotEmpty();
        assertThat(called.get(0).diagnosis().condition()).isEqualTo(Condition.COLLAPSE);
        assertThat(called.get(0).diagnosis().batch()).isLessThanOrEqualTo(50);
        assertThat(called.get(0).diagnosis().seen()).contains("at a margin of 0.200");
        assertThat(treated).hasSize(1);
        assertThat(treated.get(0).treatment()).isEqualTo(lower);
        assertThat(result.last().learningRate()).isEqualTo(10);
    }
}
