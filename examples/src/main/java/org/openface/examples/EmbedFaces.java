package org.openface.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.dataset.FacePack;
import org.openface.core.represent.DatasetEmbedder;
import org.openface.nn4.Nn4Model;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** All faces of a folder or pack as embeddings in a file: OpenFace's {@code batch-represent}. */
@Command(
        name = "EmbedFaces",
        mixinStandardHelpOptions = true,
        showDefaultValues = true,
        description = {
            "Embeds all faces of a folder or a pack into embeddings.bin, and with --csv into labels.csv and reps.csv.",
            "Run it again to go on where it was interrupted."
        })
public final class EmbedFaces implements Callable<Integer> {
    @Option(names = "--data", required = true, description = "A folder of aligned faces per person, or a pack.")
    private Path data = Path.of("");

    @Option(names = "--model", required = true, description = "A model file.")
    private Path model = Path.of("");

    @Option(names = "--out", required = true, description = "Folder for the embeddings.")
    private Path out = Path.of("");

    @Option(names = "--csv", description = "Write OpenFace's labels.csv and reps.csv too.")
    private boolean csv;

    private final Progress progress;

    EmbedFaces(Progress progress) {
        this.progress = progress;
    }

    /** Runs the program; see the README. */
    public static void main(String... arguments) {
        int code = Program.run(new EmbedFaces(Progress.onConsole()), arguments);
        if (code != 0) {
            System.exit(code);
        }
    }

    @Override
    public Integer call() throws IOException {
        long start = System.nanoTime();
        FaceDataset faces = FacePack.isPack(data) ? FacePack.open(data) : FaceDataset.index(data);
        try (Nn4Model network = Nn4Model.load(model)) {
            DatasetEmbedder embedder = DatasetEmbedder.of(network)
                    .onProgress(state -> progress.show(
                            "embedding", state.done(), state.all(), state.imagesPerSecond(), Duration.ofSeconds((long)
                                    state.secondsLeft())));
            DatasetEmbedder.Result result = (csv ? embedder.csv() : embedder).embed(faces, out);
            result.unreadable().stream().limit(10).forEach(one -> progress.say("cannot be read: %s", one));
            progress.say(
                    "embedded: %d of %d, images/s %.1f",
                    result.embedded(),
                    faces.size(),
                    (faces.size() - result.resumedAt()) / ((System.nanoTime() - start) / 1e9));
        }
        return 0;
    }
}
