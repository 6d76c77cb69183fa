package org.openface.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.DatasetPruner;
import org.openface.core.dataset.DatasetSplitter;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.drawn.DrawnFaces;

/** No tool moves, changes or deletes a photograph, whatever the folder holds and wherever its results are led to. */
@Tag("native")
@DisabledOnOs(OS.WINDOWS) // links
class PhotographsStayTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path folder;

    @SuppressWarnings("NullAway.Init") // set below
    private Path raw;

    /** Links to files and folders, odd names, names that collide, and files that are damaged or no photographs. */
    @BeforeEach
    void photographs() throws IOException {
        raw = folder.resolve("raw");
        DrawnFaces.of(1).writeTo(raw, 6, 4);
        Path first = raw.resolve("drawn-000");
        Path face = first.resolve("000.png");
        Path odd = Files.createDirectories(raw.resolve("=cmd|' /C calc'!A0"));
        Files.copy(face, odd.resolve("-e \u017dofie \u00e9 e\u0301.PNG"));
        Files.copy(face, odd.resolve("line\nbreak.png"));
        Files.copy(face, odd.resolve("LINE\nBREAK.png"));
        Files.copy(face, first.resolve("000.jpg"));
        Files.copy(face, Files.createDirectories(raw.resolve("DRAWN-000")).resolve("000.png"));
        Files.createSymbolicLink(raw.resolve("linked person"), first);
        Files.createSymbolicLink(odd.resolve("linked.png"), face);
        Files.createSymbolicLink(odd.resolve("dangling.png"), folder.resolve("nowhere.png"));
        Files.createSymbolicLink(odd.resolve("loop.png"), odd.resolve("loop.png"));
        Path bad = Files.createDirectories(raw.resolve("bad"));
        Files.write(bad.resolve("empty.png"), new byte[0]);
        Files.writeString(bad.resolve("text.jpg"), "no photograph");
        byte[] png = Files.readAllBytes(face);
        Files.write(bad.resolve("short.png"), Arrays.copyOf(png, png.length / 2));
        Files.writeString(bad.resolve("iphone.heic"), "no photograph either");
        Files.copy(face, Files.createDirectories(bad.resolve("nested")).resolve("deep.png"));
        try (Stream<Path> all = Files.walk(raw)) {
            for (Path file : all.filter(Files::isRegularFile).toList()) {
                Files.setLastModifiedTime(file, FileTime.from(Instant.ofEpochSecond(1_500_000_000)));
            }
        }
    }

    @Test
    void whenAligned() throws IOException {
        String before = TreeHash.of(raw);
        align("aligned");
        align("aligned");
        assertThat(TreeHash.of(raw)).isEqualTo(before);
    }

    /** A face in the folder for the results is a link to a photograph, of either kind. */
    @Test
    void whenAFaceLeadsToThem() throws IOException {
        align("aligned");
        Path face = folder.resolve("aligned/drawn-002/000.png");
        Files.delete(face);
        Files.createSymbolicLink(face, raw.resolve("drawn-002/000.png"));
        Path hard = folder.resolve("aligned/drawn-003/000.png");
        Files.delete(hard);
        Files.createLink(hard, raw.resolve("drawn-003/000.png"));
        String before = TreeHash.of(raw);
        align("aligned");
        assertThat(TreeHash.of(raw)).isEqualTo(before);
    }

    /** A person's folder in the folder for the results is a link to that of the photographs. */
    @Test
    void whenAPersonsFolderLeadsToThem() throws IOException {
        align("aligned");
        Path person = folder.resolve("aligned/drawn-001");
        deleteAll(person);
        Files.createSymbolicLink(person, raw.resolve("drawn-001"));
        String before = TreeHash.of(raw);
        Outcome outcome = Outcome.run(
                AlignDirectory::new,
                "--raw",
                raw.toString(),
                "--out",
                folder.resolve("aligned").toString());
        assertThat(outcome.code()).isEqualTo(1);
        assertThat(outcome.err()).singleElement().satisfies(line -> assertThat(line)
                .contains("drawn-001"));
        assertThat(TreeHash.of(raw)).isEqualTo(before);
    }

    @Test
    void whenPrunedAndSplit() throws IOException {
        String before = TreeHash.of(raw);
        FaceDataset kept =
                DatasetPruner.minimumImages(3).prune(FaceDataset.index(raw)).kept();
        DatasetSplitter.builder()
                .validationFraction(0.3)
                .build()
                .split(FaceDataset.of(kept.faces().stream()
                        .filter(photograph -> photograph.identity().startsWith("drawn"))
                        .toList()))
                .writeTo(folder.resolve("split"));
        assertThat(TreeHash.of(raw)).isEqualTo(before);
    }

    @Test
    void whenTrainedOnAndCompared() throws IOException {
        String before = TreeHash.of(raw);
        Path work = folder.resolve("work");
        Outcome trained = Outcome.run(
                TrainFaces::new,
                "--data",
                raw.toString(),
                "--work",
                work.toString(),
                "--epochs",
                "1",
                "--batches-per-epoch",
                "1",
                "--identities-per-batch",
                "2",
                "--images-per-identity",
                "2");
        assertThat(trained.err()).isEmpty();
        assertThat(trained.code()).isZero();
        String photograph = raw.resolve("drawn-001/000.png").toString();
        assertThat(Outcome.run(
                                ComparePhotos::new,
                                photograph,
                                photograph,
                                "--model",
                                work.resolve("model.nn4").toString())
                        .last(1))
                .isEqualTo("same person");
        assertThat(Outcome.run(
                                LandmarkMean::new,
                                "--raw",
                                raw.toString(),
                                "--out",
                                folder.resolve("landmarks").toString())
                        .code())
                .isZero();
        assertThat(TreeHash.of(raw)).isEqualTo(before);
    }

    private void align(String out) {
        Outcome outcome = Outcome.run(
                AlignDirectory::new,
                "--raw",
                raw.toString(),
                "--out",
                folder.resolve(out).toString());
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.last(1)).startsWith("aligned: ");
    }

    private static void deleteAll(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
