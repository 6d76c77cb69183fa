package org.openface.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openface.core.imports.FaceImport;
import org.openface.core.imports.FaceSource;
import org.openface.core.imports.FaceSources;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A public face set as a folder with one sub-folder per person. */
@Command(
        name = "ImportFaces",
        mixinStandardHelpOptions = true,
        showDefaultValues = true,
        description = {
            "Imports MXNet's RecordIO (insightface's train.rec), MS-Celeb's lines, a CSV of path and identity,",
            "or a folder in which people's folders lie deeper. Run it again to go on where it was interrupted."
        })
public final class ImportFaces implements Callable<Integer> {
    /** What is read. */
    enum Format {
        REC,
        MS_CELEB,
        CSV,
        FOLDER
    }

    @Option(names = "--from", required = true, description = "The file or folder to import.")
    private Path from = Path.of("");

    @Option(names = "--format", required = true, description = "${COMPLETION-CANDIDATES}")
    private Format format = Format.REC;

    @Option(names = "--root", description = "With CSV: the folder that paths begin at; that of the CSV by default.")
    private @Nullable Path root;

    @Option(names = "--level", description = "With FOLDER: how deep people's folders lie; 1 for those in it.")
    private int level = 1;

    @Option(names = "--out", required = true, description = "Folder for the faces, one folder per person.")
    private Path out = Path.of("");

    private final Progress progress;

    ImportFaces(Progress progress) {
        this.progress = progress;
    }

    /** Runs the program; see the README. */
    public static void main(String... arguments) {
        int code = Program.run(new ImportFaces(Progress.onConsole()), arguments);
        if (code != 0) {
            System.exit(code);
        }
    }

    @Override
    public Integer call() throws IOException {
        long start = System.nanoTime();
        FaceImport.Report report = FaceImport.from(source())
                .onProgress(state -> progress.show(
                        "importing",
                        state.entries(),
                        Math.round(state.entries()
                                + state.entriesPerSecond()
                                        * Math.max(0, Double.isNaN(state.secondsLeft()) ? 0 : state.secondsLeft())),
                        state.entriesPerSecond(),
                        Duration.ofSeconds(Double.isFinite(state.secondsLeft()) ? (long) state.secondsLeft() : 0)))
                .into(out);
        long all = report.written() + report.there() + report.refused();
        report.ended().ifPresent(why -> progress.say("the set could not be read to its end: %s", why));
        if (report.refused() > 0) {
            progress.say(
                    "refused, see %s: %s",
                    out.resolve(FaceImport.REPORT), report.examples().get(0));
        }
        progress.say(
                "imported: %d of %d, refused %d, images/s %.1f",
                report.written() + report.there(), all, report.refused(), all / ((System.nanoTime() - start) / 1e9));
        return report.ended().isPresent() ? 1 : 0;
    }

    private FaceSource source() {
        return switch (format) {
            case REC -> FaceSources.recordIo(from);
            case MS_CELEB -> FaceSources.msCeleb(from);
            case CSV -> FaceSources.csv(from, root != null ? root : from.resolveSibling(""));
            case FOLDER -> FaceSources.folder(from, level);
        };
    }
}
