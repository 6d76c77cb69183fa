package org.openface.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.openface.triplet.report.TrainingReport;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/**
 * Draws the plots and the report of a work folder anew, as OpenFace's {@code plot-loss.py}: for a training that was made
 * without them, or is under way.
 */
@Command(
        name = "PlotTraining",
        mixinStandardHelpOptions = true,
        description = "Draws loss.png, mining.png, accuracy.png and report.html of a training.")
public final class PlotTraining implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "WORK", description = "The folder with the training's metrics.csv.")
    private Path work = Path.of("");

    private final Progress progress;

    PlotTraining(Progress progress) {
        this.progress = progress;
    }

    /** Runs the program; {@code --help} lists the options. */
    public static void main(String... arguments) {
        int code = Program.run(new PlotTraining(Progress.onConsole()), arguments);
        if (code != 0) {
            System.exit(code);
        }
    }

    @Override
    public Integer call() throws IOException {
        progress.say("%s", TrainingReport.write(work).toAbsolutePath());
        return 0;
    }
}
