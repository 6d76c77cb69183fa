package org.openface.examples;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openface.align.Aligner;
import org.openface.align.face.Alignment;
import org.openface.core.embedding.Embedding;
import org.openface.nn4.Nn4Model;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Are these two photographs of the same person? Asks a model that {@link TrainFaces} has made. */
@Command(
        name = "ComparePhotos",
        mixinStandardHelpOptions = true,
        showDefaultValues = true,
        description = "Prints the squared distance of the faces of two photographs, and whether they show one person.")
public final class ComparePhotos implements Callable<Integer> {
    /** Name of the model in a work folder of {@link TrainFaces}. */
    static final String MODEL = "model.nn4";

    @Parameters(index = "0", paramLabel = "A", description = "A photograph.")
    private Path first = Path.of("");

    @Parameters(index = "1", paramLabel = "B", description = "Another photograph.")
    private Path second = Path.of("");

    @Option(names = "--model", description = "A model file.")
    private Path model = Path.of("work", "drawn-faces", MODEL);

    @Option(
            names = "--threshold",
            description = "Squared distance below which two faces are one person's"
                    + " (default: the model's, the best one for the held-out faces).")
    private @Nullable Double threshold;

    private final Progress progress;

    ComparePhotos(Progress progress) {
        this.progress = progress;
    }

    /** Runs the program; see the README. */
    public static void main(String... arguments) {
        int code = Program.run(new ComparePhotos(Progress.onConsole()), arguments);
        if (code != 0) {
            System.exit(code);
        }
    }

    @Override
    public Integer call() throws IOException {
        checkArgument(Files.exists(model), "there is no model %s; train one with TrainFaces, or give --model", model);
        try (Nn4Model network = Nn4Model.load(model);
                Aligner aligner = Aligner.builder().size(network.imageSize()).build()) {
            aligner.requireFitting(network);
            OptionalDouble known = network.passport().threshold();
            checkArgument(
                    threshold != null || known.isPresent(),
                    "%s knows no threshold, as nothing has verified it; give --threshold",
                    model);
            double limit = threshold != null ? threshold : known.getAsDouble();
            double distance = embedding(first, aligner, network).squaredDistance(embedding(second, aligner, network));
            progress.say("squared distance %.4f, threshold %.4f", distance, limit);
            progress.say(distance < limit ? "same person" : "different people");
        }
        return 0;
    }

    private static Embedding embedding(Path photograph, Aligner aligner, Nn4Model network) {
        Alignment alignment = aligner.align(photograph);
        if (alignment instanceof Alignment.NotAligned none) {
            throw new IllegalArgumentException(photograph + ": " + none.reason() + ", " + none.detail());
        }
        return network.embed(alignment.orElseThrow());
    }
}
