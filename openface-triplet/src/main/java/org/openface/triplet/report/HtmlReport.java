package org.openface.triplet.report;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.base.Splitter;
import com.google.common.io.Resources;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import javax.imageio.ImageIO;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.core.internal.AtomicFile;

/**
 * One page about a training, {@code report.html}, that a browser shows without any network: curves to look closer at,
 * ROC, histograms of distances, hardest pairs, labels to check, configuration.
 */
final class HtmlReport {
    private static final String PLACE = "@DATA@";
    private static final int PICTURE = 96;
    private static final int NOISE_ROWS = 50;
    /** More points of a curve than pixels are of no use. */
    private static final int ROC_POINTS = 500;

    private HtmlReport() {}

    /**
     * Writes {@code report.html} into a work directory, over an earlier one. What has no file there has no part in the
     * page; photographs and names of people come from {@code hardest-pairs.tsv}, {@code label-noise.tsv} and {@code
     * identity-pairs.tsv} alone.
     *
     * @return the page
     * @throws IOException if {@code metrics.csv} is missing or no table of numbers, or the page cannot be written
     */
    static Path write(Path workDirectory) throws IOException {
        Map<String, double[]> metrics = Table.read(workDirectory.resolve("metrics.csv"));
        StringBuilder json = new StringBuilder("{\"metrics\":{");
        json.append(metrics.entrySet().stream()
                .map(column -> Json.text(column.getKey()) + ":" + Json.numbers(column.getValue()))
                .collect(Collectors.joining(",")));
        json.append("},\"diagnoses\":").append(Json.rows(table(workDirectory.resolve("diagnoses.tsv"))));
        json.append(",\"configuration\":").append(Json.rows(table(workDirectory.resolve("configuration.tsv"))));
        json.append(",\"noise\":").append(firstRows(workDirectory.resolve("label-noise.tsv")));
        json.append(",\"confused\":").append(firstRows(workDirectory.resolve("identity-pairs.tsv")));
        json.append(",\"rocs\":[").append(rocs(workDirectory)).append("],\"pairs\":[");
        json.append(table(workDirectory.resolve("hardest-pairs.tsv")).stream()
                .filter(row -> row.size() == 6)
                .map(HtmlReport::pair)
                .collect(Collectors.joining(",")));
        json.append("]}");

        String template = Resources.toString(Resources.getResource(HtmlReport.class, "report.html"), UTF_8);
        Path page = workDirectory.resolve("report.html");
        AtomicFile.write(template.replace(PLACE, json).getBytes(UTF_8), page);
        return page;
    }

    /** The rows below the first; none if there is no such file. */
    private static List<List<String>> table(Path file) throws IOException {
        return Files.exists(file)
                ? Files.readAllLines(file).stream()
                        .skip(1)
                        .map(line -> Splitter.on('\t').splitToList(line))
                        .toList()
                : List.of();
    }

    private static String firstRows(Path file) throws IOException {
        return Json.rows(table(file).stream().limit(NOISE_ROWS).toList());
    }

    private static String rocs(Path workDirectory) throws IOException {
        Map<String, Path> files = new TreeMap<>();
        try (DirectoryStream<Path> found = Files.newDirectoryStream(workDirectory, "roc-*.csv")) {
            for (Path file : found) {
                String name = String.valueOf(file.getFileName());
                files.put(name.substring("roc-".length(), name.length() - ".csv".length()), file);
            }
        }
        List<String> out = new ArrayList<>();
        for (Map.Entry<String, Path> file : files.entrySet()) {
            Map<String, double[]> columns = Table.read(file.getValue());
            double[] threshold = columns.getOrDefault("threshold", new double[0]);
            double[] falseAccepts = columns.getOrDefault("falseAcceptRate", new double[0]);
            double[] trueAccepts = columns.getOrDefault("trueAcceptRate", new double[0]);
            int every = Math.max(1, threshold.length / ROC_POINTS);
            List<String> points = new ArrayList<>();
            for (int i = 0; i < threshold.length; i++) {
                if (i % every == 0 || i == threshold.length - 1) {
                    points.add(Json.numbers(threshold[i], falseAccepts[i], trueAccepts[i]));
                }
            }
            if (!points.isEmpty()) {
                out.add("{\"name\":" + Json.text(file.getKey()) + ",\"points\":[" + String.join(",", points) + "]}");
            }
        }
        return String.join(",", out);
    }

    /** kind, distance, identity, file, identity, file. */
    private static String pair(List<String> row) {
        return "{\"kind\":" + Json.text(row.get(0)) + ",\"distance\":" + Json.number(Double.parseDouble(row.get(1)))
                + ",\"first\":" + face(row.get(2), row.get(3)) + ",\"second\":" + face(row.get(4), row.get(5)) + "}";
    }

    private static String face(String identity, String file) {
        return "{\"identity\":" + Json.text(identity) + ",\"picture\":" + Json.text(picture(Path.of(file))) + "}";
    }

    private static String picture(Path file) {
        try {
            RgbImage image = ImageFiles.read(file).resized(PICTURE, PICTURE);
            BufferedImage picture = new BufferedImage(PICTURE, PICTURE, BufferedImage.TYPE_INT_RGB);
            for (int y = 0; y < PICTURE; y++) {
                for (int x = 0; x < PICTURE; x++) {
                    picture.setRGB(x, y, image.red(x, y) << 16 | image.green(x, y) << 8 | image.blue(x, y));
                }
            }
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            ImageIO.write(picture, "png", out);
            return "data:image/png;base64," + Base64.getEncoder().encodeToString(out.toByteArray());
        } catch (IOException e) {
            return ""; // the photograph has gone since; its place stays grey
        }
    }

    /** As much of JSON as the page needs, safe within HTML. */
    private static final class Json {
        static String text(String value) {
            StringBuilder out = new StringBuilder("\"");
            for (int i = 0; i < value.length(); i++) {
                char c = value.charAt(i);
                // The page is HTML first: no < may be in it, whatever a person or a folder is called.
                if (c < ' '
                        || c == '"'
                        || c == '\\'
                        || c == '<'
                        || c == '>'
                        || c == '&'
                        || c == '\u2028'
                        || c == '\u2029') {
                    out.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
                } else {
                    out.append(c);
                }
            }
            return out.append('"').toString();
        }

        static String number(double value) {
            return Double.isFinite(value) ? Double.toString(value) : "null";
        }

        static String numbers(double... values) {
            List<String> all = new ArrayList<>();
            for (double value : values) {
                all.add(number(value));
            }
            return "[" + String.join(",", all) + "]";
        }

        static String rows(List<List<String>> rows) {
            return rows.stream()
                    .map(row -> row.stream().map(Json::text).collect(Collectors.joining(",", "[", "]")))
                    .collect(Collectors.joining(",", "[", "]"));
        }
    }
}
