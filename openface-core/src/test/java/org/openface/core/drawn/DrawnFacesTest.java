package org.openface.core.drawn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.image.RgbImage;
import org.openface.core.internal.AddressedRandom;

class DrawnFacesTest {
    private final DrawnFaces faces = DrawnFaces.of(7);

    private final Path directory;

    DrawnFacesTest(@TempDir Path directory) {
        this.directory = directory;
    }

    @Test
    void aPictureDependsOnSeedIdentityImageAndSizeOnly() {
        RgbImage first = faces.draw(3, 5);
        faces.draw(4, 0);
        assertThat(DrawnFaces.of(7).draw(3, 5)).isEqualTo(first);
        assertThat(faces.draw(3, 6)).isNotEqualTo(first);
        assertThat(faces.draw(4, 5)).isNotEqualTo(first);
        assertThat(DrawnFaces.of(8).draw(3, 5)).isNotEqualTo(first);
        assertThat(faces.draw(3, 5, 96)).hasToString("RgbImage 96 x 96");
    }

    @Test
    void withoutVarietyAllPeopleWithTheSameStyleOfHairLookAlikeInShape() {
        DrawnPerson one = new DrawnPerson(AddressedRandom.at(1), 0);
        DrawnPerson other = new DrawnPerson(AddressedRandom.at(2), 0);
        assertThat(one.width).isEqualTo(other.width);
        assertThat(one.skin).isEqualTo(other.skin);
        assertThat(new DrawnPerson(AddressedRandom.at(1), 1).width)
                .isNotEqualTo(new DrawnPerson(AddressedRandom.at(2), 1).width);
    }

    @Test
    void withoutDisturbanceImagesOfAPersonDifferByBackgroundAndNoiseOnly() {
        DrawnFaces still = DrawnFaces.of(7, new DrawnFaces.Difficulty(1, 0));
        RgbImage one = still.draw(0, 0);
        RgbImage other = still.draw(0, 1);
        assertThat(meanDifferenceInTheMiddle(one, other)).isLessThan(5);
        assertThat(meanDifferenceInTheMiddle(faces.draw(0, 0), faces.draw(0, 1)))
                .isGreaterThan(10);
    }

    private static double meanDifferenceInTheMiddle(RgbImage one, RgbImage other) {
        double sum = 0;
        int from = one.width() * 2 / 5;
        int to = one.width() * 3 / 5;
        for (int y = from; y < to; y++) {
            for (int x = from; x < to; x++) {
                sum += Math.abs(one.green(x, y) - other.green(x, y));
            }
        }
        return sum / ((to - from) * (to - from));
    }

    @Test
    void writesAFolderPerPersonAndSaysThatTheFacesAreDrawn() throws IOException {
        faces.writeTo(directory, 2, 3);
        assertThat(files())
                .containsExactly(
                        "about-these-drawings.txt",
                        "drawn-000/000.png",
                        "drawn-000/001.png",
                        "drawn-000/002.png",
                        "drawn-001/000.png",
                        "drawn-001/001.png",
                        "drawn-001/002.png");
        assertThat(directory.resolve("about-these-drawings.txt"))
                .content()
                .contains("drawings")
                .contains("seed 7");
        BufferedImage read = ImageIO.read(directory.resolve("drawn-001/002.png").toFile());
        RgbImage drawn = faces.draw(1, 2);
        assertThat(read.getRGB(80, 90) & 0xffffff)
                .isEqualTo(drawn.red(80, 90) << 16 | drawn.green(80, 90) << 8 | drawn.blue(80, 90));
    }

    @Test
    void writesWhatIsMissingAndLeavesTheRestAlone() throws IOException {
        faces.writeTo(directory, 1, 2);
        Path kept = directory.resolve("drawn-000/000.png");
        Path lost = directory.resolve("drawn-000/001.png");
        byte[] before = Files.readAllBytes(lost);
        Files.setLastModifiedTime(kept, FileTime.fromMillis(0));
        Files.delete(lost);
        faces.writeTo(directory, 1, 2);
        assertThat(Files.getLastModifiedTime(kept)).isEqualTo(FileTime.fromMillis(0));
        assertThat(lost).hasBinaryContent(before);
    }

    @Test
    void refusesAFolderWithDrawingsOfAnotherSeed() throws IOException {
        faces.writeTo(directory, 1, 1);
        assertThatThrownBy(() -> DrawnFaces.of(8).writeTo(directory, 1, 2))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("another seed than 8");
        assertThat(files()).hasSize(2);
    }

    @Test
    void refusesNegativeNumbersAndTinyPictures() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> faces.draw(-1, 0))
                .withMessage("identity (-1) must not be negative");
        assertThatIllegalArgumentException().isThrownBy(() -> faces.draw(0, -1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> faces.draw(0, 0, 31))
                .withMessageContaining("31");
        assertThatIllegalArgumentException().isThrownBy(() -> faces.writeTo(directory, 0, 1));
    }

    private List<String> files() throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            return all.filter(Files::isRegularFile)
                    .map(f -> directory.relativize(f).toString().replace('\\', '/'))
                    .sorted()
                    .toList();
        }
    }

    @Test
    void whatItWritesIsForItsOwner() throws IOException {
        assumeTrue(directory.getFileSystem().supportedFileAttributeViews().contains("posix"));
        Path out = directory.resolve("parent").resolve("out");
        faces.writeTo(out, 1, 1);
        try (Stream<Path> made = Files.walk(directory.resolve("parent"))) {
            for (Path path : made.toList()) {
                assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
                        .as(path.toString())
                        .isEqualTo(Files.isDirectory(path) ? "rwx------" : "rw-------");
            }
        }
    }
}
