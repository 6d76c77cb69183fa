package org.openface.nn4;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.base.Splitter;
import com.google.common.io.Resources;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;
import org.openface.nn4.internal.format.ModelFile;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.state.OptimizerMemory;
import org.openface.triplet.loss.ClassificationHead;
import org.openface.triplet.loss.Objective;
import org.openface.triplet.loss.Objective.Scope;
import org.openface.triplet.loss.TripletLoss;
import org.openface.triplet.mining.Draws;
import org.openface.triplet.mining.MiningBatch;
import org.openface.triplet.mining.Triplets;

/**
 * Twenty steps of gradient descent on the triplet loss, alone and with a head, from the same weights, batches and triplets as PyTorch's, which
 * {@code nn4_training_torch.py} of the benchmarks module has written down in float64.
 *
 * <p>The tolerance is five times the distance of PyTorch's own float32 from its float64: rounding is amplified from step
 * to step, and how much is a property of the network and not of who computes it.
 */
@Tag("native")
class PyTorchTrainingTest {
    private static final int STEPS = 20;
    private static final double TIMES_ROUNDING = 5;

    private int images;
    private double rate;
    private Expected losses;
    private Expected probe;
    private Expected centres;
    private final Map<String, Expected> changes = new HashMap<>();

    /** Figures, and how far float32 is from them. */
    private record Expected(List<Double> values, double rounding) {}

    private void read(String file) throws IOException {
        for (String line : Resources.readLines(Resources.getResource(getClass(), file), UTF_8)) {
            List<String> words = Splitter.on(' ').splitToList(line);
            switch (words.get(0)) {
                case "variant" -> {
                    images = Integer.parseInt(words.get(3));
                    assertThat(words.get(5)).isEqualTo(Integer.toString(STEPS));
                    rate = Double.parseDouble(words.get(7));
                }
                case "losses" -> losses = new Expected(numbers(words, 2), Double.parseDouble(words.get(1)));
                case "centres" -> centres = new Expected(numbers(words, 2), Double.parseDouble(words.get(1)));
                case "probe" -> probe = new Expected(numbers(words, 2), Double.parseDouble(words.get(1)));
                case "change" -> {
                    List<Double> n = numbers(words, 2);
                    changes.put(words.get(1), new Expected(List.of(n.get(0), n.get(1)), n.get(2)));
                }
                default -> throw new IllegalStateException(line);
            }
        }
    }

    private static List<Double> numbers(List<String> words, int from) {
        return words.subList(from, words.size()).stream().map(Double::valueOf).toList();
    }

    private FaceBatch batch(int stream, int side) {
        float[] pixels = Reference.uniform(stream, images * side * side * 3);
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (pixels[i] + 1) / 2;
        }
        int[] identities = new int[images];
        for (int i = 0; i < images; i++) {
            identities[i] = i / 2;
        }
        return FaceBatch.of(side, pixels, identities);
    }

    private Triplets triplets(MiningBatch in, int step) {
        Triplets.Builder triplets = Triplets.builder(in);
        for (int j = 0; j < images / 2; j++) {
            triplets.add(2 * j, 2 * j + 1, (2 * j + 2 + step % (images - 2)) % images);
        }
        return triplets.build();
    }

    @Test
    void twentyStepsFollowThoseOfPyTorch() throws IOException {
        read("training-nn4_small2.txt");
        follow(TripletLoss.margin().begin(new Scope(images / 2, 128, 1)));
    }

    /** With a quarter of the loss of an ArcFace head, which learns along. */
    @Test
    void twentyStepsWithAHeadFollowThoseOfPyTorch() throws IOException {
        read("training-nn4_small2-arcface.txt");
        int identities = images / 2;
        Objective.Run objective = TripletLoss.margin()
                .plus(ClassificationHead.arcFace(0.3, 16), 0.25)
                .begin(new Scope(identities, 128, 1));
        // As a checkpoint has it: the shape, no rule yet and so no steps and nothing remembered, and the centres.
        ByteArrayOutputStream start = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(start);
        out.writeInt(identities);
        out.writeInt(128);
        out.writeUTF("");
        out.writeLong(0);
        out.writeInt(0);
        for (float value : Reference.uniform(5000, identities * 128)) {
            out.writeFloat(value);
        }
        objective.read(new DataInputStream(new ByteArrayInputStream(start.toByteArray())));
        follow(objective);

        ByteArrayOutputStream end = new ByteArrayOutputStream();
        objective.write(new DataOutputStream(end));
        DataInputStream in = new DataInputStream(new ByteArrayInputStream(end.toByteArray()));
        in.skipBytes(8);
        assertThat(in.readUTF()).isEqualTo("Sgd");
        assertThat(in.readLong()).isEqualTo(STEPS);
        in.skipBytes(4);
        for (int i = 0; i < identities * 128; i++) {
            assertClose("value " + i + " of the centres", in.readFloat(), centres, i);
        }
    }

    private void follow(Objective.Run objective) throws IOException {
        Nn4Model.Variant variant = Nn4Model.Variant.NN4_SMALL2;
        List<TensorSpec> specs = variant.architecture().tensors(128);
        Parameters start = Reference.parameters(specs);
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        ModelFile.write(
                file,
                new ModelFile.Contents(
                        variant.architecture(),
                        128,
                        start,
                        new OptimizerMemory(specs),
                        ModelPassport.EMPTY.toFields()));
        try (Nn4Model model = Nn4Model.builder(variant).build()) {
            model.readState(new ByteArrayInputStream(file.toByteArray()));
            ExecutionPlan plan = model.plan(images, Long.MAX_VALUE);
            for (int step = 0; step < STEPS; step++) {
                FaceBatch faces = batch(3000 + step, model.imageSize());
                try (ForwardPass pass = model.forward(faces, plan)) {
                    MiningBatch in = MiningBatch.of(
                            pass.embeddings(), faces.identities(), faces.roles(), 0.2f, new Draws(1, 1, step));
                    Triplets triplets = triplets(in, step);
                    Objective.Outcome outcome = objective.evaluate(triplets);
                    assertClose("loss of step " + step, outcome.value(), losses, step);
                    pass.update(outcome.gradient(), Optimizer.sgd(rate));
                    objective.update(Optimizer.sgd(rate), 1);
                }
            }
            try (ForwardPass pass = model.forward(batch(4000, model.imageSize()), plan)) {
                EmbeddingBatch embeddings = pass.embeddings();
                for (int i = 0; i < probe.values().size(); i++) {
                    assertClose("value " + i + " of the probe", embeddings.values()[i], probe, i);
                }
            }
            compareChanges(specs, start, model);
        }
    }

    private static void assertClose(String what, double actual, Expected expected, int place) {
        double error = Math.abs(actual - expected.values().get(place));
        assertThat(error).as(what).isLessThan(TIMES_ROUNDING * expected.rounding());
    }

    /** Where each parameter has moved: norm, and a random projection, which tells the direction. */
    private void compareChanges(List<TensorSpec> specs, Parameters start, Nn4Model model) {
        int place = 0;
        for (TensorSpec spec : specs) {
            if (!spec.trained()) {
                continue;
            }
            float[] weights = Reference.uniform(2000 + place++, spec.length());
            if (spec.name().endsWith(".bias")
                    && !spec.name().contains(".bn.")
                    && !spec.name().equals("dense.bias")) {
                continue; // in front of batch-norm: its gradient is rounding
            }
            float[] before = start.get(spec.name());
            float[] after = model.parameter(spec.name());
            double squares = 0;
            double projection = 0;
            for (int i = 0; i < after.length; i++) {
                double change = (double) after[i] - before[i];
                squares += change * change;
                projection += change * weights[i];
            }
            Expected expected = changes.get(spec.name());
            double norm = expected.values().get(0);
            double tolerance = TIMES_ROUNDING * expected.rounding() * norm;
            assertThat(Math.abs(Math.sqrt(squares) - norm)).as(spec.name()).isLessThan(tolerance);
            assertThat(Math.abs(projection - expected.values().get(1)))
                    .as(spec.name())
                    .isLessThan(tolerance);
        }
        assertThat(place).isEqualTo(changes.size());
    }
}
