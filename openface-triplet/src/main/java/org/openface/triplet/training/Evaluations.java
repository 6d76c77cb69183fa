package org.openface.triplet.training;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.InterruptedIOException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.embedding.TrainableEmbedder;
import org.openface.core.eval.Verification;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.RgbImage;
import org.openface.triplet.internal.Interruption;
import org.openface.triplet.internal.checkpoint.Checkpoint.Place;

/** The evaluations of a run. One that fails, whatever it throws, is an event. */
final class Evaluations {
    private final Map<String, Evaluation> evaluations;
    private final TrainableEmbedder model;
    private final TrainingControl control;
    private final Events events;
    private final Map<String, List<Verification.RocPoint>> rocs = new LinkedHashMap<>();

    Evaluations(Settings settings, TrainableEmbedder model, TrainingControl control, Events events) {
        evaluations = settings.evaluations();
        this.model = model;
        this.control = control;
        this.events = events;
    }

    boolean isEmpty() {
        return evaluations.isEmpty();
    }

    Set<String> names() {
        return evaluations.keySet();
    }

    /** The curves of the last evaluations that had one, by name. */
    Map<String, List<Verification.RocPoint>> rocs() {
        return rocs;
    }

    /** The figure with this ending of the first evaluation that has given one in any epoch. */
    Optional<String> judgedBy(History history, String ending) {
        return evaluations.keySet().stream()
                .map(name -> name + ending)
                .filter(history::has)
                .findFirst();
    }

    /** Of some figures, the evaluation whose threshold counts: the validation set's, or the first that has one. */
    Optional<String> thresholdFrom(Map<String, Double> figures) {
        return Stream.concat(Stream.of(Settings.VALIDATION), evaluations.keySet().stream())
                .filter(evaluation -> figures.containsKey(evaluation + ".threshold"))
                .findFirst();
    }

    /**
     * The figures of all evaluations of the present network, as {@code name.figure}.
     *
     * @throws CancellationException if the training is cancelled meanwhile
     * @throws InterruptedIOException if the thread is interrupted
     */
    Map<String, Double> run(Place place) throws InterruptedIOException {
        Map<String, Double> all = new LinkedHashMap<>();
        for (Map.Entry<String, Evaluation> evaluation : evaluations.entrySet()) {
            String name = evaluation.getKey();
            TrainingEvent outcome;
            try {
                Evaluation.Outcome found = evaluation.getValue().outcome(evaluated());
                Map<String, Double> figures = found.figures();
                figures.keySet()
                        .forEach(figure ->
                                checkArgument(figure.matches("[\\w.@-]+"), "a figure cannot be named '%s'", figure));
                figures.forEach((figure, value) -> all.put(name + "." + figure, value));
                rocs.put(name, found.roc());
                outcome = new TrainingEvent.EvaluationCompleted(
                        place.epoch(), name, Collections.unmodifiableMap(new LinkedHashMap<>(figures)));
            } catch (Throwable e) { // errors too: out of memory for an evaluation is not out of memory for training
                if (control.isCancelled()) {
                    throw control.cancelled(place);
                }
                if (Interruption.isCauseOf(e)) {
                    throw Interruption.of("evaluating " + name, e);
                }
                outcome = new TrainingEvent.EvaluationFailed(place.epoch(), name, e);
            }
            events.emit(outcome);
        }
        return all;
    }

    /** The network as evaluations see it; a cancelled training does not wait for the rest of their faces. */
    private FaceEmbedder evaluated() {
        FaceEmbedder averaged = model.averaged();
        return new FaceEmbedder() {
            @Override
            public int imageSize() {
                return averaged.imageSize();
            }

            @Override
            public int dimension() {
                return averaged.dimension();
            }

            @Override
            public Optional<AlignmentProfile> alignmentProfile() {
                return averaged.alignmentProfile();
            }

            @Override
            public EmbeddingBatch embed(List<RgbImage> faces) {
                if (control.isCancelled()) {
                    throw new CancellationException("the training was cancelled");
                }
                return averaged.embed(faces);
            }
        };
    }
}
