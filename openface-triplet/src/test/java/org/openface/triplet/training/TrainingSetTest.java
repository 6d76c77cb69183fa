package org.openface.triplet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.image.ImageFiles;
import org.openface.triplet.mining.Patterns;

/** Files of a training set that vanish, appear and change between the runs of a training. */
class TrainingSetTest {
    private Runs runs;

    @BeforeEach
    void drawPeople(@TempDir Path temp) throws IOException {
        runs = new Runs(temp);
    }

    private void indexAgain() throws IOException {
        runs.dataset = FaceDataset.index(runs.faces).withAlignmentProfile(Runs.PROFILE);
    }

    private Path image(int person, int image) {
        return runs.faces.resolve("person " + person).resolve("image-" + image + ".png");
    }

    @Test
    void aRefusalNamesTheFilesThatAreGoneNewOrChanged() throws IOException {
        runs.trainer().epochs(1).fit();
        Files.delete(image(1, 2));
        Files.copy(image(3, 0), runs.faces.resolve("person 3/another.png"));
        ImageFiles.writePng(Patterns.picture(9, 9), image(4, 4));
        indexAgain();
        assertThatThrownBy(() -> runs.trainer().fit())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("1 of the faces are gone from the training set: person 1/image-2.png;")
                .hasMessageContaining("1 of the faces are new in the training set: person 3/another.png;")
                .hasMessageContaining("1 of the faces are of another content in the training set: person 4/image-4.png")
                .hasMessageContaining("put these files back as they were, or begin a new training")
                .satisfies(refusal -> assertThat(refusal.getMessage()).doesNotContainPattern("[0-9a-f]{64}"));
        // Put back, it goes on.
        ImageFiles.writePng(Patterns.picture(1, 2), image(1, 2));
        Files.delete(runs.faces.resolve("person 3/another.png"));
        ImageFiles.writePng(Patterns.picture(4, 4), image(4, 4));
        indexAgain();
        assertThat(runs.trainer().fit().history()).hasSize(2);
    }

    @Test
    void manyFilesAreCountedAndSomeNamed() throws IOException {
        runs.trainer().epochs(1).fit();
        for (int person = 0; person < 6; person++) {
            Files.delete(image(person, 0));
            Files.delete(image(person, 1));
        }
        indexAgain();
        assertThatThrownBy(() -> runs.trainer().fit())
                .hasMessageContaining("12 of the faces are gone")
                .hasMessageContaining("person 4/image-1.png and 2 more");
    }

    @Test
    void whatTheRunHasLeftOutAlreadyMayBeGone() throws IOException {
        UnaryOperator<Trainer.Builder> settings = builder ->
                builder.epochs(3).identitiesPerBatch(6).imagesPerIdentity(5).checkpointEveryBatches(1);
        // The first of its person, so that all numbers after it would be others.
        Files.writeString(image(0, 0), "no picture");
        Files.writeString(image(2, 4), "no picture");
        indexAgain();
        String whole = settings.apply(runs.trainer()).fit().weightsHash();
        runs.work = runs.work.resolveSibling("cut");
        runs.cutAfter(7, settings);
        Files.delete(image(0, 0));
        Files.delete(image(2, 4));
        indexAgain();
        runs.events.clear();
        assertThat(settings.apply(runs.trainer()).fit().weightsHash()).isEqualTo(whole);
        assertThat(runs.steps()).isEqualTo(15 - 6);
        assertThat(runs.events(TrainingEvent.ImageSkipped.class)).hasSize(2 * 9);
        // And once more, from a checkpoint of a run that has never seen them.
        assertThat(settings.apply(runs.trainer()).epochs(4).fit().history()).hasSize(4);
        // Another one may not be.
        Files.delete(image(5, 1));
        indexAgain();
        assertThatThrownBy(() -> settings.apply(runs.trainer()).epochs(5).fit())
                .hasMessageContaining("1 of the faces are gone from the training set: person 5/image-1.png (batches");
    }

    @Test
    void anImageThatVanishesBetweenIndexAndFitIsLeftOutAndReported() throws IOException {
        Face vanished = runs.dataset.faces().get(3);
        Files.delete(vanished.file());
        UnaryOperator<Trainer.Builder> settings =
                builder -> builder.identitiesPerBatch(6).imagesPerIdentity(5).checkpointEveryBatches(1);
        settings.apply(runs.trainer()).fit();
        assertThat(runs.events(TrainingEvent.ImageSkipped.class)).hasSize(10).allMatch(skipped -> skipped.face()
                .equals(vanished));
        String whole = settings.apply(runs.trainer()).epochs(3).fit().weightsHash();
        // An index that no longer has it is of the same training.
        runs.work = runs.work.resolveSibling("cut");
        runs.cutAfter(7, settings);
        indexAgain();
        assertThat(settings.apply(runs.trainer()).epochs(3).fit().weightsHash()).isEqualTo(whole);
    }

    @Test
    void aRunWithoutAListingGoesOnAndGetsOne() throws IOException {
        runs.trainer().epochs(1).fit();
        Path listing = runs.work.resolve(TrainingSet.FILE);
        Files.delete(listing);
        Files.move(image(1, 2), runs.faces.resolve("aside.txt"));
        indexAgain();
        assertThatThrownBy(() -> runs.trainer().fit())
                .hasMessageContaining("training-set.bin, which could name them, is missing");
        Files.move(runs.faces.resolve("aside.txt"), image(1, 2));
        indexAgain();
        runs.trainer().epochs(2).fit();
        assertThat(listing).exists();
        byte[] whole = Files.readAllBytes(listing);
        Files.write(listing, List.of("damaged"));
        runs.trainer().epochs(3).fit();
        assertThat(listing).hasBinaryContent(whole);
    }
}
