package org.openface.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openface.align.Aligner;
import org.openface.align.LandmarkStatistics;
import org.openface.core.dataset.FaceDataset;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Where the landmarks of the faces in a folder lie on average, as OpenFace's {@code align-dlib.py computeMean}. */
@Command(
        name = "LandmarkMean",
        mixinStandardHelpOptions = true,
        showDefaultValues = true,
        description = "Writes mean.csv, std.csv and mean.png of the landmarks of the faces in DIR/<person>/<image>.")
public final class LandmarkMean implements Callable<Integer> {
    @Option(names = "--raw", required = true, paramLabel = "DIR", description = "Photographs, DIR/<person>/<image>.")
    private Path raw = Path.of("");

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Folder for the tables and the plot.")
    private Path out = Path.of("");

    @Option(
            names = "--dlib-landmarks",
            paramLabel = "FILE",
            description = "A dlib shape predictor with 68 points (default: the centres of the eyes only).")
    private @Nullable Path dlibLandmarks;

    @Option(names = "--threads", paramLabel = "N", description = "Threads (default: one for each core).")
    private int threads = Runtime.getRuntime().availableProcessors();

    private final Progress progress;

    LandmarkMean(Progress progress) {
        this.progress = progress;
    }

    /** Runs the program; see the README. */
    public static void main(String... arguments) {
        int code = Program.run(new LandmarkMean(Progress.onConsole()), arguments);
        if (code != 0) {
            System.exit(code);
        }
    }

    @Override
    public Integer call() throws IOException {
        Aligner.Builder builder = Aligner.builder().threads(threads);
        if (dlibLandmarks != null) {
            builder.dlibLandmarks(dlibLandmarks);
        }
        try (Aligner aligner = builder.build()) {
            LandmarkStatistics statistics = aligner.landmarkStatistics(FaceDataset.index(raw));
            statistics.writeTo(out);
            progress.say("mean.csv, std.csv and mean.png are in %s", out);
            progress.say("landmarks: %d of each of %d faces", statistics.mean().size(), statistics.faces());
        }
        return 0;
    }
}
