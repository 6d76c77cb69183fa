package org.openface.core.imports;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.openface.core.image.ImageFiles;

/** See {@link FaceSources#folder}. */
final class FolderSource implements FaceSource {
    private final Path root;
    private final int level;

    FolderSource(Path root, int level) {
        checkArgument(level >= 1, "level (%s) must be at least 1: the folders in %s", level, root);
        this.root = root;
        this.level = level;
    }

    @Override
    public void read(Sink sink) throws IOException {
        if (!Files.isDirectory(root)) {
            throw new IOException(root + ": no such folder");
        }
        walk(root, sink);
    }

    private void walk(Path folder, Sink sink) throws IOException {
        List<Path> entries = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(folder, entry -> !Files.isHidden(entry))) {
            all.forEach(entries::add);
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        } catch (IOException e) {
            sink.unreadable(root.relativize(folder).toString(), "cannot read the folder (" + e + ")");
            return;
        }
        entries.sort(null);
        for (Path entry : entries) {
            String name = root.relativize(entry).toString();
            if (Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)) {
                walk(entry, sink);
            } else if (ImageFiles.isImage(entry)) {
                List<String> names = CsvSource.names(root.relativize(entry));
                if (!Files.isRegularFile(entry, LinkOption.NOFOLLOW_LINKS)) {
                    sink.unreadable(name, "a link; links are not followed");
                } else if (names.size() <= level) {
                    sink.unreadable(name, "lies higher than the people's folders");
                } else {
                    read(entry, names, sink);
                }
            }
        }
    }

    private void read(Path file, List<String> names, Sink sink) throws IOException {
        byte[] image;
        try {
            image = Files.readAllBytes(file);
        } catch (IOException | OutOfMemoryError e) {
            sink.unreadable(String.join("/", names), "cannot read it (" + e + ")");
            return;
        }
        sink.face(names.get(level - 1), String.join("-", names.subList(level, names.size())), image);
    }
}
