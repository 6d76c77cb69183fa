package org.openface.core.image;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Files that appear whole or not at all: written beside their place under a hidden name, then put there. */
final class AtomicFile {
    private static final AtomicLong TEMPORARY = new AtomicLong();
    private static final int ATTEMPTS = 5;
    /** Of a temporary file: the number of the process that writes it, and a number of its own. */
    private static final Pattern NAME = Pattern.compile("\\.([0-9]{1,18})-[0-9]+\\.tmp");

    private AtomicFile() {}

    /** Writes a file, replacing one of that name. */
    static void write(byte[] bytes, Path file) throws IOException {
        put(bytes, file, temporary -> {
            try {
                Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
            } catch (AtomicMoveNotSupportedException e) {
                Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
            }
        });
    }

    /** Writes a file unless there is one of that name; of several processes that try at once, one succeeds. */
    static void writeIfAbsent(byte[] bytes, Path file) throws IOException {
        put(bytes, file, temporary -> {
            try {
                Files.createLink(
                        file, temporary); // the one operation that never replaces a file and is never half done
            } catch (FileAlreadyExistsException e) {
                return;
            } catch (IOException | UnsupportedOperationException e) {
                if (!Files.exists(file)) { // no links there
                    Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
                }
            }
        });
    }

    private interface Step {
        void put(Path temporary) throws IOException;
    }

    private static void put(byte[] bytes, Path file, Step step) throws IOException {
        requireNonNull(file.getFileName(), "the file needs a name");
        for (int attempt = 1; ; attempt++) {
            Path temporary = file.resolveSibling(
                    "." + ProcessHandle.current().pid() + "-" + TEMPORARY.incrementAndGet() + ".tmp");
            try {
                Files.write(temporary, bytes, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
                step.put(temporary);
                return;
            } catch (AccessDeniedException e) {
                throw new IOException("no permission to write " + file, e);
            } catch (NoSuchFileException e) {
                if (!Files.isDirectory(requireNonNull(temporary.toAbsolutePath().getParent()))) {
                    throw new IOException("cannot write " + file + ": its folder does not exist", e);
                }
                // A process of another machine has taken it for a leftover.
                if (attempt == ATTEMPTS) {
                    throw e;
                }
            } finally {
                Files.deleteIfExists(temporary);
            }
        }
    }

    static void deleteLeftovers(Path folder) throws IOException {
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

    /** Whether the process that was writing a temporary file is no more; one that began after it only has its number. */
    private static boolean isLeftover(Path file) throws IOException {
        Matcher name = NAME.matcher(String.valueOf(file.getFileName()));
        if (!name.matches()) {
            return false;
        }
        Instant written;
        try {
            written = Files.getLastModifiedTime(file).toInstant();
        } catch (NoSuchFileException e) {
            return false; // it has got its place
        }
        return ProcessHandle.of(Long.parseLong(name.group(1)))
                .filter(ProcessHandle::isAlive)
                .flatMap(process -> process.info().startInstant().or(() -> Optional.of(Instant.MIN)))
                .map(start -> start.isAfter(written))
                .orElse(true);
    }
}
