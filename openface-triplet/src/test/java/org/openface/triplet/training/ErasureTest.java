package org.openface.triplet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.DatasetListing;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.dataset.FaceManifest;
import org.openface.core.dataset.FacePack;
import org.openface.triplet.internal.checkpoint.WorkLock;

class ErasureTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path temp;

    @SuppressWarnings("NullAway.Init")
    private Path faces;

    @SuppressWarnings("NullAway.Init")
    private Path work;

    @BeforeEach
    void makeEverything() throws IOException {
        faces = temp.resolve("faces");
        work = Files.createDirectory(temp.resolve("work"));
        for (String person : Set.of("Ann", "Bob", "Cat")) {
            Files.createDirectories(faces.resolve(person));
            for (int i = 0; i < 3; i++) {
                Files.writeString(
                        faces.resolve(person).resolve(i + ".ppm"), "P3 1 1 255 1 " + i + " " + person.length());
            }
        }
        Files.writeString(faces.resolve("Bob").resolve("notes.txt"), "not an image");
        Files.writeString(
                faces.resolve("alignment.csv"),
                "photograph,result\nAnn/0.jpg,ok\nBob/0.jpg,ok\n\"Bob/1, x.jpg\",ok\nBobby/1.jpg,ok\n");
        FaceDataset dataset = FaceDataset.index(faces, temp.resolve("faces.manifest"));
        FacePack.of(dataset).writeTo(temp.resolve("pack"));
        DatasetListing listing = DatasetListing.of(dataset);
        try (OutputStream out = Files.newOutputStream(work.resolve(TrainingSet.FILE))) {
            listing.write(out);
        }
        Files.writeString(work.resolve("label-noise.tsv"), "share\tlabelled\n0.9\tBob\n0.8\tAnn\n");
        Files.writeString(work.resolve("memory-0001.bin"), "embeddings");
        Files.copy(temp.resolve("faces.manifest"), work.resolve("faces.manifest"));
        Files.writeString(work.resolve("checkpoint-0001.properties"), "state");
        model(work.resolve("model-0001.nn4"), listing.fingerprint());
        model(work.resolve("other.nn4"), "0".repeat(64));
    }

    private static void model(Path file, String fingerprint) throws IOException {
        byte[] head =
                ("{\"__metadata__\":{\"trainingSet\":\"" + fingerprint + "\"}}").getBytes(StandardCharsets.US_ASCII);
        byte[] begin = ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(head.length)
                .array();
        Files.write(file, begin);
        Files.write(file, head, StandardOpenOption.APPEND);
    }

    private Erasure.Builder everywhere(String... people) {
        return Erasure.of(people)
                .faces(faces)
                .manifest(faces, temp.resolve("faces.manifest"))
                .pack(temp.resolve("pack"))
                .work(work);
    }

    private Set<String> names() throws IOException {
        Set<String> names = new TreeSet<>();
        try (Stream<Path> all = Files.walk(temp)) {
            for (Path file : all.filter(Files::isRegularFile).toList()) {
                names.add(temp.relativize(file) + " " + Files.size(file));
            }
        }
        return names;
    }

    @Test
    void aPlanRemovesNothing() throws IOException {
        Set<String> before = names();
        Erasure erasure = everywhere("Bob").plan();
        assertThat(erasure.removals()).hasSize(9);
        assertThat(erasure.models()).containsExactly(work.resolve("model-0001.nn4"));
        assertThat(erasure.summary())
                .contains(
                        "3 images",
                        "2 rows",
                        "1 row",
                        "what the training remembers of faces",
                        "has seen them, and stays: ");
        assertThat(names()).isEqualTo(before);
    }

    @Test
    void nothingOfThemIsLeftButWhatModelsHaveLearnt() throws IOException {
        Erasure erasure = everywhere("Bob").plan();
        erasure.apply();
        assertThat(FaceDataset.index(faces).identities()).containsExactly("Ann", "Cat");
        assertThat(faces.resolve("Bob").resolve("notes.txt")).exists();
        assertThat(faces.resolve("alignment.csv")).hasContent("photograph,result\nAnn/0.jpg,ok\nBobby/1.jpg,ok");
        assertThat(FacePack.open(temp.resolve("pack")).identities()).containsExactly("Ann", "Cat");
        assertThat(work.resolve("label-noise.tsv")).hasContent("share\tlabelled\n0.8\tAnn");
        assertThat(work.resolve("memory-0001.bin")).doesNotExist();
        assertThat(work.resolve("faces.manifest")).doesNotExist();
        assertThat(work.resolve("checkpoint-0001.properties")).doesNotExist();
        assertThat(work.resolve(TrainingSet.FILE)).doesNotExist();
        assertThat(work.resolve("model-0001.nn4")).exists();
        FaceManifest.Update update =
                FaceManifest.of(faces).at(temp.resolve("faces.manifest")).update();
        assertThat(update.gone()).isZero();
        for (Path file : Stream.of("faces.manifest", "pack/faces.index")
                .map(temp::resolve)
                .toList()) {
            assertThat(new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1))
                    .doesNotContain("Bob");
        }
        erasure.apply(); // as after a kill: all of it is gone already
        assertThat(everywhere("Bob").plan().removals()).hasSize(1).allMatch(one -> one.place()
                .endsWith("faces.manifest"));
    }

    @Test
    void aRunThatGoesOnIsNotDisturbed() throws IOException {
        Erasure erasure = everywhere("Bob").plan();
        try (WorkLock lock = WorkLock.take(work)) {
            assertThat(lock).isNotNull();
            assertThatIOException().isThrownBy(erasure::apply).withMessageContaining("in use");
        }
        assertThat(FaceDataset.index(faces).identities()).contains("Bob");
    }

    @Test
    void othersAreLeftAlone() throws IOException {
        assertThat(everywhere("Dan").plan().removals()).hasSize(1);
        assertThat(Erasure.of("Dan").faces(faces).work(work).plan().summary())
                .isEqualTo("nothing of these people is there");
    }
}
