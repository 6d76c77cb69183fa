package org.openface.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.drawn.DrawnFaces;

class CleanFacesTest {
    private static List<String> run(String... arguments) {
        Outcome outcome = Outcome.run(CleanFaces::new, arguments);
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        return outcome.out();
    }

    @Test
    void reviewsAndThenAppliesWhatWasDecided(@TempDir Path folder) throws IOException {
        Path data = folder.resolve("data");
        DrawnFaces.of(1).writeTo(data, 4, 3);
        FaceDataset before = FaceDataset.index(data);
        String person = before.identities().get(1);
        Path image = before.faces(1).get(0).file();
        Files.copy(image, image.resolveSibling("zz.png"));
        Path names = Files.writeString(
                folder.resolve("names.txt"), before.identities().get(3) + "\n");
        String source = TreeHash.of(data);
        String lists = folder.resolve("lists").toString();
        assertThat(run("--data", data.toString(), "--out", lists, "--test-names", names.toString()))
                .contains("4 people, 13 faces")
                .anySatisfy(line -> assertThat(line).matches(" +1 +\\S*duplicates.tsv"))
                .anySatisfy(line -> assertThat(line).matches(" +1 +\\S*test-identities.tsv"));
        Path duplicates = Path.of(lists, "duplicates.tsv");
        Files.writeString(duplicates, Files.readString(duplicates).replace("remove\t", "move to new\t"));
        Path clean = folder.resolve("clean");
        assertThat(run("--data", data.toString(), "--apply", lists, "--into", clean.toString()))
                .contains("3 removed, 1 moved, 10 left in " + clean);
        FaceDataset after = FaceDataset.index(clean);
        assertThat(after.identities())
                .containsExactlyInAnyOrder(
                        before.identities().get(0), person, before.identities().get(2), "new");
        assertThat(TreeHash.of(data)).isEqualTo(source);
    }

    @Test
    void saysWhatIsMissing(@TempDir Path folder) throws IOException {
        DrawnFaces.of(1).writeTo(folder, 2, 2);
        Outcome both = Outcome.run(CleanFaces::new, "--data", folder.toString());
        assertThat(both.err()).singleElement().asString().contains("either --out or --apply");
        Outcome half = Outcome.run(CleanFaces::new, "--data", folder.toString(), "--apply", "x");
        assertThat(half.err()).singleElement().asString().contains("--apply and --into");
    }
}
