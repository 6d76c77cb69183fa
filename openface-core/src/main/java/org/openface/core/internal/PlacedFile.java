package org.openface.core.internal;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A file put into another place too. Each way answers false if something is there, which is never replaced. */
public final class PlacedFile {
    private PlacedFile() {}

    /** Another name for the same file; a copy on another disk, or where there are no hard links. */
    public static boolean hardLink(Path place, Path file) throws IOException {
        Path source = file.toRealPath();
        try {
            Files.createLink(place, source);
            return true;
        } catch (FileAlreadyExistsException e) {
            return false;
        } catch (AccessDeniedException e) {
            throw e;
        } catch (FileSystemException | UnsupportedOperationException e) {
            return copy(place, source);
        }
    }

    /** A pointer to where the file lies now. */
    public static boolean symbolicLink(Path place, Path file) throws IOException {
        try {
            Files.createSymbolicLink(place, file.toRealPath());
            return true;
        } catch (FileAlreadyExistsException e) {
            return false;
        }
    }

    /** A file of its own. */
    public static boolean copy(Path place, Path file) throws IOException {
        Path source = file.toRealPath();
        return AtomicFile.writeIfAbsent(place, out -> Files.copy(source, out));
    }
}
