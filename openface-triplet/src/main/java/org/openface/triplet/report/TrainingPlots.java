package org.openface.triplet.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.knowm.xchart.ChartEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.openface.core.internal.AtomicFile;

/** Curves of a training, drawn from the {@code metrics.csv} of its work directory: what OpenFace's {@code plot-loss.py} does. */
final class TrainingPlots {
    private TrainingPlots() {}

    /**
     * Draws {@code loss.png} (both losses), {@code mining.png} (shares and distances) and, if there is an evaluation, {@code
     * accuracy.png} (accuracy and AUC) into a work directory, over earlier ones.
     *
     * @throws IOException if {@code metrics.csv} is missing or no table of numbers, or a file cannot be written
     */
    static void write(Path workDirectory) throws IOException {
        Map<String, double[]> columns = Table.read(workDirectory.resolve("metrics.csv"));
        Map<String, double[]> loss = new LinkedHashMap<>();
        Map<String, double[]> mining = new LinkedHashMap<>();
        Map<String, double[]> evaluation = new LinkedHashMap<>();
        columns.forEach((name, values) -> {
            switch (name) {
                case "meanLoss" -> loss.put("chosen triplets", values);
                case "lossOverAll" -> loss.put("all triplets", values);
                case "pairsWithViolatingNegative" -> mining.put("pairs with a violating negative (share)", values);
                case "violatingShare" -> mining.put("violating triplets (share)", values);
                case "meanPositiveDistance" -> mining.put("squared distance to positives", values);
                case "meanNegativeDistance" -> mining.put("squared distance to negatives", values);
                default -> {
                    if (name.startsWith("evaluation.") && (name.endsWith(".accuracy") || name.endsWith(".auc"))) {
                        evaluation.put(name.substring("evaluation.".length()), values);
                    }
                }
            }
        });
        double[] epochs = columns.getOrDefault("epoch", new double[0]);
        draw(workDirectory, "loss.png", "Triplet loss", "mean over the epoch", epochs, loss);
        draw(workDirectory, "mining.png", "Mining", "mean over the epoch", epochs, mining);
        draw(workDirectory, "accuracy.png", "Evaluation", "", epochs, evaluation);
    }

    private static void draw(
            Path directory, String name, String title, String axis, double[] epochs, Map<String, double[]> curves)
            throws IOException {
        XYChart chart = new XYChartBuilder()
                .width(900)
                .height(540)
                .title(title)
                .xAxisTitle("epoch")
                .yAxisTitle(axis)
                .build();
        chart.getStyler().setLegendPosition(LegendPosition.OutsideS);
        chart.getStyler().setXAxisDecimalPattern("0.#");
        chart.getStyler().setYAxisDecimalPattern("0.####");
        curves.forEach((label, values) -> {
            double[] xs = new double[values.length];
            double[] ys = new double[values.length];
            int count = 0;
            for (int i = 0; i < values.length; i++) {
                if (Double.isFinite(values[i])) {
                    xs[count] = epochs[i];
                    ys[count] = values[i];
                    count++;
                }
            }
            if (count > 0) {
                chart.addSeries(label, Arrays.copyOf(xs, count), Arrays.copyOf(ys, count))
                        .setMarker(count == 1 ? SeriesMarkers.CIRCLE : SeriesMarkers.NONE);
            }
        });
        if (chart.getSeriesCollection().isEmpty()) {
            return;
        }
        AtomicFile.write(ChartEncoder.getBytes(chart, "png"), directory.resolve(name));
    }
}
