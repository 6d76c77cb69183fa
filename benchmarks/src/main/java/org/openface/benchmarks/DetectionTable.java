package org.openface.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.openface.align.Aligner;
import org.openface.align.face.Alignment;
import org.openface.align.face.Point;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/**
 * How many faces the default aligner finds in folders of photographs, how many of them are none, and how far from the
 * truth their eyes are.
 *
 * <pre>
 * java -cp benchmarks/target/benchmarks.jar org.openface.benchmarks.DetectionTable NAME=FOLDER[=TRUTH.tsv]...
 *     [--faces FOLDER]   writes the aligned faces there, for looking at them
 *     [--every N]        takes every N-th photograph
 *     [--misses]         names the photographs without a face and those with a wrong one
 * </pre>
 *
 * <p>A truth file has a line per face: photograph within the folder, a number, left eye x and y, right eye x and y, with
 * tabs between; a photograph without a face has {@code NaN}. {@code dlib_eyes.cpp} beside the scripts writes it. A face
 * is right when its eyes are, on average, within a quarter of the eye distance of those of one true face; the eye error is
 * that average, in percent of the eye distance. The set {@code patterns} needs no folder: 300 computed pictures without a
 * face.
 */
public final class DetectionTable {
    private static final int PATTERNS = 300;

    /** @param leftEye and the other in pixels */
    private record Eyes(Point leftEye, Point rightEye) {
        double errorOf(Alignment.Aligned found) {
            double distance = length(leftEye, rightEye);
            return (length(leftEye, found.leftEye()) + length(rightEye, found.rightEye())) / 2 / distance;
        }

        private static double length(Point a, Point b) {
            return Math.hypot(a.x() - b.x(), a.y() - b.y());
        }
    }

    private int images;
    private int found;
    private int right;
    private int wrong;
    private int tooMany;
    private final List<Double> errors = new ArrayList<>();
    private final List<Double> milliseconds = new ArrayList<>();

    private DetectionTable() {}

    /** See the class comment. */
    public static void main(String[] args) throws IOException {
        List<String> sets = new ArrayList<>();
        Path faces = null;
        int every = 1;
        boolean misses = false;
        for (int i = 0; i < args.length; i++) {
            switch (args[i]) {
                case "--faces" -> faces = Path.of(args[++i]);
                case "--every" -> every = Integer.parseInt(args[++i]);
                case "--misses" -> misses = true;
                default -> sets.add(args[i]);
            }
        }
        System.out.println("| set | images | a face | right | wrong | more than there are"
                + " | eye error %: median | 90th | ms: median | mean |");
        System.out.println("|---|---|---|---|---|---|---|---|---|---|");
        try (Aligner aligner = Aligner.builder().build()) {
            for (String set : sets) {
                String[] parts = set.split("=", -1);
                DetectionTable table = new DetectionTable();
                if (set.equals("patterns")) {
                    for (int i = 0; i < PATTERNS; i += every) {
                        table.add(aligner, pattern(i), List.of(), set + i, target(faces, set, i + ""), misses);
                    }
                } else {
                    Map<String, List<Eyes>> truth = parts.length > 2 ? truth(Path.of(parts[2])) : null;
                    List<Path> files = photographs(Path.of(parts[1]));
                    for (int i = 0; i < files.size(); i += every) {
                        Path file = files.get(i);
                        String name = Path.of(parts[1]).relativize(file).toString();
                        table.add(
                                aligner,
                                ImageFiles.read(file),
                                truth == null ? null : truth.getOrDefault(name, List.of()),
                                name,
                                target(faces, parts[0], name),
                                misses);
                    }
                }
                System.out.println(table.row(parts[0]));
            }
        }
    }

    private static @Nullable Path target(@Nullable Path faces, String set, String name) {
        return faces == null ? null : faces.resolve(set).resolve(name.replace('/', '_') + ".png");
    }

    private static List<Path> photographs(Path folder) throws IOException {
        try (Stream<Path> walk = Files.walk(folder, java.nio.file.FileVisitOption.FOLLOW_LINKS)) {
            return walk.filter(p -> p.toString().matches("(?i).*\\.(jpe?g|png|pgm|bmp)"))
                    .sorted()
                    .toList();
        }
    }

    private static Map<String, List<Eyes>> truth(Path file) throws IOException {
        Map<String, List<Eyes>> truth = new HashMap<>();
        for (String line : Files.readAllLines(file)) {
            String[] cells = line.split("\t", -1);
            double[] xy =
                    Arrays.stream(cells, 2, 6).mapToDouble(Double::parseDouble).toArray();
            List<Eyes> eyes = truth.computeIfAbsent(cells[0], name -> new ArrayList<>());
            if (!Double.isNaN(xy[0])) {
                eyes.add(new Eyes(new Point(xy[0], xy[1]), new Point(xy[2], xy[3])));
            }
        }
        return truth;
    }

    private void add(
            Aligner aligner,
            RgbImage photograph,
            @Nullable List<Eyes> truth,
            String name,
            @Nullable Path target,
            boolean misses)
            throws IOException {
        long start = System.nanoTime();
        Alignment alignment = aligner.align(photograph);
        milliseconds.add((System.nanoTime() - start) / 1e6);
        images++;
        String remark = "";
        if (alignment instanceof Alignment.Aligned aligned) {
            found++;
            if (truth != null) {
                double error = truth.stream()
                        .mapToDouble(e -> e.errorOf(aligned))
                        .min()
                        .orElse(9);
                if (error < 0.25) {
                    right++;
                    errors.add(error * 100);
                } else {
                    wrong++;
                    remark = String.format(Locale.ROOT, "wrong, error %.2f", error);
                }
                if (aligned.facesFound() > Math.max(1, truth.size())) {
                    tooMany++;
                    remark += " " + aligned.facesFound() + " faces";
                }
            }
            if (target != null) {
                Files.createDirectories(target.toAbsolutePath().getParent());
                ImageFiles.writePng(aligned.face(), target);
            }
        } else if (truth == null || !truth.isEmpty()) {
            remark = "no face";
        }
        if (misses && !remark.isEmpty()) {
            System.out.println(name + ": " + remark);
        }
    }

    private String row(String name) {
        return String.format(
                Locale.ROOT,
                "| %s | %d | %d | %d | %d | %d | %.1f | %.1f | %.0f | %.0f |",
                name,
                images,
                found,
                right,
                wrong,
                tooMany,
                quantile(errors, 0.5),
                quantile(errors, 0.9),
                quantile(milliseconds, 0.5),
                milliseconds.stream().mapToDouble(m -> m).average().orElse(Double.NaN));
    }

    private static double quantile(List<Double> values, double q) {
        List<Double> sorted = values.stream().sorted().toList();
        return sorted.isEmpty() ? Double.NaN : sorted.get((int) Math.min(sorted.size() - 1, q * sorted.size()));
    }

    /** Clouds over a slope of brightness, with discs, bars and blocks: shapes that eyes and mouths are made of. */
    private static RgbImage pattern(int index) {
        Random random = new Random(index);
        int width = 120 + random.nextInt(300);
        int height = 120 + random.nextInt(300);
        double[] light = new double[width * height];
        double slopeX = random.nextDouble() - 0.5;
        double slopeY = random.nextDouble() - 0.5;
        for (int i = 0; i < light.length; i++) {
            light[i] = 128 + 120 * (slopeX * (i % width) / width + slopeY * Math.floorDiv(i, width) / height);
        }
        for (int cell = 4; cell <= 64; cell *= 2) {
            clouds(light, width, random, cell, random.nextDouble() * 2 * Math.sqrt(cell));
        }
        for (int shape = random.nextInt(60); shape > 0; shape--) {
            double x = random.nextInt(width);
            double y = random.nextInt(height);
            double a = 3 + random.nextInt(40);
            double b = 3 + random.nextInt(40);
            double change = 160 * (random.nextDouble() - 0.5);
            boolean round = random.nextBoolean();
            for (int i = 0; i < light.length; i++) {
                double dx = (i % width - x) / a;
                double dy = (Math.floorDiv(i, width) - y) / b;
                if (round ? dx * dx + dy * dy < 1 : Math.abs(dx) < 1 && Math.abs(dy) < 1) {
                    light[i] += change;
                }
            }
        }
        byte[] rgb = new byte[3 * light.length];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) Math.max(0, Math.min(255, Math.round(light[i / 3])));
        }
        return RgbImage.of(width, height, rgb);
    }

    /** Adds random values at the corners of cells, and what lies between them in between. */
    private static void clouds(double[] light, int width, Random random, int cell, double amplitude) {
        int columns = width / cell + 2;
        double[] corners = new double[columns * (light.length / width / cell + 2)];
        for (int i = 0; i < corners.length; i++) {
            corners[i] = amplitude * random.nextGaussian();
        }
        for (int i = 0; i < light.length; i++) {
            double x = (double) (i % width) / cell;
            double y = (double) Math.floorDiv(i, width) / cell;
            int column = (int) x;
            int row = (int) y;
            int corner = row * columns + column;
            double fx = x - column;
            double fy = y - row;
            light[i] += (1 - fy) * ((1 - fx) * corners[corner] + fx * corners[corner + 1])
                    + fy * ((1 - fx) * corners[corner + columns] + fx * corners[corner + columns + 1]);
        }
    }
}
