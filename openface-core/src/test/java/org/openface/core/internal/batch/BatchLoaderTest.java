package org.openface.core.internal.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.dataset.Folders;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.FaceBatch.Role;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

@SuppressWarnings("NullAway.Init") // JUnit sets the fields
class BatchLoaderTest {
    private static final int SIDE = 8;

    @TempDir
    Path folder;

    private BatchPlan sampler;

    @BeforeEach
    void draw() throws IOException {
        Folders.drawn(folder, SIDE, 2, 5, 3, 1, 4);
        sampler = BatchPlan.builder(FaceDataset.index(folder))
                .identitiesPerBatch(3)
                .imagesPerIdentity(3)
                .extraNegatives(2)
                .build();
    }

    private BatchLoader.Builder loader() {
        return BatchLoader.builder(sampler).imageSize(SIDE);
    }

    /** What a batch must be, put together the simple way. */
    private FaceBatch expected(int epoch, int batch, int side) throws IOException {
        BatchSample sample = sampler.sample(epoch, batch);
        float[] pixels = new float[3 * side * side * sample.size()];
        int[] identities = new int[sample.size()];
        Role[] roles = new Role[sample.size()];
        for (int i = 0; i < sample.size(); i++) {
            BatchSample.Entry entry = sample.entries().get(i);
            RgbImage image = ImageFiles.read(entry.face().file()).resized(side, side);
            for (int y = 0; y < side; y++) {
                for (int x = 0; x < side; x++) {
                    int column = entry.flipped() ? side - 1 - x : x;
                    int at = 3 * (i * side * side + y * side + x);
                    pixels[at] = image.red(column, y) / 255f;
                    pixels[at + 1] = image.green(column, y) / 255f;
                    pixels[at + 2] = image.blue(column, y) / 255f;
                }
            }
            identities[i] = entry.identity();
            roles[i] = entry.role();
        }
        return new FaceBatch(side, pixels, identities, List.of(roles));
    }

    private static void assertSame(FaceBatch actual, FaceBatch expected) {
        assertThat(actual.imageSize()).isEqualTo(expected.imageSize());
        assertThat(actual.identities()).isEqualTo(expected.identities());
        assertThat(actual.roles()).isEqualTo(expected.roles());
        assertThat(Arrays.equals(actual.pixels(), expected.pixels()))
                .as("pixels")
                .isTrue();
    }

    @Test
    void loadsWhatTheSamplerChooses() throws IOException {
        try (BatchLoader loader = loader().build()) {
            for (int batch = 0; batch < 6; batch++) {
                assertSame(loader.load(3, batch), expected(3, batch, SIDE));
            }
            assertThat(loader.waitedNanos()).isPositive();
        }
    }

    @Test
    void isTheSameForAnyThreadsLookAheadCacheAndOrder() throws IOException {
        int[][] order = {{0, 0}, {0, 1}, {0, 2}, {1, 0}, {0, 1}, {5, 2}, {1, 0}, {1, 0}, {1, 1}, {0, 0}, {7, 0}};
        for (int threads : new int[] {1, 2, 7}) {
            for (int lookAhead : new int[] {0, 1, 5}) {
                for (long cache : new long[] {0, 5 * 3 * SIDE * SIDE, 1 << 20}) {
                    try (BatchLoader loader = loader().threads(threads)
                            .lookAhead(lookAhead)
                            .batchesPerEpoch(3)
                            .cacheBytes(cache)
                            .build()) {
                        for (int[] at : order) {
                            assertSame(loader.load(at[0], at[1]), expected(at[0], at[1], SIDE));
                        }
                    }
                }
            }
        }
    }

    @Test
    void scalesToTheSizeOfTheNetwork() throws IOException {
        try (BatchLoader loader = loader().imageSize(5).build()) {
            assertSame(loader.load(0, 0), expected(0, 0, 5));
        }
    }

    @Test
    void preparesTheFollowingBatches() throws Exception {
        try (BatchLoader loader = loader().lookAhead(2).batchesPerEpoch(2).build()) {
            loader.load(0, 0); // also starts (0, 1) and (1, 0)
            FaceBatch next = expected(0, 1, SIDE);
            FaceBatch afterThat = expected(1, 0, SIDE);
            loader.awaitLookAhead();
            for (Face face : sampler.dataset().faces()) {
                Files.delete(face.file());
            }
            assertSame(loader.load(0, 1), next);
            assertSame(loader.load(1, 0), afterThat);
        }
    }

    @Test
    void readsEachFileOnceWhileTheyFitTheCache() throws IOException {
        try (BatchLoader loader = loader().lookAhead(0).build()) {
            FaceBatch before = loader.load(0, 0);
            for (BatchSample.Entry entry : sampler.sample(0, 0).entries()) {
                Files.delete(entry.face().file());
            }
            assertSame(loader.load(0, 0), before);
        }
        try (BatchLoader loader = loader().cacheBytes(0).build()) {
            assertThatIOException().isThrownBy(() -> loader.load(0, 0));
        }
    }

    @Test
    void anImageThatCannotBeReadIsNamedAndTheOthersStillLoad() throws IOException {
        Path broken = sampler.sample(0, 1).entries().get(1).face().file();
        byte[] good = Files.readAllBytes(broken);
        Files.writeString(broken, "not a picture");
        int clean = 2;
        while (sampler.sample(0, clean).entries().stream()
                .anyMatch(entry -> entry.face().file().equals(broken))) {
            clean++;
        }
        try (BatchLoader loader = loader().lookAhead(3).build()) {
            assertThatIOException()
                    .isThrownBy(() -> loader.load(0, 1))
                    .withMessageContaining(broken.toString())
                    .withMessageContaining("not an image");
            assertSame(loader.load(0, clean), expected(0, clean, SIDE));
            Files.write(broken, good);
            assertSame(loader.load(0, 1), expected(0, 1, SIDE));
        }
    }

    @Test
    void howeverManyImagesVanishTheOthersMakeUpTheBatch() throws IOException {
        List<BatchSample.Entry> entries = sampler.sample(0, 0).entries();
        FaceBatch whole = expected(0, 0, SIDE);
        for (int left = entries.size() - 1; left >= 1; left--) {
            Files.delete(entries.get(left).face().file());
            List<Face> skipped = new ArrayList<>();
            try (BatchLoader loader = loader().lookAhead(0).cacheBytes(0).build()) {
                BatchLoader.Loaded loaded = loader.loadReadable(0, 0, (face, reason) -> {
                    assertThat(reason).contains(face.file().toString()).contains("no such file");
                    skipped.add(face);
                });
                assertThat(loaded.faces())
                        .isEqualTo(entries.subList(0, left).stream()
                                .map(BatchSample.Entry::face)
                                .toList());
                assertThat(skipped)
                        .isEqualTo(entries.subList(left, entries.size()).stream()
                                .map(BatchSample.Entry::face)
                                .toList());
                int floats = 3 * SIDE * SIDE * left;
                assertThat(Arrays.equals(loaded.batch().pixels(), Arrays.copyOf(whole.pixels(), floats)))
                        .isTrue();
                assertThat(loaded.batch().identities()).isEqualTo(Arrays.copyOf(whole.identities(), left));
            }
        }
        Files.delete(entries.get(0).face().file());
        try (BatchLoader loader = loader().lookAhead(0).cacheBytes(0).build()) {
            assertThatIOException()
                    .isThrownBy(() -> loader.loadReadable(0, 0, (face, reason) -> {}))
                    .withMessageContaining("more than half of the images of a batch cannot be read")
                    .withMessageContaining("is the disk still there?");
        }
    }

    @Test
    void aDiskThatFailsEndsTheLoading() throws IOException {
        List<BatchSample.Entry> entries = sampler.sample(0, 0).entries();
        for (int i = 0; i <= entries.size() / 2; i++) {
            Path file = entries.get(i).face().file();
            try (BatchLoader loader = loader().lookAhead(0).cacheBytes(0).build()) {
                assertThat(loader.loadReadable(0, 0, (face, reason) -> {}).faces())
                        .hasSize(entries.size() - i);
            }
            Files.delete(file);
            Files.createDirectory(file); // cannot be read, and is there
        }
        try (BatchLoader loader = loader().lookAhead(0).cacheBytes(0).build()) {
            assertThatIOException()
                    .isThrownBy(() -> loader.loadReadable(0, 0, (face, reason) -> {}))
                    .withMessageContaining("more than half of the images of a batch cannot be read");
        }
    }

    @Test
    void closedMeansClosed() {
        BatchLoader loader = loader().build();
        loader.close();
        loader.close();
        assertThatIllegalStateException().isThrownBy(() -> loader.load(0, 0)).withMessageContaining("closed");
    }

    @Test
    void endsItsThreads() throws Exception {
        String name = "openface-loader-";
        try (BatchLoader loader = loader().threads(3).build()) {
            loader.load(0, 0);
            assertThat(Thread.getAllStackTraces().keySet())
                    .anyMatch(thread -> thread.getName().startsWith(name) && thread.isDaemon());
        }
        // A pool counts as terminated while its last thread still returns.
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().startsWith(name)) {
                thread.join(5000);
            }
        }
        assertThat(Thread.getAllStackTraces().keySet())
                .noneMatch(thread -> thread.getName().startsWith(name));
    }

    @Test
    void anInterruptEndsTheWaiting() throws IOException {
        try (BatchLoader loader = loader().build()) {
            Thread.currentThread().interrupt();
            assertThatIOException().isThrownBy(() -> loader.load(0, 0)).isInstanceOf(InterruptedIOException.class);
            assertThat(Thread.interrupted()).isTrue();
            assertSame(loader.load(0, 0), expected(0, 0, SIDE));
        }
    }

    @Test
    void settingsAreChecked() {
        assertThatIllegalArgumentException().isThrownBy(() -> loader().imageSize(0));
        assertThatIllegalArgumentException().isThrownBy(() -> loader().threads(0));
        assertThatIllegalArgumentException().isThrownBy(() -> loader().lookAhead(-1));
        assertThatIllegalArgumentException().isThrownBy(() -> loader().batchesPerEpoch(0));
        assertThatIllegalArgumentException().isThrownBy(() -> loader().cacheBytes(-1));
    }
}
