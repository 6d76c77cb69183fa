package org.openface.nn4.internal.engine.samediff;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import org.assertj.core.api.Assumptions;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.core.image.RgbImage;
import org.openface.nn4.Nn4Model;
import org.openface.nn4.SecondBackend;

class BackendTest {
    /** Run in a JVM of its own. */
    public static final class MakeModel {
        public static void main(String[] args) {
            Nn4Model.Engine engine = Nn4Model.Engine.valueOf(System.getenv().getOrDefault("ENGINE", "AUTO"));
            try (Nn4Model model =
                    Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).engine(engine).build()) {
                ExecutionPlan plan = model.plan(8, 1L << 30);
                float[] values =
                        model.embed(RgbImage.of(96, 96, new byte[96 * 96 * 3])).values();
                System.out.println("runs on " + plan.executor() + ", first value " + values[0]);
                try {
                    System.out.println(
                            model.toSameDiff().getVariable("embedding").name());
                } catch (IllegalStateException e) {
                    System.out.println(e.getMessage());
                }
            } catch (IllegalStateException e) {
                System.out.println("refused: " + e.getMessage());
            }
        }
    }

    @Test
    void saysWhatToAddWhenNothingCanRun() throws Exception {
        assertThat(outputWith(jar -> !jar.startsWith("nd4j-native") && !jar.startsWith("dnnl-"), ""))
                .contains("refused: nothing here can run the network: org.bytedeco:dnnl:2.5.2-1.5.7 and")
                .contains("no ND4J backend on the class path; add org.nd4j:nd4j-native:1.0.0-M2.1");
    }

    @Test
    @Tag("native")
    void onOneDnnNothingOfNd4jIsNeeded() throws Exception {
        String with = outputWith(jar -> true, "");
        String without = outputWith(jar -> !jar.contains("nd4j") && !jar.contains("openblas"), "");
        assertThat(without).contains("runs on onednn-").contains("a SameDiff graph needs ND4J: no ND4J backend");
        assertThat(firstValue(without)).isEqualTo(firstValue(with));
    }

    @Test
    void refusesTwoBackends(@TempDir Path folder) throws Exception {
        Path services = Files.createDirectories(folder.resolve("META-INF/services"));
        Files.writeString(services.resolve("org.nd4j.linalg.factory.Nd4jBackend"), SecondBackend.class.getName());
        assertThat(outputWith(jar -> true, folder.toString()))
                .contains("refused: more than one ND4J backend on the class path")
                .contains("[org.nd4j.linalg.cpu.nativecpu.CpuBackend, org.openface.nn4.SecondBackend]")
                .contains("leave all but one out");
    }

    @Test
    @Tag("native")
    void runsOnNd4jWhereOneDnnIsMissingAndSaysSoOnce() throws Exception {
        String without = outputWith(jar -> !jar.startsWith("dnnl-"), "");
        assertThat(without)
                .contains("runs on samediff, first value ")
                .containsOnlyOnce("several times slower")
                .doesNotContain("<dependency>");
        String with = outputWith(jar -> true, "");
        assertThat(with).contains("runs on onednn-").doesNotContain("slower");
        assertThat(firstValue(without)).isCloseTo(firstValue(with), within(1e-5));
    }

    @Test
    @Tag("native")
    void warnsOfAProcessorThatOneDnnHasOnlySlowCodeFor() throws Exception {
        String old = outputWith(jar -> true, "", Map.of("DNNL_MAX_CPU_ISA", "SSE41"));
        assertThat(old)
                .contains("runs on onednn-sse41")
                .containsOnlyOnce(
                        "oneDNN has only slow reference code for this processor (sse41): [1x1 backward data,");
        String all = outputWith(jar -> true, "");
        Assumptions.assumeThat(all).contains("runs on onednn-avx512");
        assertThat(all).doesNotContain("slow");
    }

    @Test
    @Tag("native")
    void onAGpusBackendTheNetworkRunsOnNd4j(@TempDir Path folder) throws Exception {
        Path services = Files.createDirectories(folder.resolve("META-INF/services"));
        Files.writeString(
                services.resolve("org.nd4j.linalg.factory.Nd4jBackend"), "# one\n" + SecondBackend.class.getName());
        assertThat(outputWith(jar -> !jar.startsWith("nd4j-native"), folder.toString()))
                .contains("refused: nothing here can run the network: ")
                .contains("the ND4J backend on the class path does not start")
                .doesNotContain("runs on");
        assertThat(outputWith(jar -> !jar.startsWith("nd4j-native"), folder.toString(), Map.of("ENGINE", "ONEDNN")))
                .contains("runs on onednn-");
        assertThat(outputWith(jar -> true, "", Map.of("ENGINE", "SAMEDIFF"))).contains("runs on samediff");
    }

    @Test
    @Tag("native")
    void warnsOfTheSlowNativeBuild(@TempDir Path plain) throws Exception {
        Assumptions.assumeThat(Loader.getPlatform()).endsWith("-x86_64");
        putInThePlaceOfThePlainBuild(plain);
        assertThat(outputWith(jar -> !jar.startsWith("dnnl-") && !jar.contains("-onednn"), plain.toString()))
                .contains("build without oneDNN, several times slower; add <dependency>")
                .contains("runs on samediff");
    }

    /** The library with oneDNN where the one without would lie: that one is 91 MB more, for this test alone. */
    private static void putInThePlaceOfThePlainBuild(Path folder) throws IOException {
        String platform = Loader.getPlatform();
        String jar = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> entry.endsWith(platform + "-onednn.jar"))
                .findFirst()
                .orElseThrow();
        try (JarFile library = new JarFile(jar)) {
            for (JarEntry entry : Collections.list(library.entries())) {
                if (!entry.isDirectory() && entry.getName().contains("/" + platform + "-onednn/")) {
                    Path file = folder.resolve(entry.getName().replace(platform + "-onednn", platform));
                    Files.createDirectories(file.getParent());
                    try (InputStream in = library.getInputStream(entry)) {
                        Files.copy(in, file);
                    }
                }
            }
        }
    }

    private static double firstValue(String output) {
        String text = output.substring(output.indexOf("first value ") + "first value ".length());
        return Double.parseDouble(text.lines().findFirst().orElseThrow());
    }

    /** What {@link MakeModel} prints in a JVM with the jars that are wanted, and one more entry of the class path. */
    private static String outputWith(Predicate<String> wanted, String more) throws Exception {
        return outputWith(wanted, more, Map.of());
    }

    private static String outputWith(Predicate<String> wanted, String more, Map<String, String> environment)
            throws Exception {
        String classPath = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> wanted.test(Path.of(entry).getFileName().toString()))
                .collect(Collectors.joining(File.pathSeparator));
        ProcessBuilder builder = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        classPath + File.pathSeparator + more,
                        MakeModel.class.getName())
                .redirectErrorStream(true);
        builder.environment().putAll(environment);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return output;
    }
}
