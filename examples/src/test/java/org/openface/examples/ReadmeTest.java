package org.openface.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What the README shows is what is compiled. White space is left to the reader's eye, and to the formatter. */
class ReadmeTest {
    private static final Path CONSUMER = Path.of("consumer");

    private final String readme;

    ReadmeTest() throws IOException {
        readme = Files.readString(Path.of("..", "README.md"));
    }

    private List<String> blocks(String language) {
        List<String> blocks = new ArrayList<>();
        Matcher matcher =
                Pattern.compile("```" + language + "\n(.*?)```", Pattern.DOTALL).matcher(readme);
        while (matcher.find()) {
            blocks.add(matcher.group(1).strip());
        }
        return blocks;
    }

    private static String withoutSpace(String text) {
        return text.replaceAll("\\s", "");
    }

    @Test
    void theFirstTwoCommandsAreTheRunAndTheTests() {
        assertThat(blocks("sh").subList(0, 2)).containsExactly("mvn -q -DskipTests install exec:java", "mvn verify");
    }

    @Test
    void javaIsCompiled() throws IOException {
        String sources = Files.readString(Path.of("src/test/java/org/openface/examples/Snippets.java"))
                + Files.readString(CONSUMER.resolve("src/main/java/com/example/Consumer.java"));
        List<String> regions = new ArrayList<>();
        Matcher matcher = Pattern.compile("// README: (?!end)\\w+\n(.*?)// README: end", Pattern.DOTALL)
                .matcher(sources);
        while (matcher.find()) {
            regions.add(withoutSpace(matcher.group(1)));
        }
        assertThat(blocks("java")).map(ReadmeTest::withoutSpace).containsExactlyInAnyOrderElementsOf(regions);
    }

    @Test
    void xmlIsTheConsumersPom() throws IOException {
        String pom = withoutSpace(Files.readString(CONSUMER.resolve("pom.xml")));
        assertThat(blocks("xml")).singleElement().satisfies(xml -> assertThat(pom)
                .contains(withoutSpace(xml)));
    }

    /** All of OpenFace's {@code training/opts.lua}. */
    @Test
    void everyOptionOfOpenFaceHasItsRow() {
        List<String> rows =
                readme.lines().filter(line -> line.startsWith("| `-")).toList();
        for (String option : List.of(
                "cache",
                "save",
                "data",
                "manualSeed",
                "cuda",
                "device",
                "nGPU",
                "cudnn",
                "cudnn_bench",
                "nDonkeys",
                "nEpochs",
                "epochSize",
                "epochNumber",
                "peoplePerBatch",
                "imagesPerPerson",
                "testing",
                "testBatchSize",
                "lfwDir",
                "retrain",
                "modelDef",
                "imgDim",
                "embSize",
                "alpha")) {
            assertThat(rows)
                    .filteredOn(row -> row.contains("`-" + option + "`"))
                    .as(option)
                    .hasSize(1);
        }
    }

    @Test
    void otherCommandsNameProgramsThatExist() {
        Matcher matcher = Pattern.compile("org\\.openface\\.examples\\.(\\w+)").matcher(readme);
        List<String> missing = new ArrayList<>();
        int found = 0;
        while (matcher.find()) {
            found++;
            if (!Files.exists(Path.of("src/main/java/org/openface/examples", matcher.group(1) + ".java"))) {
                missing.add(matcher.group(1));
            }
        }
        assertThat(missing).isEmpty();
        assertThat(found).isGreaterThanOrEqualTo(3);
    }
}
