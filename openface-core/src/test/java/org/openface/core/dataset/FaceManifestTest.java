package org.openface.core.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.FaceManifest.Update;
import org.openface.core.internal.image.Png;

class FaceManifestTest {
    private static final Instant LONG_AGO = Instant.parse("2020-01-01T00:00:00Z");

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path temp;

    @SuppressWarnings("NullAway.Init")
    private Path faces;

    @SuppressWarnings("NullAway.Init")
    private Path file;

    private int clock;

    @BeforeEach
    void makeFaces() throws IOException {
        faces = Files.createDirectory(temp.resolve("faces"));
        file = temp.resolve("work").resolve(FaceManifest.FILE_NAME);
        Folders.named(faces, 2, 3, 1);
        age();
    }

    /** Gives everything a time of its own, long ago, if its time is of now. */
    private void age() throws IOException {
        try (Stream<Path> all = Files.walk(faces)) {
            for (Path path : all.toList()) {
                if (Files.getLastModifiedTime(path).toInstant().isAfter(LONG_AGO.plusSeconds(1_000_000))) {
                    Files.setLastModifiedTime(path, FileTime.from(LONG_AGO.plusSeconds(clock++)));
                }
            }
        }
    }

    private Update update() throws IOException {
        return FaceManifest.of(faces).at(file).update();
    }

    private void assertLikeTheFolder(FaceDataset dataset) throws IOException {
        FaceDataset plain = FaceDataset.index(faces);
        assertThat(dataset.faces()).isEqualTo(plain.faces());
        assertThat(dataset.identities()).isEqualTo(plain.identities());
        assertThat(dataset.fingerprint()).isEqualTo(plain.fingerprint());
    }

    @Test
    void aSecondStartReadsNothing() throws IOException {
        Update first = update();
        assertThat(first.read()).isEqualTo(6);
        assertLikeTheFolder(first.dataset());
        byte[] written = Files.readAllBytes(file);
        FileTime time = Files.getLastModifiedTime(file);
        Update second = update();
        assertThat(second.read()).isZero();
        assertLikeTheFolder(second.dataset());
        assertThat(Files.readAllBytes(file)).isEqualTo(written);
        assertThat(Files.getLastModifiedTime(file)).isEqualTo(time);
        assertThat(second.summary()).isEqualTo("6 images of 3 people, 0 read, 0 gone");
    }

    @Test
    void onlyWhatHasChangedIsRead() throws IOException {
        update();
        Path image = faces.resolve("p1").resolve("1.png");
        Files.write(image, new byte[] {7, 7, 7});
        age();
        Update update = update();
        assertThat(update.read()).isEqualTo(1);
        assertLikeTheFolder(update.dataset());
        assertThat(update().read()).isZero();
    }

    @Test
    void sizeAndTimeOfTheIndexAreThoseOfNow() throws IOException {
        // written and looked at within one tick of the clock: the next scan must not trust the time
        Path image = faces.resolve("p0").resolve("0.png");
        Files.write(image, new byte[] {1, 1});
        FileTime now = Files.getLastModifiedTime(image);
        update();
        Files.write(image, new byte[] {2, 2});
        Files.setLastModifiedTime(image, now);
        Update update = update();
        assertThat(update.read()).isEqualTo(1);
        assertLikeTheFolder(update.dataset());
    }

    @Test
    void verifyFindsWhatKeepsSizeAndTime() throws IOException {
        update();
        Path image = faces.resolve("p2").resolve("0.png");
        FileTime time = Files.getLastModifiedTime(image);
        byte[] bytes = Files.readAllBytes(image);
        bytes[0] ^= 1;
        Files.write(image, bytes);
        Files.setLastModifiedTime(image, time);
        assertThat(update().read()).isZero();
        Update verified = FaceManifest.of(faces).at(file).verify();
        assertThat(verified.differing()).containsExactly(image);
        assertThat(verified.read()).isEqualTo(6);
        assertThat(verified.summary()).contains("1 changed without a trace").contains(image.toString());
        assertLikeTheFolder(verified.dataset());
        assertThat(FaceManifest.of(faces).at(file).verify().differing()).isEmpty();
    }

    @Test
    void isLikeTheFolderWhateverHappensToIt() throws IOException {
        Random random = new Random(3);
        update();
        for (int step = 0; step < 150; step++) {
            int changes = random.nextInt(3);
            for (int i = 0; i < changes; i++) {
                change(random);
            }
            if (random.nextBoolean()) {
                age();
            }
            if (Files.exists(faces.resolve("p0").resolve("0.png"))) {
                assertLikeTheFolder(update().dataset());
            }
        }
    }

    private void change(Random random) throws IOException {
        Path person = faces.resolve("p" + random.nextInt(6));
        Path image = person.resolve(random.nextInt(4) + (random.nextInt(5) == 0 ? ".heic" : ".png"));
        switch (random.nextInt(5)) {
            case 0, 1 -> {
                Files.createDirectories(person);
                Files.write(image, new byte[] {(byte) random.nextInt(), (byte) random.nextInt()});
            }
            case 2 -> Files.deleteIfExists(image);
            case 3 -> {
                Path other = faces.resolve("p" + random.nextInt(6));
                if (Files.exists(person) && !Files.exists(other)) {
                    Files.move(person, other);
                }
            }
            default -> {
                if (Files.exists(image)) {
                    Files.move(image, image.resolveSibling("9.png"), StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
    }

    @Test
    void countsWhatIsGone() throws IOException {
        update();
        Files.delete(faces.resolve("p1").resolve("0.png"));
        Files.delete(faces.resolve("p2").resolve("0.png"));
        Files.delete(faces.resolve("p2"));
        Update update = update();
        assertThat(update.gone()).isEqualTo(2);
        assertLikeTheFolder(update.dataset());
    }

    @Test
    void aDamagedManifestIsMadeAnew() throws IOException {
        update();
        byte[] whole = Files.readAllBytes(file);
        Random random = new Random(5);
        for (int i = 0; i < 60; i++) {
            byte[] damaged = i % 2 == 0 ? whole.clone() : Arrays.copyOf(whole, random.nextInt(whole.length));
            if (i % 2 == 0) {
                damaged[random.nextInt(damaged.length)] ^= (byte) (1 << random.nextInt(8));
            }
            Files.write(file, damaged);
            Update update = update();
            assertThat(update.madeAnew()).isPresent();
            assertThat(update.read()).isEqualTo(6);
        }
        assertThat(Files.readAllBytes(file)).isEqualTo(whole);
        assertThat(update().madeAnew()).isEmpty();
    }

    @Test
    void knowsWhatAnAlignerHasNoted() throws IOException {
        byte[] pixels = new byte[3 * 4 * 4];
        Files.write(
                faces.resolve("p0").resolve("0.png"), Png.encode(4, 4, pixels, "faces=2\nbox=1.00 2.00 81.50 90.00\n"));
        Update update = update();
        assertThat(update.quality(0)).contains(new FaceQuality(81, 2));
        assertThat(update.quality(1)).isEmpty();
        age();
        update();
        assertThat(update().quality(0)).contains(new FaceQuality(81, 2));
    }

    @Test
    void whatCannotBeReadIsReportedAndTriedAgain() throws IOException {
        Path image = faces.resolve("p1").resolve("1.png");
        Files.setPosixFilePermissions(image, Set.of());
        assumeFalse(Files.isReadable(image), "this user may read everything");
        assertThat(update().unreadable()).containsExactly(image);
        Files.setPosixFilePermissions(image, PosixFilePermissions.fromString("rw-------"));
        assertThat(update().read()).isEqualTo(1);
    }

    @Test
    void nothingIsWrittenAmongTheFaces() {
        for (Path place :
                List.of(faces.resolve("faces.manifest"), faces.resolve("p0").resolve("m"))) {
            assertThatIOException()
                    .isThrownBy(() -> FaceManifest.of(faces).at(place).update())
                    .withMessageContaining("beside that folder");
        }
    }

    @Test
    void nothingOfItsWorkIsLeftBehind() throws IOException {
        update();
        try (Stream<Path> left = Files.list(temp.resolve("work"))) {
            assertThat(left).containsExactly(file);
        }
    }
}
