package org.openface.nn4;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.openface.core.embedding.TrainableEmbedder.TrainingRecord;
import org.openface.core.image.AlignmentProfile;
import org.openface.nn4.internal.format.ModelFile;

/**
 * What a model file says about its model besides the weights: how faces must be prepared for it, which distance tells two
 * people apart, and where it comes from. Provenance is counts and hashes, never names or paths, since those of a face
 * recognition model are personal data.
 *
 * <p>Begins as {@link #EMPTY}; two are equal that say the same.
 */
public final class ModelPassport {
    /** RGB, values from 0 to 1, nothing subtracted. */
    public static final String RGB = ModelFile.RGB;

    private static final String ALIGNMENT = "alignment.";
    private static final int MOST_ENTRIES = 100;
    private static final Pattern TEXT = Pattern.compile("[A-Za-z0-9 .,;:()+_-]{0,200}");
    private static final Pattern NAME = Pattern.compile("[A-Za-z][A-Za-z0-9]{0,39}");
    private static final Pattern DIGEST = Pattern.compile("[0-9a-f]{8,128}");

    /** Nothing known but the preprocessing. */
    public static final ModelPassport EMPTY = new ModelPassport(
            Optional.empty(),
            RGB,
            OptionalDouble.empty(),
            OptionalDouble.empty(),
            Optional.empty(),
            new TreeMap<>(),
            new TreeMap<>());

    private final Optional<AlignmentProfile> alignment;
    private final String preprocessing;
    private final OptionalDouble threshold;
    private final OptionalDouble thresholdHalfWidth;
    private final Optional<String> thresholdWeights;
    private final SortedMap<String, Long> counts;
    private final SortedMap<String, String> hashes;

    /**
     * Checks every part.
     *
     * @throws IllegalArgumentException if a text has a slash or another unusual character, as paths have, a threshold,
     *     interval or count is negative, or a hash is no hexadecimal digest
     */
    private ModelPassport(
            Optional<AlignmentProfile> alignment,
            String preprocessing,
            OptionalDouble threshold,
            OptionalDouble thresholdHalfWidth,
            Optional<String> thresholdWeights,
            SortedMap<String, Long> counts,
            SortedMap<String, String> hashes) {
        alignment.ifPresent(profile -> {
            checkText("alignment's detector", profile.detector());
            checkText("alignment's landmarks", profile.landmarks());
            checkText("alignment's landmark set", profile.landmarkSet());
            checkText("alignment's template", profile.template());
            checkText("alignment's version", profile.version());
        });
        checkText("preprocessing", preprocessing);
        checkArgument(
                threshold.isEmpty() || (threshold.getAsDouble() >= 0 && Double.isFinite(threshold.getAsDouble())),
                "threshold (%s) must be a squared distance: finite and not negative",
                threshold);
        checkArgument(
                thresholdHalfWidth.isEmpty() || thresholdHalfWidth.getAsDouble() >= 0,
                "threshold's half width (%s) must not be negative",
                thresholdHalfWidth);
        thresholdWeights.ifPresent(digest -> checkDigest("thresholdWeights", digest));
        checkArgument(counts.size() <= MOST_ENTRIES && hashes.size() <= MOST_ENTRIES, "too many counts or hashes");
        counts.forEach((name, count) -> {
            checkName(name);
            checkArgument(count >= 0, "count %s (%s) must not be negative", name, count);
        });
        hashes.forEach((name, digest) -> {
            checkName(name);
            checkDigest(name, digest);
        });
        this.alignment = alignment;
        this.preprocessing = preprocessing;
        this.threshold = threshold;
        this.thresholdHalfWidth = thresholdHalfWidth;
        this.thresholdWeights = thresholdWeights;
        this.counts = Collections.unmodifiableSortedMap(new TreeMap<>(counts));
        this.hashes = Collections.unmodifiableSortedMap(new TreeMap<>(hashes));
    }

    /** How the faces that the network was trained on were aligned; empty if unknown. */
    public Optional<AlignmentProfile> alignment() {
        return alignment;
    }

    /** What the network takes; {@link #RGB} for all networks of this library, which loads no others. */
    public String preprocessing() {
        return preprocessing;
    }

    /** Squared distance below which two faces count as one person; empty if not calibrated. */
    public OptionalDouble threshold() {
        return threshold;
    }

    /** Half the width of the interval around {@link #threshold}; empty if unknown. */
    public OptionalDouble thresholdHalfWidth() {
        return thresholdHalfWidth;
    }

    /**
     * The {@link Nn4Model#fingerprint} of the weights and running statistics that {@link #threshold} was measured with, and for
     * which alone it holds; empty before the passport is a network's.
     */
    public Optional<String> thresholdWeights() {
        return thresholdWeights;
    }

    /** Such as {@code identities} or {@code images}. */
    public SortedMap<String, Long> counts() {
        return counts;
    }

    /** Such as {@code trainingSet}: hexadecimal digests. */
    public SortedMap<String, String> hashes() {
        return hashes;
    }

    /** This passport with another alignment. */
    public ModelPassport withAlignment(AlignmentProfile profile) {
        return new ModelPassport(
                Optional.of(profile), preprocessing, threshold, thresholdHalfWidth, thresholdWeights, counts, hashes);
    }

    /**
     * This passport with another threshold, a squared distance of which no interval is known. It holds for the network that
     * the passport is given to.
     */
    public ModelPassport withThreshold(double newThreshold) {
        return withThreshold(OptionalDouble.of(newThreshold), OptionalDouble.empty(), Optional.empty());
    }

    /** As {@link #withThreshold(double)}, with half the width of the interval around the threshold. */
    public ModelPassport withThreshold(double newThreshold, double halfWidth) {
        return withThreshold(OptionalDouble.of(newThreshold), OptionalDouble.of(halfWidth), Optional.empty());
    }

    /** This passport without a threshold. */
    public ModelPassport withoutThreshold() {
        return withThreshold(OptionalDouble.empty(), OptionalDouble.empty(), Optional.empty());
    }

    private ModelPassport withThreshold(
            OptionalDouble newThreshold, OptionalDouble halfWidth, Optional<String> weights) {
        return new ModelPassport(alignment, preprocessing, newThreshold, halfWidth, weights, counts, hashes);
    }

    /** This passport of a network with these weights: its threshold is theirs, or dropped if it is of others. */
    ModelPassport of(String fingerprint) {
        return thresholdWeights.map(fingerprint::equals).orElse(true)
                ? withThreshold(threshold, thresholdHalfWidth, Optional.of(fingerprint))
                : withoutThreshold();
    }

    /** This passport with one more count, or another value of it. */
    public ModelPassport withCount(String name, long count) {
        TreeMap<String, Long> more = new TreeMap<>(counts);
        more.put(name, count);
        return new ModelPassport(
                alignment, preprocessing, threshold, thresholdHalfWidth, thresholdWeights, more, hashes);
    }

    /** This passport with one more hash, or another value of it. */
    public ModelPassport withHash(String name, String digest) {
        TreeMap<String, String> more = new TreeMap<>(hashes);
        more.put(name, digest);
        return new ModelPassport(
                alignment, preprocessing, threshold, thresholdHalfWidth, thresholdWeights, counts, more);
    }

    /** This passport after a training: its alignment, if it knows it, its threshold, and its counts and hashes added. */
    ModelPassport after(TrainingRecord training) {
        TreeMap<String, Long> moreCounts = new TreeMap<>(counts);
        moreCounts.putAll(training.counts());
        TreeMap<String, String> moreHashes = new TreeMap<>(hashes);
        moreHashes.putAll(training.hashes());
        return new ModelPassport(
                training.alignment().or(() -> alignment),
                preprocessing,
                training.threshold(),
                training.thresholdHalfWidth(),
                Optional.empty(),
                moreCounts,
                moreHashes);
    }

    /**
     * Refuses a network for images that are prepared otherwise than this library prepares them.
     *
     * @throws IllegalArgumentException if {@code preprocessing} is not {@link #RGB}
     */
    void requirePreprocessing() {
        checkArgument(
                preprocessing.equals(RGB),
                "the network is for images prepared as '%s', and this library gives it '%s': its embeddings would mean"
                        + " nothing; use what wrote it",
                preprocessing,
                RGB);
    }

    private static void checkText(String what, String text) {
        checkArgument(
                TEXT.matcher(text).matches(),
                "%s (%s) must be at most 200 letters, digits, spaces and .,;:()+_- on one line",
                what,
                text);
    }

    private static void checkDigest(String name, String digest) {
        checkArgument(DIGEST.matcher(digest).matches(), "hash %s (%s) is no hexadecimal digest", name, digest);
    }

    private static void checkName(String name) {
        checkArgument(NAME.matcher(name).matches(), "%s is no name for a count or hash", name);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof ModelPassport passport && toFields().equals(passport.toFields());
    }

    @Override
    public int hashCode() {
        return toFields().hashCode();
    }

    /** Its entries as they are in files. */
    @Override
    public String toString() {
        return "ModelPassport" + toFields();
    }

    /** As keys and values, for the headers of files: all that it says. */
    Map<String, String> toFields() {
        Map<String, String> fields = new LinkedHashMap<>();
        alignment.ifPresent(profile -> profile.text().lines().forEach(line -> {
            int equals = line.indexOf('=');
            fields.put(ALIGNMENT + line.substring(0, equals), line.substring(equals + 1));
        }));
        fields.put("preprocessing", preprocessing);
        threshold.ifPresent(t -> fields.put("threshold", Double.toString(t)));
        thresholdHalfWidth.ifPresent(t -> fields.put("thresholdConfidence", Double.toString(t)));
        thresholdWeights.ifPresent(digest -> fields.put("thresholdWeights", digest));
        counts.forEach((name, count) -> fields.put("count." + name, count.toString()));
        hashes.forEach((name, digest) -> fields.put("hash." + name, digest));
        return fields;
    }

    /**
     * The inverse of {@link #toFields}; other keys are left alone.
     *
     * @throws IllegalArgumentException if a value is not as {@link #toFields} writes it
     */
    static ModelPassport ofFields(Map<String, String> fields) {
        SortedMap<String, Long> counts = new TreeMap<>();
        SortedMap<String, String> hashes = new TreeMap<>();
        StringBuilder profile = new StringBuilder();
        fields.forEach((key, value) -> {
            if (key.startsWith(ALIGNMENT)) {
                profile.append(key.substring(ALIGNMENT.length()))
                        .append('=')
                        .append(value)
                        .append('\n');
            } else if (key.startsWith("count.")) {
                counts.put(key.substring("count.".length()), Long.valueOf(value));
            } else if (key.startsWith("hash.")) {
                hashes.put(key.substring("hash.".length()), value);
            }
        });
        return new ModelPassport(
                profile.length() == 0 ? Optional.empty() : Optional.of(AlignmentProfile.parse(profile.toString())),
                fields.getOrDefault("preprocessing", RGB),
                number(fields, "threshold"),
                number(fields, "thresholdConfidence"),
                Optional.ofNullable(fields.get("thresholdWeights")),
                counts,
                hashes);
    }

    /**
     * The passport that a file holds, of a network that this library can give images to.
     *
     * @throws IOException if it is damaged, or of a network for images that are prepared otherwise
     */
    static ModelPassport read(Map<String, String> fields) throws IOException {
        ModelPassport passport;
        try {
            passport = ofFields(fields);
        } catch (IllegalArgumentException e) {
            throw new IOException("the model is damaged: " + e.getMessage(), e);
        }
        try {
            passport.requirePreprocessing();
        } catch (IllegalArgumentException e) {
            throw new IOException(e.getMessage(), e);
        }
        return passport;
    }

    private static OptionalDouble number(Map<String, String> fields, String key) {
        String text = fields.get(key);
        return text == null ? OptionalDouble.empty() : OptionalDouble.of(Double.parseDouble(text));
    }
}
