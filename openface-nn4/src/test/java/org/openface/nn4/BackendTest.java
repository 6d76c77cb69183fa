package org.openface.nn4;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.File;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.openface.core.embedding.ExecutionPlan;
import org.openface.core.image.RgbImage;

class BackendTest {
    /** Run in a JVM of its own. */
    public static final class MakeModel {
        public static void main(String[] args) {
            try (Nn4Model model = Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).build()) {
                ExecutionPlan plan = model.plan(8, 1L << 30);
                float[] values =
                        model.embed(RgbImage.of(96, 96, new byte[96 * 96 * 3])).values();
                System.out.println("runs on " + plan.executor() + ", first value " + values[0]);
            } catch (IllegalStateException e) {
                System.out.println("refused: " + e.getMessage());
            }
        }
    }

    @Test
    void saysWhatToAddWhenThereIsNoBackend() throws Exception {
        assertThat(outputWithout("nd4j-native"))
                .contains("refused: no ND4J backend on the class path; add org.nd4j:nd4j-native:1.0.0-M2.1");
    }

    @Test
    @Tag("native")
    void runsOnNd4jWhereOneDnnIsMissingAndSaysSoOnce() throws Exception {
        String without = outputWithout("dnnl-");
        assertThat(without).contains("runs on samediff, first value ").containsOnlyOnce("several times slower");
        String with = outputWithout("nothing-at-all");
        assertThat(with).contains("runs on onednn, first value ").doesNotContain("slower");
        assertThat(firstValue(without)).isCloseTo(firstValue(with), within(1e-5));
    }

    private static double firstValue(String output) {
        String text = output.substring(output.indexOf("first value ") + "first value ".length());
        return Double.parseDouble(text.lines().findFirst().orElseThrow());
    }

    /** What {@link MakeModel} prints in a JVM without the jars whose names begin as given. */
    private static String outputWithout(String jars) throws Exception {
        String classPath = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> !Path.of(entry).getFileName().toString().startsWith(jars))
                .collect(Collectors.joining(File.pathSeparator));
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        classPath,
                        MakeModel.class.getName())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return output;
    }
}
