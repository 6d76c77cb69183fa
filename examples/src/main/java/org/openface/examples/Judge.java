package org.openface.examples;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.eval.Verification;
import org.openface.core.image.RgbImage;
import org.openface.nn4.Nn4Model;

/**
 * Judges a network while it is being trained, and leaves it as it is: a copy gets batch-norm statistics from training
 * faces, since in a short training the running ones trail behind the weights, and is verified.
 */
final class Judge implements AutoCloseable {
    /** As many as the figures that the README compares with were made from. */
    private static final int FACES_FOR_STATISTICS = 384;

    private static final int BATCH = 96;

    private final Nn4Model copy;
    private final List<RgbImage> faces = new ArrayList<>();

    /** @param training where the faces for batch-norm's statistics are drawn from, at random */
    Judge(Nn4Model.Variant variant, FaceDataset training, long seed) {
        copy = Nn4Model.builder(variant).build();
        List<Integer> shuffled =
                new ArrayList<>(IntStream.range(0, training.size()).boxed().toList());
        Collections.shuffle(shuffled, new Random(seed));
        for (int face : shuffled.subList(0, Math.min(FACES_FOR_STATISTICS, shuffled.size()))) {
            try {
                faces.add(training.faces().get(face).read().resized(copy.imageSize(), copy.imageSize()));
            } catch (IOException e) {
                // The trainer will report it; statistics are as good without it.
            }
        }
    }

    /** Makes the copy equal to a network, but for batch-norm's statistics. */
    void look(Nn4Model model) throws IOException {
        ByteArrayOutputStream state = new ByteArrayOutputStream();
        model.writeState(state);
        copy.readState(new ByteArrayInputStream(state.toByteArray()));
        copy.estimateBatchStatistics(faces, Math.min(BATCH, faces.size()));
    }

    /** Verifies what {@link #look} saw last. */
    Verification.Result verify(Verification verification) throws IOException {
        return verification.evaluate(copy);
    }

    /** Writes an evaluation's threshold into the passport of what {@link #look} saw last. */
    void calibrate(Verification.Result result) {
        copy.setPassport(copy.passport().withThreshold(result.threshold(), result.thresholdHalfWidth()));
    }

    /** Saves what {@link #look} saw last. */
    void save(Path file) throws IOException {
        copy.save(file);
    }

    @Override
    public void close() {
        copy.close();
    }
}
