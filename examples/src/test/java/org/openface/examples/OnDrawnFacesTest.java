package org.openface.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.align.Aligner;
import org.openface.align.face.Alignment;
import org.openface.core.drawn.DrawnFaces;

/** One tiny training, which all tests look at. */
@Tag("native")
class OnDrawnFacesTest {
    private static final String[] TINY = {
        "--drawn-people",
        "6",
        "--drawn-images",
        "4",
        "--batches-per-epoch",
        "2",
        "--identities-per-batch",
        "2",
        "--images-per-identity",
        "2"
    };

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private static Path folder;

    @SuppressWarnings("NullAway.Init") // set below
    private static Outcome first;

    private static Outcome train(String work, String... options) {
        return Outcome.run(
                TrainFaces::new,
                Stream.of(Stream.of("--work", folder.resolve(work).toString()), Stream.of(TINY), Stream.of(options))
                        .flatMap(s -> s)
                        .toArray(String[]::new));
    }

    @BeforeAll
    static void trainOneEpoch() {
        first = train("work", "--epochs", "1");
    }

    @Test
    void endsWithTheWeightsAndTheHeldOutFigures() throws IOException {
        assertThat(first.err()).isEmpty();
        assertThat(first.code()).isZero();
        assertThat(first.last(2)).matches("weights: sha256 [0-9a-f]{64}");
        assertThat(first.last(1))
                .matches("held-out: images 12 identities 3 AUC [01]\\.\\d{4} untrained [01]\\.\\d{4}"
                        + " accuracy [01]\\.\\d{4} EER [01]\\.\\d{4}");
        assertThat(folder.resolve("work"))
                .isDirectoryContaining("glob:**/{model.nn4}")
                .isDirectoryContaining("glob:**/train.log")
                .isDirectoryContaining("glob:**/test.log");
    }

    @Test
    void theWorkFolderIsTheOwnersAlone() throws IOException {
        if (folder.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve("work"))))
                    .isEqualTo("rwx------");
        }
    }

    @Test
    void saysTheSameAgainAndGoesOnToMoreEpochsAsIfNeverInterrupted() throws IOException {
        Outcome again = train("work", "--epochs", "1");
        assertThat(again.last(2)).isEqualTo(first.last(2));
        assertThat(again.last(1)).isEqualTo(first.last(1));
        assertThat(again.out()).noneMatch(line -> line.startsWith("epoch "));

        Outcome resumed = train("work", "--epochs", "2");
        assertThat(resumed.out())
                .filteredOn(line -> line.startsWith("epoch "))
                .singleElement()
                .satisfies(line -> assertThat(line).startsWith("epoch 2 of 2"));
        Outcome straight = train("straight", "--epochs", "2");
        assertThat(resumed.last(2)).isEqualTo(straight.last(2)).isNotEqualTo(first.last(2));
        assertThat(resumed.last(1)).isEqualTo(straight.last(1));
    }

    @Test
    void aWorkFolderOfAnotherSeedIsRefused() {
        Outcome other = train("work", "--seed", "3", "--epochs", "1");
        assertThat(other.code()).isEqualTo(1);
        assertThat(other.err()).singleElement().satisfies(line -> assertThat(line)
                .contains("seed"));
    }

    @Test
    void badImagesAreLeftOutAndNothingIsChanged() throws IOException {
        Path faces = folder.resolve("faces");
        try (Stream<Path> all = Files.walk(folder.resolve("work/aligned"))) {
            for (Path file :
                    all.filter(file -> file.toString().endsWith(".png")).toList()) {
                Path person = faces.resolve("Žofie " + file.getParent().getFileName());
                Files.createDirectories(person);
                Files.copy(file, person.resolve(file.getFileName()));
            }
        }
        List<Path> people;
        try (Stream<Path> all = Files.list(faces)) {
            people = all.sorted().toList();
        }
        for (Path person : people) {
            Files.write(person.resolve("empty.png"), new byte[0]);
        }
        Path text = Files.writeString(people.get(0).resolve("text.jpg"), "no image");
        Path alone = Files.createDirectories(faces.resolve("alone")).resolve("one.png");
        Files.copy(folder.resolve("work/aligned/drawn-000/000.png"), alone);

        Outcome outcome = train("bad", "--data", faces.toString(), "--aligned", "--epochs", "1");
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out()).anyMatch(line -> line.contains("1 people with fewer than 3 images are left out"));
        assertThat(outcome.last(1)).startsWith("held-out: images 12 identities 3 ");
        assertThat(text).hasContent("no image");
        assertThat(alone).exists();
    }

    @Test
    void twoPhotographsAreCompared() {
        Path drawn = folder.resolve("work/drawn");
        String model = folder.resolve("work/model.nn4").toString();
        String photograph = drawn.resolve("drawn-000/000.png").toString();
        Outcome same = Outcome.run(ComparePhotos::new, photograph, photograph, "--model", model);
        assertThat(same.out().get(0)).startsWith("squared distance 0.0000, threshold ");
        assertThat(same.last(1)).isEqualTo("same person");
        Outcome strict = Outcome.run(ComparePhotos::new, photograph, photograph, "--model", model, "--threshold", "0");
        assertThat(strict.last(1)).isEqualTo("different people");
        Outcome none = Outcome.run(
                ComparePhotos::new, photograph, folder.resolve("none.png").toString(), "--model", model);
        assertThat(none.code()).isEqualTo(1);
        assertThat(none.err()).singleElement().satisfies(line -> assertThat(line)
                .contains("none.png: IO_ERROR"));
    }

    @Test
    void aCustomMinerTrains() {
        Outcome outcome = Outcome.run(
                CustomMiner::new,
                "--work",
                folder.resolve("miner").toString(),
                "--epochs",
                "1",
                "--batches-per-epoch",
                "1");
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out()).anyMatch(line -> line.startsWith("epoch 1: "));
        assertThat(outcome.last(1)).startsWith("weights: sha256 ");
    }

    @Test
    void theCascadesFindDrawnFaces() {
        DrawnFaces faces = DrawnFaces.of(1);
        int found = 0;
        try (Aligner aligner = Aligner.builder().build()) {
            for (int person = 0; person < 15; person++) {
                for (int image = 0; image < 4; image++) {
                    found += aligner.align(faces.draw(person, image)) instanceof Alignment.Aligned ? 1 : 0;
                }
            }
        }
        assertThat(found).isGreaterThanOrEqualTo(57); // 95 %
    }
}
