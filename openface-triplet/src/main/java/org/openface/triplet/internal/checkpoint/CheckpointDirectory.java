package org.openface.triplet.internal.checkpoint;

import com.google.common.hash.Hashing;
import com.google.common.hash.HashingOutputStream;
import com.google.common.io.CountingOutputStream;
import com.google.common.io.MoreFiles;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.openface.core.embedding.TrainableEmbedder;
import org.openface.core.internal.AtomicFile;
import org.openface.triplet.internal.Interruption;
import org.openface.triplet.internal.checkpoint.Checkpoint.Place;

/**
 * The checkpoints in a work directory, after epochs and perhaps between: for each a model file, which is what {@link
 * TrainableEmbedder#writeState} writes and nothing else, a file with what the trainer remembers of faces, and the
 * trainer's file. The trainer's file is written last and holds the others' lengths and hashes, so a checkpoint is there
 * whole or not at all, and damage is found.
 */
public final class CheckpointDirectory {
    private static final Pattern TRAINER_FILE = Pattern.compile("checkpoint-(\\d{4,9})(?:\\+(\\d{6,9}))?\\.properties");

    private final WorkDirectory directory;
    private final Retention retention;
    private final Set<Place> damaged = new HashSet<>();

    public CheckpointDirectory(WorkDirectory directory, Retention retention) {
        this.directory = directory;
        this.retention = retention;
    }

    private static String modelFileName(Place place) {
        return "model-" + place + ".nn4";
    }

    private static String memoryFileName(Place place) {
        return "memory-" + place + ".bin";
    }

    private static String trainerFileName(Place place) {
        return "checkpoint-" + place + ".properties";
    }

    public Path modelFile(Place place) {
        return directory.resolve(modelFileName(place));
    }

    public Path trainerFile(Place place) {
        return directory.resolve(trainerFileName(place));
    }

    private record Written(long bytes, String hash) {}

    /**
     * Writes the state of a network and the trainer's files for it, and then deletes what need not be kept. An interrupt is
     * no hindrance.
     *
     * @param best the epoch that is kept for being the best so far, if one is
     */
    public Checkpoint write(
            TrainableEmbedder model,
            AtomicFile.Content memory,
            Place place,
            boolean evaluated,
            Map<String, String> configuration,
            Map<String, String> provenance,
            Map<String, String> state,
            SortedMap<Integer, String> history,
            Optional<Integer> best)
            throws IOException {
        return Interruption.outlasting(() -> {
            Written modelFile = write(modelFileName(place), model::writeState);
            Written memoryFile = write(memoryFileName(place), memory);
            Checkpoint checkpoint = new Checkpoint(
                    place,
                    evaluated,
                    modelFile.bytes(),
                    modelFile.hash(),
                    memoryFile.bytes(),
                    memoryFile.hash(),
                    configuration,
                    provenance,
                    state,
                    history);
            write(checkpoint);
            damaged.remove(place);
            deleteOld(place, best);
            return checkpoint;
        });
    }

    private Written write(String name, AtomicFile.Content content) throws IOException {
        Written[] written = new Written[1];
        directory.write(name, out -> {
            CountingOutputStream counting = new CountingOutputStream(out);
            HashingOutputStream hashing = new HashingOutputStream(Hashing.sha256(), counting);
            content.writeTo(hashing);
            hashing.flush();
            written[0] = new Written(counting.getCount(), hashing.hash().toString());
        });
        return written[0];
    }

    private void deleteOld(Place written, Optional<Integer> best) throws IOException {
        NavigableMap<Place, Path> files = trainerFiles();
        for (Place place : retention.superfluous(files.navigableKeySet(), written, damaged, best)) {
            // The trainer's file first: a model without it is no checkpoint, the reverse would be a damaged one.
            Files.deleteIfExists(trainerFile(place));
            Files.deleteIfExists(directory.resolve(memoryFileName(place)));
            Files.deleteIfExists(modelFile(place));
        }
    }

    /** Writes the trainer's file again, for a network that is there already. */
    public void write(Checkpoint checkpoint) throws IOException {
        Interruption.outlasting(() -> {
            directory.write(trainerFileName(checkpoint.place()), checkpoint.format());
            return checkpoint;
        });
    }

    /**
     * The newest checkpoint that is not damaged.
     *
     * @param readable throws {@link IllegalArgumentException} for one that the trainer cannot read, which is damaged, too
     * @param skipped is told of each damaged one that is newer, with the reason
     * @throws IOException if there are checkpoints and all are damaged
     */
    public Optional<Checkpoint> newest(Consumer<Checkpoint> readable, BiConsumer<Path, String> skipped)
            throws IOException {
        StringBuilder reasons = new StringBuilder();
        for (Map.Entry<Place, Path> file : trainerFiles().descendingMap().entrySet()) {
            try {
                Checkpoint checkpoint = read(file.getKey(), file.getValue());
                readable.accept(checkpoint);
                return Optional.of(checkpoint);
            } catch (IOException | IllegalArgumentException e) {
                String reason = String.valueOf(e.getMessage());
                damaged.add(file.getKey());
                skipped.accept(file.getValue(), reason);
                reasons.append(reasons.length() == 0 ? "" : "; ")
                        .append(file.getValue().getFileName())
                        .append(": ")
                        .append(reason);
            }
        }
        if (reasons.length() > 0) {
            throw new IOException("no usable checkpoint in " + directory.resolve("") + " (" + reasons
                    + "); restore one, or train in another work directory");
        }
        return Optional.empty();
    }

    private Checkpoint read(Place place, Path file) throws IOException {
        Checkpoint checkpoint = Checkpoint.parse(Files.readString(file));
        if (!checkpoint.place().equals(place)) {
            throw new IOException("it is of " + checkpoint.place());
        }
        check(modelFile(place), checkpoint.modelBytes(), checkpoint.modelHash());
        if (checkpoint.memoryBytes() > 0) {
            check(directory.resolve(memoryFileName(place)), checkpoint.memoryBytes(), checkpoint.memoryHash());
        }
        return checkpoint;
    }

    private static void check(Path file, long bytes, String hash) throws IOException {
        if (!Files.exists(file)) {
            throw new IOException(file.getFileName() + " is missing");
        }
        if (Files.size(file) != bytes) {
            throw new IOException(file.getFileName() + " has " + Files.size(file) + " bytes instead of " + bytes);
        }
        if (!MoreFiles.asByteSource(file).hash(Hashing.sha256()).toString().equals(hash)) {
            throw new IOException(file.getFileName() + " is damaged: its checksum does not fit");
        }
    }

    public interface Reader {
        void readFrom(InputStream in) throws IOException;
    }

    /** Gives a network the state of a checkpoint, and the trainer what it remembered of faces, if there is such a file. */
    public void restore(Checkpoint checkpoint, TrainableEmbedder model, Reader memory) throws IOException {
        read(modelFile(checkpoint.place()), model::readState);
        if (checkpoint.memoryBytes() > 0) {
            read(directory.resolve(memoryFileName(checkpoint.place())), memory);
        }
    }

    private static void read(Path file, Reader reader) throws IOException {
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
            reader.readFrom(in);
        } catch (IOException e) {
            throw new IOException("cannot go on from " + file + ": " + e.getMessage(), e);
        }
    }

    private NavigableMap<Place, Path> trainerFiles() throws IOException {
        NavigableMap<Place, Path> out = new TreeMap<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory.resolve(""), "checkpoint-*")) {
            for (Path file : files) {
                Matcher name = TRAINER_FILE.matcher(String.valueOf(file.getFileName()));
                if (name.matches()) {
                    int batch = name.group(2) == null ? 0 : Integer.parseInt(name.group(2));
                    out.put(new Place(Integer.parseInt(name.group(1)), batch), file);
                }
            }
        }
        return out;
    }
}
