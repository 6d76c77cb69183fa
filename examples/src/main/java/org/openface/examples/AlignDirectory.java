package org.openface.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.openface.align.AlignProgress;
import org.openface.align.AlignReport;
import org.openface.align.Aligner;
import org.openface.align.face.LandmarkSet;
import org.openface.align.face.Stage;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Aligns the faces of a folder of photographs, as OpenFace's {@code align-dlib.py} does. Repeating the command goes on
 * where it was interrupted, does not search photographs again in which there was no face, and several processes may work on
 * one folder at the same time.
 */
@Command(
        name = "AlignDirectory",
        mixinStandardHelpOptions = true,
        showDefaultValues = true,
        description = "Aligns the faces of a folder of photographs, DIR/<person>/<image>, into another folder.")
public final class AlignDirectory implements Callable<Integer> {
    @Option(names = "--raw", required = true, paramLabel = "DIR", description = "Photographs, DIR/<person>/<image>.")
    private Path raw = Path.of("");

    @Option(
            names = "--out",
            required = true,
            paramLabel = "DIR",
            description = "Folder for the faces, DIR/<person>/<image>.png, and the report, alignment.csv.")
    private Path out = Path.of("");

    @Option(
            names = "--dlib-landmarks",
            paramLabel = "FILE",
            description = "A dlib shape predictor with 68 points, such as shape_predictor_68_face_landmarks.dat"
                    + " (default: align by the centres of the eyes).")
    private @Nullable Path dlibLandmarks;

    @Option(
            names = "--landmark-set",
            paramLabel = "SET",
            description = "One of ${COMPLETION-CANDIDATES} (default: OUTER_EYES_AND_NOSE with --dlib-landmarks,"
                    + " EYE_CENTRES without).")
    private @Nullable LandmarkSet landmarkSet;

    @Option(names = "--size", description = "Side of the faces in pixels.")
    private int size = 96;

    @Option(names = "--threads", paramLabel = "N", description = "Threads (default: one for each core).")
    private int threads = Runtime.getRuntime().availableProcessors();

    @Option(
            names = "--skip-multi",
            description = "Skip photographs of several people; otherwise the largest face counts.")
    private boolean skipMulti;

    @Option(
            names = "--fallback",
            paramLabel = "DIR",
            description = "Pictures to take the middle of where no face is found, DIR/<person>/<image>.")
    private @Nullable Path fallback;

    private final Progress progress;

    AlignDirectory(Progress progress) {
        this.progress = progress;
    }

    /** Runs the program; see the README. */
    public static void main(String... arguments) {
        int code = Program.run(new AlignDirectory(Progress.onConsole()), arguments);
        if (code != 0) {
            System.exit(code);
        }
    }

    @Override
    public Integer call() throws IOException {
        TrainFaces.createForOwner(out);
        try (Aligner aligner = aligner()) {
            AlignReport report = aligner.alignDirectory(raw, out);
            progress.say("%s", report.summary());
            progress.say("time: %s", times(report.time()));
            progress.say("what became of each photograph: %s", out.resolve(AlignReport.FILE_NAME));
            progress.say(
                    "aligned: %d of %d, images/s %.1f",
                    report.aligned() + report.alreadyDone(), report.total(), report.imagesPerSecond());
        }
        return 0;
    }

    private Aligner aligner() throws IOException {
        Aligner.Builder builder = Aligner.builder()
                .size(size)
                .threads(threads)
                .skipMulti(skipMulti)
                .onProgress(done -> show(progress, done));
        if (dlibLandmarks != null) {
            builder.dlibLandmarks(dlibLandmarks);
        }
        if (landmarkSet != null) {
            builder.landmarkSet(landmarkSet);
        }
        if (fallback != null) {
            builder.fallback(fallback);
        }
        return builder.build();
    }

    static void show(Progress progress, AlignProgress done) {
        progress.show("aligning", done.done(), done.total(), done.imagesPerSecond(), done.remaining());
    }

    /** Shares of the threads' time, such as {@code detect 85 %, decode 8 %}. */
    private static String times(Map<Stage, Duration> time) {
        double all = Math.max(
                1, time.values().stream().mapToDouble(Duration::toNanos).sum());
        return time.entrySet().stream()
                .map(stage -> String.format(
                        Locale.ROOT,
                        "%s %.1f %%",
                        stage.getKey().name().toLowerCase(Locale.ROOT),
                        100 * stage.getValue().toNanos() / all))
                .collect(Collectors.joining(", "));
    }
}
