package org.openface.core.internal;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
    @TempDir
    Path folder;

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    private void assumePosix() {
        assumeTrue(folder.getFileSystem().supportedFileAttributeViews().contains("posix"));
    }

    private static String mode(Path file) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    }

    private List<Path> all() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.toList();
        }
    }

    @Test
    void whatItDidNotMakeIsNeverDeleted() throws IOException {
        // Another container's process has our number too, and is writing at this moment: under an earlier version any
        // of
        // these names.
        List<Path> others = new ArrayList<>();
        for (int i = 1; i <= 400; i++) {
            others.add(Files.write(
                    folder.resolve("." + ProcessHandle.current().pid() + "-" + i + ".tmp"), bytes("theirs")));
        }
        Path file = folder.resolve("a.txt");
        for (int i = 0; i < 20; i++) {
            AtomicFile.write(bytes("ours " + i), file);
        }
        assertThat(file).hasContent("ours 19");
        for (Path other : others) {
            assertThat(other).hasContent("theirs");
        }
        assertThat(all()).hasSize(401);
    }

    @Test
    void temporaryNamesDoNotRepeat() throws IOException {
        Set<String> names = new HashSet<>();
        for (int i = 0; i < 100; i++) {
            AtomicFile.write(
                    folder.resolve("a"), out -> all().forEach(file -> names.add(String.valueOf(file.getFileName()))));
        }
        names.remove("a");
        assertThat(names).hasSize(100).allMatch(name -> name.startsWith(".") && name.endsWith(".tmp"));
        // A count could be the same in two containers; a random number has many digits.
        assertThat(names).anyMatch(name -> name.matches(".*-[0-9]{15,}\\.tmp"));
    }

    @Test
    void newFilesAreForTheirOwner() throws IOException {
        assumePosix();
        Path file = folder.resolve("a.txt");
        AtomicFile.write(bytes("a"), file);
        assertThat(mode(file)).isEqualTo("rw-------");
        AtomicFile.writeIfAbsent(bytes("b"), folder.resolve("b.txt"));
        assertThat(mode(folder.resolve("b.txt"))).isEqualTo("rw-------");
    }

    @Test
    void aReplacedFileKeepsItsPermissions() throws IOException {
        assumePosix();
        for (String permissions : List.of("rw-r--r--", "rw-rw----", "r--------")) {
            Path file = Files.write(folder.resolve(permissions), bytes("old"));
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(permissions));
            AtomicFile.write(bytes("new"), file);
            assertThat(file).hasContent("new");
            assertThat(mode(file)).isEqualTo(permissions);
        }
    }

    @Test
    void aWriteThatFailsLeavesTheOldFileAndNothingElse() throws IOException {
        Path file = Files.write(folder.resolve("a.txt"), bytes("old"));
        assertThatThrownBy(() -> AtomicFile.write(file, out -> {
                    out.write(new byte[1 << 20]);
                    throw new IOException("disk full");
                }))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("cannot write " + file)
                .hasMessageContaining("disk full");
        assertThatThrownBy(() -> AtomicFile.write(file, out -> {
                    throw new IllegalStateException("a defect");
                }))
                .isInstanceOf(IllegalStateException.class);
        assertThat(file).hasContent("old");
        assertThat(all()).containsExactly(file);
    }

    @Test
    void aMissingFolderIsNamed() {
        Path file = folder.resolve("missing/a.txt");
        assertThatThrownBy(() -> AtomicFile.write(bytes("a"), file))
                .isInstanceOf(IOException.class)
                .hasMessage("cannot write " + file + ": its folder does not exist");
    }

    @Test
    void aFileThatIsThereIsNotReplacedIfItMustBeAbsent() throws Exception {
        Path file = folder.resolve("a.txt");
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            List<Callable<Boolean>> writers = IntStream.range(0, 64)
                    .<Callable<Boolean>>mapToObj(i -> () -> AtomicFile.writeIfAbsent(bytes("writer " + i), file))
                    .toList();
            List<Future<Boolean>> written = threads.invokeAll(writers);
            List<Integer> winners = new ArrayList<>();
            for (int i = 0; i < written.size(); i++) {
                if (written.get(i).get()) {
                    winners.add(i);
                }
            }
            assertThat(winners).hasSize(1);
            assertThat(file).hasContent("writer " + winners.get(0));
            assertThat(all()).containsExactly(file);
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void whatAnotherContainerWritesIsNoLeftover() throws Exception {
        long dead = deadProcess();
        List<Path> files = new ArrayList<>();
        // of an earlier version, which says nothing of where it ran; of another container; of another computer
        for (String name :
                List.of("." + dead + "-1.tmp", ".0123456789abcdef-" + dead + "-77.tmp", ".0123456789abcdef-1-5.tmp")) {
            files.add(Files.createFile(folder.resolve(name)));
        }
        AtomicFile.deleteLeftovers(folder);
        assertThat(files).allSatisfy(file -> assertThat(file).exists());

        for (Path file : files) {
            Files.setLastModifiedTime(file, FileTime.from(Instant.now().minus(Duration.ofHours(23))));
        }
        AtomicFile.deleteLeftovers(folder);
        assertThat(files).allSatisfy(file -> assertThat(file).exists());

        for (Path file : files) {
            Files.setLastModifiedTime(file, FileTime.from(Instant.now().minus(Duration.ofHours(25))));
        }
        AtomicFile.deleteLeftovers(folder);
        assertThat(files).allSatisfy(file -> assertThat(file).doesNotExist());
    }

    @Test
    void whatAProcessOfThisSystemLeftIsDeletedAtOnceWhenItIsNoMore() throws Exception {
        assumeTrue(AtomicFile.prefix(1).matches("\\.[0-9a-f]{16}-1-"), "this system tells its containers apart");
        Path dead = Files.createFile(folder.resolve(AtomicFile.prefix(deadProcess()) + "5.tmp"));
        Path living = Files.createFile(
                folder.resolve(AtomicFile.prefix(ProcessHandle.current().pid()) + "5.tmp"));
        // A computer that slept for days goes on with what it was writing.
        Files.setLastModifiedTime(living, FileTime.from(Instant.now().minus(Duration.ofDays(3))));
        AtomicFile.deleteLeftovers(folder);
        assertThat(dead).doesNotExist();
        assertThat(living).exists();
    }

    @Test
    void whatIsNotOursStays() throws IOException {
        List<Path> others = new ArrayList<>();
        for (String name : List.of(".notes.tmp", "1-1.tmp", ".1-1.txt", ".1-x.tmp", ".abc-1-1.tmp", ".1-.tmp")) {
            others.add(Files.createFile(folder.resolve(name)));
        }
        others.add(Files.createDirectory(folder.resolve(".2-2.tmp")));
        for (Path other : others) {
            Files.setLastModifiedTime(other, FileTime.fromMillis(1_000_000_000_000L));
        }
        AtomicFile.deleteLeftovers(folder);
        assertThat(others).allSatisfy(file -> assertThat(file).exists());
    }

    private static long deadProcess() throws Exception {
        Process process = new ProcessBuilder(
                        ProcessHandle.current().info().command().orElse("java"), "-version")
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        process.waitFor();
        return process.pid();
    }
}
