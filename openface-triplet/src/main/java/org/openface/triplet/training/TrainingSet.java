package org.openface.triplet.training;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.DatasetListing;
import org.openface.core.dataset.FaceDataset;
import org.openface.triplet.internal.checkpoint.Checkpoint;
import org.openface.triplet.internal.checkpoint.WorkDirectory;

/**
 * The faces of a run, the same ones in every part of it. Which they are is listed in a file beside the checkpoints, written
 * once, so that a refusal can name what is gone or new. Faces that the run has left out already may be gone: they keep their
 * numbers, and batches are drawn as before.
 */
final class TrainingSet {
    static final String FILE = "training-set.bin";
    private static final int NAMED = 10;

    private final FaceDataset faces;
    private final String fingerprint;
    private final @Nullable String difference;

    private TrainingSet(FaceDataset faces, String fingerprint, @Nullable String difference) {
        this.faces = faces;
        this.fingerprint = fingerprint;
        this.difference = difference;
    }

    FaceDataset faces() {
        return faces;
    }

    /** Of the faces that the run began with. */
    String fingerprint() {
        return fingerprint;
    }

    /** How these faces differ from those of the run, if they do. */
    Optional<String> difference() {
        return Optional.ofNullable(difference);
    }

    /**
     * The faces of a run that begins, or goes on from a checkpoint.
     *
     * @throws IOException if a face that is there cannot be read
     */
    static TrainingSet of(FaceDataset now, Optional<Checkpoint> from, WorkDirectory directory) throws IOException {
        DatasetListing listing = DatasetListing.of(now);
        String before = from.map(checkpoint -> checkpoint.configuration().get(Configurations.TRAINING_SET))
                .orElse(listing.fingerprint());
        Optional<DatasetListing> known =
                read(directory).filter(earlier -> earlier.fingerprint().equals(before));
        if (before.equals(listing.fingerprint())) {
            if (known.isEmpty()) {
                directory.write(FILE, listing::write);
            }
            return new TrainingSet(now, before, null);
        }
        if (known.isEmpty()) {
            return new TrainingSet(
                    now,
                    listing.fingerprint(),
                    "the faces of the training set are others than before, and " + FILE
                            + ", which could name them, is missing or of another run");
        }
        BitSet leftOut =
                from.map(checkpoint -> LeftOut.numbers(checkpoint.state())).orElseGet(BitSet::new);
        DatasetListing.Changes changes = known.get().changes(listing, leftOut);
        return changes.isEmpty()
                ? new TrainingSet(known.get().complete(now), before, null)
                : new TrainingSet(now, listing.fingerprint(), words(changes));
    }

    private static Optional<DatasetListing> read(WorkDirectory directory) {
        Path file = directory.resolve(FILE);
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
            return Optional.of(DatasetListing.read(in));
        } catch (NoSuchFileException e) {
            return Optional.empty(); // a new run, or one of an earlier version
        } catch (IOException e) {
            System.getLogger(TrainingSet.class.getPackageName())
                    .log(Level.WARNING, "{0} cannot be read ({1}) and is written anew", file, e.getMessage());
            return Optional.empty();
        }
    }

    private static String words(DatasetListing.Changes changes) {
        List<String> all = new ArrayList<>();
        add(all, "gone from", changes.gone());
        add(all, "new in", changes.added());
        add(all, "of another content in", changes.changed());
        checkArgument(!all.isEmpty(), "no changes");
        return String.join("; ", all)
                + " (batches would be drawn otherwise: put these files back as they were, or begin a new training with this"
                + " one's last model, in another work directory: startFrom, keepOptimizerMemory, firstEpoch)";
    }

    private static void add(List<String> all, String how, List<String> names) {
        if (!names.isEmpty()) {
            all.add(names.size() + " of the faces are " + how + " the training set: "
                    + String.join(", ", names.subList(0, Math.min(NAMED, names.size())))
                    + (names.size() > NAMED ? " and " + (names.size() - NAMED) + " more" : ""));
        }
    }
}
