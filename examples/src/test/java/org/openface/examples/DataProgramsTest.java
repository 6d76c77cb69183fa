package org.openface.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.dataset.FacePack;
import org.openface.core.drawn.DrawnFaces;
import org.openface.nn4.Nn4Model;

/** Import, pack, embed and erase, one after the other, as a user would. */
class DataProgramsTest {
    private static List<String> run(Function<Progress, Callable<Integer>> program, String... arguments) {
        Outcome outcome = Outcome.run(program, arguments);
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        return outcome.out();
    }

    @Test
    void fromADeeperFolderToEmbeddingsAndBack(@TempDir Path folder) throws IOException {
        Path deep = folder.resolve("deep");
        DrawnFaces.of(1).writeTo(deep.resolve("country"), 3, 4);
        String source = TreeHash.of(deep);
        String faces = folder.resolve("faces").toString();
        String[] importing = {"--from", deep.toString(), "--format", "folder", "--level", "2", "--out", faces};
        assertThat(run(ImportFaces::new, importing))
                .last()
                .asString()
                .startsWith("imported: 12 of 12, refused 0, images/s ");
        assertThat(run(ImportFaces::new, importing)).last().asString().startsWith("imported: 12 of 12");
        assertThat(TreeHash.of(deep)).isEqualTo(source);

        String pack = folder.resolve("pack").toString();
        assertThat(run(PackFaces::new, "--data", faces, "--out", pack, "--verify"))
                .contains("verified: 0 of 12 damaged")
                .last()
                .asString()
                .startsWith("packed: 12 of 12, images/s ");

        Path model = folder.resolve("model.nn4");
        try (Nn4Model network = Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).build()) {
            network.save(model);
        }
        String embeddings = folder.resolve("embeddings").toString();
        assertThat(run(EmbedFaces::new, "--data", pack, "--model", model.toString(), "--out", embeddings, "--csv"))
                .last()
                .asString()
                .startsWith("embedded: 12 of 12, images/s ");
        List<String> labels = Files.readAllLines(folder.resolve("embeddings").resolve("labels.csv"));
        assertThat(labels).hasSize(12).first().asString().startsWith("1,");
        assertThat(Files.readAllLines(folder.resolve("embeddings").resolve("reps.csv")))
                .hasSize(12)
                .allMatch(line -> line.split(",", -1).length == 128);

        String person = FacePack.open(folder.resolve("pack")).identities().get(1);
        String[] erasing = {"--person", person, "--faces", faces, "--pack", pack, "--embeddings", embeddings};
        assertThat(run(EraseFaces::new, erasing))
                .last()
                .asString()
                .isEqualTo("would be removed, with --apply: 5 places, models that have seen them: 0");
        assertThat(FaceDataset.index(folder.resolve("faces")).identities()).contains(person);
        run(
                EraseFaces::new,
                "--person",
                person,
                "--faces",
                faces,
                "--pack",
                pack,
                "--embeddings",
                embeddings,
                "--apply");
        assertThat(FaceDataset.index(folder.resolve("faces")).identities())
                .hasSize(2)
                .doesNotContain(person);
        assertThat(FacePack.open(folder.resolve("pack")).identities())
                .hasSize(2)
                .doesNotContain(person);
        assertThat(folder.resolve("embeddings")).isEmptyDirectory();
        assertThat(TreeHash.of(deep)).isEqualTo(source);
    }

    @Test
    void aPackTrainsToTheBitsOfItsFolder(@TempDir Path folder) throws IOException {
        Path faces = folder.resolve("faces");
        DrawnFaces.of(2).writeTo(faces, 8, 4);
        run(
                PackFaces::new,
                "--data",
                faces.toString(),
                "--out",
                folder.resolve("pack").toString());
        List<String> results = Stream.of("faces", "pack")
                .map(data -> run(
                                TrainFaces::new,
                                ("--data " + folder.resolve(data) + " --aligned --work "
                                                + folder.resolve("work-" + data)
                                                + " --epochs 1 --batches-per-epoch 2 --identities-per-batch 3"
                                                + " --images-per-identity 3")
                                        .split(" ", -1))
                        .stream()
                        .filter(line -> line.startsWith("weights: ") || line.startsWith("held-out: "))
                        .collect(Collectors.joining("\n")))
                .toList();
        assertThat(results.get(0)).contains("weights: sha256 ").isEqualTo(results.get(1));
    }
}
