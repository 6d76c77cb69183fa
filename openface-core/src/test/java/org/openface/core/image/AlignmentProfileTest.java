package org.openface.core.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AlignmentProfileTest {
    @TempDir
    Path folder;

    private static final AlignmentProfile PROFILE =
            new AlignmentProfile("haar", "dlib-68 sha256:00ff", "OUTER_EYES_AND_NOSE", "openface", 96, "0.1.0");

    private static AlignmentProfile ofSize(int size) {
        return new AlignmentProfile("haar", "dlib-68 sha256:00ff", "OUTER_EYES_AND_NOSE", "openface", size, "0.2.0");
    }

    /** The text lies in folders and models: it must not change. */
    @Test
    void theTextIsStable() {
        assertThat(PROFILE.text())
                .isEqualTo(
                        """
                        detector=haar
                        landmarks=dlib-68 sha256:00ff
                        landmark-set=OUTER_EYES_AND_NOSE
                        template=openface
                        size=96
                        version=0.1.0
                        revision=1
                        """);
        assertThat(AlignmentProfile.parse(PROFILE.text())).isEqualTo(PROFILE);
    }

    @Test
    void theTextMayHoldMore() {
        assertThat(AlignmentProfile.parse("# by hand\r\n\r\n size = 96 \r\nborder=black\r\n"
                        + PROFILE.text().replace("size=96\n", "")))
                .isEqualTo(PROFILE);
    }

    /** Folders and models from before there were revisions are of revision 1; a method that has changed is told apart. */
    @Test
    void theRevisionCounts() {
        String later = PROFILE.text().replace("revision=1", "revision=2").replace("0.1.0", "0.2.0");
        AlignmentProfile second = AlignmentProfile.parse(later);
        assertThat(second.text()).isEqualTo(later);
        assertThat(second.withSize(96)).isEqualTo(second);
        assertThat(AlignmentProfile.parse(PROFILE.text().replace("revision=1\n", "")))
                .isEqualTo(PROFILE);
        assertThat(PROFILE.differences(second)).isEqualTo("revision is 2 (version 0.2.0) instead of 1 (version 0.1.0)");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PROFILE.requireCompatible(second))
                .withMessageContaining("revision is 2 (version 0.2.0) instead of 1 (version 0.1.0)");
    }

    @Test
    void aFolderOfAnotherRevisionIsRefused() throws IOException {
        Files.writeString(
                folder.resolve(AlignmentProfile.FILE_NAME), PROFILE.text().replace("revision=1\n", ""));
        PROFILE.claim(folder);
        AlignmentProfile second = AlignmentProfile.parse(
                PROFILE.text().replace("revision=1", "revision=2").replace("0.1.0", "0.2.0"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> second.claim(folder))
                .withMessageContaining("revision is 2 (version 0.2.0) instead of 1 (version 0.1.0)");
    }

    @Test
    void aDamagedTextIsRefused() {
        for (String bad : List.of(
                "",
                PROFILE.text().replace("size=96\n", ""),
                PROFILE.text().replace("size=96", "size=96px"),
                PROFILE.text().replace("size=96", "size=0"),
                PROFILE.text().replace("revision=1", "revision=0"),
                PROFILE.text().replace("revision=1", "revision=two"),
                PROFILE.text().replace("detector=haar", "detector="),
                PROFILE.text() + "detector=yunet\n",
                PROFILE.text() + "what is this\n")) {
            assertThatIllegalArgumentException().as(bad).isThrownBy(() -> AlignmentProfile.parse(bad));
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new AlignmentProfile("two\nlines", "a", "a", "a", 1, "1"))
                .withMessageContaining("detector");
        assertThatIllegalArgumentException().isThrownBy(() -> new AlignmentProfile("a", "a", "a", " a", 1, "1"));
    }

    @Test
    void allButTheVersionCounts() {
        AlignmentProfile other =
                new AlignmentProfile("yunet", "dlib-68 sha256:01", "INNER_EYES_AND_BOTTOM_LIP", "mine", 112, "0.1.0");
        assertThat(PROFILE.differences(other))
                .isEqualTo("detector is yunet instead of haar, landmarks is dlib-68 sha256:01 instead of dlib-68"
                        + " sha256:00ff, landmark-set is INNER_EYES_AND_BOTTOM_LIP instead of OUTER_EYES_AND_NOSE,"
                        + " template is mine instead of openface, size is 112 instead of 96");
        PROFILE.requireCompatible(ofSize(96));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PROFILE.requireCompatible(ofSize(112)))
                .withMessageContaining("size is 112 instead of 96;");
    }

    @Test
    void aFolderHasOneProfile() throws IOException {
        assertThat(AlignmentProfile.of(folder)).isEmpty();
        PROFILE.claim(folder);
        ofSize(96).claim(folder);
        assertThat(AlignmentProfile.of(folder)).contains(PROFILE);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ofSize(97).claim(folder))
                .withMessageContaining(folder.toString())
                .withMessageContaining("size is 97 instead of 96");
        assertThat(AlignmentProfile.of(folder)).contains(PROFILE);
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).containsExactly(folder.resolve(AlignmentProfile.FILE_NAME));
        }
    }

    @Test
    void aDamagedFileIsAnErrorWithItsName() throws IOException {
        Path file = folder.resolve(AlignmentProfile.FILE_NAME);
        for (byte[] bad : List.of(new byte[0], new byte[] {(byte) 0xff, (byte) 0xfe, 0}, new byte[100_000])) {
            Files.write(file, bad);
            assertThatExceptionOfType(IOException.class)
                    .isThrownBy(() -> AlignmentProfile.of(folder))
                    .withMessageContaining(file.toString());
            assertThatExceptionOfType(IOException.class).isThrownBy(() -> PROFILE.claim(folder));
        }
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> PROFILE.claim(folder.resolve("absent")))
                .withMessageContaining("does not exist");
    }

    @Test
    void ofSeveralAtOnceOneWins() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            for (int round = 0; round < 50; round++) {
                Path contested = Files.createDirectory(folder.resolve("" + round));
                CyclicBarrier start = new CyclicBarrier(4);
                List<Callable<Boolean>> tries = new ArrayList<>();
                for (int i = 0; i < 4; i++) {
                    AlignmentProfile mine = ofSize(96 + i);
                    tries.add(() -> {
                        start.await();
                        try {
                            mine.claim(contested);
                            return true;
                        } catch (IllegalArgumentException e) {
                            return false;
                        }
                    });
                }
                int winners = 0;
                for (Future<Boolean> result : threads.invokeAll(tries)) {
                    winners += result.get() ? 1 : 0;
                }
                assertThat(winners).isEqualTo(1);
            }
        } finally {
            threads.shutdown();
        }
    }
}
