package org.openface.core.dataset;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.openface.core.dataset.FaceColumns.Column;
import org.openface.core.internal.OwnerOnly;

/**
 * What is known of the files of a folder of faces, kept in one file, so that a start need not read them all: identity, name,
 * size, time, digest of the content, and what an aligner has noted about the face. It is mapped into memory, and costs a few
 * bytes of heap per image.
 *
 * <p>It is never taken on trust. Each {@link #update} looks at the folders and at size and time of every file, and reads what
 * is new or has another size or time than noted; a file that was written within the two seconds before it was looked at is read
 * again the next time. A file that is changed and keeps size and time goes unnoticed (a copy that preserves times does that):
 * {@link #verify} reads everything. A manifest that is damaged, or of another version, is made anew. Nothing is written
 * to the folder of the faces.
 *
 * <pre>{@code
 * FaceManifest.Update update = FaceManifest.of(aligned).at(work.resolve(FaceManifest.FILE_NAME)).update();
 * System.out.println(update.summary());
 * FaceDataset faces = update.dataset();
 * }</pre>
 */
public final class FaceManifest {
    /** The usual name. */
    public static final String FILE_NAME = "faces.manifest";

    private static final int SHOWN = 10;

    private final Path directory;
    private final Path file;
    private LongConsumer progress = done -> {};

    private FaceManifest(Path directory, Path file) {
        this.directory = directory;
        this.file = file;
    }

    /** The manifest of a folder that holds one sub-folder per person. */
    public static Place of(Path directory) {
        return file -> new FaceManifest(directory, file);
    }

    /** Where a manifest is kept. */
    @FunctionalInterface
    public interface Place {
        /** In the given file, which need not be there, nor its folder; not among the faces. */
        FaceManifest at(Path file);
    }

    /** Is told now and then how many images have been looked at. */
    public FaceManifest onProgress(LongConsumer listener) {
        progress = listener;
        return this;
    }

    /**
     * What an update came upon.
     *
     * @param dataset the faces, as they are now
     * @param read how many images were read, being new or changed
     * @param gone how many images are there no more
     * @param differing by {@link #verify}: images whose content is another although size and time are the same
     * @param unreadable images that are there and cannot be read
     * @param madeAnew why an earlier manifest was not used; empty if it was, or there was none
     */
    public record Update(
            FaceDataset dataset,
            long read,
            long gone,
            List<Path> differing,
            List<Path> unreadable,
            Optional<String> madeAnew) {
        public Update {
            differing = List.copyOf(differing);
            unreadable = List.copyOf(unreadable);
        }

        /** What an aligner has noted about a face, by its number; empty if nothing is known. */
        public Optional<FaceQuality> quality(int face) {
            return dataset.quality(face);
        }

        /** For people, on one line. */
        public String summary() {
            return dataset.size() + " images of " + dataset.identities().size() + " people, " + read + " read, " + gone
                    + " gone" + named(differing, "changed without a trace") + named(unreadable, "unreadable")
                    + madeAnew.map(why -> "; made anew: " + why).orElse("");
        }

        private static String named(List<Path> files, String how) {
            return files.isEmpty()
                    ? ""
                    : ", " + files.size() + " " + how + " (" + files.subList(0, Math.min(SHOWN, files.size()))
                            + (files.size() > SHOWN ? " and more)" : ")");
        }
    }

    /**
     * Brings the manifest up to date, or makes it.
     *
     * @throws IOException as {@link FaceDataset#index}, or if the manifest cannot be written
     */
    public Update update() throws IOException {
        return scan(false);
    }

    /**
     * As {@link #update}, reading every image.
     *
     * @throws IOException as {@link #update}
     */
    public Update verify() throws IOException {
        return scan(true);
    }

    private Update scan(boolean readAll) throws IOException {
        FolderIndex.requireFolder(directory);
        Path faces = directory.toAbsolutePath().normalize();
        if (file.toAbsolutePath().normalize().startsWith(faces)) {
            throw new IOException("the manifest " + file + " would lie among the faces in " + directory
                    + ", to which nothing is written; give it a place beside that folder");
        }
        FaceColumns before = FaceColumns.none(directory);
        Optional<String> unusable = Optional.empty();
        try {
            before = ManifestFile.read(file, directory);
        } catch (NoSuchFileException e) {
            // the first time
        } catch (ManifestFile.UnusableException e) {
            unusable = Optional.ofNullable(e.getMessage());
        }
        Path folder = requireNonNull(file.toAbsolutePath().getParent());
        OwnerOnly.createDirectories(folder);
        FolderScan scan = new FolderScan(directory, before, true, readAll, progress);
        FaceColumns now = before;
        try (FaceColumnsWriter columns = scan.scan(() -> new FaceColumnsWriter(folder, Column.OF_FOLDER))) {
            if (columns != null) {
                ManifestFile.write(columns, scan.rootTime(), file);
                now = ManifestFile.read(file, directory);
            }
        } catch (ManifestFile.UnusableException e) {
            throw new IOException(file + ": just written, and not readable: " + e.getMessage(), e);
        }
        FolderScan.Counts counts = scan.counts();
        return new Update(
                FolderIndex.dataset(now, scan.others()),
                counts.read,
                counts.gone,
                counts.differing,
                counts.unreadable,
                unusable);
    }
}
