package org.openface.core.internal;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import com.google.common.hash.Hashing;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Files that appear whole or not at all, also after a power cut: written beside their place under a hidden name, made
 * sure of on disk, then put there.
 *
 * <p>A new file is readable by its owner only, where the file system knows permissions of POSIX; one that replaces
 * another has its permissions.
 */
public final class AtomicFile {
    /**
     * Of a temporary file: where the process that writes it runs, its number there, and a random number. Earlier versions
     * wrote the number of the process and a count.
     */
    private static final Pattern NAME = Pattern.compile("\\.(?:([0-9a-f]{16})-([0-9]{1,18})|[0-9]{1,18})-[0-9]+\\.tmp");

    /** After how long without a change a file is left over, if there is no telling whether its process lives. */
    private static final Duration ABANDONED = Duration.ofDays(1);

    /** Stands for where this process runs; empty if the system does not say. */
    private static final String PLACE = place();

    private AtomicFile() {}

    /** What a file shall contain. */
    @FunctionalInterface
    public interface Content {
        /** Writes it all. The stream is buffered, and closed by the caller. */
        void writeTo(OutputStream out) throws IOException;
    }

    /**
     * Writes a file, replacing one of that name.
     *
     * @throws IOException if the file cannot be written, naming it; a file that is there then stays as it was
     */
    public static void write(Path file, Content content) throws IOException {
        put(file, content, temporary -> {
            keepPermissions(file, temporary);
            move(temporary, file);
            return true;
        });
    }

    /** As {@link #write(Path, Content)}, of bytes. */
    public static void write(byte[] bytes, Path file) throws IOException {
        write(file, out -> out.write(bytes));
    }

    /**
     * Writes a file unless there is one of that name, which is never replaced; of several processes that try at once, one
     * succeeds.
     *
     * @return whether the file is there now because of this call
     * @throws IOException if the file cannot be written, naming it
     */
    public static boolean writeIfAbsent(Path file, Content content) throws IOException {
        return put(file, content, temporary -> {
            try {
                // the one operation that never replaces a file and is never half done
                Files.createLink(file, temporary);
                return true;
            } catch (FileAlreadyExistsException e) {
                // Its own link, where the answer of a file server was lost and the request repeated.
                return Files.isSameFile(file, temporary);
            } catch (IOException | UnsupportedOperationException e) { // no links there
                return reserve(file, temporary);
            }
        });
    }

    /** As {@link #writeIfAbsent(Path, Content)}, of bytes. */
    public static boolean writeIfAbsent(byte[] bytes, Path file) throws IOException {
        return writeIfAbsent(file, out -> out.write(bytes));
    }

    /** Puts a finished file into its place at once, where the file system can. */
    public static void move(Path temporary, Path file) throws IOException {
        try {
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    /** An empty file for what needs room for a while, under a name that {@link #deleteLeftovers} knows. */
    public static Path temporary(Path folder) throws IOException {
        return Files.createTempFile(
                folder, prefix(ProcessHandle.current().pid()), ".tmp", OwnerOnly.fileAttributes(folder));
    }

    /** Takes the name with an empty file, which one process alone can create, and then replaces that. */
    private static boolean reserve(Path file, Path temporary) throws IOException {
        try {
            Files.createFile(file, OwnerOnly.fileAttributes(file));
        } catch (FileAlreadyExistsException e) {
            return false;
        }
        try {
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
            return true;
        } catch (IOException | RuntimeException e) {
            Files.delete(file);
            throw e;
        }
    }

    private interface Step {
        boolean put(Path temporary) throws IOException;
    }

    private static boolean put(Path file, Content content, Step step) throws IOException {
        requireNonNull(file.getFileName(), "the file needs a name");
        Path folder = file.resolveSibling("");
        Path temporary = null;
        try {
            temporary = temporary(folder);
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
                OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 16);
                content.writeTo(out);
                out.flush();
                channel.force(true);
            }
            boolean put = step.put(temporary);
            force(folder);
            return put;
        } catch (ClosedByInterruptException e) {
            throw e;
        } catch (AccessDeniedException e) {
            throw new IOException("no permission to write " + file + " (" + e.getMessage() + ")", e);
        } catch (IOException e) {
            if (!Files.isDirectory(folder)) {
                throw new IOException("cannot write " + file + ": its folder does not exist", e);
            }
            throw new IOException("cannot write " + file + " (" + e + ")", e);
        } finally {
            if (temporary != null) {
                Files.deleteIfExists(temporary);
            }
        }
    }

    /** What the names of temporary files of a process that runs here begin with. */
    static String prefix(long process) {
        return "." + (PLACE.isEmpty() ? "" : PLACE + "-") + process + "-";
    }

    private static void keepPermissions(Path file, Path temporary) throws IOException {
        PosixFileAttributeView old =
                Files.getFileAttributeView(file, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
        if (old == null || !Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        Set<PosixFilePermission> permissions = old.readAttributes().permissions();
        if (!permissions.equals(Files.getPosixFilePermissions(temporary))) {
            Files.setPosixFilePermissions(temporary, permissions);
        }
    }

    /** Makes sure of a folder's entries on disk. */
    private static void force(Path folder) {
        try (FileChannel entries = FileChannel.open(folder)) {
            entries.force(true);
        } catch (IOException | UnsupportedOperationException e) {
            // Windows does not open folders, and some file systems cannot do it; the file is in its place already.
        }
    }

    /**
     * Deletes the temporary files in a folder whose processes are no more. If a process ran elsewhere, in another
     * container or on another computer, or began before the last start of this one, nothing tells whether it lives, and its
     * file counts as left over when it has not changed for a day.
     *
     * @throws IOException if the folder cannot be read or a file cannot be deleted
     */
    public static void deleteLeftovers(Path folder) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, ".*.tmp")) {
            for (Path file : files) {
                if (isLeftover(file)) {
                    Files.deleteIfExists(file);
                }
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
    }

    private static boolean isLeftover(Path file) throws IOException {
        Matcher name = NAME.matcher(String.valueOf(file.getFileName()));
        if (!name.matches() || !Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            return false;
        }
        if (PLACE.equals(name.group(1))) {
            return ProcessHandle.of(Long.parseLong(name.group(2)))
                    .filter(ProcessHandle::isAlive)
                    .isEmpty();
        }
        try {
            return Files.getLastModifiedTime(file)
                    .toInstant()
                    .isBefore(Instant.now().minus(ABANDONED));
        } catch (NoSuchFileException e) {
            return false; // it has got its place
        }
    }

    /**
     * Where numbers of processes mean the same ones: in one run of one system, in one container, and for one user, since a
     * system may hide the processes of others.
     */
    private static String place() {
        try {
            String place =
                    Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip()
                            + Files.readSymbolicLink(Path.of("/proc/self/ns/pid"))
                            + System.getProperty("user.name");
            return Hashing.sha256().hashString(place, UTF_8).toString().substring(0, 16);
        } catch (IOException | RuntimeException e) { // not Linux, or not allowed
            return "";
        }
    }
}
