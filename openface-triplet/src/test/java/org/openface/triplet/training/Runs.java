package org.openface.triplet.training;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.Optimizer;
import org.openface.core.image.AlignmentProfile;
import org.openface.triplet.mining.Patterns;

/** Short trainings in a folder of a test's own. */
final class Runs {
    static final AlignmentProfile PROFILE =
            new AlignmentProfile("haar", "eyes", "EYE_CENTRES", "openface", LinearEmbedder.SIZE, "0.1.0");

    final Path faces;
    final List<TrainingEvent> events = new ArrayList<>();
    Path work;
    FaceDataset dataset;
    /** Whether batches are of 4 people x 3 images, which is what a sampler would say. */
    boolean shape = true;

    Runs(Path temp) throws IOException {
        faces = temp.resolve("faces");
        work = temp.resolve("work");
        dataset = Patterns.write(faces, 6, 5).withAlignmentProfile(PROFILE);
    }

    /** 2 epochs of 5 batches. */
    Trainer.Builder trainer(LinearEmbedder model) {
        Trainer.Builder trainer = Trainer.builder();
        if (shape) {
            trainer.identitiesPerBatch(4).imagesPerIdentity(3);
        }
        return trainer.model(model)
                .trainingSet(dataset)
                .batchesPerEpoch(5)
                .epochs(2)
                .optimizer(Optimizer.adam(0.01))
                .workDirectory(work)
                .plots(false)
                .listener(events::add);
    }

    Trainer.Builder trainer() {
        return trainer(new LinearEmbedder(1));
    }

    /** Ends after so many batches, as a power cut does. */
    void cutAfter(int batches, UnaryOperator<Trainer.Builder> settings) {
        int[] done = {0};
        Trainer.Builder trainer = settings.apply(trainer());
        assertThatThrownBy(() -> trainer.listener(event -> {
                            if ((event instanceof TrainingEvent.StepCompleted
                                            || event instanceof TrainingEvent.EmptyBatch)
                                    && ++done[0] == batches) {
                                throw new IllegalStateException("power cut");
                            }
                        })
                        .fit())
                .hasMessage("power cut");
    }

    <E extends TrainingEvent> List<E> events(Class<E> type) {
        return events.stream().filter(type::isInstance).map(type::cast).toList();
    }

    int steps() {
        return events(TrainingEvent.StepCompleted.class).size();
    }
}
