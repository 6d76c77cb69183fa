package org.openface.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.base.Splitter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.openface.core.image.RgbImage;
import org.openface.nn4.Nn4Model;

/**
 * How long a fresh JVM takes from {@code load} to a model and from there to the first embedding.
 *
 * <pre>
 * java -cp benchmarks/target/benchmarks.jar org.openface.benchmarks.FirstEmbedding [ROUNDS]
 * </pre>
 *
 * <p>Ends with {@code first-embedding engine=ONEDNN load=S first=S} and the same for {@code SAMEDIFF}: medians, in seconds, of
 * nn4.small2 from a warm disk.
 */
public final class FirstEmbedding {
    private FirstEmbedding() {}

    /** See the class comment; with an engine and a file it is one of the rounds. */
    public static void main(String[] args) throws Exception {
        if (args.length == 2) {
            round(Nn4Model.Engine.valueOf(args[0]), Path.of(args[1]));
            System.exit(0);
        }
        int rounds = args.length == 1 ? Integer.parseInt(args[0]) : 7;
        Path file = Files.createTempFile("first-embedding", ".model");
        try {
            try (Nn4Model model = Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).build()) {
                model.save(file);
            }
            for (Nn4Model.Engine engine : List.of(Nn4Model.Engine.ONEDNN, Nn4Model.Engine.SAMEDIFF)) {
                List<Double> load = new ArrayList<>();
                List<Double> first = new ArrayList<>();
                for (int i = 0; i < rounds; i++) {
                    List<String> seconds = Splitter.on(' ').splitToList(fresh(engine, file));
                    load.add(Double.parseDouble(seconds.get(0)));
                    first.add(Double.parseDouble(seconds.get(1)));
                }
                System.out.printf(
                        Locale.ROOT,
                        "first-embedding engine=%s load=%.2f first=%.2f%n",
                        engine,
                        Compare.median(load),
                        Compare.median(first));
            }
        } finally {
            Files.delete(file);
        }
    }

    private static void round(Nn4Model.Engine engine, Path file) throws IOException {
        long start = System.nanoTime();
        Nn4Model model = Nn4Model.load(file, engine);
        long loaded = System.nanoTime();
        model.embed(List.of(RgbImage.of(96, 96, new byte[3 * 96 * 96])));
        System.out.println((loaded - start) / 1e9 + " " + (System.nanoTime() - loaded) / 1e9);
    }

    private static String fresh(Nn4Model.Engine engine, Path file) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        FirstEmbedding.class.getName(),
                        engine.name(),
                        file.toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8).strip();
        if (process.waitFor() != 0) {
            throw new IOException("a fresh JVM with " + engine + " ended with " + process.exitValue());
        }
        return output;
    }
}
