package org.openface.triplet;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;

/** The folder of one training. Every file in it appears whole or not at all, readable by its owner only. */
final class WorkDirectory {
    private static final String TEMPORARY = ".writing-";

    private final Path path;

    private WorkDirectory(Path path) {
        this.path = path;
    }

    /**
     * Opens the folder, creating it for its owner only if it is missing, removes what an interrupted write left, and
     * tries whether files can be written.
     */
    static WorkDirectory open(Path path) throws IOException {
        try {
            if (!Files.isDirectory(path)) {
                Files.createDirectories(path, ownerOnly(path, "rwx------"));
            }
            try (DirectoryStream<Path> left = Files.newDirectoryStream(path, TEMPORARY + "*")) {
                for (Path file : left) {
                    Files.deleteIfExists(file);
                }
            }
            Files.delete(temporary(path, "probe"));
        } catch (IOException e) {
            throw new IOException("cannot write to the work directory " + path + " (" + e + ")", e);
        }
        return new WorkDirectory(path);
    }

    Path resolve(String name) {
        return path.resolve(name);
    }

    interface Content {
        void writeTo(OutputStream out) throws IOException;
    }

    /** Writes a file beside its place, makes sure of it on disk, and moves it there. */
    void write(String name, Content content) throws IOException {
        Path temporary = null;
        try {
            temporary = temporary(path, name);
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
                OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 16);
                content.writeTo(out);
                out.flush();
                channel.force(true);
            }
            Files.move(temporary, resolve(name), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException | RuntimeException | Error e) {
            if (temporary != null) {
                try {
                    Files.deleteIfExists(temporary);
                } catch (IOException left) { // the next run removes it
                    e.addSuppressed(left);
                }
            }
            if (e instanceof IOException) {
                throw new IOException("cannot write " + resolve(name) + " (" + e + ")", e);
            }
            throw e;
        }
    }

    void write(String name, String text) throws IOException {
        write(name, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static Path temporary(Path directory, String name) throws IOException {
        return Files.createTempFile(directory, TEMPORARY + name + "-", "", ownerOnly(directory, "rw-------"));
    }

    private static FileAttribute<?>[] ownerOnly(Path place, String permissions) {
        return place.getFileSystem().supportedFileAttributeViews().contains("posix")
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
                }
                : new FileAttribute<?>[0];
    }
}
