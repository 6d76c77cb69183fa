package org.openface.core.cleaning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestNamesTest {
    private static List<String> found(List<String> identities, String... names) {
        List<Finding> findings = new ArrayList<>();
        TestNames.find(identities, List.of(names), findings);
        return findings.stream().map(Finding::identity).toList();
    }

    @Test
    void oneNameInManySpellings() {
        List<String> spellings = List.of(
                "Ana_Perez", "ana perez", "ANA-PÉREZ", "Pérez, Ana", "Pe\u0301rez_Ana", "_Ana__Perez_", "Ana  Perez.");
        assertThat(found(spellings, "Ana_Pérez")).isEqualTo(spellings);
        assertThat(found(List.of("Oneal_Shaquille", "Soren_Strasse"), "Shaquille O'Neal", "Søren Straße"))
                .hasSize(2);
    }

    @Test
    void otherNamesAreOthers() {
        assertThat(found(
                        List.of("Ana_Perez_2", "Anaperez", "Ana", "Perez_Perez", "Ana_Peres", "m.0abc", "m.0abd"),
                        "Ana_Perez"))
                .isEmpty();
        assertThat(found(List.of("李", "王", "123", "124", "--", "++"), "李", "123", "--"))
                .containsExactly("李", "123", "--");
    }

    @Test
    void readsPairsAndLists(@TempDir Path folder) throws IOException {
        Path pairs = folder.resolve("pairs.txt");
        Files.writeString(pairs, "10\t300\nAbel_Pacheco\t1\t4\nAbdel_Madi\t1\tDean_Barker\t1\n");
        assertThat(TestNames.read(pairs)).containsExactly("Abdel_Madi", "Abel_Pacheco", "Dean_Barker");
        Path names = folder.resolve("names.txt");
        Files.writeString(names, "AJ_Cook\t1\nAaron Eckhart\n\n");
        assertThat(TestNames.read(names)).containsExactly("AJ_Cook", "Aaron Eckhart");
        Files.writeString(names, "10\t300\n");
        assertThatThrownBy(() -> TestNames.read(names))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("no names");
    }
}
