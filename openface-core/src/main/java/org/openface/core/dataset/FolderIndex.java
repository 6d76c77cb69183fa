package org.openface.core.dataset;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.internal.image.PictureKind;

/** Looks into a folder of people's folders; see {@link FaceDataset#index}. */
final class FolderIndex {
    private FolderIndex() {}

    static FaceDataset read(Path directory) throws IOException {
        requireFolder(directory);
        FolderScan scan = new FolderScan(directory, FaceColumns.none(directory), false, false, done -> {});
        try (FaceColumnsWriter columns = requireNonNull(scan.scan(FaceColumnsWriter::new))) {
            return dataset(columns.onHeap(directory), scan.others());
        }
    }

    static void requireFolder(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            throw new IOException(directory + (Files.exists(directory) ? " is not a folder" : ": no such folder"));
        }
    }

    /** The data set of a folder's columns. */
    static FaceDataset dataset(FaceColumns columns, Map<String, List<Path>> others) throws IOException {
        Path directory = columns.folder();
        List<FaceDataset.PassedOver> passedOver = others.entrySet().stream()
                .map(entry -> new FaceDataset.PassedOver(entry.getKey(), entry.getValue()))
                .toList();
        if (columns.rows() == 0) {
            throw new IOException("no images in " + directory + ": expected one sub-folder per person with JPEG, PNG,"
                    + " BMP, PGM or PPM files in it" + deeperHint(directory)
                    + passedOver.stream().map(kind -> "; " + kind.summary()).collect(Collectors.joining()));
        }
        return new FaceDataset(
                columns.identities(),
                columns.starts(),
                columns,
                null,
                AlignmentProfile.of(directory).orElse(null),
                passedOver);
    }

    /** Whether {@link FaceDataset#index} takes a file for a face. */
    static boolean isFace(Path file) throws IOException {
        return FolderScan.isFace(PictureKind.of(file));
    }

    /** For someone who points at the folder above: OpenFace's train and val lie in one folder, for example. */
    private static String deeperHint(Path directory) throws IOException {
        for (Path child : FolderScan.visible(directory)) {
            if (Files.isDirectory(child)) {
                for (Path grandchild : FolderScan.visible(child)) {
                    if (Files.isDirectory(grandchild)) {
                        return "; did you mean " + child + "?";
                    }
                }
            }
        }
        return "";
    }
}
