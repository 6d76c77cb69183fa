package org.openface.examples;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.stream.Stream;

/** One hash over all that is in a folder: names, kinds, link targets, modes, times and contents. */
final class TreeHash {
    private TreeHash() {}

    static String of(Path folder) throws IOException {
        Hasher hasher = Hashing.sha256().newHasher();
        try (Stream<Path> all = Files.walk(folder)) {
            all.sorted().forEach(file -> add(hasher, folder, file));
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        return hasher.hash().toString();
    }

    private static void add(Hasher hasher, Path folder, Path file) {
        try {
            line(hasher, folder.relativize(file).toUri().getRawPath());
            line(hasher, PosixFilePermissions.toString(Files.getPosixFilePermissions(file, LinkOption.NOFOLLOW_LINKS)));
            line(hasher, Files.getLastModifiedTime(file, LinkOption.NOFOLLOW_LINKS));
            if (Files.isSymbolicLink(file)) {
                line(hasher, Files.readSymbolicLink(file));
            } else if (Files.isRegularFile(file)) {
                line(hasher, Files.size(file));
                hasher.putBytes(Files.readAllBytes(file));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void line(Hasher hasher, Object value) {
        hasher.putString(value + "\n", StandardCharsets.UTF_8);
    }
}
