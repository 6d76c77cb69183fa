package org.openface.core.image;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicLong;

/** Files that appear whole or not at all: written beside their place under a hidden name, then put there. */
final class AtomicFile {
    private static final AtomicLong TEMPORARY = new AtomicLong();

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
        Path name = requireNonNull(file.getFileName(), "the file needs a name");
        Path temporary =
                file.resolveSibling("." + ProcessHandle.current().pid() + "-" + TEMPORARY.incrementAndGet() + ".tmp");
        try {
            Files.write(temporary, bytes, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            step.put(temporary);
        } catch (AccessDeniedException e) {
            throw new IOException("no permission to write " + file, e);
        } catch (NoSuchFileException e) {
            throw new IOException("cannot write " + name + ": its folder does not exist: " + file, e);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }
}
