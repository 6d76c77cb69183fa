package org.openface.core.internal;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;

/** Files and folders that only their owner can read, on file systems that know permissions of POSIX. */
public final class OwnerOnly {
    private OwnerOnly() {}

    /**
     * Creates a folder and those above it where they are missing, for their owner only; what exists, links to folders
     * included, stays as it is.
     *
     * @throws IOException if a folder cannot be created, or a file is in its place
     */
    public static void createDirectories(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) { // createDirectories refuses a link to a folder
            Files.createDirectories(folder, attributes(folder, "rwx------"));
        }
    }

    /** What a new file at a place is to be created with: {@code rw-------}, or nothing where POSIX does not count. */
    public static FileAttribute<?>[] fileAttributes(Path place) {
        return attributes(place, "rw-------");
    }

    private static FileAttribute<?>[] attributes(Path place, String permissions) {
        return place.getFileSystem().supportedFileAttributeViews().contains("posix")
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
                }
                : new FileAttribute<?>[0];
    }
}
