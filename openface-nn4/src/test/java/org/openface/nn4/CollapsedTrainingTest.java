package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.drawn.DrawnFaces;
import org.openface.core.embedding.Optimizer;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.training.Diagnosis;
import org.openface.triplet.training.Trainer;
import org.openface.triplet.training.TrainingEvent;

/** Trainings of nn4.small2 that cannot go well, and one that can: what the convergence doctor says of them. */
@Tag("native")
class CollapsedTrainingTest {
    private static final double FAR_TOO_HIGH = 1; // a thousand times the default

    private Path temp;

    @BeforeEach
    void drawPeople(@TempDir Path folder) throws IOException {
        temp = folder;
        DrawnFaces.of(1).writeTo(temp.resolve("faces"), 6, 6);
    }

    private static List<Path> sorted(Path folder) throws IOException {
        try (Stream<Path> all = Files.list(folder)) {
            return all.filter(file -> !file.getFileName().toString().endsWith(".txt"))
                    .sorted()
                    .toList();
        }
    }

    /** Puts images of the first person under everybody's name, in place of half of their own. */
    private void mislabelEverywhere() throws IOException {
        List<Path> people = sorted(temp.resolve("faces"));
        List<Path> images = sorted(people.get(0));
        for (Path other : people.subList(1, people.size())) {
            for (int image = 0; image < images.size() / 2; image++) {
                Path name = images.get(image).getFileName();
                assertThat(other.resolve(name)).exists();
                Files.copy(images.get(image), other.resolve(name), StandardCopyOption.REPLACE_EXISTING);
            }
        }
    }

    private List<Diagnosis> diagnoses(double learningRate, TripletMiner miner, int batches) throws IOException {
        List<Diagnosis> found = new ArrayList<>();
        try (Nn4Model model =
                Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).seed(3).build()) {
            Trainer.builder()
                    .model(model)
                    .trainingSet(FaceDataset.index(temp.resolve("faces")))
                    .identitiesPerBatch(4)
                    .imagesPerIdentity(3)
                    .batchesPerEpoch(batches)
                    .epochs(1)
                    .optimizer(Optimizer.adam(learningRate))
                    .miner(miner)
                    .workDirectory(temp.resolve("work"))
                    .plots(false)
                    .listener(event -> {
                        if (event instanceof TrainingEvent.Diagnosed diagnosed) {
                            found.add(diagnosed.diagnosis());
                        }
                    })
                    .fit();
        }
        return found;
    }

    private static void assertCollapseIsCalled(List<Diagnosis> found) {
        assertThat(found).isNotEmpty();
        assertThat(found.get(0).condition()).isEqualTo(Diagnosis.Condition.COLLAPSE);
        assertThat(found.get(0).batch()).isLessThanOrEqualTo(50);
    }

    @Test
    void farTooHighARateAndAPersonUnderEverybodysName() throws IOException {
        mislabelEverywhere();
        assertCollapseIsCalled(diagnoses(FAR_TOO_HIGH, TripletMiner.openFace(), 24));
    }

    @Test
    @Tag("soak")
    void farTooHighARate() throws IOException {
        assertCollapseIsCalled(diagnoses(FAR_TOO_HIGH, TripletMiner.batchHard(), 50));
    }

    @Test
    @Tag("soak")
    void aPersonUnderEverybodysName() throws IOException {
        mislabelEverywhere();
        assertCollapseIsCalled(diagnoses(1e-3, TripletMiner.batchHard(), 50));
    }

    @Test
    @Tag("soak")
    void aTrainingThatGoesWellIsLeftAlone() throws IOException {
        assertThat(diagnoses(1e-3, TripletMiner.openFace(), 60)).isEmpty();
    }
}
