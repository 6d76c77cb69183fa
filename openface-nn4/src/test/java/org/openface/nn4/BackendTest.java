package org.openface.nn4;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class BackendTest {
    /** Run in a JVM of its own. */
    public static final class MakeModel {
        public static void main(String[] args) {
            try {
                Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).build();
            } catch (IllegalStateException e) {
                System.err.println("refused: " + e.getMessage());
            }
        }
    }

    @Test
    void saysWhatToAddWhenThereIsNoBackend() throws Exception {
        String withoutBackend = Arrays.stream(
                        System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> !Path.of(entry).getFileName().toString().startsWith("nd4j-native"))
                .collect(Collectors.joining(File.pathSeparator));
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        withoutBackend,
                        MakeModel.class.getName())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(output).contains("refused: no ND4J backend on the class path; add org.nd4j:nd4j-native:1.0.0-M2.1");
    }
}
