package org.openface.nn4;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BackendTest {
    /** Run in a JVM of its own. */
    public static final class MakeModel {
        public static void main(String[] args) {
            try {
                Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2)
                        .engine(Nn4Model.Engine.SAMEDIFF)
                        .build()
                        .close();
                System.err.println("made");
            } catch (IllegalStateException e) {
                System.err.println("refused: " + e.getMessage());
            }
        }
    }

    /** What the program says with the jars that are wanted, by their names, and one more entry of the class path. */
    private static String run(Predicate<String> wanted, String more) throws Exception {
        String path = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> wanted.test(Path.of(entry).getFileName().toString()))
                .collect(Collectors.joining(File.pathSeparator));
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        path + File.pathSeparator + more,
                        MakeModel.class.getName())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return output;
    }

    @Test
    void saysWhatToAddWhenThereIsNoBackend() throws Exception {
        assertThat(run(jar -> !jar.startsWith("nd4j-native"), ""))
                .contains("refused: no ND4J backend on the class path; add org.nd4j:nd4j-native:1.0.0-M2.1");
    }

    @Test
    void refusesTwoBackends(@TempDir Path folder) throws Exception {
        Path services = Files.createDirectories(folder.resolve("META-INF/services"));
        Files.writeString(services.resolve("org.nd4j.linalg.factory.Nd4jBackend"), SecondBackend.class.getName());
        assertThat(run(jar -> true, folder.toString()))
                .contains("refused: more than one ND4J backend on the class path")
                .contains("[org.nd4j.linalg.cpu.nativecpu.CpuBackend, org.openface.nn4.SecondBackend]")
                .contains("leave all but one out");
    }

    @Test
    void warnsOfTheSlowBuild() throws Exception {
        assertThat(run(jar -> !jar.contains("-onednn") && !jar.contains("-armcompute"), ""))
                .contains("several times slower; add <dependency>")
                .contains("made");
        assertThat(run(jar -> true, "")).doesNotContain("<dependency>").contains("made");
    }
}
