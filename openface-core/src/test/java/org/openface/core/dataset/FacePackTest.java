package org.openface.core.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.openface.core.dataset.FacePack.Encoding;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.UnreadableImageException;

class FacePackTest {
    private static final int SIDE = 8;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path temp;

    @SuppressWarnings("NullAway.Init")
    private Path faces;

    @SuppressWarnings("NullAway.Init")
    private Path pack;

    @BeforeEach
    void drawFaces() throws IOException {
        faces = Files.createDirectory(temp.resolve("faces"));
        pack = temp.resolve("pack");
        Folders.drawn(faces, SIDE, 3, 1, 4, 2);
    }

    private static FacePack small(FaceDataset dataset) {
        return FacePack.of(dataset).shardBytes(700); // three faces each
    }

    private static void assertSame(FaceDataset packed, FaceDataset source) throws IOException {
        assertThat(packed.identities()).isEqualTo(source.identities());
        assertThat(packed.faces()).hasSameSizeAs(source.faces());
        for (int i = 0; i < source.size(); i++) {
            Face face = packed.faces().get(i);
            assertThat(face.fileName()).isEqualTo(source.faces().get(i).fileName());
            assertThat(face.identity()).isEqualTo(source.faces().get(i).identity());
            assertThat(face.read()).isEqualTo(source.faces().get(i).read());
        }
        assertThat(packed.fingerprint()).isEqualTo(source.fingerprint());
    }

    private Map<String, String> files() throws IOException {
        Map<String, String> files = new TreeMap<>();
        try (Stream<Path> all = Files.list(pack)) {
            for (Path file : all.toList()) {
                files.put(file.getFileName().toString(), Arrays.toString(Files.readAllBytes(file)));
            }
        }
        return files;
    }

    @ParameterizedTest
    @EnumSource
    void holdsWhatTheFolderHolds(Encoding encoding) throws IOException {
        FaceDataset dataset = FaceDataset.index(faces);
        FacePack.Result result = small(dataset).encoding(encoding).writeTo(pack);
        assertThat(result.summary()).isEqualTo("10 images: 10 added, 0 there already, 0 removed, 0 unreadable");
        assertSame(result.dataset(), dataset);
        assertSame(FacePack.open(pack), dataset);
        assertThat(FacePack.verify(pack)).isEmpty();
        assertThat(FacePack.isPack(pack)).isTrue();
        Map<String, String> before = files();
        assertThat(before).containsKey("faces-00000.pack").hasSizeGreaterThan(3);
        assertThat(small(dataset).encoding(encoding).writeTo(pack).kept()).isEqualTo(10);
        assertThat(files()).isEqualTo(before);
        byte[] first = FacePack.open(pack).faces().get(0).bytes();
        assertThat(new String(first, 0, 2, StandardCharsets.ISO_8859_1))
                .isEqualTo(encoding == Encoding.PIXELS ? "P6" : "\u0089P");
    }

    @Test
    void takesUpWhatIsNewAndLetsGoOfTheRest() throws IOException {
        Random random = new Random(1);
        FaceDataset dataset = FaceDataset.index(faces);
        Path manifest = temp.resolve("manifest");
        for (int step = 0; step < 25; step++) {
            dataset = random.nextBoolean() ? FaceDataset.index(faces) : FaceDataset.index(faces, manifest);
            if (random.nextInt(3) == 0) {
                dataset = dataset.without(Set.of("p" + random.nextInt(4)));
            }
            FacePack.Result result = small(dataset).writeTo(pack);
            assertSame(result.dataset(), dataset);
            assertThat(result.added() + result.kept()).isEqualTo(dataset.size());
            assertThat(FacePack.verify(pack)).isEmpty();
            assertThat(bytesInShards()).isEqualTo(dataset.size());
            Path image = faces.resolve("p" + random.nextInt(4)).resolve(random.nextInt(5) + ".png");
            if (random.nextBoolean()) {
                ImageFiles.writePng(Folders.picture(SIDE, step, random.nextInt(9)), image);
            } else if (dataset.size() > 4) {
                Files.deleteIfExists(image);
            }
        }
    }

    /** How many images the shards hold: none that the index does not name. */
    private int bytesInShards() throws IOException {
        int count = 0;
        try (Stream<Path> all = Files.list(pack)) {
            for (Path file : all.toList()) {
                if (PackShard.number(file).isPresent()) {
                    count += PackShard.entries(file).size();
                }
            }
        }
        return count;
    }

    @Test
    void aPersonCanBeTakenOutOfAPackThatIsItsOwnSource() throws IOException {
        FaceDataset dataset = FaceDataset.index(faces);
        small(dataset).writeTo(pack);
        FacePack.Result result =
                small(FacePack.open(pack).without(Set.of("p2"))).writeTo(pack);
        assertThat(result.removed()).isEqualTo(4);
        assertSame(FacePack.open(pack), dataset.without(Set.of("p2")));
        assertThat(bytesInShards()).isEqualTo(6);
    }

    @Test
    void aKilledRunIsGoneOnWith() throws IOException {
        FaceDataset dataset = FaceDataset.index(faces);
        small(dataset).writeTo(temp.resolve("whole"));
        // Two shards of a pack without an index are what a killed run leaves, besides its temporary files.
        Files.createDirectory(pack);
        for (int i = 0; i < 2; i++) {
            Files.copy(PackShard.file(temp.resolve("whole"), i), PackShard.file(pack, i));
        }
        FacePack.Result result = small(dataset).writeTo(pack);
        assertThat(result.added()).isLessThanOrEqualTo(6).isPositive();
        assertThat(result.kept()).isEqualTo(10 - result.added());
        assertSame(result.dataset(), dataset);
        assertThat(bytesInShards()).isEqualTo(10);
    }

    @Test
    void everyChangedBitIsNoticed() throws IOException {
        small(FaceDataset.index(faces)).writeTo(pack);
        FaceDataset dataset = FacePack.open(pack);
        Path shard = PackShard.file(pack, 0);
        byte[] whole = Files.readAllBytes(shard);
        for (int i = 20; i < 600; i += 37) {
            byte[] damaged = whole.clone();
            damaged[i] ^= 4;
            Files.write(shard, damaged);
            assertThat(FacePack.verify(pack)).hasSize(1).first().asString().contains("faces-00000.pack is damaged");
        }
        Files.write(shard, Arrays.copyOf(whole, 100));
        assertThat(FacePack.verify(pack)).isNotEmpty().last().asString().contains("cut short");
        Files.delete(shard);
        assertThatIOException().isThrownBy(() -> FacePack.open(pack)).withMessageContaining("is missing");
        FacePack.Result repaired = small(FaceDataset.index(faces)).writeTo(pack);
        assertSame(repaired.dataset(), FaceDataset.index(faces));
        assertThat(dataset.size()).isEqualTo(10);
        byte[] index = Files.readAllBytes(pack.resolve(FacePack.INDEX));
        index[index.length / 2] ^= 1;
        Files.write(pack.resolve(FacePack.INDEX), index);
        assertThatIOException().isThrownBy(() -> FacePack.open(pack)).withMessageContaining("its checksum is another");
    }

    @Test
    void anImageThatCannotBeDecodedFailsAsItsFileDoes() throws IOException {
        Path damaged = faces.resolve("p1").resolve("0.png");
        Files.write(damaged, Arrays.copyOf(Files.readAllBytes(damaged), 40));
        FacePack.Result result = small(FaceDataset.index(faces)).writeTo(pack);
        assertThat(result.unreadable()).isEmpty();
        assertThat(result.dataset().fingerprint())
                .isEqualTo(FaceDataset.index(faces).fingerprint());
        assertThatIOException()
                .isThrownBy(() -> FacePack.open(pack).faces(1).get(0).read())
                .isInstanceOf(UnreadableImageException.class);
    }

    @Test
    void anImageThatIsGoneIsReportedAndLeftOut() throws IOException {
        FaceDataset dataset = FaceDataset.index(faces);
        Files.delete(faces.resolve("p2").resolve("1.png"));
        FacePack.Result result = small(dataset).writeTo(pack);
        assertThat(result.unreadable()).hasSize(1).first().asString().contains("1.png");
        assertSame(result.dataset(), FaceDataset.index(faces));
    }

    @Test
    void foldersOfOtherThingsAndOtherRunsAreRefused() throws IOException {
        FacePack writing = small(FaceDataset.index(faces));
        assertThatIOException().isThrownBy(() -> writing.writeTo(faces)).withMessageContaining("is no pack: p");
        Files.createDirectory(pack);
        try (FileChannel file =
                        FileChannel.open(pack.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock lock = file.lock()) {
            assertThat(lock.isValid()).isTrue();
            assertThatIOException().isThrownBy(() -> writing.writeTo(pack)).withMessageContaining("another run");
        }
        assertThatIOException().isThrownBy(() -> FacePack.open(pack)).withMessageContaining("no pack of faces");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> FacePack.of(FaceDataset.index(pack.resolveSibling("faces")))
                        .shardBytes(0));
    }

    @Test
    void facesFromAnywhereCanBePacked() throws IOException {
        FaceDataset dataset = FaceDataset.index(faces);
        List<Face> imagined = dataset.faces().stream()
                .map(face -> Face.of(face.identity(), Path.of("elsewhere", face.fileName()), () -> {
                    try {
                        return Files.readAllBytes(face.file());
                    } catch (NoSuchFileException e) {
                        throw new UncheckedIOException(e);
                    }
                }))
                .toList();
        assertSame(small(FaceDataset.of(imagined)).writeTo(pack).dataset(), dataset);
    }
}
