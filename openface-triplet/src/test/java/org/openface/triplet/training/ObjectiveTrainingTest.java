package org.openface.triplet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.embedding.Distance;
import org.openface.core.image.RgbImage;
import org.openface.core.sampling.BatchSampler;
import org.openface.triplet.loss.ClassificationHead;
import org.openface.triplet.loss.LearntMarginLoss;
import org.openface.triplet.loss.Loss;
import org.openface.triplet.loss.MultiSimilarityLoss;
import org.openface.triplet.loss.Objective;
import org.openface.triplet.loss.TripletLoss;
import org.openface.triplet.mining.NegativeSelector;
import org.openface.triplet.mining.PairSelector;
import org.openface.triplet.mining.Pairs;
import org.openface.triplet.mining.TripletFilter;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.mining.Triplets;

/** Trainings with other objectives than the triplet loss, which keep parameters of their own. */
class ObjectiveTrainingTest {
    private static final Objective WITH_PARAMETERS = TripletLoss.margin()
            .plus(ClassificationHead.arcFace(0.3, 8).subCentres(2).sampled(0.8), 0.5)
            .plus(LearntMarginLoss.create(), 0.25);

    private Runs runs;

    @BeforeEach
    void drawPeople(@TempDir Path temp) throws IOException {
        runs = new Runs(temp);
    }

    @Test
    void aRunKilledAtAnyBatchEndsWithTheSameBits() throws IOException {
        UnaryOperator<Trainer.Builder> settings = builder ->
                builder.loss(WITH_PARAMETERS).distance(Distance.EUCLIDEAN).checkpointEveryBatches(1);
        Path whole = runs.work;
        String weights = settings.apply(runs.trainer()).fit().weightsHash();
        byte[] memory = Files.readAllBytes(whole.resolve("memory-0002.bin"));
        for (int batches = 1; batches < 10; batches++) {
            runs.work = whole.resolveSibling("cut-" + batches);
            runs.cutAfter(batches, settings);
            assertThat(settings.apply(runs.trainer()).fit().weightsHash())
                    .as("cut after %s", batches)
                    .isEqualTo(weights);
            assertThat(runs.work.resolve("memory-0002.bin")).hasBinaryContent(memory);
        }
    }

    @Test
    void aRunWithLookAlikesKilledAtAnyBatchEndsWithTheSameBits() throws IOException {
        UnaryOperator<Trainer.Builder> settings =
                builder -> builder.checkpointEveryBatches(1).epochs(3);
        runs.shape = false;
        String random = settings.apply(runs.trainer().sampler(BatchSampler.openFace(4, 3)))
                .fit()
                .weightsHash();
        Path whole = runs.work.resolveSibling("look-alikes");
        UnaryOperator<Trainer.Builder> alike = builder ->
                settings.apply(builder).sampler(BatchSampler.lookAlikes(4, 3, 3).withExtraNegatives(2));
        runs.work = whole;
        String weights = alike.apply(runs.trainer()).fit().weightsHash();
        assertThat(weights).isNotEqualTo(random);
        for (int batches = 1; batches < 15; batches += 2) {
            runs.work = whole.resolveSibling("look-alikes-" + batches);
            runs.cutAfter(batches, alike);
            assertThat(alike.apply(runs.trainer()).fit().weightsHash())
                    .as("cut after %s", batches)
                    .isEqualTo(weights);
        }
    }

    @Test
    void aSamplerTakesThePlaceOfTheShape() throws IOException {
        String shape = runs.trainer().fit().weightsHash();
        assertThatThrownBy(() ->
                        runs.trainer().sampler(BatchSampler.openFace(4, 3)).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("leave out identitiesPerBatch");
        runs.shape = false;
        runs.work = runs.work.resolveSibling("sampler");
        assertThat(runs.trainer().sampler(BatchSampler.openFace(4, 3)).fit().weightsHash())
                .isEqualTo(shape);
        assertThatThrownBy(() ->
                        runs.trainer().sampler(BatchSampler.covering(4, 3)).fit())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("covering all identities");
    }

    @Test
    void anotherObjectiveIsAnotherRun() throws IOException {
        runs.trainer().loss(WITH_PARAMETERS).epochs(1).fit();
        assertThatThrownBy(() -> runs.trainer().loss(TripletLoss.margin()).fit())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("ArcFace 0.3 scale 8.0, 2 sub-centres, 0.8 of identities");
        assertThatThrownBy(() -> runs.trainer()
                        .loss(WITH_PARAMETERS)
                        .distance(Distance.COSINE)
                        .fit())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("COSINE");
    }

    @Test
    void aHeadLearnsWhereNothingIsMined() throws IOException {
        LinearEmbedder model = new LinearEmbedder(1);
        String before = model.weightsHash();
        TrainingResult result = runs.trainer(model)
                .miner(in -> Triplets.builder(in).build())
                .loss(ClassificationHead.softmax(8))
                .epochs(8)
                .fit();
        assertThat(result.weightsHash()).isNotEqualTo(before);
        List<EpochMetrics> history = result.history();
        assertThat(history.get(0).emptyBatches()).isZero();
        assertThat(history.get(7).meanLoss()).isLessThan(history.get(0).meanLoss());
    }

    @Test
    void nothingMinedTeachesATripletLossNothing() throws IOException {
        LinearEmbedder model = new LinearEmbedder(1);
        String before = model.weightsHash();
        TrainingResult result = runs.trainer(model)
                .miner(in -> Pairs.builder(in).build())
                .epochs(1)
                .fit();
        assertThat(result.weightsHash()).isEqualTo(before);
        assertThat(result.history().get(0).emptyBatches()).isEqualTo(5);
    }

    /** In ten lines, as a user would write it. */
    @Test
    void aLossOfOnesOwnIsTheLibrarysWhereItMeansTheSame() throws IOException {
        Loss own = Loss.named("own hinge", mined -> {
            Triplets triplets = mined.triplets();
            double[] slopes = new double[triplets.size()];
            double sum = 0;
            for (int t = 0; t < slopes.length; t++) {
                double hinge = Math.max(0, (double) triplets.positiveDistance(t) - triplets.negativeDistance(t) + 0.2f);
                sum += hinge / slopes.length;
                slopes[t] = hinge > 0 ? 1.0 / slopes.length : 0;
            }
            return new Objective.Outcome(sum, triplets.gradient(slopes, false));
        });
        String library = runs.trainer().fit().weightsHash();
        runs.work = runs.work.resolveSibling("own");
        assertThat(runs.trainer().loss(own).fit().weightsHash()).isEqualTo(library);
    }

    @Test
    void pairLossesTakeWhatATripletMinerChose() throws IOException {
        List<EpochMetrics> history = runs.trainer()
                .loss(MultiSimilarityLoss.of(2, 10, 0.5))
                .miner(TripletMiner.of(PairSelector.orderedPairs(), TripletFilter.any(), NegativeSelector.all()))
                .epochs(6)
                .fit()
                .history();
        assertThat(history.get(5).meanLoss()).isLessThan(history.get(0).meanLoss());
    }

    @Test
    void distancesOfTheReportAreInTheUnitThatWasChosen() throws IOException {
        double squared = firstNegative(Distance.SQUARED_EUCLIDEAN);
        double plain = firstNegative(Distance.EUCLIDEAN);
        double cosine = firstNegative(Distance.COSINE);
        assertThat(plain).isGreaterThan(0).isLessThanOrEqualTo(Math.sqrt(squared));
        assertThat(cosine).isBetween(0.0, 2.0).isNotCloseTo(squared, within(1e-3));
    }

    private double firstNegative(Distance measure) throws IOException {
        runs.work = runs.work.resolveSibling("work-" + measure);
        return runs.trainer()
                .distance(measure)
                .batchesPerEpoch(1)
                .epochs(1)
                .fit()
                .history()
                .get(0)
                .meanNegativeDistance();
    }

    /** Remembers with which faces, and after how many steps, statistics were estimated. */
    private static final class WithStatistics extends LinearEmbedder {
        final List<List<RgbImage>> estimates = new ArrayList<>();

        WithStatistics() {
            super(1);
        }

        @Override
        public void estimateBatchStatistics(List<RgbImage> faces, int batchSize, long memoryBudget) {
            assertThat(batchSize).isEqualTo(12);
            estimates.add(List.copyOf(faces));
        }
    }

    @Test
    void statisticsAreEstimatedBeforeEachEvaluationAndSave() throws IOException {
        WithStatistics model = new WithStatistics();
        List<Integer> before = new ArrayList<>();
        String weights = runs.trainer(model)
                .estimateStatistics(12)
                .epochs(3)
                .evaluateEachEpoch("own", network -> {
                    before.add(model.estimates.size());
                    return Map.of("auc", 0.5);
                })
                .fit()
                .weightsHash();
        assertThat(before).containsExactly(1, 2, 3);
        assertThat(model.estimates.get(0)).hasSize(12).doesNotHaveDuplicates();
        assertThat(model.estimates).containsOnly(model.estimates.get(0));
        runs.work = runs.work.resolveSibling("without");
        assertThat(runs.trainer().epochs(3).fit().weightsHash()).isEqualTo(weights);
        assertThatThrownBy(() -> runs.trainer().estimateStatistics(1)).hasMessageContaining("estimateStatistics (1)");
    }

    @Test
    void aScheduleToTheEndKnowsTheLastEpoch() throws IOException {
        LearningRateSchedule schedule = LearningRateSchedule.toTheEnd(0.25).over(8);
        assertThat(schedule.factor(1, 0)).isCloseTo(0.5 * (1 + Math.cos(Math.PI / 8)) / 2, within(1e-12));
        assertThat(schedule.factor(4, 0)).isCloseTo(0.5, within(1e-12));
        assertThat(schedule.factor(8, 0)).isCloseTo(0, within(1e-12));
        List<EpochMetrics> history = runs.trainer()
                .learningRate(LearningRateSchedule.toTheEnd(0))
                .epochs(4)
                .fit()
                .history();
        double last = 0.01 * (1 + Math.cos(Math.PI * 3.8 / 4)) / 2;
        assertThat(history.get(3).learningRate()).isCloseTo(last, within(1e-9));
        // Gone on with to a later end, rates are those of the longer training.
        double longer = 0.01 * (1 + Math.cos(Math.PI * 4.8 / 5)) / 2;
        assertThat(runs.trainer()
                        .learningRate(LearningRateSchedule.toTheEnd(0))
                        .epochs(5)
                        .fit()
                        .history()
                        .get(4)
                        .learningRate())
                .isCloseTo(longer, within(1e-9));
    }
}
