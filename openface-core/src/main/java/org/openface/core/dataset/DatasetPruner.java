package org.openface.core.dataset;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.openface.core.internal.AtomicFile;

/**
 * Leaves people with few images out of an index, as OpenFace's {@code prune-dataset.py} does; but that tool deletes
 * their folders, and this one touches no file.
 */
public final class DatasetPruner {
    private final int minimumImages;

    private DatasetPruner(int minimumImages) {
        this.minimumImages = minimumImages;
    }

    /**
     * A pruner that keeps identities with at least the given number of images (OpenFace's
     * {@code --numImagesThreshold}, there 10 by default and 3 in the documentation).
     */
    public static DatasetPruner minimumImages(int minimumImages) {
        checkArgument(minimumImages >= 1, "minimumImages (%s) must be at least 1", minimumImages);
        return new DatasetPruner(minimumImages);
    }

    /**
     * What is left, and what is not.
     *
     * @param kept the identities with enough images
     * @param leftOut the others, sorted by name
     */
    public record Result(FaceDataset kept, List<LeftOut> leftOut) {
        public Result {
            leftOut = List.copyOf(leftOut);
        }

        /**
         * Writes who is kept and who is not: lines {@code kept TAB identity TAB images} and {@code left out TAB ...} after a head,
         * sorted by name; the same bytes each time.
         */
        public void writeListing(Path file) throws IOException {
            SortedMap<String, String> lines = new TreeMap<>();
            for (int i = 0; i < kept.identities().size(); i++) {
                lines.put(
                        kept.identities().get(i),
                        line("kept", kept.identities().get(i), kept.faces(i).size()));
            }
            leftOut.forEach(one -> lines.put(one.identity(), line("left out", one.identity(), one.images())));
            AtomicFile.write(file, out -> {
                out.write("result\tidentity\timages\n".getBytes(StandardCharsets.UTF_8));
                for (String line : lines.values()) {
                    out.write(line.getBytes(StandardCharsets.UTF_8));
                }
            });
        }

        private static String line(String result, String identity, int images) {
            return result + "\t" + PartListing.escape(identity) + "\t" + images + "\n";
        }
    }

    /**
     * An identity that was left out.
     *
     * @param identity its name
     * @param images how many images it has
     */
    public record LeftOut(String identity, int images) {}

    /**
     * Prunes an index.
     *
     * @throws IllegalArgumentException if nobody is left
     */
    public Result prune(FaceDataset dataset) {
        BitSet kept = new BitSet(dataset.size());
        List<LeftOut> leftOut = new ArrayList<>();
        int most = 0;
        int from = 0;
        for (int i = 0; i < dataset.identities().size(); i++) {
            int images = dataset.faces(i).size();
            if (images >= minimumImages) {
                kept.set(from, from + images);
            } else {
                leftOut.add(new LeftOut(dataset.identities().get(i), images));
            }
            from += images;
            most = Math.max(most, images);
        }
        checkArgument(
                !kept.isEmpty(),
                "none of %s identities has minimumImages = %s images (the most is %s); lower minimumImages or add images",
                dataset.identities().size(),
                minimumImages,
                most);
        return new Result(dataset.only(kept), leftOut);
    }
}
