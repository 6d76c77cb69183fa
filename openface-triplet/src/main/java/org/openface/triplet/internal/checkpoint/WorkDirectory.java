package org.openface.triplet.internal.checkpoint;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.openface.core.internal.AtomicFile;
import org.openface.core.internal.OwnerOnly;
import org.openface.triplet.internal.Interruption;

/**
 * The folder of one training, held by one run at a time. Every file in it appears whole or not at all, readable by its
 * owner only.
 */
public final class WorkDirectory implements AutoCloseable {
    /** What the names of unfinished files of earlier versions began with. */
    private static final String UNFINISHED = ".writing-";

    private final Path path;
    private final WorkLock lock;

    private WorkDirectory(Path path, WorkLock lock) {
        this.path = path;
        this.lock = lock;
    }

    /**
     * Opens the folder, creating it for its owner only if it is missing. Once no other run holds it, what an interrupted
     * write left is removed, and it is tried whether files can be written.
     *
     * @throws IOException if it cannot be written to, or another run holds it; the message says who
     */
    public static WorkDirectory open(Path path) throws IOException {
        WorkLock lock = null;
        boolean opened = false;
        try {
            OwnerOnly.createDirectories(path);
            lock = WorkLock.take(path);
            AtomicFile.deleteLeftovers(path);
            try (DirectoryStream<Path> left = Files.newDirectoryStream(path, UNFINISHED + "*")) {
                for (Path file : left) {
                    Files.deleteIfExists(file);
                }
            }
            Files.delete(Files.createTempFile(path, ".probe-", ".tmp", OwnerOnly.fileAttributes(path)));
            opened = true;
            return new WorkDirectory(path, lock);
        } catch (WorkLock.HeldException e) {
            throw e;
        } catch (ClosedByInterruptException e) {
            throw Interruption.of("opening the work directory " + path, e);
        } catch (IOException e) {
            throw new IOException("cannot write to the work directory " + path + " (" + e + ")", e);
        } finally {
            if (lock != null && !opened) {
                lock.close();
            }
        }
    }

    public Path resolve(String name) {
        return path.resolve(name);
    }

    /** Writes a file beside its place, makes sure of it on disk, and moves it there. */
    public void write(String name, AtomicFile.Content content) throws IOException {
        try {
            AtomicFile.write(resolve(name), content);
        } catch (ClosedByInterruptException e) {
            throw Interruption.of("writing " + resolve(name), e);
        }
    }

    public void write(String name, String text) throws IOException {
        write(name, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
    }

    /** Lets the next run in. */
    @Override
    public void close() {
        lock.close();
    }
}
