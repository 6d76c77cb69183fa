package org.openface.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.drawn.DrawnFaces;

@Tag("native")
class AlignDirectoryTest {
    @TempDir
    Path folder;

    private Outcome align(String... more) {
        String[] arguments = {
            "--raw",
            folder.resolve("raw").toString(),
            "--out",
            folder.resolve("out").toString()
        };
        return Outcome.run(
                AlignDirectory::new,
                Stream.of(arguments, more).flatMap(Stream::of).toArray(String[]::new));
    }

    @Test
    void endsWithTheFiguresAndGoesOnWhereItWas() throws IOException {
        DrawnFaces.of(3).writeTo(folder.resolve("raw"), 3, 2);
        Files.writeString(folder.resolve("raw/nobody.txt"), "not a person");
        Outcome first = align("--threads", "2");
        assertThat(first.err()).isEmpty();
        assertThat(first.code()).isZero();
        assertThat(first.last(1)).matches("aligned: [1-6] of 6, images/s \\d+\\.\\d");
        assertThat(first.out())
                .anyMatch(line -> line.matches("time: verify .*detect \\d+\\.\\d %.*"))
                .anyMatch(line -> line.endsWith("alignment.csv"));

        FaceDataset faces = FaceDataset.index(folder.resolve("out"));
        assertThat(first.last(1)).startsWith("aligned: " + faces.size() + " of 6");
        assertThat(faces.alignmentProfile())
                .hasValueSatisfying(profile -> assertThat(profile.size()).isEqualTo(96));
        assertThat(align().last(1)).startsWith("aligned: " + faces.size() + " of 6");
    }

    @Test
    void whatIsWrongIsSaidInOneLine() throws IOException {
        DrawnFaces.of(3).writeTo(folder.resolve("raw"), 2, 1);
        assertThat(align("--landmark-set", "OUTER_EYES_AND_NOSE").err())
                .singleElement()
                .satisfies(line -> assertThat(line).startsWith("error: ").contains("dlibLandmarks"));
        assertThat(align("--dlib-landmarks", folder.resolve("absent.dat").toString())
                        .err())
                .singleElement()
                .satisfies(line -> assertThat(line).startsWith("error: ").contains("absent.dat"));
        align();
        assertThat(align("--size", "64").err())
                .singleElement()
                .satisfies(line -> assertThat(line).startsWith("error: ").contains("size is 64 instead of 96"));
        Outcome mean = Outcome.run(
                LandmarkMean::new,
                "--raw",
                folder.resolve("raw").toString(),
                "--out",
                folder.resolve("mean").toString());
        assertThat(mean.last(1)).matches("landmarks: 2 of each of [12] faces");
        assertThat(folder.resolve("mean/mean.png")).isNotEmptyFile();
    }
}
