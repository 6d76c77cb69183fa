package org.openface.core.dataset;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.openface.core.internal.AddressedRandom;

/**
 * Splits a data set into a training and a validation part. By identity (the default), the people of one part do not
 * occur in the other, which is what verification of strangers needs; by image, people with two or more images may occur
 * in both, as with OpenFace's {@code create-train-val-split.py}. No file is moved.
 *
 * <p>The split depends on the data set and the seed alone. Who is held out is decided by a hash of seed and name, so that
 * adding people moves few others from one side to the other.
 */
public final class DatasetSplitter {
    private final double validationFraction;
    private final boolean byImage;
    private final boolean stratified;
    private final int minimumIdentities;
    private final long seed;

    private static final String TRAINING = "train";
    private static final String VALIDATION = "val";

    private DatasetSplitter(Builder builder) {
        validationFraction = builder.validationFraction;
        byImage = builder.byImage;
        stratified = builder.stratified;
        minimumIdentities = builder.minimumIdentities == null ? 1 : builder.minimumIdentities;
        seed = builder.seed;
    }

    /** A splitter to be configured. */
    public static Builder builder() {
        return new Builder();
    }

    /** Configures a {@link DatasetSplitter}. */
    public static final class Builder {
        private double validationFraction = 0.1;
        private boolean byImage;
        private boolean stratified;
        private @Nullable Integer minimumIdentities;
        private long seed = 2;

        private Builder() {}

        /** The share that is held out, of identities or of images, in (0, 1); OpenFace's {@code --valRatio}, 0.1. */
        public Builder validationFraction(double fraction) {
            checkArgument(
                    fraction > 0 && fraction < 1,
                    "validationFraction (%s) must be between 0 and 1, exclusive",
                    fraction);
            validationFraction = fraction;
            return this;
        }

        /** Hold out people, with all their images; the default. */
        public Builder byIdentity() {
            byImage = false;
            return this;
        }

        /** Hold out some of the images of each person who has more than one. */
        public Builder byImage() {
            checkArgument(minimumIdentities == null, "minimumIdentities is for a split by identity; leave one out");
            byImage = true;
            return this;
        }

        /**
         * Hold out people with few images and people with many alike: the people are put into the order of how many images they
         * have and cut into groups, of each of which the share is held out. A split by image does so for each person anyway.
         */
        public Builder stratified() {
            stratified = true;
            return this;
        }

        /** How many identities to hold out at least, whatever the fraction; 1 by default. */
        public Builder minimumIdentities(int count) {
            checkArgument(count >= 1, "minimumIdentities (%s) must be at least 1", count);
            checkArgument(!byImage, "minimumIdentities is for a split by identity; leave out byImage");
            minimumIdentities = count;
            return this;
        }

        /** Decides which of the equally good splits is taken; 2 by default. */
        public Builder seed(long newSeed) {
            seed = newSeed;
            return this;
        }

        /** The splitter. */
        public DatasetSplitter build() {
            return new DatasetSplitter(this);
        }
    }

    /**
     * The two parts of a data set.
     *
     * @param training what to learn from
     * @param validation what to measure on
     */
    public record Split(FaceDataset training, FaceDataset validation) {
        /** {@link #writeTo(Path, Placement)} with hard links. */
        public void writeTo(Path directory) throws IOException {
            writeTo(directory, Placement.HARD_LINK);
        }

        /**
         * Makes OpenFace's layout, {@code train/<identity>/<image>} and {@code val/<identity>/<image>}, in a folder. The
         * images stay where they are. Doing it again changes nothing. The alignment profile goes into both parts. Folders and
         * copies that it makes are their owner's only; a hard link is the same file and keeps its permissions.
         *
         * @throws IllegalArgumentException if faces of another alignment profile are there
         * @throws IOException if the folder cannot be written to or holds other faces or other content, or if two people of
         *     a part or two images of a person have names that some file systems take for the same, such as {@code Ann} and
         *     {@code ann}; what is there is never overwritten
         */
        public void writeTo(Path directory, Placement placement) throws IOException {
            SplitWriter.plan(this, directory).write(placement);
        }

        /**
         * What {@link #writeTo(Path, Placement)} would do, without doing any of it.
         *
         * @throws IOException as {@code writeTo}, for what can be told beforehand
         */
        public Preview preview(Path directory) throws IOException {
            return SplitWriter.plan(this, directory).preview();
        }

        /**
         * Writes which faces are in which part: lines {@code train TAB identity TAB file} and {@code val TAB ...} after a head, in the
         * order of the data set; the same bytes each time. {@link #read} makes the split of it again, wherever the faces lie then.
         */
        public void writeListing(Path file) throws IOException {
            Map<String, FaceDataset> parts = new LinkedHashMap<>();
            parts.put(TRAINING, training);
            parts.put(VALIDATION, validation);
            PartListing.write(parts, file);
        }

        /**
         * The split that a listing tells, perhaps edited by hand. Faces that it does not list are in neither part.
         *
         * @throws IOException if it cannot be read, is no such listing, or lists a face that is not in the data set, or twice; the
         *     message names the line
         */
        public static Split read(Path listing, FaceDataset dataset) throws IOException {
            Map<String, BitSet> parts = PartListing.read(listing, dataset);
            BitSet training = parts.get(TRAINING);
            BitSet validation = parts.get(VALIDATION);
            if (training == null || validation == null || parts.size() > 2) {
                throw new IOException(listing + ": it has the parts " + parts.keySet() + " instead of " + TRAINING
                        + " and " + VALIDATION);
            }
            return new Split(dataset.only(training), dataset.only(validation));
        }
    }

    /**
     * What writing a split would do.
     *
     * @param toWrite images to be put into the folder
     * @param there images that are there already
     * @param folders folders that would be made for people
     */
    public record Preview(int toWrite, int there, int folders) {}

    /** How {@link Split#writeTo} puts images into another folder. */
    public enum Placement {
        /** Another name for the same file, without further room; a copy where the file system cannot do it. */
        HARD_LINK,
        /** A pointer to the file where it lies now. */
        SYMBOLIC_LINK,
        /** A copy of the file. */
        COPY
    }

    /**
     * Splits a data set. Either part has at least one face.
     *
     * @throws IllegalArgumentException if the data set is too small for that
     */
    public Split split(FaceDataset dataset) {
        return byImage ? splitByImage(dataset) : splitByIdentity(dataset);
    }

    private Split splitByIdentity(FaceDataset dataset) {
        List<String> identities = dataset.identities();
        checkArgument(
                identities.size() > minimumIdentities,
                "cannot hold out %s and train on the rest: the data set has %s identities; add identities or split by image",
                minimumIdentities,
                identities.size());
        long share = Math.round(validationFraction * identities.size());
        int count = (int) Math.min(Math.max(share, minimumIdentities), identities.size() - 1);
        Set<String> heldOut = stratified
                ? stratified(dataset, count)
                : identities.stream()
                        .sorted(inRandomOrder(AddressedRandom::hash))
                        .limit(count)
                        .collect(Collectors.toSet());
        BitSet faces = new BitSet(dataset.size());
        int from = 0;
        for (int i = 0; i < identities.size(); i++) {
            int to = from + dataset.faces(i).size();
            faces.set(from, to, heldOut.contains(identities.get(i)));
            from = to;
        }
        return split(dataset, faces);
    }

    /** One person of each of so many groups of about the same size, in which people have about as many images. */
    private Set<String> stratified(FaceDataset dataset, int count) {
        List<String> identities = dataset.identities();
        List<Integer> order = IntStream.range(0, identities.size())
                .boxed()
                .sorted(Comparator.<Integer>comparingInt(i -> dataset.faces(i).size())
                        .thenComparing(inRandomOrder(i -> AddressedRandom.hash(identities.get(i)))))
                .toList();
        Set<String> heldOut = new HashSet<>();
        for (int group = 0; group < count; group++) {
            int from = (int) ((long) group * order.size() / count);
            int to = (int) ((long) (group + 1) * order.size() / count);
            order.subList(from, to).stream()
                    .map(identities::get)
                    .min(inRandomOrder(AddressedRandom::hash))
                    .ifPresent(heldOut::add);
        }
        return heldOut;
    }

    private Split splitByImage(FaceDataset dataset) {
        checkArgument(
                dataset.size() > dataset.identities().size(),
                "cannot split by image: none of the %s identities has two images",
                dataset.identities().size());
        BitSet heldOut = new BitSet(dataset.size());
        int likeliest = -1; // to be held out, if chance holds out nobody
        long orderOfLikeliest = 0;
        int from = 0;
        for (int i = 0; i < dataset.identities().size(); i++) {
            String identity = dataset.identities().get(i);
            int images = dataset.faces(i).size();
            int first = from;
            from += images;
            if (images == 1) {
                continue;
            }
            long[] order = IntStream.range(first, from)
                    .mapToLong(face ->
                            random(hash(identity, dataset.fileName(face))).nextLong())
                    .toArray();
            int[] sorted = IntStream.range(0, images)
                    .boxed()
                    .sorted(Comparator.comparingLong(k -> order[k]))
                    .mapToInt(k -> first + k)
                    .toArray();
            if (likeliest < 0 || order[sorted[0] - first] < orderOfLikeliest) {
                likeliest = sorted[0];
                orderOfLikeliest = order[sorted[0] - first];
            }
            // Rounded up or down at random, so that the share comes out right over people with few images too.
            double share = validationFraction * images
                    + random(AddressedRandom.hash(identity)).nextDouble();
            Arrays.stream(sorted).limit(Math.min((int) share, images - 1)).forEach(heldOut::set);
        }
        if (heldOut.isEmpty()) {
            heldOut.set(likeliest);
        }
        return split(dataset, heldOut);
    }

    private static long hash(String identity, String fileName) {
        return AddressedRandom.hash(identity + "/" + fileName);
    }

    private <T> Comparator<T> inRandomOrder(ToLongFunction<T> hash) {
        return Comparator.comparingLong(item -> random(hash.applyAsLong(item)).nextLong());
    }

    private AddressedRandom random(long index) {
        return AddressedRandom.at(seed, index);
    }

    private static Split split(FaceDataset dataset, BitSet heldOut) {
        BitSet training = new BitSet(dataset.size());
        training.set(0, dataset.size());
        training.andNot(heldOut);
        return new Split(dataset.only(training), dataset.only(heldOut));
    }
}
