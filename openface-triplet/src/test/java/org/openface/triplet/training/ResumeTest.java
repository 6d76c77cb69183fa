package org.openface.triplet.training;

import static com.google.common.base.Preconditions.checkState;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.triplet.mining.NegativeSelector;
import org.openface.triplet.mining.PairSelector;
import org.openface.triplet.mining.TripletFilter;
import org.openface.triplet.mining.TripletMiner;

/** Runs that go on after damage, and with strategies that the trainer has changed or cannot compare. */
class ResumeTest {
    private Runs runs;

    @BeforeEach
    void drawPeople(@TempDir Path temp) throws IOException {
        runs = new Runs(temp);
    }

    private void cut(String name) throws IOException {
        Files.write(runs.work.resolve(name), new byte[] {1, 2, 3});
    }

    @Test
    void whatIsSavedWithinAnEpochStaysThoughANewerCheckpointIsDamaged() throws IOException {
        UnaryOperator<Trainer.Builder> settings = builder -> builder.epochs(3).checkpointEveryBatches(1);
        String whole = settings.apply(runs.trainer()).fit().weightsHash();
        cut("model-0003.nn4");
        runs.cutAfter(4, settings);
        assertThat(runs.work.resolve("model-0002+000003.nn4")).exists();
        runs.events.clear();
        assertThat(settings.apply(runs.trainer()).fit().weightsHash()).isEqualTo(whole);
        assertThat(runs.steps()).isEqualTo(2);
    }

    @Test
    void aNewEpochStaysThoughADamagedNewerOneIsKeptForGood() throws IOException {
        UnaryOperator<Trainer.Builder> settings = builder -> builder.epochs(4)
                .keepCheckpoints(1)
                .keepEvery(2)
                .evaluateEachEpoch("lfw", model -> Map.of("accuracy", 0.5));
        String whole = settings.apply(runs.trainer()).fit().weightsHash();
        cut("model-0004.nn4");
        runs.cutAfter(6, settings);
        assertThat(runs.work.resolve("model-0003.nn4")).exists();
        runs.events.clear();
        assertThat(settings.apply(runs.trainer()).fit().weightsHash()).isEqualTo(whole);
        assertThat(runs.steps()).isEqualTo(5);
    }

    @Test
    void aFigureThatIsNoNumberIsNotTheBest() throws IOException {
        double[] accuracies = {0.5, 0.9, Double.NaN, 0.6, Double.NaN};
        int[] epoch = {0};
        runs.trainer()
                .epochs(5)
                .keepCheckpoints(1)
                .keepBest("lfw.accuracy")
                .evaluateEachEpoch("lfw", model -> Map.of("accuracy", accuracies[epoch[0]++]))
                .fit();
        assertThat(runs.work.resolve("model-0002.nn4")).exists();
        assertThat(runs.work.resolve("model-0003.nn4")).doesNotExist();
    }

    @Test
    void theMinerSwitchedToLastIsTheOneThatGoesOn() throws IOException {
        List<String> used = new ArrayList<>();
        LinearEmbedder model = new LinearEmbedder(1);
        UnaryOperator<Trainer.Builder> settings = builder -> builder.batchesPerEpoch(80)
                .epochs(1)
                .checkpointEveryBatches(1)
                .miner(TripletMiner.of(PairSelector.allPairs(), (ap, an, margin) -> false, NegativeSelector.random()))
                .treat(Diagnosis.Condition.STARVATION, Treatment.switchMiner(in -> {
                    used.add("after starvation");
                    return TripletMiner.openFace().mine(in);
                }))
                .treat(Diagnosis.Condition.COLLAPSE, Treatment.switchMiner(in -> {
                    used.add("after collapse");
                    return TripletMiner.randomNegatives().mine(in);
                }));
        int[] batches = {0};
        // Starves from the beginning, and is made to collapse later: the reverse order of the constants.
        assertThatThrownBy(() -> settings.apply(runs.trainer(model))
                        .listener(event -> {
                            if (event instanceof TrainingEvent.StepCompleted && ++batches[0] >= 5) {
                                Arrays.fill(model.weights, 0);
                                checkState(batches[0] < 50, "power cut");
                            }
                        })
                        .fit())
                .hasMessage("power cut");
        assertThat(runs.events(TrainingEvent.Treated.class))
                .extracting(treated -> treated.diagnosis().condition())
                .containsExactly(Diagnosis.Condition.STARVATION, Diagnosis.Condition.COLLAPSE);
        assertThat(used).startsWith("after starvation").endsWith("after collapse");
        used.clear();
        settings.apply(runs.trainer()).fit();
        assertThat(used).isNotEmpty().containsOnly("after collapse");
    }

    @Test
    void wordsOfSeveralLinesAreComparedAsOne() throws IOException {
        TripletFilter twoLines = new TripletFilter() {
            @Override
            public boolean accepts(float ap, float an, float margin) {
                return an - ap < margin;
            }

            @Override
            public String toString() {
                return "violating,\r\nin two lines\n";
            }
        };
        UnaryOperator<Trainer.Builder> settings =
                builder -> builder.miner(TripletMiner.of(PairSelector.allPairs(), twoLines, NegativeSelector.random()));
        settings.apply(runs.trainer()).epochs(1).fit();
        assertThat(settings.apply(runs.trainer()).epochs(2).fit().history()).hasSize(2);
    }
}
