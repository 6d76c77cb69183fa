package org.openface.align.internal.directory;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.ImageFiles;
import org.openface.core.internal.AtomicFile;
import org.openface.core.internal.OwnerOnly;

/** What a folder for aligned faces must be before a job, and is after it. */
final class OutputFolder {
    private OutputFolder() {}

    /** Makes the folder if it is not there. */
    static void requireWritable(Path directory) throws IOException {
        try {
            OwnerOnly.createDirectories(directory);
        } catch (FileAlreadyExistsException e) {
            throw new IOException("aligned faces need a folder, but " + directory + " is a file", e);
        } catch (AccessDeniedException e) {
            throw new IOException("no permission to make the folder for aligned faces " + directory, e);
        } catch (IOException e) {
            throw new IOException("cannot make the folder for aligned faces " + directory + ": " + e.getMessage(), e);
        }
        if (!Files.isWritable(directory)) {
            throw new IOException("no permission to write aligned faces into " + directory);
        }
    }

    /** Faces of unknown alignment would be taken for done. */
    static void refuseUnknown(Path aligned) throws IOException {
        if (AlignmentProfile.of(aligned).isPresent()) {
            return;
        }
        Path found;
        try (Stream<Path> files = Files.walk(aligned, 2)) {
            found = files.filter(ImageFiles::isImage).findFirst().orElse(null);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        // Asked again: another process may have begun between the two looks.
        checkArgument(
                found == null || AlignmentProfile.of(aligned).isPresent(),
                "%s holds images, such as %s, and no %s that says how they were aligned; choose an empty folder, or mark"
                        + " this one with the profile they have (AlignmentProfile.claim)",
                aligned,
                found,
                AlignmentProfile.FILE_NAME);
    }

    /** Deletes what runs that were killed have left half written. */
    static void deleteLeftovers(PhotographFolder photographs, FaceFolder faces, Path aligned) throws IOException {
        AtomicFile.deleteLeftovers(aligned);
        for (int i = 0; i < photographs.people(); i++) {
            Path person = faces.person(photographs.folderName(i));
            if (Files.isDirectory(person)) {
                AtomicFile.deleteLeftovers(person);
            }
        }
    }
}
