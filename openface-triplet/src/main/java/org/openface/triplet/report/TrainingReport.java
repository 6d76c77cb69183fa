package org.openface.triplet.report;

import java.io.IOException;
import java.nio.file.Path;

/**
 * What a training has come to, for a person to look at: curves as pictures, and one page that a browser shows without any
 * network. Made from the files of a work directory alone, so that it can be made again for any of them, also while a training
 * is under way, and without a screen.
 */
public final class TrainingReport {
    private TrainingReport() {}

    /**
     * Draws {@code loss.png} (both losses), {@code mining.png} (shares and distances) and, if there is an evaluation, {@code
     * accuracy.png} (accuracy and AUC), and writes {@code report.html}, over earlier ones. What has no file in the work
     * directory has no part in the page; photographs and names of people come from {@code hardest-pairs.tsv}, {@code
     * label-noise.tsv} and {@code identity-pairs.tsv} alone.
     *
     * @return the page
     * @throws IOException if {@code metrics.csv} is missing or no table of numbers, or a file cannot be written
     */
    public static Path write(Path workDirectory) throws IOException {
        TrainingPlots.write(workDirectory);
        return HtmlReport.write(workDirectory);
    }
}
